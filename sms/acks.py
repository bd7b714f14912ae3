"""Acknowledgements: up to which counter everything is stored, what is missing behind it, what time it is.

`sms/WIRE.md` is the contract. Standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sms.octets import Octets, varint
from sms.wire import COUNTER_MAX, WireError

MISSING_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Train:
    """Make a prior from the reports (type REPORT) of a schema with these counters, both ends included."""

    schema: int
    first: int
    last: int
    prior: int
    """The id it must come to."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Up to which counter everything is stored, and what is missing behind it, ascending (type ACK)."""

    settled: int
    missing: tuple[int, ...] = ()
    utc_s: int | None = None
    is_test: bool = False
    """It answers a test."""
    train: Train | None = None


def ack_body(form: Ack) -> bytes:
    """Return flags, settled, then what the flags say is there, then the missing: pairs of steps and lengths."""
    train = form.train
    if not 0 <= form.settled <= COUNTER_MAX or not 0 <= (form.utc_s or 0) < 2**32:
        raise WireError(f"settled {form.settled} or time {form.utc_s} does not fit an acknowledgement")
    flags = form.is_test | (form.utc_s is not None) << 1 | (train is not None) << 2
    octets = bytes((flags,)) + form.settled.to_bytes(3)
    if form.utc_s is not None:
        octets += form.utc_s.to_bytes(4)
    if train is not None:
        try:
            octets += bytes((train.schema,)) + train.first.to_bytes(3) + train.last.to_bytes(3) + bytes((train.prior,))
        except (OverflowError, ValueError) as exc:
            raise WireError(f"{train} does not fit an acknowledgement") from exc
    at = form.settled
    for start, length in _runs(form.missing, at):
        octets += varint(start - at - 1) + varint(length - 1)
        at = start + length - 1
    return octets


def _runs(missing: Sequence[int], settled: int) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    last = settled
    for counter in missing:
        if not last < counter <= COUNTER_MAX:
            raise WireError(f"missing {counter} does not ascend from settled {settled}")
        if runs and counter == last + 1:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((counter, 1))
        last = counter
    if len(missing) > MISSING_MAX:
        raise WireError(f"{len(missing)} missing: at most {MISSING_MAX} in one acknowledgement")
    return runs


def ack_of(body_octets: bytes) -> Ack:
    """Return what `ack_body` gave. Raises WireError."""
    octets = Octets(body_octets)
    flags = octets.number(1)
    if flags > 7:
        raise WireError(f"flags {flags} of an acknowledgement are not known here")
    settled = octets.number(3)
    utc_s = octets.number(4) if flags & 2 else None
    train = Train(octets.number(1), octets.number(3), octets.number(3), octets.number(1)) if flags & 4 else None
    missing: list[int] = []
    at = settled
    while octets.left:
        start = at + 1 + octets.varint()
        length = 1 + octets.varint()
        at = start + length - 1
        if at > COUNTER_MAX or len(missing) + length > MISSING_MAX:
            raise WireError(f"an acknowledgement with {len(missing) + length} missing up to {at}")
        missing += range(start, at + 1)
    return Ack(settled, tuple(missing), utc_s, bool(flags & 1), train)

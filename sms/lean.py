"""What a value is expected to be from those before it: both coders send only how far it is off.

Channel after channel, each leaning on the one that its schema names: a mean on the increment of its index, a minimum
and a maximum on their mean, an index and everything else on its own last value. Standard library only, integers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sms.schema import Channel, Schema

ANCHOR: Final = 0
"""The first value of a channel: it leans on nothing."""
STEP: Final = 1
"""Off from the channel's own last value."""
LEANT: Final = 2
"""Off from what the other channel says."""


LEVEL_MAX: Final = 2**31 - 1
"""Most and, below zero, least value of a channel that is no index."""
INDEX_MAX: Final = 2**32 - 1


class Lean(NamedTuple):
    """How a channel leans: `up`/`down` turn the other's integer into its own; `is_rate`: the other is an index."""

    channel: Channel
    ref: int
    is_index: bool
    is_rate: bool
    up: int
    down: int
    sign: int
    """-1: below what the other says is positive (a minimum below its mean)."""
    is_whole: tuple[bool, bool, bool]
    """By kind (anchor, step, leant): what is off is hardly ever negative."""


class Token(NamedTuple):
    """One value that is there: its kind and how far it is off; of an anchor the value itself."""

    kind: int
    off: int


def leans(schema: Schema) -> list[Lean]:
    """Return how each channel of a schema leans."""
    found = []
    for channel in schema.channels:
        is_index = channel.what == "index"
        up = down = 1
        is_rate = False
        if channel.ref >= 0:
            other = schema.channels[channel.ref]
            power = other.exponent - channel.exponent
            is_rate = other.what == "index"
            if is_rate:  # what moved in a step, an hour: Wh to W
                up, down = 3600, schema.step_s
                power += 3 * (other.unit.startswith("k") - channel.unit.startswith("k"))
            up, down = up * 10 ** max(power, 0), down * 10 ** max(-power, 0)
        is_bound = channel.what in {"min", "max"} and channel.ref >= 0
        sign = -1 if is_bound and channel.what == "min" else 1
        found.append(Lean(channel, channel.ref, is_index, is_rate, up, down, sign, (is_index, is_index, is_bound)))
    return found


def expected(lean: Lean, at: int, last: int | None, columns: Sequence[Sequence[int | None]]) -> tuple[int, int]:
    """Return the kind and the expected value of the channel at an interval; `last`: its last value in this message.

    The channels before it must be whole in `columns`.
    """
    if lean.ref >= 0:
        other = columns[lean.ref]
        there = other[at]
        if lean.is_rate and there is not None:
            before = other[at - 1] if at else None
            there = None if before is None else there - before
        if there is not None:
            about = (2 * there * lean.up + lean.down) // (2 * lean.down)
            return LEANT, max(min(about, LEVEL_MAX), -LEVEL_MAX)
    return (ANCHOR, 0) if last is None else (STEP, last)


def tokens_of(lean_by: Sequence[Lean], columns: Sequence[Sequence[int | None]], count: int) -> list[list[Token | None]]:
    """Return what is sent of each value by channel and interval; no later interval changes that of an earlier one."""
    found = []
    for lean, column in zip(lean_by, columns, strict=True):
        last: int | None = None
        row: list[Token | None] = []
        for at in range(count):
            value = column[at]
            if value is None:
                row.append(None)
                continue
            kind, about = expected(lean, at, last, columns)
            row.append(Token(kind, (value - about) * lean.sign if kind == LEANT else value - about))
            last = value
        found.append(row)
    return found

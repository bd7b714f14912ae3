"""What the numbers of a report stand for: the channels of a box, their step, and the messages that tell it.

Both sides need the same schema to read a report: its id, one octet made from all it says, stands in each header. The
messages of a schema are compact JSON through raw deflate (RFC 1951) with the dictionary `WORDS`; `sms/WIRE.md` is the
contract. Standard library only.
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias, get_args

from sms.squeeze import squeezed, unsqueezed
from sms.wire import BODY, WireError
from sms.words import SCHEMA as WORDS

What: TypeAlias = Literal["index", "mean", "min", "max", "last"]
WHATS: Final[tuple[str, ...]] = get_args(What)
CHANNELS_MAX: Final = 64
NAME_MAX: Final = 64
UNIT_MAX: Final = 16
EXPONENT_MOST: Final = 12
PARTS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Channel:
    """One column of a report: value = integer × 10**exponent in `unit`."""

    point: str
    what: What
    unit: str
    exponent: int
    ref: int = -1
    """Number of an earlier channel that it leans on: a mean on its index, a minimum or maximum on its mean."""


@dataclass(frozen=True)
class Schema:
    """The channels of a box in the order of the wire. Raises WireError when one can't be sent, with what is wrong."""

    box: str
    tz: str
    step_s: int
    channels: tuple[Channel, ...]

    def __post_init__(self) -> None:
        """Check all that it says."""
        if not 1 <= len(self.channels) <= CHANNELS_MAX:
            raise WireError(f"a schema has 1 to {CHANNELS_MAX} channels, not {len(self.channels)}")
        if not 1 <= self.step_s <= 86_400:
            raise WireError(f"step of {self.step_s} s: 1 to 86400 it may be")
        for name, text, most in (("box", self.box, 32), ("tz", self.tz, 40)):
            if len(text) > most:
                raise WireError(f"{name} of {len(text)} letters: at most {most}")
        for number, channel in enumerate(self.channels):
            _check(number, channel, self.channels)

    @cached_property
    def sum(self) -> int:
        """Return the CRC-32 of its canonical JSON: what tells two schemas of one id apart."""
        whole = [self.box, self.tz, self.step_s, [_row(channel) for channel in self.channels]]
        return zlib.crc32(json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode())

    @property
    def id(self) -> int:
        """Return 1 to 255, made from all it says."""
        return id_of(self.sum)


def id_of(sum_: int) -> int:
    """Return the id of a schema: its sum modulo 255, plus 1."""
    return sum_ % 255 + 1


def _check(number: int, channel: Channel, channels: tuple[Channel, ...]) -> None:
    where = f"channel {number} ({channel.point[:NAME_MAX]})"
    if not 1 <= len(channel.point) <= NAME_MAX or len(channel.unit) > UNIT_MAX:
        raise WireError(f"{where}: a point has 1 to {NAME_MAX} letters, a unit at most {UNIT_MAX}")
    if channel.what not in WHATS:
        raise WireError(f"{where}: {channel.what!r} is none of {', '.join(WHATS)}")
    if type(channel.exponent) is not int or abs(channel.exponent) > EXPONENT_MOST:
        raise WireError(f"{where}: exponent {channel.exponent} is beyond {EXPONENT_MOST}")
    if channel.ref == -1:
        return
    if not 0 <= channel.ref < number:
        raise WireError(f"{where}: it leans on channel {channel.ref}, which is not before it")
    if channel.what == "index" or (channels[channel.ref].what == "index" and channel.what != "mean"):
        raise WireError(f"{where}: only a mean leans on an index, and an index on nothing")


def schema_bodies(schema: Schema) -> list[bytes]:
    """Return the bodies of its messages, each of at most 120 octets and readable alone: part i of n.

    Raises WireError when it needs more than 64 parts or a single channel does not fit one.
    """
    rows = [_row(channel) for channel in schema.channels]
    starts = [0]
    while starts[-1] < len(rows):
        start = starts[-1]
        end = start
        while end < len(rows) and len(_part(schema, 0, 0, start, rows[start : end + 1])) <= BODY:
            end += 1
        if end == start:
            raise WireError(f"channel {start} ({schema.channels[start].point}) alone does not fit {BODY} octets")
        starts.append(end)
    parts = len(starts) - 1
    if parts > PARTS_MAX:
        raise WireError(f"a schema of {parts} parts: at most {PARTS_MAX}")
    return [
        _part(schema, number, parts, start, rows[start:end])
        for number, (start, end) in enumerate(itertools.pairwise(starts))
    ]


def _part(schema: Schema, number: int, parts: int, start: int, rows: list[list[Any]]) -> bytes:
    said = [schema.box, schema.tz, schema.step_s, len(schema.channels), start, rows]
    return bytes((schema.id, number, parts)) + squeezed(said, WORDS)


def _row(channel: Channel) -> list[Any]:
    return [channel.point, channel.what, channel.unit, channel.exponent, channel.ref]


class SchemaParts:
    """Puts the messages of schemas together, in any order, with repeats."""

    def __init__(self) -> None:
        self._parts: dict[tuple[Any, ...], dict[int, tuple[int, list[Any]]]] = {}

    def add(self, body: bytes) -> Schema | None:
        """Take the body of one message; return the schema when it is whole.

        Raises WireError for a body that can't be read and for parts that make another schema than they say.
        """
        if len(body) < 4 or not body[0] or body[1] >= body[2]:
            raise WireError("the part of a schema begins with its id, its number from 0 and how many there are")
        box, tz, step_s, count, start, rows = _said(body[3:])
        name = (body[0], body[2], box, tz, step_s, count)
        found = self._parts.setdefault(name, {})
        found[body[1]] = (start, rows)
        while len(self._parts) > 4:  # schemas that never became whole
            del self._parts[next(iter(self._parts))]
        if len(found) < body[2]:
            return None
        del self._parts[name]
        return _whole(name, found)


def _whole(name: tuple[Any, ...], found: dict[int, tuple[int, list[Any]]]) -> Schema:
    id_, _parts, box, tz, step_s, count = name
    channels: list[Channel] = []
    for number in sorted(found):
        start, rows = found[number]
        if start != len(channels):
            raise WireError(f"part {number} of schema {id_} begins at channel {start}, not {len(channels)}")
        channels += _channels(rows)
    if len(channels) != count:
        raise WireError(f"schema {id_} says {count} channels and has {len(channels)}")
    schema = Schema(box, tz, step_s, tuple(channels))
    if schema.id != id_:
        raise WireError(f"these parts make schema {schema.id}, not {id_}: parts of two schemas are mixed")
    return schema


def _said(deflated: bytes) -> tuple[str, str, int, int, int, list[Any]]:
    match unsqueezed(deflated, WORDS):
        case [str(box), str(tz), int(step_s), int(count), int(start), list(rows)]:
            return box, tz, step_s, count, start, rows
    raise WireError("the part of a schema is no list of box, tz, step, count, start and channels")


def _channels(rows: Iterable[Any]) -> list[Channel]:
    found = []
    for row in rows:
        match row:
            case [str(point), str(what), str(unit), int(exponent), int(ref)] if what in WHATS:
                found.append(Channel(point, what, unit, exponent, ref))  # type: ignore[arg-type]
            case _:
                raise WireError("a channel of the schema is no list of point, what, unit, exponent and ref")
    return found

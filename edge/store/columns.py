"""One field of many records as octets: point after point, exact integers where there are any, differences, planes.

A column holds a field's values point after point, in the order of the records within each. What a probe of 1/16 °C or
a meter of 0.001 kWh gives is a whole number of steps: when that number divided by 16 or 1000 is the very same float, it
is kept instead, at a quarter of the size. Nothing is ever rounded: what fits no step is kept as the float's eight
octets, and what is no plain number at all as JSON.

A packed column is a MessagePack array, told apart by its first item:
```
[0, value]                         every value is this None, whole number or text
[1, column]                        every point has the same values: those of one point
[2, codes, firsts, d1, d2, d4, d8, floats, odd]
```
`codes` holds two octets a point, all first ones, then all second ones: how its values are kept, and how wide their
differences are (0: all equal; 1, 2, 4, 8 octets in d1 … d8). `firsts` holds the first whole number of each such point.
Numbers wider than an octet lie in planes: all lowest octets, then all next ones.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from itertools import chain, repeat
from operator import mul, sub, truediv
from typing import Any, Final

import msgspec

from edge.core.record_columns import Scaled

CONST, SAME, POINTS = 0, 1, 2

# first octet of a point's code
NONE: Final = 0
WHOLE: Final = 1
RAW: Final = 2  # eight octets a float
ODD: Final = 3  # JSON
FIRST_STEP: Final = 4  # from here on: whole numbers to be divided by STEPS[code - FIRST_STEP]
# coarsest first: the first that fits gives the smallest numbers
STEPS: Final = tuple(sorted({*(10.0**exponent for exponent in range(10)), *(2.0**exponent for exponent in range(17))}))

PLAIN: Final[dict[type, int]] = {float: RAW, int: WHOLE, type(None): NONE}
EXACT: Final = 2**53
TYPECODES: Final = {1: "b", 2: "h", 4: "i", 8: "q"}
WIDTHS: Final = (1, 2, 4, 8)
RETRY: Final = 64  # columns after which a point that had no step is looked at again


def planes(octets: bytes, width: int) -> bytes:
    """Return all first octets of the items, then all second ones …: equal high octets end up side by side."""
    if width == 1 or not octets:
        return octets
    return b"".join([octets[place::width] for place in range(width)])


def from_planes(octets: bytes, width: int) -> bytes:
    """Return the items again."""
    if width == 1 or not octets:
        return octets
    count = len(octets) // width
    whole = bytearray(len(octets))
    for place in range(width):
        whole[place::width] = octets[place * count : (place + 1) * count]
    return bytes(whole)


def steps_of(floats: Sequence[float], steps: Sequence[float]) -> list[int] | None:
    """Return the whole numbers that give exactly these floats when divided by their steps, or None."""
    try:
        whole = list(map(round, map(mul, floats, steps)))
    except (ValueError, OverflowError):  # not finite
        return None
    if not whole or max(whole) > EXACT or min(whole) < -EXACT:
        return None
    again = array("d", map(truediv, whole, steps))
    # octets, not values: -0.0 equals 0.0
    return whole if again.tobytes() == array("d", floats).tobytes() else None


class Scales:
    """Which step each point's floats had last time, so that the search is made once. Saves time, changes no value."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], int] = {}
        self._raw_left: dict[tuple[str, str], int] = {}

    def guess(self, key: tuple[str, str]) -> int:
        """Return the code that this point's field had last time, RAW when there was none."""
        return self._codes.get(key, RAW)

    def find(self, key: tuple[str, str], floats: Sequence[float]) -> tuple[int, list[int]]:
        """Return code and whole numbers of these floats; the code is RAW and there are none when no step fits."""
        if self._raw_left.get(key, 0) > 0:
            self._raw_left[key] -= 1
            return RAW, []
        guess = self.guess(key)
        if guess != RAW and (whole := steps_of(floats, [STEPS[guess - FIRST_STEP]] * len(floats))) is not None:
            return guess, whole
        for number, step in enumerate(STEPS):
            whole = steps_of(floats, [step] * len(floats))
            if whole is not None:
                self._codes[key] = FIRST_STEP + number
                return FIRST_STEP + number, whole
        self._codes[key], self._raw_left[key] = RAW, RETRY
        return RAW, []


class Segment:
    """The values of one point while they are packed."""

    __slots__ = ("code", "key", "number", "values")

    def __init__(self, number: int, key: tuple[str, str], values: Sequence[Any], code: int) -> None:
        self.number = number
        self.key = key
        self.values = values
        self.code = code


class Pools:
    """Where the numbers of all points of a column are gathered."""

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.differences: dict[int, list[int]] = {width: [] for width in WIDTHS}
        self.floats: list[float] = []
        self.odd: list[list[Any]] = []

    def packed(self, segments: list[Segment], points: int) -> list[Any]:
        """Return the column of these segments; of the other points every value is None."""
        codes, widths = bytearray(points), bytearray(points)
        for segment in segments:
            widths[segment.number] = self._add(segment)
            codes[segment.number] = segment.code
        deltas = [
            planes(array(TYPECODES[width], differences).tobytes(), width) if differences else b""
            for width, differences in self.differences.items()
        ]
        return [
            POINTS,
            bytes(codes + widths),
            planes(array("q", self.firsts).tobytes(), 8),
            *deltas,
            planes(array("d", self.floats).tobytes(), 8),
            msgspec.json.encode(self.odd) if self.odd else b"",
        ]

    def _add(self, segment: Segment) -> int:
        """Take the values of one point and return the width of their differences."""
        if segment.code == WHOLE or segment.code >= FIRST_STEP:
            width = self._add_whole(segment.values)
            if width is not None:
                return width
            segment.code = ODD  # whole numbers beyond eight octets
        _check(segment)
        if segment.code == RAW:
            self.floats.extend(segment.values)
        else:
            self.odd.append(list(segment.values))
        return 0

    def _add_whole(self, numbers: Sequence[int]) -> int | None:
        first = numbers[0]
        if not -(2**63) <= first < 2**63:
            return None
        if numbers[-1] == first and numbers.count(first) == len(numbers):
            self.firsts.append(first)
            return 0
        differences = list(map(sub, numbers[1:], numbers))
        reach = max(*differences, -min(differences) - 1)
        if reach >= 2**63:
            return None
        width = 1 if reach < 2**7 else 2 if reach < 2**15 else 4 if reach < 2**31 else 8
        self.firsts.append(first)
        self.differences[width].extend(differences)
        return width


def pack_column(field: str, points: Sequence[str], lengths: Sequence[int], values: Any, scales: Scales) -> list[Any]:
    """Return the packed column of `values`, a tuple, which lie point after point, `lengths` of each.

    Scaled, or an array of floats, they are one point's.

    Raises ValueError for a number that is not finite.
    """
    if type(values) is Scaled:
        return Pools().packed([Segment(0, (field, points[0]), values.whole, FIRST_STEP + STEPS.index(values.step))], 1)
    if type(values) is array:
        floats = Segment(0, (field, points[0]), values, RAW)
        _find_steps([floats], scales)
        return Pools().packed([floats], 1)
    length = lengths[0]
    types = list(map(type, values))
    if len(lengths) > 1 and types.count(int) == len(types) and values == values[:length] * len(lengths):
        return [SAME, pack_column(field, points[:1], lengths[:1], values[:length], scales)]
    segments = []
    begin = 0
    for number, length in enumerate(lengths):
        end = begin + length
        only = types[begin]
        code = PLAIN.get(only, ODD)
        if code != ODD and types[begin:end].count(only) != length:
            code = ODD
        if code != NONE:
            segments.append(Segment(number, (field, points[number]), values[begin:end], code))
        begin = end
    _find_steps([segment for segment in segments if segment.code == RAW], scales)
    return Pools().packed(segments, len(lengths))


def const_column(values: Sequence[Any]) -> list[Any] | None:
    """Return the packed column when every value is the same None, text or whole number, whatever their order."""
    first = values[0]
    if not (first is None or isinstance(first, int | str)) or values.count(first) != len(values):
        return None
    if isinstance(first, int) and (not -(2**63) <= first < 2**63 or set(map(type, values)) != {int}):
        return None  # too wide, or 1 among 1.0 and True
    return [CONST, first]


def _find_steps(floats: list[Segment], scales: Scales) -> None:
    """Turn the floats of each segment into whole numbers where a step fits: all at once when last time's still do."""
    guessed = []
    for segment in floats:
        guess = scales.guess(segment.key)
        if guess != RAW:
            guessed.append((segment, guess))
    flat = list(chain.from_iterable(segment.values for segment, _ in guessed))
    steps = [step for segment, guess in guessed for step in repeat(STEPS[guess - FIRST_STEP], len(segment.values))]
    whole = steps_of(flat, steps)
    if whole is not None:
        begin = 0
        for segment, guess in guessed:
            end = begin + len(segment.values)
            segment.code, segment.values = guess, whole[begin:end]
            begin = end
    for segment in floats:
        if segment.code == RAW:
            code, found = scales.find(segment.key, segment.values)
            if code != RAW:
                segment.code, segment.values = code, found


def _check(segment: Segment) -> None:
    field, point = segment.key
    for value in segment.values:
        if isinstance(value, float):
            if not math.isfinite(value):
                raise ValueError(f"{point}: {field} is {value}; a number that is not finite is BAD and has no value")
        elif value is not None and not isinstance(value, int | str):
            raise TypeError(f"{point}: {field} is neither number nor text: {type(value).__name__}")

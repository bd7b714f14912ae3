"""How values, ages and trends stand on a screen: pure text, measured in terminal cells.

A value that is missing is "-" and a bad stretch of a trend is "·": neither is ever 0 or the last value. A number that
does not fit loses decimals, never digits before the point. Groups of three digits are parted by a space, which in a
terminal is as thin as any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from edge.cli.cells import clip
from edge.core import units

MISSING: Final = "-"
BAD_TREND: Final = "·"
BLOCKS: Final = "▁▂▃▄▅▆▇█"

# By the unit as people read it; elsewhere four figures that count.
DECIMALS: Final = {"°C": 1, "%": 1, "l/min": 1, "hPa": 1, "°": 1, "bar": 2, "Hz": 2, "m³": 3, "kWh": 3, "MWh": 3}
WHOLE: Final = frozenset({"VA", "var", "W", "Wh", "varh", "VAh"})
MOST_DECIMALS: Final = 3

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400


def decimals_of(value: float, unit: str) -> int:
    """Return how many digits after the point a number in this unit (as people read it) deserves.

    A value that is not 0 never looks like 0: a leak of 0.02 l/min gets its second digit.

    >>> decimals_of(92.5, "°C"), decimals_of(0.5123, "V"), decimals_of(230.4, "V"), decimals_of(0.02, "l/min")
    (1, 3, 1, 2)
    """
    if isinstance(value, int):
        return 0
    size = abs(value)
    whole_digits = len(str(int(size))) if size >= 1 else 0
    least = DECIMALS.get(unit, max(0, min(MOST_DECIMALS, 4 - whole_digits)))
    if unit in WHOLE:
        least = 0 if size >= 10 else 1
    while least < MOST_DECIMALS and size and not round(size, least):
        least += 1
    return least


def number(value: float, decimals: int, point: str = ".") -> str:
    """Return a finite number with its thousands apart.

    >>> number(14253.681, 3), number(-0.04, 1), number(1780, 0), number(482.1, 1, ",")
    ('14 253.681', '0.0', '1 780', '482,1')
    """
    text = f"{value:,.{decimals}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")  # a rounded -0.04 is no negative zero
    return text.replace(",", " ").replace(".", point)


def fitted(value: float, decimals: int, width: int, point: str = ".") -> str:
    """Return the number in at most `width` cells: decimals go first, then the spaces, then it becomes an exponent.

    >>> fitted(14253.681, 3, 8), fitted(1234567.0, 1, 7), fitted(1.5e15, 1, 8)
    ('14 253.7', '1234567', '1.5e+15')
    """
    for fewer in range(decimals, -1, -1):
        text = number(value, fewer, point)
        if len(text) <= width:
            return text
    text = number(value, 0, point).replace(" ", "")
    figures = MOST_DECIMALS
    while len(text) > width and figures >= 0:
        text = f"{value:.{figures}e}".replace(".", point)
        mantissa, _, exponent = text.partition("e")
        text = f"{mantissa.rstrip('0').rstrip(point) if point in mantissa else mantissa}e{exponent}"
        figures -= 1
    return text if len(text) <= width else "#" * width


def value_text(view: Mapping[str, Any], width: int = 200, point: str = ".", word: Callable[[str], str] = str) -> str:
    """Return a point's present value as people read it, without its unit: a number, a word, a text, or "-".

    `word` translates the word of a state.
    """
    value = view["value"]
    if value is None or view["quality"] == "bad":
        return MISSING
    if view.get("word"):
        return clip(word(view["word"]), width)
    if isinstance(value, str):
        return clip(value, width)
    return amount(value, view["unit"], width, point)


def amount(value: float, unit: str, width: int = 200, point: str = ".") -> str:
    """Return a number of this SenML unit, scaled as people read it, without the unit's name.

    >>> amount(0.00025, "m3/s"), amount(92.5, "Cel"), amount(1780, "VA")
    ('15.0', '92.5', '1 780')
    """
    how = units.shown(unit)
    scaled = value if how.factor == 1 else value * how.factor
    if not math.isfinite(scaled):
        return MISSING
    return fitted(scaled, decimals_of(scaled, how.name), width, point)


def bound(value: float, unit: str, point: str = ".") -> str:
    """Return a limit's number, with no more decimals than were set: 85, not 85.0.

    >>> bound(85.0, "Cel"), bound(0.00025, "m3/s"), bound(9000.0, "VA"), bound(2.5, "bar")
    ('85', '15', '9000', '2.5')
    """
    how = units.shown(unit)
    return f"{value * how.factor:.6g}".replace(".", point)


def with_unit(text: str, unit: str) -> str:
    """Return a number's text followed by its unit's name, or alone when it is missing or has none."""
    name = units.shown(unit).name
    return f"{text} {name}" if name and text != MISSING else text


def age(seconds: float | None, day: str = "d") -> str:
    """Return how long ago, in at most 7 cells.

    >>> age(1.2), age(184), age(7800), age(190_000), age(99 * 86_400), age(None)
    ('1 s', '3 min', '2 h 10', '2 d 4 h', '99 d', '-')
    """
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    whole = max(0, int(seconds))
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min"
    if whole < DAY_S:
        return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02}"
    if whole < 10 * DAY_S:
        return f"{whole // DAY_S} {day} {whole % DAY_S // HOUR_S} h"
    return f"{whole // DAY_S} {day}"


def sparkline(
    values: Sequence[float | None],
    width: int,
    least_span: float = 0.0,
    low: float | None = None,
    high: float | None = None,
) -> str:
    """Return a trend, newest at the right; None is a stretch without a value and shows as "·".

    The scale goes from the least to the greatest value, or from `low` to `high`; it spans at least `least_span`, so
    that the last digit's noise is no mountain range.

    >>> sparkline([1.0, None, 4.0, 8.0], 5)
    ' ▁·▄█'
    >>> sparkline([20.0, 20.1, 20.0], 3, least_span=1.0)
    '▄▄▄'
    """
    known = [value for value in values if value is not None]
    bottom = low if low is not None else min(known, default=0.0)
    top = high if high is not None else max(known, default=0.0)
    if top - bottom < least_span or top == bottom:
        middle, half = (top + bottom) / 2, (least_span or 1.0) / 2
        bottom, top = middle - half, middle + half
    marks = [BAD_TREND if value is None else _block(value, bottom, top) for value in values]
    return "".join(marks[-width:]).rjust(width)


def _block(value: float, bottom: float, top: float) -> str:
    """Return the block whose height is the value's share of the scale; the middle one where the scale has no height."""
    steps = len(BLOCKS) - 1
    share = (value - bottom) / (top - bottom) if top > bottom else 0.5
    return BLOCKS[min(steps, max(0, int(share * steps)))]

"""One line a point: the columns of the live table and what stands in them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from edge.cli.cells import Piece, cells, padded
from edge.cli.format import MISSING, bound, decimals_of, sparkline, value_text
from edge.cli.trend import COLUMNS, Trends
from edge.cli.words import Words
from edge.core import units

UNIT_WIDTH: Final = 5
NAME_WIDTH: Final = 24
QUALITY_WIDER: Final = 10  # "uncertain clock_degraded" then stands there in full
STEPS_SHOWN: Final = 10  # a trend's height is at least so many steps of the last digit that is shown
FINE_SIDE: Final = {"high": "low", "high_high": "low", "low": "high", "low_low": "high"}
MARKS: Final = {"alarm": "!", "bad": "?", "uncertain": "~", "good": " "}


class Column(msgspec.Struct, frozen=True):
    """One column: its key, its width, the spaces before it, and on which side its text stands."""

    key: str
    width: int
    gap: int = 1
    is_right: bool = False


def state_of(view: Mapping[str, Any]) -> str:
    """Return what marks a point: "alarm", "bad", "uncertain" or "good". A lost point's fault alarm is its being bad."""
    if view["quality"] == "bad":
        return "bad"
    if any(limit.get("active") and not limit.get("silence") for limit in view["limits"]):
        return "alarm"
    return str(view["quality"])


def columns(width: int, longest_point: int) -> list[Column]:
    """Return the columns that fit: narrow screens lose the trend, then the limit; wide ones gain the point's name."""
    found = [
        Column("mark", 1, 0),
        Column("point", 15, 0),
        Column("value", 11, 1, is_right=True),
        Column("unit", UNIT_WIDTH),
        Column("quality", 14),
        Column("age", 7, 1, is_right=True),
    ]
    for column in (Column("limit", 10, 2), Column("trend", COLUMNS)):
        if sum(each.width + each.gap for each in (*found, column)) <= width:
            found.append(column)
    spare = width - sum(each.width + each.gap for each in found)
    wider = max(0, min(spare, longest_point - found[1].width))
    found[1] = Column("point", found[1].width + wider, 0)
    spare -= wider
    name_width = min(NAME_WIDTH, spare - 1)
    if name_width >= NAME_WIDTH // 2:
        found.insert(2, Column("name", name_width))
        spare -= name_width + 1
    return [
        msgspec.structs.replace(each, width=each.width + min(spare, QUALITY_WIDER)) if each.key == "quality" else each
        for each in found
    ]


def head(column: Column, trends: Trends, say: Words) -> str:
    """Return the head of a column; the trend's says how long it is at present."""
    text = {"mark": "", "trend": f"{trends.span_s // 60} {say.word('duration', 'minute')}"}.get(column.key)
    if text is None:
        text = say(f"live.{column.key}")
    return " " * column.gap + padded(text, column.width, right=column.is_right)


def row(view: Mapping[str, Any], shown: Sequence[Column], trends: Trends, later_s: float, say: Words) -> list[Piece]:
    """Return one point's line; `later_s` is how old the box's answer is."""
    pieces = []
    spare = 0  # cells of the unit's column that a long text has taken
    for column in shown:
        text, style = _cell(column, view, trends, later_s, say)
        width = column.width
        if column.key == "unit":
            width -= spare
        elif column.key == "value" and cells(text) > width and not view["unit"]:
            spare = min(cells(text) - width, UNIT_WIDTH)
            width += spare
        pieces.append(Piece(" " * column.gap + padded(text, width, right=column.is_right), style))
    return pieces


def _cell(column: Column, view: Mapping[str, Any], trends: Trends, later_s: float, say: Words) -> tuple[str, str]:
    """Return text and style of one cell."""
    state = state_of(view)
    style = "" if state == "good" else state
    match column.key:
        case "value":
            return value_text(view, column.width + (0 if view["unit"] else UNIT_WIDTH), say.point, say.state), style
        case "quality":
            return _quality(view, column.width, say), "" if view["quality"] == "good" else str(view["quality"])
        case "age":
            return say.age(view["age_s"] + later_s), "dim"
        case "limit":
            return _limit(view, column.width, say)
        case "trend":
            return _trend(view, column.width, trends), style or "trend"
        case "name":
            return say.name(view), "dim"
    text = {"mark": MARKS[state], "point": view["point"], "unit": units.shown(view["unit"]).name}[column.key]
    return text, style


def _quality(view: Mapping[str, Any], width: int, say: Words) -> str:
    """Return the quality, with its reason where both fit; else the reason alone: the mark says the rest."""
    word, reason = say.word("quality", view["quality"]), view["reason"]
    both = f"{word} {reason}".rstrip()
    return both if len(both) <= width or not reason else reason


def _rank(limit: Mapping[str, Any]) -> tuple[bool, bool, bool, bool]:
    """Return what makes one limit say more than another, the smaller the more."""
    has_bound = limit.get("at") is not None and limit["kind"] in FINE_SIDE
    return not limit.get("active"), bool(limit.get("under")), not limit.get("pending"), not has_bound


def _limit(view: Mapping[str, Any], width: int, say: Words) -> tuple[str, str]:
    """Return the limit that says most: one that is exceeded, else one in its delay, else the first with a number."""
    limits = view["limits"]
    if not limits:
        return "", ""
    limit = min(limits, key=_rank)
    sign = ""
    if limit.get("at") is not None and limit["kind"] in FINE_SIDE:
        # what is fine lies on the other side of the limit
        side = limit["kind"] if limit.get("active") or limit.get("pending") else FINE_SIDE[limit["kind"]]
        sign = f" {say.word('sign', side)} {bound(limit['at'], view['unit'], say.point)}"
    if limit.get("active") and limit.get("silence"):
        return _short(say.word("alarm_state", limit["silence"]), sign, width), "dim"
    if limit.get("active"):
        return _short(say.word("alarm", limit["kind"]), sign, width), "alarm"
    if limit.get("pending"):
        return _short(say("live.pending"), sign, width), "uncertain"
    if view["quality"] == "bad":
        return MISSING, "dim"  # a limit says nothing of a point without a value
    return _short(say("live.ok"), sign, width), "dim"


def _short(word: str, sign: str, width: int) -> str:
    return word + sign if len(word + sign) <= width else word


def _trend(view: Mapping[str, Any], width: int, trends: Trends) -> str:
    """Return the trend. A state's shows when it changed: its word stands beside it, and one that did not lies flat."""
    values = trends.columns(view["point"])
    if view["kind"] == "state":
        known = [value for value in values if value is not None]
        low = min(known, default=0.0)
        return sparkline(values, width, low=low, high=max(low + 1, *known) if known else None)
    return sparkline(values, width, least_span=_least_span(values, view["unit"]))


def _least_span(values: Sequence[float | None], unit: str) -> float:
    """Return the span of ten steps of the last digit that is shown, in the unit on the wire."""
    known = next((value for value in values if value is not None), 0.0)
    how = units.shown(unit)
    shown = float(known * how.factor)
    return STEPS_SHOWN * 10.0 ** -decimals_of(shown, how.name) / how.factor

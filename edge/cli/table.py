"""The live table: what /v1/live tells, as lines of an exact size. Pure.

Alarms first, then points without a value, then the rest by pages. `!` marks a point in alarm, `?` one without a value
(which then shows "-", never 0 and never its last value), `~` one that is uncertain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

import msgspec

from edge.cli import banner, consumption, costs, rows
from edge.cli.cells import Line, Piece, both_ends, cells, filled
from edge.cli.trend import Trends
from edge.cli.words import Words

LEAST_WIDTH: Final = 60
LEAST_HEIGHT: Final = 16
POINTS_AT_LEAST: Final = 6  # lines below the banner, whatever there is to say above


class Sight(msgspec.Struct):
    """What the table shows: the box's answer, what was seen before, and what the person did."""

    live: Mapping[str, Any]
    trends: Trends
    page: int = 0
    keys: Sequence[tuple[str, str]] = ()
    """(key, what it does) for the last line."""
    message: str = ""
    silent_s: float = 0.0
    """How long the box has not answered: what is shown is that old."""
    is_help: bool = False


def compose(sight: Sight, size: tuple[int, int], zone: tzinfo, now_ms: int, lang: str) -> list[Line]:
    """Return the table: exactly `size` (columns, lines); a terminal that is too small sees its upper left part."""
    width, height = max(size[0], LEAST_WIDTH), max(size[1], LEAST_HEIGHT)
    say = Words(lang)
    top = banner.header(sight.live, sight.silent_s, width, zone, now_ms, say)
    top += banner.links(sight.live, width, now_ms, say)
    top += banner.alarms(sight.live, width, max(1, (height - 8) // 4), zone, now_ms, say)
    del top[height - POINTS_AT_LEAST :]
    bottom = [filled([Piece(f" {sight.message}", "note")], width), _footer(sight.keys, width)]
    used = costs.line(sight.live.get("costs"), width - 2, say)
    used = used or consumption.line(sight.live.get("consumption"), width - 2, say)
    if used:
        bottom.insert(0, filled([Piece(f" {used}", "dim" if sight.silent_s else "")], width))
    room = height - len(top) - len(bottom)
    told = sight.live["buffer"].get("links", {}).get("sms", {}).get("last_text")
    if told and room > POINTS_AT_LEAST:
        text = banner.last_text(told, zone, say, width - 2)
        bottom.insert(-2, filled([Piece(f" {text}", "dim" if sight.silent_s else "")], width))
        room -= 1
    middle = banner.help_lines(width, say) if sight.is_help else _points(sight, width, room, say)
    blank = [filled((), width)] * max(0, room - len(middle))
    lines = [*top, *middle[:room], *blank, *bottom]
    if (width, height) == size:
        return lines
    return [filled(line, size[0]) for line in lines[: size[1]]]


def in_order(values: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the points as they are shown: alarms, bad ones, then the rest in the order of the site's file."""
    rank = {"alarm": 0, "bad": 1}
    return sorted(values, key=lambda view: rank.get(rows.state_of(view), 2))


def _points(sight: Sight, width: int, room: int, say: Words) -> list[Line]:
    """Return the head of the columns, one page of points, and what the other pages hold."""
    values = in_order(sight.live["values"])
    shown = rows.columns(width, max((len(view["point"]) for view in values), default=0))
    head = filled([Piece(rows.head(column, sight.trends, say), "head") for column in shown], width)

    def line(view: Mapping[str, Any]) -> Line:
        return filled(rows.row(view, shown, sight.trends, sight.silent_s, say), width)

    most = room - 1
    if len(values) <= most:
        return [head, *(line(view) for view in values)]
    most -= 1
    # what needs a person stays in sight on every page, unless it would fill more than half of it
    urgent = [view for view in values if rows.state_of(view) in {"alarm", "bad"}]
    pinned = urgent if len(urgent) <= most // 2 else []
    rest = values[len(pinned) :]
    each = most - len(pinned)
    count = -(-len(rest) // each)
    page = sight.page % count
    here = [*pinned, *rest[page * each : (page + 1) * each]]
    elsewhere = [*rest[: page * each], *rest[(page + 1) * each :]]
    lines = [head, *(line(view) for view in here)]
    lines += [filled((), width)] * (most + 1 - len(lines))
    return [*lines, _rest(elsewhere, page, count, width, say)]


def _rest(elsewhere: Sequence[Mapping[str, Any]], page: int, count: int, width: int, say: Words) -> Line:
    """Return the line that says what the other pages hold and how to see it."""
    worse = {quality: sum(1 for view in elsewhere if view["quality"] == quality) for quality in ("bad", "uncertain")}
    found = ", ".join(f"{number} {say.word('quality', quality)}" for quality, number in worse.items() if number)
    text = say("live.more_some" if found else "live.more_good", count=len(elsewhere), found=found)
    turn = say("live.next_page", page=page + 1, count=count)
    return both_ends([Piece(f" … {text}", "bad" if worse["bad"] else "dim")], [Piece(turn, "dim"), Piece(" ")], width)


def _footer(keys: Sequence[tuple[str, str]], width: int) -> Line:
    """Return the keys and what they do; where not all fit, the last one (help) stays."""
    shown = list(keys)
    while len(shown) > 1 and sum(len(key) + cells(what) + 3 for key, what in shown) > width:
        del shown[-2]
    pieces: list[Piece] = []
    for key, what in shown:
        pieces += [Piece(" "), Piece(key, "key"), Piece(f" {what} ")]
    return filled(pieces, width)

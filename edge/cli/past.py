"""A point's past as a table to read: local times, figures as people read them, what is missing in words. Pure text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from itertools import islice
from typing import Final

from edge.cli.cells import printable
from edge.cli.format import MISSING, amount, number
from edge.cli.printed import aligned
from edge.cli.rows import MARKS
from edge.cli.selection import Selection
from edge.cli.words import Words, clock_time, local_time
from edge.core import units
from edge.core.calendar import DAY_MS
from edge.core.counter import ROUND
from edge.core.export_csv import words_of
from edge.core.export_rows import Row
from edge.settings import catalogue
from edge.settings.event_text import local_date

BLOCK: Final = 500  # lines that are aligned with each other: a year passes in pieces
_FIGURES: Final[dict[str, tuple[str, ...]]] = {
    "gauge": ("mean", "min", "max"),
    "counter": ("index", "increment"),
    "state": ("state", "on", "changes"),
    "text": ("text",),
}


def table(chosen: Selection, rows: Iterable[Row], say: Words) -> Iterator[str]:
    """Yield the lines: what it is, its range, a line a period, and what they come to."""
    wanted = chosen.points[0]
    kind, unit = wanted.info.kind, wanted.info.unit
    facts = wanted.facts
    title = [wanted.point, say.name({"name": facts.name}) if facts else "", facts.place if facts else ""]
    shown = units.shown(unit).name
    yield "  ".join(printable(part) for part in [*title, shown] if part) + "\n"
    yield (
        say(
            "history.range",
            since=_moment(chosen, chosen.from_ms, say),
            until=_moment(chosen, chosen.to_ms, say),
            each=say("history.each_step", step=chosen.step.name) if chosen.step else say("history.each_record"),
        )
        + "\n"
    )
    total = _Total(kind)
    head = ["", say("history.time"), *(_heading(chosen, name, say) for name in _FIGURES[kind]), say("live.quality")]
    right = frozenset(range(2, len(head) - 1)) if kind != "text" else frozenset()
    lines = (_line(chosen, total.added(row), say) for row in rows)
    widths: list[list[str]] = [head]
    while block := list(islice(lines, BLOCK)):
        yield "".join(f"{line}\n" for line in aligned([*widths, *block], right))
        widths = []
    yield "".join(f"{line}\n" for line in total.said(unit, say))


def _moment(chosen: Selection, utc_ms: int, say: Words) -> str:
    """Return a local instant, with its year where that is not this one."""
    this_year = local_time(chosen.source.box.now_ms, chosen.zone).year
    return f"{local_date(say.lang, utc_ms, chosen.zone, this_year)} {clock_time(utc_ms, chosen.zone)}"


def _heading(chosen: Selection, name: str, say: Words) -> str:
    if name == "on" and chosen.step is not None:  # of a step only the time not in state 0 is known
        facts = chosen.points[0].facts
        return say("history.on_step", word=say.state(facts.words[0]) if facts and facts.words else "0")
    return say(f"history.{name}")


def _line(chosen: Selection, row: Row, say: Words) -> list[str]:
    wanted = chosen.points[0]
    time = when(row.t_ms, row.dt_ms, chosen.zone, say, is_step=chosen.step is not None)
    figures = _figures(row, wanted.info.kind, wanted.info.unit, words_of(row.value, wanted.facts), say)
    mark = MARKS["bad"] if row.value is None else MARKS["uncertain"] if row.quality == "uncertain" else ""
    return [mark.strip(), time, *figures, quality(row, say)]


def _figures(row: Row, kind: str, unit: str, word: str, say: Words) -> list[str]:
    if row.value is None:
        return [MISSING for _ in _FIGURES[kind]]

    def figure(value: float | None) -> str:
        return MISSING if value is None else amount(value, unit, point=say.point)

    if kind == "gauge":
        return [figure(row.mean), figure(row.low), figure(row.high)]
    if kind == "counter" and not isinstance(row.value, str):
        return [figure(row.value), figure(row.increment)]
    if kind == "state":
        on = MISSING if row.on_ms is None else catalogue.duration(say.lang, row.on_ms)
        return [say.state(word) or str(row.value), on, MISSING if row.changes is None else str(row.changes)]
    return [str(row.value)]


def quality(row: Row, say: Words) -> str:
    """Return how good a row is and why: "good", "uncertain: only a part of the period was measured", "missing"."""
    if row.reason in {"missing", "no_value"}:
        return say.word("row_reason", row.reason)
    found = say.word("quality", row.quality)
    if not row.reason or row.reason == row.quality:
        return found
    table_ = "row_reason" if row.reason == "held" else "reason"
    return f"{found}{say.colon} {say.word(table_, row.reason)}"


def when(utc_ms: int, dt_ms: int, zone: tzinfo, say: Words, *, is_step: bool) -> str:
    """Return a period's start: a day for a day, with its offset in the hour that happens twice."""
    local = local_time(utc_ms, zone)
    if is_step and dt_ms > 40 * DAY_MS:
        return str(local.year)
    if is_step and dt_ms > 20 * DAY_MS:
        return f"{say('calendar.months').split()[local.month - 1]} {local.year}"
    if is_step and dt_ms > DAY_MS - 2 * 3_600_000 and local.hour < 2:
        return f"{say.date(utc_ms, zone)} {local.year}"
    text = f"{say.date(utc_ms, zone)} {clock_time(utc_ms, zone, seconds=not is_step and bool(utc_ms % 60_000))}"
    is_twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
    return f"{text} {local:%z}" if is_twice else text


class _Total:
    """What the lines come to: a counter's sum, and how many have no value."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lines = 0
        self._without = 0
        self._increment: float | None = None

    def added(self, row: Row) -> Row:
        self._lines += 1
        self._without += row.value is None
        if row.increment is not None:
            self._increment = round((self._increment or 0) + row.increment, ROUND)
        return row

    def said(self, unit: str, say: Words) -> Iterator[str]:
        if not self._lines:
            yield say("history.nothing")
        if self._kind == "counter" and self._increment is not None:
            name = units.shown(unit).name
            yield say("history.total", amount=f"{amount(self._increment, unit, point=say.point)} {name}".rstrip())
        if self._without:
            yield say("history.without", count=number(self._without, 0), lines=number(self._lines, 0))

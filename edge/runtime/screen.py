"""What the display shows, page by page: who, when, today's figures, alarms, the link. Pure: facts in, pages out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from edge.core import units
from edge.core.costs import CostsView
from edge.settings import amounts, catalogue
from hal.display import DisplayPage, lines_of

MISSING: Final = "-"


class Figure(msgspec.Struct, frozen=True):
    """A line of the display: a point's name and its value, None where there is none; a word stands as it is."""

    name: str
    value: float | str | None
    unit: str = ""


class ScreenAlarm(msgspec.Struct, frozen=True):
    """An active alarm: what, where, how much."""

    number: int
    what: str
    name: str
    value: float | str | None
    unit: str = ""


class ScreenFacts(msgspec.Struct, frozen=True):
    """All that the display may show, as it is now."""

    site: str
    local: datetime
    is_dated: bool
    """Whether somebody vouches for the time; where not, no clock is shown."""
    today: Sequence[Figure]
    """What each counter moved since local midnight."""
    points: Sequence[Figure]
    alarms: Sequence[ScreenAlarm]
    costs: CostsView | None
    """What is priced, as far as it is known by now."""
    link: str
    """State of the link, a key of [link_state]; empty: none is configured."""
    waiting: int
    """Records and events that nobody has acknowledged yet."""
    is_kept: bool
    """Whether the card takes what is read."""
    is_refused: bool = False
    """Whether the installer's file on it was refused."""


def amount(lang: str, value: float | str | None, unit: str) -> str:
    """Return a value in few characters: three figures that count, never rounded to 0.

    >>> amount("fr", 1.2537, "m3"), amount("en", 14253.6, "kWh"), amount("en", 0.004, "m3"), amount("en", None, "kWh")
    ('1,25 m³', '14254 kWh', '0.004 m³', '-')
    """
    how = units.shown(unit)
    if value is None:
        return MISSING
    if isinstance(value, str):
        return catalogue.word(lang, "word", value)
    scaled = float(value) * how.factor
    size = abs(scaled)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2
    if size and not round(scaled, decimals):
        decimals = 4
    text = f"{scaled:.{decimals}f}" if decimals < 4 else f"{scaled:.1g}"
    return f"{text.replace('.', catalogue.word(lang, 'number', 'decimal'))} {how.name}".rstrip()


def screen_pages(facts: ScreenFacts, lang: str, height: int) -> list[DisplayPage]:
    """Return the pages in their order: alarms first and again after each other page, figures, the box."""
    say = catalogue.render
    clock = f"{facts.local:%H:%M}" if facts.is_dated else ""
    per_page = lines_of(height)
    alarms = [_alarm(alarm, lang, clock, per_page) for alarm in facts.alarms]
    quiet = [
        *_listed(say(lang, "display.today", {}), facts.today, facts.site, clock, lang, per_page),
        *_costs(facts, clock, lang, per_page),
        *_listed("", facts.points, facts.site, clock, lang, per_page),
        *_box(facts, clock, lang, per_page),
    ]
    if not alarms:
        return quiet
    return [page for place, other in enumerate(quiet) for page in (alarms[place % len(alarms)], other)] + [
        *alarms[len(quiet) :]
    ]


def _alarm(alarm: ScreenAlarm, lang: str, clock: str, per_page: int) -> DisplayPage:
    head = catalogue.render(lang, "display.alarm", {"number": alarm.number})
    value = "" if alarm.value is None else amount(lang, alarm.value, alarm.unit)
    lines = (
        [(alarm.what, ""), (alarm.name, ""), ("", value)] if per_page > 2 else [(alarm.what, ""), (alarm.name, value)]
    )
    return DisplayPage((head, clock), tuple(lines[:per_page]), is_alarm=True)


def _listed(
    title: str, figures: Sequence[Figure], site: str, clock: str, lang: str, per_page: int
) -> Iterator[DisplayPage]:
    """Yield pages of figures under the site's name; a title takes the first line where there is room for one."""
    titles = [(title, "")] if title and per_page > 2 else []
    room = per_page - len(titles)
    for first in range(0, len(figures), room):
        lines = [(figure.name, amount(lang, figure.value, figure.unit)) for figure in figures[first : first + room]]
        yield DisplayPage((site, clock), (*titles, *lines))


def _costs(facts: ScreenFacts, clock: str, lang: str, per_page: int) -> Iterator[DisplayPage]:
    """Yield pages of what today costs by tariff, then of month and year of all; none while no day is known."""
    costs = facts.costs
    if costs is None or not costs.dated:
        return
    lines: list[tuple[str, str]] = []
    for view in costs.tariffs:
        today = view.spans["today"]
        name = view.name.get(lang) or view.name.get("en") or view.tariff
        lines.append((name, amounts.money(lang, today.amount, view.currency, is_partial=today.partial)))
    for span in ("month", "year"):
        for total in costs.totals:
            told = amounts.money(lang, total.amounts[span], total.currency, is_partial=total.partial[span])
            lines.append((catalogue.word(lang, "cost", span), told))
    titles = [(catalogue.render(lang, "display.cost_today", {}), "")] if per_page > 2 else []
    room = per_page - len(titles)
    for first in range(0, len(lines), room):
        yield DisplayPage((facts.site, clock), (*titles, *lines[first : first + room]))


def _box(facts: ScreenFacts, clock: str, lang: str, per_page: int) -> Iterator[DisplayPage]:
    def say(key: str, **values: Any) -> str:
        return catalogue.render(lang, f"display.{key}", values)

    alarms = (
        say("alarms", count=len(facts.alarms))
        if len(facts.alarms) > 1
        else say("one_alarm" if facts.alarms else "no_alarm")
    )
    state = catalogue.word(lang, "link_state", facts.link) if facts.link else say("none")
    lines = [(say("link"), state), (say("waiting"), str(facts.waiting)), (alarms, "")]
    if facts.is_refused:
        lines.insert(0, (say("card_file"), say("refused")))
    if not facts.is_kept:
        lines.insert(0, (say("card"), say("failed")))
    for first in range(0, len(lines), per_page):
        yield DisplayPage((facts.site, clock), tuple(lines[first : first + per_page]))

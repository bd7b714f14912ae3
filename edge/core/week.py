"""Weekly slots in local time: their words, the value at any instant, and when it changes next. Pure.

The value is a function of what the site's clocks show and of nothing else, so that it is right at once after a restart.
When the clocks go forward, a slot within the hour that is skipped does not come, and one that begins in it begins when
the clocks have jumped; when they go back, a slot within the hour that comes twice comes twice. A slot past midnight
belongs to the day on which it begins, also where the next day is an exception.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec

from edge.core.holidays import CALENDARS

DAY_MIN: Final = 1440
WEEK_MIN: Final = 7 * DAY_MIN
USUAL_DAYS: Final = 16
"""In a row without exception: what two weeks, of one clock change at most, did not change nothing will."""
HORIZON_DAYS: Final = 400  # how far ahead a change is looked for: beyond any exception of a school year

_EN: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FR: Final = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_ALL: Final = frozenset({"daily", "all", "tous"})
_SLOT: Final = re.compile(r"(?:(?P<days>\S+)\s+)?(?P<from>[^\s=]+?)\s*-\s*(?P<to>[^\s=]+)(?:\s*=\s*(?P<value>.+))?")
_TIME: Final = re.compile(r"(\d{1,2})[:h](\d{2})", re.ASCII)


class SlotError(ValueError):
    """A slot or a date that can't be; `why` is a key of people's words, `at` the part that is wrong."""

    def __init__(self, why: str, at: str) -> None:
        super().__init__(f"{why}: {at}")
        self.why, self.at = why, at


class Slot(NamedTuple):
    """From `begin` to `end` (minutes of the day, beyond 1440: the next one's) on these days, Monday is 0."""

    days: frozenset[int]
    begin: int
    end: int
    value: str | None = None
    """What holds within, as written; None: the program's."""


class Days(msgspec.Struct, frozen=True):
    """Dates: of one year, or (year 0) of each; both ends belong to it."""

    first: tuple[int, int, int]
    last: tuple[int, int, int]

    def holds(self, day: date) -> bool:
        """Return whether this day is one of them."""
        told = (day.year, day.month, day.day)
        if self.first[0]:
            return self.first <= told <= self.last
        within = told[1:]
        if self.first[1:] <= self.last[1:]:
            return self.first[1:] <= within <= self.last[1:]
        return within >= self.first[1:] or within <= self.last[1:]  # over the turn of the year


def slot(text: str, *, with_days: bool = True) -> Slot:
    """Return a slot from its words. Raises SlotError.

    >>> slot("mon-fri 06:30-08:00")
    Slot(days=frozenset({0, 1, 2, 3, 4}), begin=390, end=480, value=None)
    >>> slot("ven 22:00-02:00+1 = 19,5").end, slot("tous 0h00-24h00").end
    (1560, 1440)
    """
    found = _SLOT.fullmatch(text.strip())
    if found is None or (found["days"] is not None) is not with_days:
        raise SlotError("slot_form" if with_days else "slot_form_exception", text)
    begin, end = _minute(found["from"]), _minute(found["to"].removesuffix("+1"))
    if begin == DAY_MIN:
        raise SlotError("slot_time", found["from"])
    if found["to"].endswith("+1"):
        if end > begin:
            raise SlotError("slot_long", text)
        end += DAY_MIN
    elif end == begin:
        raise SlotError("slot_empty", text)
    elif end < begin:
        raise SlotError("slot_backwards", f"{found['from']}-{found['to']}+1")
    days = _days(found["days"]) if with_days else frozenset(range(7))
    value = found["value"]
    return Slot(days, begin, end, None if value is None else value.strip())


def _minute(text: str) -> int:
    """Return the minute of the day; 24:00 is its end."""
    found = _TIME.fullmatch(text)
    minute = -1 if found is None else int(found[1]) * 60 + int(found[2])
    if found is None or int(found[2]) > 59 or minute > DAY_MIN:
        raise SlotError("slot_time", text)
    return minute


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.lower().split(","):
        if part in _ALL:
            return frozenset(range(7))
        first, dash, last = part.partition("-")
        begin = _day(first)
        end = _day(last) if dash else begin
        days |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return frozenset(days)


def _day(word: str) -> int:
    for names in (_EN, _FR):
        for number, name in enumerate(names):
            if word in {name, name[:3]}:
                return number
    raise SlotError("slot_day", word)


def dates(text: str) -> Days:
    """Return the dates of an exception from its words. Raises SlotError.

    >>> dates("2026-12-19/2027-01-03").first, dates("12-25").last
    ((2026, 12, 19), (0, 12, 25))
    """
    first, dash, last = (part.strip() for part in text.partition("/"))
    begin = _date(first)
    end = _date(last) if dash else begin
    if bool(begin[0]) is not bool(end[0]):
        raise SlotError("exception_form", text)
    if begin[0] and end < begin:
        raise SlotError("exception_backwards", text)
    return Days(begin, end)


def _date(text: str) -> tuple[int, int, int]:
    parts = text.split("-")
    try:
        numbers = [int(part) for part in parts if part.isascii() and part.isdigit()]
        year, month, day = numbers if len(parts) == 3 else (0, *numbers)
        date(year or 2000, month, day)  # 02-29 is a date of some years
    except ValueError:
        raise SlotError("exception_form", text) from None
    return year, month, day


def overlap(slots: Sequence[Slot]) -> tuple[int, int] | None:
    """Return the numbers of two slots that hold at one minute and give it different values, None where none do."""
    spans = sorted(
        (day * DAY_MIN + one.begin, day * DAY_MIN + one.end, number)
        for number, one in enumerate(slots)
        for day in one.days
    )
    spans += [(begin + WEEK_MIN, end + WEEK_MIN, number) for begin, end, number in spans]
    for place, (_begin, end, number) in enumerate(spans):
        for begin, _end, other in spans[place + 1 :]:
            if begin >= end:
                break
            if slots[other].value != slots[number].value:
                return min(number, other), max(number, other)
    return None


class Week(msgspec.Struct, frozen=True, dict=True):
    """Slots, days on which others hold, and what to answer: a slot's number, -1 outside all."""

    slots: tuple[Slot, ...]
    exceptions: tuple[Days, ...] = ()
    exception_slots: tuple[Slot, ...] = ()
    holidays: str = ""
    """A calendar of `edge.core.holidays`, whose days are exceptions too."""

    @cached_property
    def _edges(self) -> tuple[int, ...]:
        every = (*self.slots, *self.exception_slots)
        return tuple(sorted({0, *(one.begin for one in every), *(one.end % DAY_MIN for one in every)}))

    def is_exception(self, day: date) -> bool:
        """Return whether the exceptions' slots hold on this day."""
        if self.holidays and day in CALENDARS[self.holidays](day.year):
            return True
        return any(days.holds(day) for days in self.exceptions)

    def _of_day(self, day: date) -> list[tuple[int, Slot]]:
        if self.is_exception(day):
            return list(enumerate(self.exception_slots, len(self.slots)))
        weekday = day.weekday()
        return [(number, one) for number, one in enumerate(self.slots) if weekday in one.days]

    def at_local(self, day: date, minute: int) -> int:
        """Return the number of the slot that holds at this minute of a local day (exceptions' count on), or -1."""
        for number, one in self._of_day(day):
            if one.begin <= minute < one.end:
                return number
        for number, one in self._of_day(day - timedelta(days=1)):
            if minute < one.end - DAY_MIN:
                return number
        return -1

    def at(self, utc_ms: int, zone: tzinfo) -> int:
        """Return the number of the slot that holds at this instant, or -1."""
        local = datetime.fromtimestamp(utc_ms // 1000, zone)
        return self.at_local(local.date(), local.hour * 60 + local.minute)

    def value(self, number: int) -> str | None:
        """Return what a slot says, as written; None where it says nothing of its own."""
        return (*self.slots, *self.exception_slots)[number].value

    def next_ms(self, utc_ms: int, zone: tzinfo, value: Callable[[int], Any] = int) -> int | None:
        """Return the UTC ms at which another value begins to hold; None when that is more than 400 days off.

        `value`: what a slot's number stands for. Without it two slots that follow each other without a gap change
        there, whatever their values.
        """
        now = value(self.at(utc_ms, zone))
        day = datetime.fromtimestamp(utc_ms // 1000, zone).date()
        usual = 0
        for there in (day + timedelta(days=ahead) for ahead in range(HORIZON_DAYS)):
            usual = 0 if self.is_exception(there) else usual + 1
            if usual > USUAL_DAYS:  # a week like the one before it
                continue
            for edge_ms in sorted(set(self._edges_ms(there, zone))):
                if edge_ms > utc_ms and value(self.at(edge_ms, zone)) != now:
                    return edge_ms
        return None

    def _edges_ms(self, day: date, zone: tzinfo) -> Iterator[int]:
        """Yield where something may change on a local day: where slots begin or end, both times, and a clock change."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        for minute in self._edges:
            for fold in (0, 1):
                local = midnight.replace(hour=minute // 60, minute=minute % 60, fold=fold)
                yield round(local.timestamp()) * 1000
        begin_s, end_s = (round(one.timestamp()) for one in (midnight, midnight + timedelta(days=1)))
        if end_s - begin_s != DAY_MIN * 60:
            yield _clock_change_s(begin_s, end_s, zone) * 1000


def _clock_change_s(low_s: int, high_s: int, zone: tzinfo) -> int:
    """Return the UTC second between two instants at which the zone's offset changes."""
    before = _offset(low_s, zone)
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        low_s, high_s = (middle_s, high_s) if _offset(middle_s, zone) == before else (low_s, middle_s)
    return high_s


def _offset(utc_s: int, zone: tzinfo) -> timedelta:
    return datetime.fromtimestamp(utc_s, UTC).astimezone(zone).utcoffset() or timedelta()

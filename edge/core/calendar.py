"""Where periods begin and end: on multiples of their length, and from a quarter of an hour on, within local days.

Up to 15 minutes a period begins on a multiple of its length in UTC, which is one in local time too: the offsets of all
zones are multiples of a quarter of an hour. Longer ones are counted from the local midnight, so that the day of a clock
change has 23 or 25 hourly records and one daily record; the last one of a day ends with the day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, Literal, TypeAlias

QUARTER_MS: Final = 900_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000

Step: TypeAlias = int | Literal["hour", "day", "week", "month", "year"]
"""The length of a calendar period: a word, or milliseconds up to a day."""


def instant_ms(text: str, zone: tzinfo) -> tuple[int, bool]:
    """Return the UTC ms of what a person wrote, local unless it holds an offset, and whether it names the second.

    Raises ValueError with the reason as a word: "form", or "no_such_time" for an hour that the clocks skip in spring.

    >>> instant_ms("1970-01-01 00:01", UTC)
    (60000, False)
    """
    text = text.strip()
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("form") from None
    _, _, time_of_day = text.replace("T", " ").partition(" ")
    if ":" not in time_of_day:
        raise ValueError("form")
    local = said if said.tzinfo is not None else said.replace(tzinfo=zone)
    try:
        is_there = local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)
    except OverflowError:  # the first day of year 1, the last one of year 9999
        raise ValueError("form") from None
    if not is_there:
        raise ValueError("no_such_time")
    return round(local.timestamp() * 1000), time_of_day.replace("-", "+").partition("+")[0].count(":") > 1


def local_midnight_ms(utc_ms: int, zone: tzinfo) -> int:
    """Return the UTC ms at which the local day of this instant began.

    >>> local_midnight_ms(1_795_166_000_000, UTC)
    1795132800000
    """
    local = datetime.fromtimestamp(utc_ms / 1000, zone)
    return round(local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp() * 1000)


def next_local_midnight_ms(utc_ms: int, zone: tzinfo) -> int:
    """Return the UTC ms at which the local day after this instant's day begins: 23, 24 or 25 h after its start."""
    local = datetime.fromtimestamp(utc_ms / 1000, zone)
    tomorrow = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(days=1)
    return round(tomorrow.timestamp() * 1000)


def period_end_ms(utc_ms: int, length_ms: int, zone: tzinfo = UTC) -> int:
    """Return the end (UTC ms, exclusive) of the period of `length_ms` that holds this instant.

    >>> period_end_ms(1_795_166_007_500, 60_000)
    1795166040000
    """
    if length_ms <= QUARTER_MS:
        return utc_ms - utc_ms % length_ms + length_ms
    day_end_ms = next_local_midnight_ms(utc_ms, zone)
    if length_ms >= DAY_MS:
        return day_end_ms
    in_period_ms = (utc_ms - local_midnight_ms(utc_ms, zone)) % length_ms
    return min(utc_ms - in_period_ms + length_ms, day_end_ms)


def _midnight_ms(day: date, zone: tzinfo) -> int:
    """Return the UTC ms at which this local day begins."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


def bounds_ms(utc_ms: int, step: Step, zone: tzinfo = UTC) -> tuple[int, int]:
    """Return begin and end (UTC ms, end exclusive) of the local calendar period that holds this instant.

    A week begins on Monday (ISO 8601). A step in ms lies as in `period_end_ms`; at most a day.

    >>> bounds_ms(1_795_166_000_000, "month")
    (1793491200000, 1796083200000)
    """
    if step in {"week", "month", "year"}:
        day = datetime.fromtimestamp(utc_ms / 1000, zone).date()
        if step == "week":
            first = day - timedelta(days=day.weekday())
            following = first + timedelta(days=7)
        elif step == "month":
            first = day.replace(day=1)
            following = (first + timedelta(days=31)).replace(day=1)
        else:
            first = day.replace(month=1, day=1)
            following = first.replace(year=first.year + 1)
        return _midnight_ms(first, zone), _midnight_ms(following, zone)
    length_ms = {"hour": HOUR_MS, "day": DAY_MS}.get(step, step) if isinstance(step, str) else step
    if not isinstance(length_ms, int) or not 0 < length_ms <= DAY_MS:
        raise ValueError(f"a step of {step} is none: hour, day, week, month, year or 1 to {DAY_MS} ms")
    if length_ms <= QUARTER_MS:
        begin_ms = utc_ms - utc_ms % length_ms
        return begin_ms, begin_ms + length_ms
    day_ms = local_midnight_ms(utc_ms, zone)
    if length_ms == DAY_MS:
        return day_ms, next_local_midnight_ms(utc_ms, zone)
    begin_ms = utc_ms - (utc_ms - day_ms) % length_ms
    return begin_ms, min(begin_ms + length_ms, next_local_midnight_ms(utc_ms, zone))

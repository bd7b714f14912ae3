"""Maintenance and other orders about machines: what they take, and when a maintenance is planned to end.

A planned end is a time of day on the site's calendar: it stays where it is when the box is off or its clock is set.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from edge.core.calendar import DAY_MS
from edge.core.equipment import Work
from edge.core.moments import MomentError, local_ms, span
from edge.core.text import Text

REASON_MAX: Final = 200
LONGEST_MS: Final = 366 * DAY_MS
SHORTEST_MS: Final = 60_000
REMIND_MS: Final = 3_600_000  # so long before its planned end people are reminded …
REMIND_PART: Final = 4  # … of a short one when so large a part of it is left
_LENGTH: Final = re.compile(r"(\d{1,4})\s*(m|min|h|d|j)", re.ASCII)
_UNIT_MS: Final = {"m": 60_000, "min": 60_000, "h": 3_600_000, "d": DAY_MS, "j": DAY_MS}
_TIME: Final = re.compile(r"([01]?\d|2[0-3])[:h]([0-5]\d)?", re.ASCII)


class MaintenanceOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Put a machine into maintenance until a planned end, move that end, or end it now."""

    equipment: str
    do: Literal["start", "extend", "end"]
    until: Annotated[
        str, Meta(max_length=40, description='"2026-11-22 17:00", "17:00" or "3h"; local time of the site')
    ] = ""
    reason: Annotated[str, Meta(max_length=REASON_MAX, description="what is done, for who reads it later")] = ""
    kind: Annotated[Work, Meta(description="service: the next one counts from its end")] = "work"


class EquipmentOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Put a faulty machine into service again, or call one faulty that no alarm speaks of."""

    equipment: str
    to: Literal["restore", "faulty"]
    reason: Annotated[str, Meta(max_length=REASON_MAX, description="for who reads it later")] = ""


class EndError(ValueError):
    """What was written is no end that a maintenance can have; `text` says why and what can be written."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.text = Text(key, values)


def planned_end_ms(words: str, now_ms: int, zone: tzinfo, *, is_dated: bool = True) -> int:
    """Return the UTC ms that these words mean at UTC `now_ms`. Raises EndError.

    A day alone means its end, a time alone the next such time. While no clock can be trusted only a length counts.

    >>> from datetime import UTC
    >>> planned_end_ms("3h", 0, UTC), planned_end_ms("01:00", 7_200_000, UTC), planned_end_ms("1970-01-02", 0, UTC)
    (10800000, 90000000, 172800000)
    """
    plain = words.strip()
    if not plain:
        raise EndError("maintenance_until")
    if length := _LENGTH.fullmatch(plain.lower()):
        end_ms = now_ms + int(length[1]) * _UNIT_MS[length[2]]
    elif not is_dated:
        raise EndError("maintenance_undated")
    elif time := _TIME.fullmatch(plain.lower()):
        end_ms = _next(int(time[1]), int(time[2] or 0), now_ms, zone)
    else:
        try:
            end_ms = span(plain, now_ms, zone).end_ms
        except MomentError as exc:
            raise EndError("maintenance_unclear", at=words[:40]) from exc
    if end_ms < now_ms + SHORTEST_MS:
        raise EndError("maintenance_past", until=local(end_ms, zone), now=local(now_ms, zone))
    if end_ms > now_ms + LONGEST_MS:
        raise EndError("maintenance_long", until=local(end_ms, zone), most=local(now_ms + LONGEST_MS, zone))
    return end_ms


def _next(hour: int, minute: int, now_ms: int, zone: tzinfo) -> int:
    """Return the next instant at which the site's clocks show this time."""
    today = datetime.fromtimestamp(now_ms / 1000, zone).replace(tzinfo=None)
    at = today.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    end_ms = local_ms(at, zone)
    if end_ms >= now_ms + SHORTEST_MS:
        return end_ms
    tomorrow = datetime.fromordinal(at.toordinal() + 1).replace(hour=hour, minute=minute)
    return local_ms(tomorrow, zone)


def reminder_ms(now_ms: int, end_ms: int) -> int:
    """Return when people are reminded of an end: an hour before, of a short maintenance when a quarter of it is left.

    >>> reminder_ms(0, 8 * 3_600_000), reminder_ms(0, 3_600_000)
    (25200000, 2700000)
    """
    return end_ms - min(REMIND_MS, (end_ms - now_ms) // REMIND_PART)


def local(utc_ms: int, zone: tzinfo) -> str:
    """Return an instant as it can be written here again.

    >>> from datetime import UTC
    >>> local(3_600_000, UTC)
    '1970-01-01 01:00'
    """
    return f"{datetime.fromtimestamp(utc_ms / 1000, zone):%Y-%m-%d %H:%M}"

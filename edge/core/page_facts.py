"""What a text tells of an alarm as it stands: numbers, words and instants, from which sentences are made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from edge.core.alarm import Alarm
from edge.core.limit import ON_QUALITY
from edge.core.measure import unit_of
from edge.core.notifier import IDS_MOST

if TYPE_CHECKING:
    from edge.core.engine import Engine

POINTS_MOST: Final = 4
"""That a text of several alarms names."""


def utc_ms(site: Engine, boot: int, at_ms: int) -> int | None:
    """Return the UTC of an instant of a start; None while no clock vouches for it."""
    if boot == site.boot:
        return at_ms + site.utc_offset_ms if site.is_dated else None
    return None if site.dating is None else site.dating.utc_ms(boot, at_ms)


def facts(site: Engine, alarm: Alarm, *, is_begin: bool = False) -> dict[str, Any]:
    """Return what is told of one alarm: with the value that began it, or with the present one."""
    limit, point = site.limits.get(alarm.limit), site.points.get(alarm.point)
    found: dict[str, Any] = {"id": alarm.number, "limit": alarm.limit, "kind": alarm.kind, "prio": alarm.priority}
    found["n"] = alarm.point
    own = None if point is None or isinstance(point.value, str) else point.value
    now = own if limit is None else limit.compared(own)
    value = alarm.value if is_begin and alarm.value is not None else now
    found["v"] = None if alarm.kind in ON_QUALITY and alarm.active else value
    if limit is not None and point is not None:
        found |= {"u": unit_of(limit.spec, point.spec.unit), "at": limit.bound, "diagnosis": limit.spec.diagnosis}
        found |= {"or_equal": limit.spec.or_equal or None, "per": limit.spec.per}
        if alarm.kind in ON_QUALITY:
            found["why"] = point.reason
            found["last"] = None if not alarm.active or isinstance(point.last_value, str) else point.last_value
        words = point.spec.words
        if words and value is not None and 0 <= value < len(words):
            found["word"] = words[int(value)]
    found["begin_ms"] = utc_ms(site, alarm.boot, alarm.begin_ms)
    end_ms = site.now_ms if alarm.end_ms is None else alarm.end_ms
    if alarm.boot == (alarm.end_boot or site.boot):
        found["for_ms"] = max(0, end_ms - alarm.begin_ms)
    if alarm.end_ms is not None:
        found["end_ms"] = utc_ms(site, alarm.end_boot, alarm.end_ms)
    if alarm.peak is not None:
        found |= {"peak": alarm.peak, "peak_ms": utc_ms(site, alarm.peak_boot, alarm.peak_ms)}
    if alarm.begins > 1:
        found["begins"] = alarm.begins
    return {name: value for name, value in {**found, **seen(site, alarm)}.items() if value is not None and value != ""}


def seen(site: Engine, alarm: Alarm) -> dict[str, Any]:
    """Return by whom and when an alarm was acknowledged."""
    if not alarm.acknowledged:
        return {}
    at_ms = utc_ms(site, alarm.acknowledged_boot, alarm.acknowledged_ms)
    return {"by": alarm.acknowledged_by, **({} if at_ms is None else {"ack_ms": at_ms})}


def together(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is told of several: the first, the points of a few, from when to when they began and ended."""
    begins = [one["begin_ms"] for one in told if "begin_ms" in one]
    ends = [one["end_ms"] for one in told if "end_ms" in one]
    found: dict[str, Any] = {
        "id": told[0]["id"],
        "points": ", ".join(str(one.get("n", "")) for one in told[:POINTS_MOST]),
    }
    if begins:
        found |= {"begin_ms": min(begins), "begun_ms": max(begins)}
    if ends:
        found["end_ms"] = max(ends)
    if len({one.get("by") for one in told}) == 1:  # one person took them all
        found |= {name: told[-1][name] for name in ("by", "ack_ms") if name in told[-1]}
    return found


def joined(numbers: Sequence[int]) -> str:
    """Return numbers as an event has them.

    >>> joined([14, 15]), numbers_of("14, 15"), numbers_of(None)
    ('14, 15', [14, 15], [])
    """
    return ", ".join(map(str, numbers[:IDS_MOST]))


def numbers_of(text: object) -> list[int]:
    """Return the numbers that an event's value holds; none where it has no such value."""
    return [int(word) for word in text.split(", ")] if isinstance(text, str) and text else []

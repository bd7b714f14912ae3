"""What the engine shows of itself: points, values and alarms as plain structs for the API, the table and the console.

Nothing here rounds, colours or translates: that is the reader's side.
"""

from __future__ import annotations

from typing import Any

import msgspec

from edge.core.alarm import Alarm
from edge.core.alarm_facts import details_of
from edge.core.clock import Dating
from edge.core.engine import Engine
from edge.core.kinds import Counter
from edge.core.levels import above
from edge.core.limit import Limit
from edge.core.measure import unit_of
from edge.core.point import Point
from hal.sample import BAD, QUALITY_NAMES, Value


class LimitView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A limit of a point as it stands now."""

    id: str
    kind: str
    at: float | None = None
    """What is compared with now, which another point may decide."""
    active: bool = False
    pending: bool = False
    now: float | None = None
    """What is compared, where that is not the point's value; `unit`: in which unit, where that is not the point's."""
    unit: str = ""
    details: dict[str, Any] = {}
    """Of a kind that compares more: `per`, `of`, `for_ms`, `expression` … as in its alarm's event."""
    under: bool = False
    """Active, but the limit beyond it is as well: that one stands for the point (`edge.core.levels`)."""


class ValueView(msgspec.Struct, frozen=True):
    """A point's present value; `value` is null when the quality is bad."""

    point: str
    kind: str
    unit: str
    value: Value | None
    word: str
    quality: str
    reason: str
    age_s: float
    """Since the last reading; without a value, since the point has had none."""
    limits: list[LimitView]
    name: dict[str, str]
    place: str


class AlarmView(msgspec.Struct, frozen=True):
    """An alarm that is active or waits for an acknowledgement."""

    number: int
    limit: str
    point: str
    kind: str
    priority: str
    diagnosis: str
    unit: str
    at: float | None
    value: Value | None
    peak: float | None
    since_utc_ms: int | None
    active: bool
    acknowledged: bool
    under: int | None = None
    """The number of the alarm that stands for the point in place of this one: its next stage is active too."""
    details: dict[str, Any] = {}
    """As in a LimitView."""


def _limit_view(limit: Limit, point: Point) -> LimitView:
    """Return one limit as it stands."""
    unit = unit_of(limit.spec, point.spec.unit)
    return LimitView(
        id=limit.spec.id,
        kind=limit.spec.kind,
        at=limit.bound,
        active=limit.active,
        pending=limit.is_engaged and not limit.active,
        now=limit.compared(None),
        unit="" if unit == point.spec.unit else unit,
        details=details_of(limit),
        under=limit.active and above(limit, point.limits) is not None,
    )


def value_view(point: Point, now_ms: int) -> ValueView:
    """Return one point as it stands."""
    spec, value = point.spec, point.value
    word = spec.words[value] if spec.words and isinstance(value, int) and 0 <= value < len(spec.words) else ""
    limits = [_limit_view(limit, point) for limit in point.limits]
    return ValueView(
        point=point.id,
        kind=spec.kind,
        unit=spec.unit,
        value=value,
        word=word,
        quality=QUALITY_NAMES[point.quality],
        reason=point.reason,
        age_s=max(0.0, (now_ms - (point.bad_since_ms if point.quality == BAD else point.seen_ms)) / 1000),
        limits=limits,
        name=spec.name,
        place=spec.place,
    )


def values(engine: Engine, now_ms: int) -> list[ValueView]:
    """Return all points in the order of the site's file."""
    return [value_view(point, now_ms) for point in engine.points.values()]


def _now(limit: Limit | None, point: Point | None) -> Value | None:
    """Return what stands beside an alarm at present: the point's value, or what its limit makes of it."""
    if limit is not None and limit.measure is not None:
        return limit.compared(None)
    return point.value if point else None


def alarm_view(engine: Engine, alarm: Alarm, dating: Dating) -> AlarmView:
    """Return one alarm with what its limit and its point say."""
    limit = engine.limits.get(alarm.limit)
    point = engine.points.get(alarm.point)
    spec = limit.spec if limit else None
    upper = above(limit, point.limits) if limit and point and alarm.active else None
    over = engine.alarms.by_limit.get(upper.spec.id) if upper else None
    return AlarmView(
        number=alarm.number,
        limit=alarm.limit,
        point=alarm.point,
        kind=alarm.kind,
        priority=alarm.priority,
        diagnosis=spec.diagnosis if spec else "",
        unit=unit_of(spec, point.spec.unit) if spec and point else "",
        at=limit.bound if limit else None,
        value=_now(limit, point),
        peak=limit.peak if limit and alarm.active else alarm.peak,
        since_utc_ms=dating.utc_ms(alarm.boot, alarm.begin_ms),
        active=alarm.active,
        acknowledged=alarm.acknowledged,
        under=over.number if over else None,
        details=details_of(limit) if limit else {},
    )


def alarms(engine: Engine, dating: Dating) -> list[AlarmView]:
    """Return the alarms, active ones first, newest first."""
    return [alarm_view(engine, alarm, dating) for alarm in engine.alarms.sorted()]


def alarm_documents(engine: Engine, dating: Dating) -> dict[str, dict[str, Any]]:
    """Return the active alarms by id, each as it stands retained upstream."""
    documents = {}
    for alarm in engine.alarms.by_limit.values():
        if alarm.active:
            shown = alarm_view(engine, alarm, dating)
            facts = {
                "id": alarm.number, "limit": alarm.limit, "n": alarm.point, "kind": shown.kind, "u": shown.unit,
                "prio": shown.priority, "diagnosis": shown.diagnosis, "acknowledged": alarm.acknowledged,
            }  # fmt: skip
            document: dict[str, Any] = {key: value for key, value in facts.items() if value != ""}
            if shown.at is not None:
                document["at"] = shown.at
            if alarm.value is not None:
                document["v"] = alarm.value
            if shown.under is not None:
                document["under"] = shown.under
            document.update(shown.details)
            if shown.since_utc_ms is not None:
                document["t"] = shown.since_utc_ms / 1000
            documents[str(alarm.number)] = document
    return documents


def snapshot(engine: Engine) -> dict[str, Any]:
    """Return indexes and states for `up/snapshot`: what a consumer that starts late needs at once.

    A link calls it from its own thread, so each point's value is read exactly once.
    """
    indexes: dict[str, Value] = {}
    states: dict[str, Value] = {}
    for point in engine.points.values():
        value = point.value
        if value is None or point.spec.kind == "gauge":
            continue
        if isinstance(point, Counter):
            index = point.register.index  # the value may not be believed yet
            if index is not None:
                indexes[point.id] = index
        else:
            states[point.id] = value
    return {"indexes": indexes, "states": states}

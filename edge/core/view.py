"""What the engine shows of itself: points and values as plain structs for the API, the table and the console.

Nothing here rounds, colours or translates: that is the reader's side.
"""

from __future__ import annotations

from typing import Any

import msgspec

from edge.core.alarm_facts import details_of
from edge.core.engine import Engine
from edge.core.kinds import Counter
from edge.core.levels import above
from edge.core.limit import Limit
from edge.core.measure import unit_of
from edge.core.point import Point
from edge.core.silence import Silences
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
    silence: str = ""
    """What keeps people from hearing of it: shelved, suppressed, out_of_service."""
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


def _limit_view(limit: Limit, point: Point, silence: str) -> LimitView:
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
        silence=silence,
        under=limit.active and above(limit, point.limits) is not None,
    )


def value_view(point: Point, now_ms: int, silences: Silences | None = None) -> ValueView:
    """Return one point as it stands."""
    spec, value = point.spec, point.value
    word = spec.words[value] if spec.words and isinstance(value, int) and 0 <= value < len(spec.words) else ""
    limits = [
        _limit_view(limit, point, silences.of(limit.spec.id, point.id)[0] if silences else "") for limit in point.limits
    ]
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
    return [value_view(point, now_ms, engine.alarms.silences) for point in engine.points.values()]


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

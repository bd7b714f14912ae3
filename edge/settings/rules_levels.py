"""Rules of levels: limits that nothing could exceed, alarms that could never end, limits of a point against another."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from edge.core.conversion import factor
from edge.core.limit import BELOW
from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.model_limits import DIFFERENCES, ORDERED


class _Level(NamedTuple):
    row: Row
    rank: int
    value: float
    end: float
    """Where its alarm ends."""


def check_never(limit: Row, kind: str, point: Row, times: float, faults: Faults) -> None:
    """Note a limit beyond what the point can read, and a deadband that no value comes back from."""
    value = limit.good.get("value")
    if not isinstance(value, int | float):
        return
    deadband = limit.good.get("deadband", 0.0)
    if kind in DIFFERENCES | {"subscribed"}:
        is_distance = kind == "subscribed" or limit.good.get("direction", "both") == "both"
        if value < 0 and is_distance:
            faults.at_value(limit.key("value"), "fault.limit_negative", kind=kind)
        elif is_distance and deadband > value:
            faults.at_value(limit.key("deadband"), "fault.never_back", end=value - deadband)
        return
    if kind == "consumption" and value < 0:
        faults.at_value(limit.key("value"), "fault.limit_negative", kind=kind)
    if kind not in ORDERED:
        return
    lowest, highest = point.good.get("min", -inf), point.good.get("max", inf)
    level, at = value * times, limit.key("value")
    if kind in BELOW:
        if level <= lowest and not (level == lowest and limit.good.get("or_equal")):
            faults.at_value(at, "fault.never_low", bound=lowest, line=LineOf(point.key("min")))
        elif level + deadband * times > highest:
            faults.at_value(limit.key("deadband"), "fault.never_back", end=level + deadband * times)
    elif level >= highest and not (level == highest and limit.good.get("or_equal")):
        faults.at_value(at, "fault.never_high", bound=highest, line=LineOf(point.key("max")))
    elif level - deadband * times < lowest:
        faults.at_value(limit.key("deadband"), "fault.never_back", end=level - deadband * times)


def check_levels(draft: Draft, points: dict[str, Row], faults: Faults) -> None:
    """Note limits of one point that contradict each other: low above high, or an end that is the other's begin."""
    by_point: dict[str, list[_Level]] = {}
    for limit in draft.limits:
        level = _level(limit, points)
        if level is not None:
            by_point.setdefault(limit.good["point"], []).append(level)
    for levels in by_point.values():
        levels.sort(key=lambda level: level.rank)
        for index, upper in enumerate(levels):
            for lower in levels[:index]:
                if lower.rank < upper.rank:
                    _check_pair(lower, upper, faults)


def _level(limit: Row, points: dict[str, Row]) -> _Level | None:
    good = limit.good
    kind, value, point = good.get("kind"), good.get("value"), points.get(good.get("point", ""))
    if kind not in ORDERED or not isinstance(value, int | float) or point is None or point.channel is None:
        return None
    own = point.good.get("unit", point.channel.unit)
    times = factor(good.get("unit") or own, own)
    if times is None:
        return None
    deadband = good.get("deadband", 0.0)
    return _Level(
        limit, ORDERED.index(kind), value * times, (value + deadband if kind in BELOW else value - deadband) * times
    )


def _check_pair(lower: _Level, upper: _Level, faults: Faults) -> None:
    here, there = upper.row, lower.row
    if lower.value >= upper.value:
        values = {"kind": here.good["kind"], "other": there.good["kind"]}
        faults.at_value(
            here.key("value"), "fault.limit_order", bound=lower.value, line=LineOf(there.key("value")), **values
        )
    elif lower.row.good["kind"] in BELOW and upper.row.good["kind"] not in BELOW:
        for level, other, is_over in ((lower, upper, lower.end > upper.value), (upper, lower, upper.end < lower.value)):
            if is_over:
                line = LineOf(other.row.key("value"))
                faults.at_value(level.row.key("deadband"), "fault.limit_ends_in", end=level.end, line=line)

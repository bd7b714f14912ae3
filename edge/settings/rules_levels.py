"""Rules of levels: limits that nothing could exceed, alarms that could never end, limits of a point against another."""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

from edge.core.conversion import factor
from edge.core.limit import BELOW
from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.model_limits import DIFFERENCES, ORDERED

PERCENT_FROM: Final = 1  # 0.9 was meant as a share, 9000 as volt-amperes
PERCENT_TO: Final = 500


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
    is_distance = kind in DIFFERENCES and limit.good.get("direction", "both") == "both"
    if kind in ORDERED:
        _check_reach(limit, kind, point, times, faults)
    elif kind == "subscribed" and not PERCENT_FROM < value <= PERCENT_TO:
        faults.at_value(limit.key("value"), "fault.limit_percent")
    elif is_distance or kind in {"subscribed", "consumption"}:
        deadband = limit.good.get("deadband", 0.0)
        if value < 0:
            faults.at_value(limit.key("value"), "fault.limit_negative", kind=kind)
        elif deadband > value:  # what is compared is never below 0
            faults.at_value(limit.key("deadband"), "fault.never_back", end=value - deadband)


def _check_reach(limit: Row, kind: str, point: Row, times: float, faults: Faults) -> None:
    """Note a level that the point never reads, or that it could not come back from."""
    lowest, highest = point.good.get("min", -inf), point.good.get("max", inf)
    level, deadband = limit.good["value"] * times, limit.good.get("deadband", 0.0) * times
    is_included = bool(limit.good.get("or_equal"))
    if kind in BELOW:
        end = level + deadband
        if level < lowest or (level == lowest and not is_included):
            bound = LineOf(point.key("min"))
            faults.at_value(limit.key("value"), "fault.never_low", bound=lowest, line=bound)
        elif end > highest:
            faults.at_value(limit.key("deadband"), "fault.never_back", end=end)
        return
    end = level - deadband
    if level > highest or (level == highest and not is_included):
        faults.at_value(limit.key("value"), "fault.never_high", bound=highest, line=LineOf(point.key("max")))
    elif end < lowest:
        faults.at_value(limit.key("deadband"), "fault.never_back", end=end)


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

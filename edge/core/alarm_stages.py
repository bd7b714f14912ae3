"""Stages of one point's limits: while the farther one's alarm is active, the nearer one holds its peace.

Each keeps its own begin and end; people hear of one level at a time (ISA-18.2 §10: suppressed by design).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edge.core.alarm import Alarm
from edge.core.levels import UPPER
from edge.core.point import Point
from edge.core.silence import Silences


class Stages:
    """Which limits are the next stages of which, and what that makes of their alarms."""

    def __init__(self, points: Iterable[Point] = ()) -> None:
        self._farther: dict[str, list[str]] = {}
        for point in points:
            for near in point.limits:
                far = [limit.spec.id for limit in point.limits if limit.spec.kind == UPPER.get(near.spec.kind)]
                if far:
                    self._farther[near.spec.id] = far

    def over(self, alarm: Alarm, by_limit: Mapping[str, Alarm], silences: Silences) -> int | None:
        """Return the number of the next stage's alarm, which stands for this one while it is active and heard."""
        for limit in self._farther.get(alarm.limit, ()):
            over = by_limit.get(limit)
            if over is not None and over.active and not silences.of(limit, over.point)[0]:
                return over.number
        return None

    def seen_with(self, alarm: Alarm, by_limit: Mapping[str, Alarm]) -> list[Alarm]:
        """Return an alarm with those that hold their peace for it: who has seen it has seen them."""
        near = [by_limit[name] for name, far in self._farther.items() if alarm.limit in far and name in by_limit]
        quiet = [other for other in near if (other.state, other.by) == ("suppressed", "")]
        return [alarm, *(other for other in quiet if not other.acknowledged)]

"""Rules between tables, of time: what the devices of a bus take to read must fit into their periods."""

from __future__ import annotations

import math

from edge.settings.draft import Draft, PointRow
from edge.settings.faults import Faults


def check_load(draft: Draft, faults: Faults) -> None:
    """Note a bus whose devices take longer to read than their periods leave: its points would be stale in turn."""
    loads: dict[str, _Load] = {}
    for row in draft.points:
        if row.options is not None and row.device is not None and "bus" in row.good:
            loads.setdefault(row.good["bus"], _Load()).add(row)
    for name, bus in draft.buses.items():
        load = loads.get(name, _Load())
        scale = getattr(bus.options, "busy_share", 1.0)  # a faster line takes less
        if scale * load.share() > 1:
            busy_s = scale * load.busy_s()
            faults.at_key(bus.path, "fault.bus_load", busy=_two_digits(busy_s), least=_least_period(busy_s))


class _Load:
    """How long the devices of one bus keep it: each for itself, and all of a tick together (`hal.driver.Shares`).

    What one measurement serves, such as temperature and humidity of one sensor, counts once, at the shortest period.
    """

    def __init__(self) -> None:
        self._own: dict[tuple[str, str], tuple[float, float]] = {}  # measurement -> seconds, period
        self._shared_s: dict[float, float] = {}  # period -> seconds a tick

    def add(self, row: PointRow) -> None:
        """Take a point in, if its driver says how long it takes."""
        occupies = getattr(row.driver, "busy_s", None)
        if occupies is None:
            return
        period_s = row.good.get("period_s", 1.0)
        measurement = getattr(row.driver, "measurement", None)
        key = (row.device or "", f"#{len(self._own)}" if measurement is None else measurement(row.options))
        _, shortest_s = self._own.get(key, (0.0, math.inf))
        self._own[key] = (occupies(row.options), min(period_s, shortest_s))
        shares = getattr(row.driver, "shared_s", None)
        if shares is not None:
            self._shared_s[period_s] = max(self._shared_s.get(period_s, 0.0), shares(row.options))

    def busy_s(self) -> float:
        """Return what reading all of them at one tick takes."""
        return sum(own_s for own_s, _ in self._own.values()) + max(self._shared_s.values(), default=0.0)

    def share(self) -> float:
        """Return the part of all time for which the bus is busy; a tick that falls on another's shares its wait."""
        total = sum(own_s / period_s for own_s, period_s in self._own.values())
        for period_s, shared_s in self._shared_s.items():
            faster = [each_s for other_s, each_s in self._shared_s.items() if _falls_on(period_s, other_s)]
            total += max(0.0, shared_s - max(faster, default=0.0)) / period_s
        return total


def _falls_on(period_s: float, other_s: float) -> bool:
    """Return whether each tick of a period is one of a shorter period too."""
    return other_s < period_s and round(period_s * 1000) % round(other_s * 1000) == 0


def _two_digits(seconds: float) -> float:
    return round(seconds, 1 if seconds >= 1 else 2)


def _least_period(busy_s: float) -> float:
    """Return the shortest period, of those that people write, in which all can be read.

    >>> _least_period(22.6), _least_period(0.162), _least_period(0.2)
    (23, 0.2, 0.2)
    """
    return math.ceil(busy_s) if busy_s > 1 else math.ceil(round(busy_s * 10, 6)) / 10

"""Values of limits that people and servers set: they count above the file's, over restarts too, until taken back.

What a limit of the file could not be, an order can't make it either: beyond what its point can measure, or below the
low limit of the same point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.core import entered
from edge.core.limit import ON_QUALITY, STATES
from edge.core.measure import unit_of
from edge.core.part import Part
from edge.core.setpoint import Made
from edge.core.types import NEVER, Event, LimitSpec, PointSpec

if TYPE_CHECKING:
    from edge.core.engine import Engine

REGISTER: Final = "limit_values"
LEVELS: Final = ("low_low", "low", "high", "high_high")
"""Kinds in the order of their values."""
POSITIVE: Final = frozenset({"rate", "deviation", "subscribed", "consumption"})


def is_settable(spec: LimitSpec, point: PointSpec) -> bool:
    """Return whether a limit has a number of its own that means something by itself."""
    if spec.kind in {*ON_QUALITY, "expression", "never_zero"} or (spec.kind in STATES and point.words):
        return False
    return not (spec.other and spec.kind in LEVELS)


def bounds(spec: LimitSpec, point: PointSpec) -> tuple[float, float]:
    """Return between what the value of a limit may be; only one of kind equal or not_equal may be an end itself."""
    return (0.0, NEVER) if spec.kind in POSITIVE else (point.low, point.high)


def check(spec: LimitSpec, value: float, point: PointSpec, others: Iterable[LimitSpec]) -> None:
    """Raise RefusedValueError when a limit can't have this value, beside the others of its point."""
    low, high = bounds(spec, point)
    if not (low <= value <= high if spec.kind in STATES else low < value < high):
        told = {name: bound for name, bound in (("low", low), ("high", high)) if abs(bound) != NEVER}
        raise entered.RefusedValueError("set_limit_range", value=value, u=unit_of(spec, point.unit), **told)
    if spec.kind not in LEVELS:
        return
    place = LEVELS.index(spec.kind)
    for other in others:
        if other.id == spec.id or other.kind not in LEVELS or other.other or other.kind == spec.kind:
            continue
        is_above = LEVELS.index(other.kind) < place
        if (value <= other.value) if is_above else (value >= other.value):
            key = "set_limit_above" if is_above else "set_limit_below"
            raise entered.RefusedValueError(key, value=value, limit=other.id, at=other.value, u=point.unit)


class LimitValues(Part):
    """The values that were set, by limit."""

    def __init__(self, saved: Mapping[str, Any]) -> None:
        super().__init__()
        self.made: dict[str, Made] = msgspec.convert(saved.get(REGISTER, {}), dict[str, Made])
        self.file: dict[str, float] = {}
        """Of each limit the value in the settings file."""

    def attach(self, site: Engine) -> None:
        """Set what was set; what the settings no longer allow is dropped, and said."""
        self.site = site
        self.file = {name: limit.spec.value for name, limit in site.limits.items()}
        waits, before = dict(self.made), -1
        while len(waits) != before:  # each makes room for others: a low limit may stand above the file's high one
            before = len(waits)
            for name, made in list(waits.items()):
                if self._fits(name, made.value):
                    site.set_limit_value(name, waits.pop(name).value)
        for name, made in waits.items():
            del self.made[name]
            self.is_changed = True
            values = {"limit": name, "was": made.value, **({"v": self.file[name]} if name in self.file else {})}
            site.emit(Event("limit_reset", site.now_ms, "", values))

    def _fits(self, name: str, value: float) -> bool:
        """Return whether a limit is there that can have this value, beside the others as they are now."""
        try:
            self.check(name, value)
        except (KeyError, entered.RefusedValueError):
            return False
        return True

    def settable(self) -> dict[str, LimitSpec]:
        """Return the limits that have a value to set, by id, as they are now."""
        limits, points = self.site.limits, self.site.points
        return {
            name: limit.spec for name, limit in limits.items() if is_settable(limit.spec, points[limit.spec.point].spec)
        }

    def check(self, name: str, value: float) -> None:
        """Raise RefusedValueError when a limit can't have this value, KeyError when it takes none."""
        spec = self.settable()[name]
        point = self.site.points[spec.point]
        check(spec, value, point.spec, (limit.spec for limit in point.limits))

    def set(self, name: str, made: Made | None) -> None:
        """Let a value that was checked count; None: the file's again."""
        if made is None:
            self.made.pop(name, None)
        else:
            self.made[name] = made
        self.is_changed = True
        self.site.set_limit_value(name, self.file[name] if made is None else made.value)

    def registers(self) -> dict[str, Any]:
        """Return all that was set."""
        return {REGISTER: msgspec.to_builtins(self.made)}

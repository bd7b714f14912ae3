"""Simulated devices as drivers: decoded readings by the course of the site, for buses whose wire is not simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from edge.core.types import PointSpec
from edge.runtime.device import DeviceSpec
from edge.settings.model import PointEntry, Settings
from hal.driver import Driver
from hal.fake import site
from hal.sample import Channel, Sample

WH_PER_VA_S: Final = 1 / 3600.0
STEP_S: Final = 10.0
INDEX_START_WH: Final = 14_253_681
KWH_PER_WH: Final = 1e-3
MAINS_V: Final = 230.0
USUAL: Final = {"%RH": (48.0, 8.0), "hPa": (1008.0, 11.0), "ppm": (820.0, 390.0), "lx": (310.0, 290.0)}
"""Mean and swing of what the air usually has, by the unit."""
Course = Callable[[float], Any]


class Energy:
    """The site's energy index: power added up, so that index and power agree; in Wh, or in so many parts of one."""

    def __init__(self, start_wh: int = INDEX_START_WH, parts: int = 1) -> None:
        self._wh = float(start_wh)
        self._parts = parts
        self._t_s = 0.0

    def __call__(self, t_s: float) -> int:
        """Return the index at t_s; never goes back."""
        while self._t_s + STEP_S <= t_s:
            self._wh += site.power_va(self._t_s) * STEP_S * WH_PER_VA_S
            self._t_s += STEP_S
        return int(self._wh * self._parts)


class Pulses:
    """Pulses since the start of one meter."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._count = 0.0
        self._t_s = 0.0

    def __call__(self, t_s: float) -> int:
        """Return the pulses so far."""
        if t_s > self._t_s:
            self._count += site.pulses_per_second(self._number, t_s) * (t_s - self._t_s)
            self._t_s = t_s
        return int(self._count)


def course_of(entry: PointEntry, spec: PointSpec, number: int) -> Course:
    """Return what a point's driver would read at a given time, before scaling."""
    own = _COURSES.get((entry.point.driver, getattr(entry.options, "label", spec.kind)))
    if own is not None:
        return own(spec)
    if spec.kind == "counter":
        return Pulses(number) if spec.volatile else Energy()
    if spec.kind == "text":
        return lambda _t_s: "031664001115"
    if spec.kind == "state":
        return lambda t_s: int(site.is_door_closed(t_s))  # a contact: 0 is open
    if spec.unit == "VA":
        return lambda t_s: round(site.power_va(t_s), -1)
    if spec.unit == "A":
        return lambda t_s: round(site.power_va(t_s) / 230)
    if entry.point.driver == "pulse":
        return lambda t_s: site.pulses_per_second(number, t_s)
    known = site.profile(entry.point.id, *USUAL.get(spec.unit, (12.0, 1.5)))
    return lambda t_s: round(known(t_s), 4)


def _clamp(spec: PointSpec) -> Course:
    volts = MAINS_V if spec.unit == "A" else 1.0
    return lambda t_s: round(site.power_va(t_s) / volts, 3)


_COURSES: Final[dict[tuple[str, str], Callable[[PointSpec], Course]]] = {
    ("clamp", "counter"): lambda spec: Energy(0, round(KWH_PER_WH / spec.scale)),
    ("clamp", "gauge"): _clamp,
    ("ds3231", "state"): lambda _spec: lambda _t_s: 1,
    ("teleinfo", "ISOUSC"): lambda _spec: lambda _t_s: 45,
    ("teleinfo", "PREF"): lambda _spec: lambda _t_s: 9,
}
"""By driver and kind, or label of a meter: what differs from what others of the same kind read. 45 A are 9 kVA."""


def course_driver(courses: Mapping[str, Course], began_ns: int) -> type[Driver]:
    """Return a driver class that reads these courses."""

    class CourseDriver:
        """Answers every point with its course."""

        bus_kind: ClassVar[str] = "own"
        Options: ClassVar[type[msgspec.Struct]] = PointEntry

        @staticmethod
        def device(options: Any) -> str:
            return "course"

        @staticmethod
        def channel(options: Any) -> Channel:
            return Channel("gauge")

        def __init__(self, bus: Any, points: Mapping[str, Any]) -> None:
            self._courses = {point: courses[point] for point in points}

        def open(self) -> None:
            """Nothing to open."""

        def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
            t_s = (now_ns - began_ns) / 1e9
            return [Sample(point, now_ns, self._courses[point](t_s)) for point in due]

        def close(self) -> None:
            """Nothing to close."""

    return CourseDriver


def simulated_bus(settings: Settings, bus: str, specs: Mapping[str, PointSpec], began_ns: int) -> list[DeviceSpec]:
    """Return the devices of one bus, read as courses, each with the site's own periods."""
    devices: dict[str, dict[str, PointEntry]] = {}
    pins: dict[Any, int] = {}
    courses: dict[str, Course] = {}
    for entry in settings.points:
        if entry.point.bus != bus:
            continue
        number = pins.setdefault(entry.device, len(pins))
        courses[entry.point.id] = course_of(entry, specs[entry.point.id], number)
        devices.setdefault(entry.device, {})[entry.point.id] = entry
    driver = course_driver(courses, began_ns)
    return [
        DeviceSpec(name, driver, entries, {point: specs[point].period_ms for point in entries})
        for name, entries in devices.items()
    ]

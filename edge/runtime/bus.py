"""One bus: opens its devices, reads them on multiples of their period, says what it has in one message a tick.

All points that are due at one instant are read in one go, and every bus of a period ticks on the same instants
(multiples of the period in UTC): wake-ups, not work, are what a small processor pays for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from edge.core.clock import Clock
from edge.core.types import NEVER
from edge.settings.model import Settings
from hal import drivers
from hal.driver import Driver, DriverError
from hal.sample import BAD, Cycle, Notice, Sample

RETRY_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)

log = logging.getLogger(__name__)


class DeviceSpec(msgspec.Struct, frozen=True):
    """One device of a bus: its driver, the options and the period (ms) of each of its points."""

    name: str
    driver: type[Driver]
    options: Mapping[str, Any]
    period_ms: Mapping[str, int]


def device_specs(settings: Settings, bus: str) -> list[DeviceSpec]:
    """Return the devices of one bus of a site, each with all of its points."""
    found: dict[str, DeviceSpec] = {}
    for entry in settings.points:
        if entry.point.bus == bus:
            known = found.get(entry.device)
            found[entry.device] = DeviceSpec(
                entry.device,
                drivers.load(entry.point.driver),
                {**(known.options if known else {}), entry.point.id: entry.options},
                {**(known.period_ms if known else {}), entry.point.id: round(entry.point.period_s * 1000)},
            )
    return list(found.values())


class Device:
    """A device while the box runs: open or not, and what it said last."""

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        self.driver: Driver | None = None
        self.fault = ""
        self.reason = "not_open"
        self.retry_s = 0.0
        self.attempts = 0
        self.last: dict[str, Sample] = {}
        self.memory: str | None = None
        self.speaks = hasattr(spec.driver, "notices")
        self.remembers = hasattr(spec.driver, "state")


class BusWorker:
    """The worker of one bus."""

    def __init__(
        self,
        name: str,
        devices: list[DeviceSpec],
        *,
        clock: Clock,
        post: Callable[[Cycle], None],
        open_handle: Callable[[], Any],
        close_handle: Callable[[Any], None],
        memory: Mapping[str, str] | None = None,
        offset_ms: Callable[[], int] | None = None,
    ) -> None:
        """Make the worker; nothing is opened yet.

        `offset_ms` gives UTC minus monotonic as the engine places its periods. Ticks must lie on the same grid to the
        millisecond: one that lies 1 ms before the boundary puts two readings into a period and none into the next.
        """
        self.bus = name
        self.name = f"bus:{name}"
        self.devices = [Device(spec) for spec in devices]
        self._clock = clock
        self._offset_ms = offset_ms or self._offset_now_ms
        self._post = post
        self._open_handle = open_handle
        self._close_handle = close_handle
        self._handle: Any = None
        self._is_open = False
        self._plans: dict[tuple[int, ...], list[tuple[Device, list[str]]]] = {}
        self._drain_ms = round(1000 * max((getattr(spec.driver, "tick_s", 0.0) for spec in devices), default=0.0))
        periods = {period for spec in devices for period in spec.period_ms.values()}
        if self._drain_ms:
            periods.add(self._drain_ms)
        self._due_ms = dict.fromkeys(sorted(periods), 0)
        for device in self.devices:
            device.memory = (memory or {}).get(device.spec.name)

    @property
    def points(self) -> list[str]:
        """Return the ids of all points of this bus."""
        return [point for device in self.devices for point in device.spec.options]

    def filenos(self) -> list[int]:
        """Nothing wakes a bus but its period."""
        return []

    def step(self, now_s: float) -> float:
        """Read what is due; return the next tick."""
        now_ms = round(now_s * 1000)
        phase_ms = self._offset_ms()
        due_periods: tuple[int, ...] = ()
        tick_ms = 0
        for period_ms, due_ms in self._due_ms.items():
            if now_ms >= due_ms:
                last_multiple_ms = now_ms - (now_ms + phase_ms) % period_ms
                self._due_ms[period_ms] = last_multiple_ms + period_ms
                if due_ms:  # the very first call only finds the next multiple
                    due_periods += (period_ms,)
                    tick_ms = max(tick_ms, last_multiple_ms)
        if due_periods:
            self._tick(due_periods, tick_ms * 1_000_000, now_s)
        return min(self._due_ms.values(), default=NEVER) / 1000

    def _offset_now_ms(self) -> int:
        return self._clock.utc_ms() - self._clock.monotonic_ns() // 1_000_000

    def _plan(self, periods: tuple[int, ...]) -> list[tuple[Device, list[str]]]:
        """Return the devices to read at a tick of these periods, each with its due points; worked out once."""
        plan = self._plans.get(periods)
        if plan is None:
            dues = [
                (device, [point for point, period_ms in device.spec.period_ms.items() if period_ms in periods])
                for device in self.devices
            ]
            plan = self._plans[periods] = [pair for pair in dues if pair[1] or self._drain_ms in periods]
        return plan

    def _tick(self, periods: tuple[int, ...], tick_ns: int, now_s: float) -> None:
        samples: list[Sample] = []
        notices: list[Notice] = []
        states: dict[str, str] = {}
        for device, due in self._plan(periods):
            samples += self._read(device, due, now_s, notices)
            state = device.driver.state() if device.remembers and device.driver is not None else None  # type: ignore[attr-defined]
            if state is not None:
                states[device.spec.name] = device.memory = state
        if samples or notices or states:
            self._post(Cycle(self.bus, tick_ns, samples, notices, states or None))

    def _read(self, device: Device, due: list[str], now_s: float, notices: list[Notice]) -> list[Sample]:
        """Return the device's samples; BAD ones with their reason when it can't be opened or read."""
        now_ns = self._clock.monotonic_ns()
        try:
            driver = device.driver
            if driver is None:
                if now_s < device.retry_s:
                    return self._bad(device, due, now_ns)
                driver = self._open(device)
            samples = driver.read(due, now_ns)
            if device.speaks:
                notices += driver.notices()  # type: ignore[attr-defined] # the optional protocol Speaks
        except Exception as exc:  # noqa: BLE001 - a driver may fail in any way: its own points turn BAD, others go on
            self._lose(device, exc, now_s, notices, now_ns)
            return self._bad(device, due, now_ns)
        if device.fault:
            notices.append(self._notice("device_back", device, now_ns, {}))
            log.info("%s: %s answers again", self.name, device.spec.name)
            device.fault, device.attempts = "", 0
        for sample in samples:
            device.last[sample.point] = sample
        return samples

    def _open(self, device: Device) -> Driver:
        """Return the device's driver, opened; it is kept as soon as it is made, so that a failed one is closed."""
        if not self._is_open:
            self._handle = self._open_handle()
            self._is_open = True
        driver = device.spec.driver(self._handle, device.spec.options)
        if device.memory is not None and device.remembers:
            driver.restore(device.memory)  # type: ignore[attr-defined] # the optional protocol Remembers
        device.driver = driver
        driver.open()
        return driver

    def _lose(self, device: Device, exc: Exception, now_s: float, notices: list[Notice], now_ns: int) -> None:
        """Close a device that failed, and say so once."""
        expected = isinstance(exc, OSError)
        device.reason = exc.reason if isinstance(exc, DriverError) else "bus_error" if expected else "driver_error"
        if not device.fault:
            values = {"reason": device.reason, "text": str(exc)}
            notices.append(self._notice("device_lost", device, now_ns, values))
            if expected:
                log.warning("%s: %s", self.name, exc)
            else:
                log.error("%s: %s: driver failed", self.name, device.spec.name, exc_info=exc)
        device.fault = str(exc) or type(exc).__name__
        device.retry_s = now_s + RETRY_S[min(device.attempts, len(RETRY_S) - 1)]
        device.attempts += 1
        self._close_device(device)
        if all(other.driver is None for other in self.devices):
            self._close_bus()

    def _notice(self, kind: str, device: Device, now_ns: int, values: dict[str, Any]) -> Notice:
        return Notice(kind, now_ns, {"device": device.spec.name, **values})

    def _bad(self, device: Device, due: list[str], now_ns: int) -> list[Sample]:
        samples = [Sample(point, now_ns, None, BAD, device.reason) for point in due]
        device.last.update((sample.point, sample) for sample in samples)
        return samples

    def _close_device(self, device: Device) -> None:
        driver, device.driver = device.driver, None
        if driver is not None:
            try:
                driver.close()
            except Exception:  # it promised not to; nothing more can be done for it
                log.exception("%s: %s failed while closing", self.name, device.spec.name)

    def _close_bus(self) -> None:
        if self._is_open:
            self._is_open = False
            handle, self._handle = self._handle, None
            self._close_handle(handle)

    def close(self) -> None:
        """Close all devices and the bus."""
        for device in self.devices:
            self._close_device(device)
        self._close_bus()

    def explain(self, point: str) -> dict[str, Any]:
        """Return what is known of a point on this side: device, options, last sample, last raw bytes, fault."""
        for device in self.devices:
            if point in device.spec.options:
                last = device.last.get(point)
                raw = getattr(device.driver, "raw", None)
                return {
                    "bus": self.bus,
                    "device": device.spec.name,
                    "driver": device.spec.driver.__name__,
                    "options": msgspec.to_builtins(device.spec.options[point]),
                    "is_open": device.driver is not None,
                    "fault": device.fault,
                    "sample": None if last is None else msgspec.to_builtins(last),
                    "raw": raw(point) if callable(raw) else "",
                }
        return {}

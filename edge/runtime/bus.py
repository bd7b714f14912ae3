"""One bus: opens its devices, reads them on multiples of their period, says what it has in one message a tick.

All points that are due at one instant are read in one go, and every bus of a period ticks on the same instants
(multiples of the period in UTC): wake-ups, not work, are what a small processor pays for.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from edge.core.clock import Clock
from edge.core.types import NEVER
from edge.runtime.device import Device, DeviceSpec
from edge.runtime.flight import Flight
from edge.runtime.lateness import Lateness
from edge.runtime.surroundings import MEMORY, Surroundings
from hal.sample import AT_REST, Cycle, Fix, Notice, Sample

TIME_EACH_S: Final = 600
SETS_CLOCKS: Final = frozenset({"person", "gsm", "tic", "ntp"})
"""Words of TRUST from which a battery clock is set: a person is believed only while no battery clock speaks."""
log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """Other devices for a bus that runs: with what they remember, and whom to tell when it has them."""

    specs: Sequence[DeviceSpec]
    memory: Mapping[str, str]
    done: Callable[[], None]


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
        look_s: float = 0.0,
    ) -> None:
        """Make the worker; nothing is opened yet. It looks around for devices each `look_s`, unless that is 0.

        `offset_ms` gives UTC minus monotonic as the engine places its periods. Ticks must lie on the same grid to the
        millisecond: one that lies 1 ms before the boundary puts two readings into a period and none into the next.
        """
        self.bus = name
        self.name = f"bus:{name}"
        memory = memory or {}
        self.flight = Flight()
        self.devices: list[Device] = []
        """Replaced as a whole: any thread may look through it."""
        self.progress_s = 0.0
        """When the last device was turned to: a bus of many slow probes is busy for long and not blocked."""
        self.late = Lateness()
        self._clock = clock
        self._offset_ms = offset_ms or self._offset_now_ms
        self._post = post
        self._open_handle = open_handle
        self._close_handle = close_handle
        self._handle: Any = None
        self._is_open = False
        self._counts: Counter[str] = Counter()
        self._look_ms = round(1000 * look_s)
        self._look_due_ms = 0
        self.surroundings = Surroundings(name, {}, memory.get(MEMORY))
        self._plans: dict[tuple[int, ...], list[tuple[Device, list[str]]]] = {}
        self._tick_ms: list[int] = []
        self._due_ms: dict[int, int] = {}
        self._clocks: list[Device] = []
        self._time_due_ns = 0
        self._wanted: Wanted | None = None
        self._arrange(devices, memory)

    def _arrange(self, specs: Sequence[DeviceSpec], memory: Mapping[str, str]) -> None:
        """Go on with these devices: one that is there already stays as it is, open or not."""
        known = {device.spec.name: device for device in self.devices}
        self.devices = [
            device
            if (device := known.get(spec.name)) is not None and device.spec == spec
            else Device(
                spec, self.bus, self._open_bus, memory.get(spec.name), self.flight, self.flight.place(spec.name)
            )
            for spec in specs
        ]
        self.surroundings.named = {spec.name: list(spec.options) for spec in specs}
        self._plans = {}
        self._tick_ms = [round(1000 * getattr(spec.driver, "tick_s", 0.0)) for spec in specs]
        periods = {period for spec in specs for period in spec.period_ms.values()}
        periods |= {tick_ms for tick_ms in self._tick_ms if tick_ms}
        self._due_ms = {period_ms: self._due_ms.get(period_ms, 0) for period_ms in sorted(periods)}
        self._clocks = [device for device in self.devices if hasattr(device.spec.driver, "take_time")]
        self._time_due_ns = 0

    def replace(self, specs: Sequence[DeviceSpec], memory: Mapping[str, str], done: Callable[[], None]) -> None:
        """Go on with these devices from the next step on, which calls `done`: any thread may ask.

        What does not change stays open and misses no tick. `memory` is what new devices remember.
        """
        self._wanted = Wanted(specs, memory, done)

    def silence(self) -> None:
        """Say nothing any more: another worker has taken over, perhaps while this one hangs in a call."""
        self._post = _nothing

    def _take_over(self, wanted: Wanted) -> None:
        self._wanted = None
        ended = [device for device in self.devices if device.spec not in wanted.specs]
        self._end(ended)
        remembered = {device.spec.name: device.memory for device in ended if device.memory is not None}
        self._arrange(wanted.specs, {**wanted.memory, **remembered})
        if not any(device.is_open for device in self.devices) and not self._look_ms:
            self._close_bus()
        wanted.done()

    @property
    def points(self) -> list[str]:
        """Return the ids of all points of this bus."""
        return [point for device in self.devices for point in device.spec.options]

    def filenos(self) -> list[int]:
        """Nothing wakes a bus but its period."""
        return []

    def step(self, now_s: float) -> float:
        """Read what is due; return the next tick."""
        if self._wanted is not None:
            self._take_over(self._wanted)
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
                    self.late.note(now_s * 1000 - due_ms)
                    # where the clock was set since, the last multiple may lie long before what is read now
                    is_on_grid = (due_ms + phase_ms) % period_ms == 0
                    tick_ms = max(tick_ms, last_multiple_ms if is_on_grid else now_ms)
        if due_periods:
            self._tick(due_periods, tick_ms * 1_000_000)
        next_ms = min(self._due_ms.values(), default=NEVER)
        if self._look_ms:
            if now_ms >= self._look_due_ms:  # on the grid, so that it costs no wake-up beside the ticks'
                self._look_due_ms = now_ms - (now_ms + phase_ms) % self._look_ms + self._look_ms
                self._look()
            next_ms = min(next_ms, self._look_due_ms)
        return next_ms / 1000

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
            plan = self._plans[periods] = [
                pair for pair, own_ms in zip(dues, self._tick_ms, strict=True) if pair[1] or own_ms in periods
            ]
        return plan

    def _tick(self, periods: tuple[int, ...], tick_ns: int) -> None:
        samples: list[Sample] = []
        notices: list[Notice] = []
        states: dict[str, str] = {}
        fix: Fix | None = None
        if self._clocks:
            self._hand_time_on()
        plan = self._plan(periods)
        self._begin(plan)
        for device, due in plan:
            now_ns = self._clock.monotonic_ns()
            self.progress_s = now_ns / 1e9
            answer = device.read(due, now_ns)
            samples += answer.samples
            if answer.notices:
                notices += answer.notices
            if answer.state is not None:
                states[device.spec.name] = answer.state
            fix = answer.fix or fix
        notices += self.surroundings.of_bus(self._handle)
        if self._is_open and not self._look_ms and not any(device.is_open for device in self.devices):
            self._close_bus()  # the next try opens it anew
        if samples or notices or states or fix:
            self._post(Cycle(self.bus, tick_ns, samples, notices, states or None, fix))

    def _hand_time_on(self) -> None:
        """Give the time of day to the battery clocks of this bus while somebody better is believed."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._time_due_ns and self._clock.trust() in SETS_CLOCKS:
            utc_ms = self._clock.utc_ms()
            were_told = [device.take_time(now_ns, utc_ms) for device in self._clocks]
            if all(were_told):
                self._time_due_ns = now_ns + TIME_EACH_S * 1_000_000_000

    def _begin(self, plan: list[tuple[Device, list[str]]]) -> None:
        """Let the bus do at once what serves several devices of this tick (`hal.driver.Gathers`)."""
        if not self._is_open and not self._look_ms:
            return
        now_s = self._clock.monotonic_ns() / 1e9
        self.progress_s = now_s
        try:
            begin = getattr(self._open_bus(), "begin", None)
            if begin is not None:
                begin([device.spec.name for device, due in plan if due and device.is_ready(now_s)])
        except OSError:
            return  # the devices say it, each with its reason
        except Exception:  # a bug here costs time and no reading
            log.exception("bus %s: what serves all devices failed", self.bus)

    def _look(self) -> None:
        """Look around, and say what is new."""
        now_ns = self._clock.monotonic_ns()
        self.progress_s = now_ns / 1e9
        cycle = self.surroundings.cycle(self._open_bus, now_ns)
        if cycle is not None:
            self._post(cycle)

    def _open_bus(self) -> Any:
        """Return the bus's handle, opened when the first device asks for it."""
        if not self._is_open:
            self._handle = self._open_handle()
            self._is_open = True
        return self._handle

    def _close_bus(self) -> None:
        if self._is_open:
            self._is_open = False
            handle, self._handle = self._handle, None
            self._counts = self._counts + Counter(counts_of(handle))  # a new one: another thread may be reading it
            try:
                self._close_handle(handle)
            except Exception:  # it promised not to; the devices of the bus are tried again all the same
                log.exception("bus %s failed while closing", self.bus)

    def close(self) -> None:
        """Take the edges that still wait, so that a clean stop costs no pulse; close all devices and the bus."""
        self._end(self.devices)
        self._close_bus()

    def _end(self, devices: Sequence[Device]) -> None:
        samples: list[Sample] = []
        now_ns = self._clock.monotonic_ns()
        for device in devices:
            if device.is_open and device.lets_edges_wait:
                samples += device.read(device.volatile, now_ns).samples
        if samples:
            self._post(Cycle(self.bus, now_ns, samples))
        for device in devices:
            device.close()

    def counts(self) -> dict[str, int]:
        """Return the transfers of this bus since the start and the failed ones by what happened; {} where none counts.

        Any thread may ask.
        """
        return dict(self._counts + Counter(counts_of(self._handle)))

    def explain(self, point: str) -> dict[str, Any]:
        """Return what is known of a point on this side, or nothing when it is not on this bus."""
        offset_ms = self._offset_now_ms()
        return next((device.explain(point, offset_ms) for device in self.devices if point in device.spec.options), {})

    def status(self) -> dict[str, Any]:
        """Return how the bus and each of its devices are; any thread may ask."""
        devices = [device.status() for device in self.devices]
        condition = getattr(self._handle, "condition", None)
        return {
            "bus": self.bus,
            "is_open": self._is_open,
            "errors": self.errors(),
            "wire": self.counts(),
            "condition": condition() if callable(condition) else {},
            "late_ms": self.late.told(),
            "devices": devices,
            "missing": list(self.surroundings.missing),
            "unknown": self.surroundings.status(self._clock.monotonic_ns()),
        }

    def errors(self) -> int:
        """Return how often a point of this bus had no value since the start, pulses and labels that rest left out."""
        return sum(device.bad.total() - sum(device.bad[why] for why in AT_REST) for device in self.devices)


def _nothing(_cycle: Cycle) -> None:
    """Where a worker speaks that nobody listens to any more."""


def counts_of(handle: Any) -> dict[str, int]:
    """Return what a bus's handle counts, or nothing where it doesn't."""
    counts = getattr(handle, "counts", None)
    return counts() if callable(counts) else {}

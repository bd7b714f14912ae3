"""One device of a bus while the box runs: opened, read, lost, opened again. What its driver does wrong stays its own.

A driver may fail in any way: its points turn BAD with a reason, the device is closed and tried again with back-off,
and the other devices of the bus are read as if nothing had happened.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from edge.runtime.flight import Flight, told
from edge.settings.model import Settings
from edge.settings.secrets import without
from hal import drivers
from hal.driver import Driver, DriverError
from hal.sample import AT_REST, BAD, Fix, Notice, Sample, Value

RETRY_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
STEADY_S: Final = 5.0  # a device that answers for so long is back; one that flaps goes on being lost …
STEADY_MOST_S: Final = 3600.0  # … and must answer twice as long each time it is lost again within that

log = logging.getLogger(__name__)


class DeviceSpec(msgspec.Struct, frozen=True):
    """One device of a bus: its driver, the options and the period (ms) of each of its points."""

    name: str
    driver: type[Driver]
    options: Mapping[str, Any]
    period_ms: Mapping[str, int]
    called: str = ""
    """The driver's name in the settings."""

    @property
    def driver_name(self) -> str:
        """What people call the driver: as the settings do, else its class."""
        return self.called or self.driver.__name__


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
                entry.point.driver,
            )
    return list(found.values())


class Answer(msgspec.Struct):
    """What one reading of a device brought."""

    samples: list[Sample]
    notices: list[Notice] = []
    state: str | None = None
    fix: Fix | None = None


class Device:
    """A device and its driver. `memory` is what the driver remembered before the start, as JSON text."""

    def __init__(
        self,
        spec: DeviceSpec,
        bus: str,
        handle: Callable[[], Any],
        memory: str | None,
        flight: Flight | None = None,
        place: int = 0,
    ) -> None:
        """Make the device, the one of this `place` in the bus's flight recorder; nothing is opened yet."""
        self.spec = spec
        self.reads = 0
        self.bad: Counter[str] = Counter()
        """How often a due point had no value, by reason."""
        self._flight = flight or Flight([spec.name])
        self._place = place
        self._bus = bus
        self._handle = handle
        self._memory = memory
        self._driver: Any = None  # a Driver, and perhaps Speaks, TellsTime, Remembers, Shows
        self._speaks = hasattr(spec.driver, "notices")
        self._remembers = hasattr(spec.driver, "state")
        self._tells_time = hasattr(spec.driver, "fix")
        self._traces = hasattr(spec.driver, "trace")
        self.lets_edges_wait = getattr(spec.driver, "tick_s", 0.0) > 0
        """Whether something gathers between two readings that only the next one would fetch."""
        self._fault = ""
        self._reason = "not_open"
        self._retry_s = 0.0
        self._attempts = 0
        self._well_since_s: float | None = None
        self._steady_s = STEADY_S
        self._back_s = float("-inf")
        self._last: dict[str, Sample] = {}

    @property
    def volatile(self) -> list[str]:
        """The points whose count is nowhere but in this process: what is not read before it ends is lost."""
        driver = self.spec.driver
        return [point for point, options in self.spec.options.items() if driver.channel(options).volatile]

    @property
    def memory(self) -> str | None:
        """What its driver remembers."""
        return self._memory

    @property
    def is_open(self) -> bool:
        """Whether a driver is at work."""
        return self._driver is not None

    def is_ready(self, now_s: float) -> bool:
        """Return whether `read` will ask the device, and not wait until it is tried again."""
        return self._driver is not None or now_s >= self._retry_s

    def read(self, due: list[str], now_ns: int) -> Answer:
        """Return the samples of the due points: BAD ones with their reason when there is no other."""
        now_s = now_ns / 1e9
        if not self.is_ready(now_s):
            return Answer(self._bad(due, now_ns))
        try:
            answer = self._read(due, now_ns)
        except Exception as exc:  # noqa: BLE001 - whatever a driver raises, only its own points are concerned
            notices = self._lose(exc, now_ns)
            return Answer(self._bad(due, now_ns), notices)
        if self._fault:
            answer.notices += self._recover(now_ns)
        return answer

    def take_time(self, now_ns: int, utc_ms: int) -> bool:
        """Hand the time of day to the driver, where it is open and its device keeps one; return whether it was."""
        if self._driver is None or not hasattr(self._driver, "take_time"):
            return False
        self._driver.take_time(now_ns, utc_ms)
        return True

    def _read(self, due: list[str], now_ns: int) -> Answer:
        driver = self._driver or self._open()
        self.reads += 1
        samples = driver.read(due, now_ns)
        if self._traces:
            self._trace(driver, now_ns)
        last = self._last
        for sample in samples:
            last[sample.point] = sample
            if sample.quality == BAD:
                self._count(sample)
        if not last.keys() <= self.spec.options.keys():
            foreign = sorted(last.keys() - self.spec.options.keys())
            for point in foreign:
                del last[point]
            raise TypeError(f"the driver answers for {', '.join(foreign)}, which it was not given")
        state = driver.state() if self._remembers else None
        if state is not None:
            self._memory = state
        notices = driver.notices() if self._speaks else []
        return Answer(samples, notices, state, driver.fix() if self._tells_time else None)

    def _open(self) -> Any:
        """Return the driver, opened; it is kept as soon as it is made, so that one that fails is closed."""
        driver: Any = self.spec.driver(self._handle(), self.spec.options)
        if self._memory is not None and self._remembers:
            try:
                driver.restore(self._memory)
            except Exception:  # of another driver, or of a version before: better forgotten than never opened
                log.exception("bus %s: %s can't take back what it remembered", self._bus, self.spec.name)
                driver, self._memory = self.spec.driver(self._handle(), self.spec.options), None
        self._driver = driver
        driver.open()
        return driver

    def _lose(self, exc: Exception, now_ns: int) -> list[Notice]:
        """Close a device that failed; return what to say of it, once."""
        expected = isinstance(exc, OSError)
        self._reason = exc.reason if isinstance(exc, DriverError) else "bus_error" if expected else "driver_error"
        notices = []
        if not self._fault:
            is_relapse = now_ns / 1e9 - self._back_s < STEADY_MOST_S
            self._steady_s = min(2 * self._steady_s, STEADY_MOST_S) if is_relapse else STEADY_S
            values: dict[str, Value] = {"device": self.spec.name, "why": self._reason, "text": str(exc)}
            notices.append(Notice("device_lost", now_ns, values))
            if expected:
                log.warning("bus %s: %s", self._bus, exc)
            else:
                log.error("bus %s: %s: driver failed", self._bus, self.spec.name, exc_info=exc)
        self._fault = str(exc) or type(exc).__name__
        self._retry_s = now_ns / 1e9 + RETRY_S[min(self._attempts, len(RETRY_S) - 1)]
        self._attempts += 1
        self._well_since_s = None
        if self._traces and self._driver is not None:
            self._trace(self._driver, now_ns)
        self.close()
        return notices

    def _recover(self, now_ns: int) -> list[Notice]:
        """Return the word that the device is back, once it has answered for a while."""
        now_s = now_ns / 1e9
        if self._well_since_s is None:
            self._well_since_s = now_s
        if now_s - self._well_since_s < self._steady_s:
            return []
        log.info("bus %s: %s answers again", self._bus, self.spec.name)
        self._fault, self._attempts, self._well_since_s, self._back_s = "", 0, None, now_s
        return [Notice("device_back", now_ns, {"device": self.spec.name})]

    def _bad(self, due: list[str], now_ns: int) -> list[Sample]:
        samples = [Sample(point, now_ns, None, BAD, self._reason) for point in due]
        for sample in samples:
            self._last[sample.point] = sample
            self._count(sample)
        return samples

    def _count(self, sample: Sample) -> None:
        """Count a sample without value, and let the flight recorder keep what came before the first one."""
        self.bad[sample.reason] += 1
        if sample.reason not in AT_REST:
            self._flight.turned_bad(sample.t_ns // 1_000_000, self.spec.name, sample.point, sample.reason)

    def _trace(self, driver: Any, now_ns: int) -> None:
        try:
            octets = driver.trace()
        except Exception:  # it promised not to; the reading stands without
            log.exception("bus %s: %s can't tell what its wire brought: not asked again", self._bus, self.spec.name)
            self._traces = False
            return
        if octets:
            self._flight.note(now_ns // 1_000_000, self._place, octets)

    def close(self) -> None:
        """Close the driver, if one is at work."""
        driver, self._driver = self._driver, None
        if driver is not None:
            try:
                driver.close()
            except Exception:  # it promised not to; nothing more can be done for it
                log.exception("bus %s: %s failed while closing", self._bus, self.spec.name)

    def status(self) -> dict[str, Any]:
        """Return how the device is, for those who look after the box: open or why not, reads, failures by reason."""
        return {
            "device": self.spec.name,
            "driver": self.spec.driver_name,
            "points": list(self.spec.options),
            "is_open": self.is_open,
            "fault": self._fault,
            "reason": self._reason if self._fault else "",
            "reads": self.reads,
            "bad": dict(self.bad),
            "condition": self._asked("condition") or {},
        }

    def _asked(self, name: str, *words: str) -> Any:
        """Return what the driver says of itself on another thread than its bus's; None where it doesn't."""
        method = getattr(self._driver, name, None)
        try:
            return method(*words) if callable(method) else None
        except Exception:  # what is asked of the others must not fail with it
            log.exception("bus %s: %s can't say its %s", self._bus, self.spec.name, name)
            return None

    def explain(self, point: str, offset_ms: int = 0) -> dict[str, Any]:
        """Return what is known of a point on this side: device, options, last sample, raw bytes, fault, recording.

        `offset_ms` is UTC minus monotonic: the recording's instants are told in UTC.
        """
        recording = self._flight.recording(self.spec.name)
        last = self._last.get(point)
        return {
            "bus": self._bus,
            "device": self.spec.name,
            "driver": self.spec.driver_name,
            "options": without(self.spec.options[point]),
            "is_open": self.is_open,
            "fault": self._fault,
            "sample": None if last is None else msgspec.to_builtins(last),
            "raw": self._asked("raw", point) or "",
            "recording": None if recording is None else told(recording, offset_ms),
        }

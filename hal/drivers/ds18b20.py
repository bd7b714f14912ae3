"""DS18B20 probes and their relatives on the kernel's 1-Wire bus, through w1thermsensor.

The library finds the probe and its file; the nine bytes are judged here, because it raises the same error for a wrong
CRC, a line held low and a silent probe, and refuses every true 85 °C. For a conversion, 0.75 s at 12 bits, the bus's
thread waits: once for all probes of a tick where the kernel can do that (`hal.onewire`).
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from hal.decode.ds18b20 import (
    DS18S20,
    FAMILIES,
    POWER_ON_C,
    Outcome,
    bits_from_scratchpad,
    celsius_from_text,
    crc8,
    is_copy,
    scratchpad_from_text,
)
from hal.driver import DriverError
from hal.onewire import BULK, CONVERSION_S, OneWireBus
from hal.sample import BAD, UNCERTAIN, Channel, Notice, Sample

TRANSFER_S: Final = 0.03  # reset, address, nine bytes at 15 kbit/s, and the kernel's share
ONCE_MORE: Final = frozenset({"crc", "power_on_value"})  # what a spike on the line or a dip of the supply leaves
SAME_K: Final = 0.5  # two readings so close say the same
NEAR_K: Final = 2.0

_log = logging.getLogger(__name__)

_REASONS: Final[dict[int, str]] = {
    errno.ENOENT: "unplugged",
    errno.ENODEV: "unplugged",
    errno.EIO: "bus_error",
    errno.EACCES: "not_open",
}


class Ds18b20Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a 1-Wire temperature point."""

    probe: Annotated[
        str,
        Meta(
            pattern=f"^({'|'.join(FAMILIES)})-[0-9a-f]{{12}}$",
            description="the probe's folder on the bus, such as 28-3c01f0950a21 (`ls /sys/bus/w1/devices`): "
            "10 DS18S20, 22 DS1822, 28 DS18B20, 3b DS1825 or MAX31850 (thermocouple), 42 DS28EA00",
        ),
    ]
    resolution: (
        Annotated[
            int,
            Meta(
                ge=9, le=12, description="bits: 9 takes 0.1 s a reading, 12 takes 0.75 s; the probe's own where absent"
            ),
        ]
        | None
    ) = None
    slope_k_min: (
        Annotated[
            float,
            Meta(gt=0, description="K a minute: what moves faster is read again, and is UNCERTAIN suspect if it stays"),
        ]
        | None
    ) = None


class Ds18b20:
    """One probe."""

    bus_kind: ClassVar[str] = "onewire"
    Options: ClassVar[type[msgspec.Struct]] = Ds18b20Options
    one_each: ClassVar[tuple[str, ...]] = ("resolution",)

    @staticmethod
    def device(options: Ds18b20Options) -> str:
        """Return the probe's folder name."""
        return options.probe

    @staticmethod
    def channel(options: Ds18b20Options) -> Channel:
        """Return a gauge in degrees Celsius."""
        return Channel(kind="gauge", unit="Cel")

    @staticmethod
    def busy_s(options: Ds18b20Options) -> float:
        """Return the time of the transfer, and of the conversion where this probe can't share it (DS28EA00)."""
        return TRANSFER_S if options.probe[:2] in BULK else TRANSFER_S + _conversion_s(options)

    @staticmethod
    def shared_s(options: Ds18b20Options) -> float:
        """Return the time of the conversion: 0.75 s at 12 bits, half of it for each bit less."""
        return _conversion_s(options) if options.probe[:2] in BULK else 0.0

    def __init__(self, bus: OneWireBus, points: Mapping[str, Ds18b20Options]) -> None:
        """Keep the bus and the points; touch nothing yet."""
        self._bus = bus
        self._points = dict(points)
        options = next(iter(points.values()))
        self._probe = options.probe
        self._family = options.probe[:2]
        self._resolution = next((each.resolution for each in points.values() if each.resolution is not None), None)
        slopes = [each.slope_k_min for each in points.values() if each.slope_k_min is not None]
        self._slope_k_min = min(slopes, default=None)
        self._sensor: Any = None
        self._last = ""
        self._wire: list[str] = []
        self._was_bad = False
        self._before: tuple[float, int] | None = None  # °C and when, ns
        self._bits_asked_at: int | None = None
        self._is_copy = False
        self._state: str | None = None
        self._notices: list[Notice] = []

    def open(self) -> None:
        """Find the probe. Raises DriverError `unplugged` when the bus does not show it."""
        # Without it the import runs modprobe and waits a second for a bus that may not be there.
        os.environ["W1THERMSENSOR_NO_KERNEL_MODULE"] = "1"
        from w1thermsensor import NoSensorFoundError, Sensor, W1ThermSensor

        family, _, number = self._probe.partition("-")
        on_this_bus = type("ProbeOnThisBus", (W1ThermSensor,), {"BASE_DIRECTORY": self._bus.folder})
        try:
            self._sensor = on_this_bus(Sensor.from_id_string(family), number)
        except NoSensorFoundError as exc:
            raise self._error("unplugged", "the bus does not show it") from exc

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the temperature for each due point, or why there is none. Raises DriverError when it is unplugged."""
        if not due:
            return []
        if self._sensor is None:
            raise self._error("not_open", "not open")
        outcome = self._ask()
        if outcome[2] in ONCE_MORE and not self._was_bad:  # once, and not again at each reading of a probe that is ill
            outcome = self._ask()
        if outcome[2] == "power_on_value" and self._family == DS18S20 and self._was_hot():
            outcome = POWER_ON_C, UNCERTAIN, "suspect"
        self._was_bad = outcome[1] == BAD
        if outcome[0] is not None:
            outcome = self._plausible(outcome[0], outcome, now_ns)
            if outcome[0] is not None:
                self._before = outcome[0], now_ns
        self._look_at_bytes(now_ns)
        return [Sample(point, now_ns, *outcome) for point in due]

    def notices(self) -> list[Notice]:
        """Return and forget that this probe is a copy, said once."""
        notices, self._notices = self._notices, []
        return notices

    def state(self) -> str | None:
        """Return once that the probe was called a copy."""
        state, self._state = self._state, None
        return state

    def restore(self, state: str) -> None:
        """Take back what `state` gave before."""
        self._is_copy = "copy" in state

    def raw(self, point: str) -> str:
        """Return the line of the last reading with its nine bytes, for a person who asks why."""
        return self._last.partition("\n")[0]

    def trace(self) -> bytes:
        """Return what the kernel said since the last call, both lines of each reading; "-" for an empty file."""
        wire, self._wire = self._wire, []
        return "".join(text or "-\n" for text in wire).encode("ascii", "replace")

    def close(self) -> None:
        """Forget the probe; no file stays open between reads."""
        self._sensor = None

    def _ask(self) -> Outcome:
        try:
            # Its own get_raw_sensor_strings would hide the bytes of a bad reading and the number of an error.
            text = self._bus.text(self._probe, self._sensor.sensorpath)
        except OSError as exc:
            cause = f"{exc.strerror} (errno {exc.errno})"
            raise self._error(_REASONS.get(exc.errno or 0, "bus_error"), cause) from exc
        self._last = text
        self._wire.append(text)
        outcome = celsius_from_text(text, self._family)
        if outcome[2] == "no_answer" and self._bus.is_silent(self._probe):
            return None, BAD, "line_high"
        return outcome

    def _was_hot(self) -> bool:
        """Return whether the probe was near its power-on value before; a DS18S20 shows the same bytes for a true 85."""
        return self._before is not None and abs(self._before[0] - POWER_ON_C) <= NEAR_K

    def _plausible(self, celsius: float, outcome: Outcome, now_ns: int) -> Outcome:
        """Return the outcome; where it moved faster than can be, that of a second reading, in doubt if that agrees."""
        if self._slope_k_min is None or self._is_near(celsius, now_ns):
            return outcome
        again = self._ask()
        if again[0] is not None and self._is_near(again[0], now_ns):
            return again
        return celsius if again[0] is None else again[0], UNCERTAIN, "suspect"

    def _is_near(self, celsius: float, now_ns: int) -> bool:
        """Return whether the probe can have come here since the last reading."""
        was, was_ns = self._before or (celsius, now_ns)
        return abs(celsius - was) <= SAME_K + (self._slope_k_min or 0.0) * (now_ns - was_ns) / 60e9

    def _look_at_bytes(self, now_ns: int) -> None:
        """See by the bytes just read whether the probe has the resolution it should have, and whether it is genuine."""
        scratchpad = scratchpad_from_text(self._last)
        if scratchpad is None or crc8(scratchpad[:-1]) != scratchpad[-1]:
            return
        bits = bits_from_scratchpad(scratchpad, self._family)
        if self._resolution is not None and bits is not None:
            self._settle_resolution(bits)
        if not self._is_copy and not self._was_bad and is_copy(scratchpad, self._family):
            self._is_copy = True
            self._state = '{"copy":true}'
            self._notices.append(Notice("probe_copy", now_ns, {"device": self._probe, "bytes": scratchpad.hex(" ")}))

    def _settle_resolution(self, bits: int) -> None:
        """Ask for the resolution where it differs: it is gone with the supply, and a copy may not take it."""
        if bits == self._resolution:
            self._bits_asked_at = None
        elif self._bits_asked_at is None:
            self._bits_asked_at = bits
            # The library's own way needs a shell and root; the kernel's file needs the udev rule of the installation.
            try:
                self._bus.set_resolution(self._probe, self._resolution or bits)
            except OSError as exc:
                self._bits_asked_at = -bits  # said, and not asked again
                group = "add the user to group gpio and " if exc.errno in {errno.EACCES, errno.EPERM} else ""
                self._keeps(bits, f"{exc.strerror}; {group}check the rights of {self._probe}/resolution")
        elif self._bits_asked_at == bits:
            self._bits_asked_at = -bits
            self._keeps(bits, "it does not take another one")

    def _keeps(self, bits: int, why: str) -> None:
        _log.warning("%s keeps its resolution of %d bits: %s", self._probe, bits, why)

    def _error(self, reason: str, cause: str) -> DriverError:
        cure = "check plug and cable; vigie scan shows the probes that answer"
        return DriverError(f"probe {self._probe} in {self._bus.folder}: {cause}; {cure}", reason)


def _conversion_s(options: Ds18b20Options) -> float:
    bits = 12 if options.probe[:2] == DS18S20 else options.resolution or 12
    return float(CONVERSION_S * 0.5 ** (12 - bits))

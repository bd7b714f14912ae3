"""DS18B20, DS1822 and DS18S20 probes on the kernel's 1-Wire bus, through w1thermsensor.

The library finds the probe and its file; the nine bytes are judged here, because it raises the same error for a wrong
CRC, a line held low and a silent probe, and refuses every true 85 °C. Each read takes a conversion, 0.75 s at 12 bits,
during which the bus's thread waits.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from hal.decode.ds18b20 import celsius_from_text
from hal.driver import DriverError
from hal.sample import Channel, Sample

CONVERSION_S: Final = 0.75  # data sheet: the most that 12 bits take
TRANSFER_S: Final = 0.03  # reset, address, nine bytes at 15 kbit/s, and the kernel's share

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
            pattern="^(10|22|28)-[0-9a-f]{12}$",
            description="the probe's folder on the bus, such as 28-3c01f0950a21 (`ls /sys/bus/w1/devices`)",
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


class Ds18b20:
    """One probe."""

    bus_kind: ClassVar[str] = "onewire"
    Options: ClassVar[type[msgspec.Struct]] = Ds18b20Options

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
        """Return the time of a conversion and of the transfer: 0.78 s at 12 bits, half of it for each bit less."""
        return CONVERSION_S * 0.5 ** (12 - (options.resolution or 12)) + TRANSFER_S

    def __init__(self, bus: Path, points: Mapping[str, Ds18b20Options]) -> None:
        """Keep the folder of the bus and the points; touch nothing yet."""
        self._folder = bus
        self._points = dict(points)
        options = next(iter(points.values()))
        self._probe = options.probe
        self._resolution = options.resolution
        self._sensor: Any = None
        self._last = ""

    def open(self) -> None:
        """Find the probe. Raises DriverError `unplugged` when the bus does not show it."""
        # Without it the import runs modprobe and waits a second for a bus that may not be there.
        os.environ["W1THERMSENSOR_NO_KERNEL_MODULE"] = "1"
        from w1thermsensor import NoSensorFoundError, Sensor, W1ThermSensor

        family, _, number = self._probe.partition("-")
        on_this_bus = type("ProbeOnThisBus", (W1ThermSensor,), {"BASE_DIRECTORY": self._folder})
        try:
            self._sensor = on_this_bus(Sensor.from_id_string(family), number)
        except NoSensorFoundError as exc:
            raise self._error("unplugged", "the bus does not show it") from exc
        self._set_resolution()

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the temperature for each due point, or why there is none. Raises DriverError when it is unplugged."""
        if not due:
            return []
        if self._sensor is None:
            raise self._error("not_open", "not open")
        try:
            # Its own get_raw_sensor_strings would hide the bytes of a bad reading and the number of an error.
            text = self._sensor.sensorpath.read_text(encoding="ascii", errors="replace")
        except OSError as exc:
            cause = f"{exc.strerror} (errno {exc.errno})"
            raise self._error(_REASONS.get(exc.errno or 0, "bus_error"), cause) from exc
        self._last = text
        outcome = celsius_from_text(text, self._probe[:2])
        return [Sample(point, now_ns, *outcome) for point in due]

    def raw(self, point: str) -> str:
        """Return the line of the last reading with its nine bytes, for a person who asks why."""
        return self._last.partition("\n")[0]

    def close(self) -> None:
        """Forget the probe; no file stays open between reads."""
        self._sensor = None

    def _set_resolution(self) -> None:
        # The library's own way needs a shell and root; the kernel's file needs the udev rule of the installation.
        if self._resolution is None:
            return
        file = self._sensor.sensorpath.with_name("resolution")
        try:
            if file.read_text(encoding="ascii").strip() != str(self._resolution):
                file.write_text(f"{self._resolution}\n", encoding="ascii")
        except OSError as exc:
            _log.warning("DS18B20 %s keeps its resolution: %s; check the rights of %s", self._probe, exc.strerror, file)

    def _error(self, reason: str, cause: str) -> DriverError:
        cure = "check plug and cable (ls shows the probes that answer)"
        return DriverError(f"DS18B20 {self._probe} in {self._folder}: {cause}; {cure}", reason)

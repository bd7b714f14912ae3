"""SHT30, SHT31 and SHT35 temperature and humidity sensors on I2C, through smbus2.

One command, then six bytes: while it measures (at most 15 ms) the sensor does not acknowledge, which smbus2 reports as
the same OSError as an absent one. So the write tells who is absent, and only the read is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode import sht3x
from hal.driver import DriverError
from hal.drivers.i2c_chip import I2cChip
from hal.sample import BAD, GOOD, Channel, Sample

MEASURING_S: Final = 0.0125  # data sheet: 12.5 ms typical, 15.5 ms at most
TRIES: Final = 8
TRY_EACH_S: Final = 0.001


class Sht3xOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on an SHT3x; two points give its temperature and its humidity."""

    address: Annotated[int, Meta(ge=0x44, le=0x45, description="0x44, or 0x45 with pin ADDR high")] = 0x44
    channel: Annotated[Literal["temperature", "humidity"], Meta(description="in Cel or in %RH")]


class Sht3x:
    """One sensor, measured once a read for all its due points."""

    bus_kind: ClassVar[str] = "i2c"
    Options: ClassVar[type[msgspec.Struct]] = Sht3xOptions

    @staticmethod
    def device(options: Sht3xOptions) -> str:
        """Return its address, such as 0x44."""
        return f"0x{options.address:02x}"

    @staticmethod
    def channel(options: Sht3xOptions) -> Channel:
        """Return a gauge in degrees Celsius or % relative humidity."""
        return Channel(kind="gauge", unit="Cel" if options.channel == "temperature" else "%RH")

    @staticmethod
    def busy_s(options: Sht3xOptions) -> float:
        """Return the time of a measurement, waited for on the bus."""
        return MEASURING_S + TRIES * TRY_EACH_S

    @staticmethod
    def measurement(options: Sht3xOptions) -> str:
        """Return "air": temperature and humidity come from one measurement."""
        return "air"

    def __init__(self, bus: Any, points: Mapping[str, Sht3xOptions]) -> None:
        """Keep the open bus and the points; touch nothing yet."""
        self._points = dict(points)
        self._chip = I2cChip("SHT3x", bus, next(iter(points.values())).address)
        self._last = b""

    def open(self) -> None:
        """Measure once, so that an absent sensor is named at the start. Raises DriverError."""
        self._measure()

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the due points' samples of one measurement; a word with a wrong CRC is BAD alone."""
        if not due:
            return []
        self._last = self._measure()
        temperature, humidity = sht3x.words(self._last)
        return [
            self._sample(point, now_ns, temperature if self._points[point].channel == "temperature" else humidity)
            for point in due
        ]

    def raw(self, point: str) -> str:
        """Return the six bytes of the last measurement, for a person who asks why."""
        return self._last.hex(" ")

    def trace(self) -> bytes:
        """Return the bytes of the measurements since the last call."""
        return self._chip.trace()

    def close(self) -> None:
        """Nothing to give back: the bus belongs to all."""

    def _sample(self, point: str, now_ns: int, word: int | None) -> Sample:
        if word is None:
            return Sample(point, now_ns, None, BAD, "crc")
        if self._points[point].channel == "humidity":
            return Sample(point, now_ns, sht3x.relative_humidity(word), GOOD)
        celsius = sht3x.celsius(word)
        if not sht3x.LOW_C <= celsius <= sht3x.HIGH_C:
            return Sample(point, now_ns, None, BAD, "out_of_range")
        return Sample(point, now_ns, celsius, GOOD)

    def _measure(self) -> bytes:
        chip = self._chip
        chip.set_register(sht3x.SINGLE_SHOT[0], bytes(sht3x.SINGLE_SHOT[1:]))
        chip.pace.sleep(MEASURING_S)
        for _ in range(TRIES - 1):  # counted: on a machine under load a rest may last as long as all of them
            try:
                return chip.receive(sht3x.LENGTH)
            except DriverError:
                chip.pace.sleep(TRY_EACH_S)
        return chip.receive(sht3x.LENGTH)

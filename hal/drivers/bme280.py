"""BME280 (temperature, pressure, humidity) and BMP280 (without humidity) on I2C, through smbus2.

Each reading is one forced measurement with its own settings; the coefficients are read when it is opened, together with
the chip's own number, since chips sold as one are often the other, and other chips live at the same addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode import bme280
from hal.decode.bme280 import Coefficients, Counts
from hal.decode.i2c_addresses import chip_by_id
from hal.driver import DriverError
from hal.drivers.i2c_chip import I2cChip
from hal.sample import BAD, GOOD, Channel, Quality, Sample

UNITS: Final = {"temperature": "Cel", "humidity": "%RH", "pressure": "hPa"}
TRANSFERS_S: Final = 0.0030  # settings, one look, eight bytes at 100 kHz, and waking up
SPARE_S: Final = 0.020


class Bme280Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on a BME280 or BMP280; up to three points share it."""

    address: Annotated[int, Meta(ge=0x76, le=0x77, description="0x76, or 0x77 with pin SDO high")] = 0x76
    channel: Annotated[
        Literal["temperature", "humidity", "pressure"],
        Meta(description="in Cel, %RH (not on a BMP280) or hPa as it is there, not reduced to sea level"),
    ]
    oversampling: Annotated[Literal[1, 2, 4, 8, 16], Meta(description="measured so often and averaged by the chip")] = 1


class Bme280:
    """One sensor, measured once a read for all its due points."""

    bus_kind: ClassVar[str] = "i2c"
    Options: ClassVar[type[msgspec.Struct]] = Bme280Options

    @staticmethod
    def device(options: Bme280Options) -> str:
        """Return its address, such as 0x76."""
        return f"0x{options.address:02x}"

    @staticmethod
    def channel(options: Bme280Options) -> Channel:
        """Return a gauge in degrees Celsius, % relative humidity or hPa."""
        return Channel(kind="gauge", unit=UNITS[options.channel])

    @staticmethod
    def busy_s(options: Bme280Options) -> float:
        """Return the time of a measurement and of its transfers."""
        return bme280.measuring_s(options.oversampling, has_humidity=True) + TRANSFERS_S

    @staticmethod
    def measurement(options: Bme280Options) -> str:
        """Return its settings: points that have the same share a measurement."""
        return f"{options.oversampling}"

    def __init__(self, bus: Any, points: Mapping[str, Bme280Options]) -> None:
        """Keep the open bus and the points; touch nothing yet."""
        self._points = dict(points)
        self._chip = I2cChip("BME280", bus, next(iter(points.values())).address)
        self._id = 0
        self._coefficients: Coefficients | None = None
        self._last = b""

    def open(self) -> None:
        """Ask who it is and for its coefficients. Raises DriverError, `wrong_device` when another chip answers."""
        chip = self._chip
        self._coefficients = None
        self._id = chip.register(bme280.ID_REGISTER, 1)[0]
        if self._id in bme280.EARLY_BMP280:
            self._id = bme280.ID_BMP280
        has_humidity = self._id == bme280.ID_BME280
        if self._id not in bme280.MEASURED_LENGTH:
            found = chip_by_id(self._id)
            raise chip.error(
                f"{found} answers (id 0x{self._id:02x}); a BME280 says 0x60, a BMP280 0x58: check which one is fitted",
                "wrong_device",
            )
        if not has_humidity and all(options.channel == "humidity" for options in self._points.values()):
            raise chip.error("a BMP280 answers, which has no humidity; fit a BME280", "wrong_device")
        try:
            self._coefficients = bme280.coefficients(
                chip.register(*bme280.CALIBRATION),
                chip.register(*bme280.CALIBRATION_HUMIDITY) if has_humidity else b"",
            )
        except ValueError as exc:
            raise chip.error(f"{exc}; check wiring and pull-ups, or the chip is damaged", "crc") from exc

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the due points' samples of one measurement. Raises DriverError when the chip does not answer."""
        if not due:
            return []
        if self._coefficients is None:
            raise self._chip.error("not open; it is tried again", "not_open")
        samples = []
        for oversampling in sorted({self._points[point].oversampling for point in due}):
            counts = self._measure(oversampling)
            samples += [
                Sample(point, now_ns, *self._outcome(self._points[point].channel, counts, self._coefficients))
                for point in due
                if self._points[point].oversampling == oversampling
            ]
        return samples

    def raw(self, point: str) -> str:
        """Return the registers of the last measurement from 0xf7 on."""
        return self._last.hex(" ")

    def trace(self) -> bytes:
        """Return what the chip answered since the last call."""
        return self._chip.trace()

    def close(self) -> None:
        """Nothing to give back: the bus belongs to all."""

    def _outcome(self, channel: str, counts: Counts, found: Coefficients) -> tuple[float | None, Quality, str]:
        if channel == "humidity" and not found.h:
            return None, BAD, "not_offered"
        if counts.temperature is None:
            return None, BAD, "power_on_value"
        fine = bme280.fine_temperature(counts.temperature, found)
        value: float | None
        low, high = bme280.RANGE_C
        if not low <= bme280.celsius(fine) <= high:  # which corrects the others: all zeros would be 0 % of humidity
            return None, BAD, "out_of_range"
        if channel == "temperature":
            return bme280.celsius(fine), GOOD, ""
        if channel == "humidity":
            if counts.humidity is None:
                return None, BAD, "power_on_value"
            value, (low, high) = bme280.relative_humidity(counts.humidity, fine, found), (0.0, 100.0)
        else:
            if counts.pressure is None:
                return None, BAD, "power_on_value"
            pascal = bme280.pascal(counts.pressure, fine, found)
            value, (low, high) = None if pascal is None else round(pascal / 100, 4), bme280.RANGE_HPA
        if value is None or not low <= value <= high:
            return None, BAD, "out_of_range"
        return value, GOOD, ""

    def _measure(self, oversampling: int) -> Counts:
        chip = self._chip
        has_humidity = self._id == bme280.ID_BME280
        code = bme280.OVERSAMPLING[oversampling]
        if has_humidity:
            chip.set_register(bme280.CTRL_HUM, bytes((code,)))  # takes effect with the next CTRL_MEAS only
        chip.set_register(bme280.CTRL_MEAS, bytes((code << 5 | code << 2 | bme280.FORCED,)))
        takes_s = bme280.measuring_s(oversampling, has_humidity=has_humidity)
        give_up_s = chip.pace.monotonic_s() + takes_s + SPARE_S
        chip.pace.sleep(takes_s)
        while chip.register(bme280.STATUS, 1)[0] & bme280.IS_MEASURING:
            if chip.pace.monotonic_s() >= give_up_s:
                raise chip.error("a measurement does not end; check its supply", "never_ready")
            chip.pace.sleep(takes_s / 10)
        self._last = chip.register(bme280.MEASURED, bme280.MEASURED_LENGTH[self._id])
        try:
            return bme280.counts(self._last)
        except ValueError as exc:
            raise DriverError(f"{chip.name}: {exc}; check wiring and pull-ups", "bus_error") from exc

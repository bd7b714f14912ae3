"""Simulated sensors of the air and of light on an I2C bus: BME280 and BMP280, SCD4x, BH1750.

They answer as the data sheets say, wrong moments included: refused commands, measurements that are not there yet.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from typing import Final

from hal.decode import bh1750, bme280, scd4x
from hal.decode.sht3x import words_with_crc
from hal.fake.i2c import refusal
from hal.pace import MACHINE, Pace

# the worked example of the BMP280's data sheet (§3.12); humidity as usual chips have it
T: Final = (27504, 26435, -1000)
P: Final = (36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
H: Final = (75, 361, 0, 325, 50, 30)


def _searched(wanted: float, value_of: Callable[[int], float], most: int) -> int:
    """Return the number from 0 to `most` whose value, which rises with it, comes nearest from above."""
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if value_of(middle) >= wanted else (middle + 1, high)
    return low


class Bme280Chip:
    """A BME280, or by its `number` another chip of its maker, with settable air. With a `pace` it takes its time."""

    def __init__(
        self,
        temperature_c: float = 20.0,
        humidity: float = 50.0,
        pressure_hpa: float = 1013.25,
        *,
        number: int = bme280.ID_BME280,
        pace: Pace | None = None,
    ) -> None:
        self.temperature_c = temperature_c
        self.humidity = humidity
        self.pressure_hpa = pressure_hpa
        self.registers = bytearray(256)
        self.registers[bme280.ID_REGISTER] = number
        self.registers[0x88:0xA0] = struct.pack("<HhhH8h", *T, *P)
        if number == bme280.ID_BME280:
            h1, h2, h3, h4, h5, h6 = H
            self.registers[0xA1] = h1
            self.registers[0xE1:0xE8] = struct.pack("<hBbBbb", h2, h3, h4 >> 4, h4 & 15 | (h5 & 15) << 4, h5 >> 4, h6)
        self._found = bme280.Coefficients(T, P, H)
        self._has_humidity = number == bme280.ID_BME280
        self._pace = pace
        self._done_s = 0.0
        self._pointer = 0
        self.power_up()

    def power_up(self) -> None:
        """Forget settings and measurement, as after a loss of the supply."""
        self.registers[0xF2:0xF8] = bytes(6)
        self.registers[bme280.MEASURED : bme280.MEASURED + 8] = b"\x80\x00\x00\x80\x00\x00\x80\x00"

    def write(self, octets: bytes) -> None:
        """Take a register's number and perhaps a byte for it."""
        self._pointer = octets[0]
        if len(octets) == 2 and self._pointer in {bme280.CTRL_HUM, bme280.CTRL_MEAS, bme280.CONFIG}:
            self.registers[self._pointer] = octets[1]
            if self._pointer == bme280.CTRL_MEAS and octets[1] & 3 == bme280.FORCED:
                self._measure()

    def read(self, length: int) -> bytes:
        """Return the registers from the one named last on."""
        is_measuring = self._pace is not None and self._pace.monotonic_s() < self._done_s
        self.registers[bme280.STATUS] = bme280.IS_MEASURING if is_measuring else 0
        return bytes(self.registers[self._pointer : self._pointer + length])

    def _measure(self) -> None:
        often = {code: times for times, code in bme280.OVERSAMPLING.items()}
        times = often.get(self.registers[bme280.CTRL_MEAS] >> 5, 0)
        if self._pace is not None:
            self._done_s = self._pace.monotonic_s() + bme280.measuring_s(times, has_humidity=self._has_humidity)
        found, fine = self._found, round(self.temperature_c * 5120)
        t = _searched(fine, lambda adc: bme280.fine_temperature(adc, found), 0xFFFFF)
        p = _searched(-self.pressure_hpa * 100, lambda adc: -(bme280.pascal(adc, fine, found) or 0.0), 0xFFFFF)
        octets = (p << 4).to_bytes(3, "big") + (t << 4).to_bytes(3, "big")
        if self._has_humidity and self.registers[bme280.CTRL_HUM]:
            h = _searched(self.humidity, lambda adc: bme280.relative_humidity(adc, fine, found), 0xFFFF)
            octets += h.to_bytes(2, "big")
        self.registers[bme280.MEASURED : bme280.MEASURED + len(octets)] = octets


class Scd4xChip:
    """An SCD4x with settable air, by the time of `pace`: silent for a second after power-up, then each 5 s a value."""

    def __init__(
        self, co2_ppm: float = 800.0, temperature_c: float = 21.0, humidity: float = 45.0, *, pace: Pace = MACHINE
    ) -> None:
        self.co2_ppm = co2_ppm
        self.temperature_c = temperature_c
        self.humidity = humidity
        self.serial = (0xF896, 0x9F07, 0x3BBE)
        self.corrupt_at: int | None = None
        """Place of a byte that arrives damaged, in whatever is read."""
        self.set_to: dict[bytes, int] = {}
        """What was set by which command."""
        self._pace = pace
        self._answer = b""
        self._up_s = float("-inf")
        self._due_s: float | None = None  # of the next measurement; None: it does not measure

    def power_up(self) -> None:
        """Lose the supply for a moment."""
        self._up_s, self._due_s, self._answer = self._pace.monotonic_s() + scd4x.POWER_UP_S, None, b""

    def write(self, octets: bytes) -> None:
        """Take a command; refuse what can't be asked now."""
        now_s = self._pace.monotonic_s()
        command, rest = octets[:2], octets[2:]
        is_refused = self._due_s is not None and command in {scd4x.START, scd4x.SERIAL, scd4x.SET_ALTITUDE}
        if now_s < self._up_s or is_refused:
            raise refusal(errno.EREMOTEIO)
        self._answer = b""
        if command == scd4x.STOP:
            self._due_s, self._up_s = None, now_s + scd4x.STOPS_AFTER_S
        elif command == scd4x.START:
            self._due_s = now_s + scd4x.EACH_S
        elif command == scd4x.SERIAL:
            self._answer = words_with_crc(*self.serial)
        elif command == scd4x.IS_READY:
            self._answer = words_with_crc(0x8006 if self._is_ready(now_s) else 0x8000)
        elif command == scd4x.READ and self._is_ready(now_s):
            self._due_s = (self._due_s or 0.0) + scd4x.EACH_S * ((now_s - (self._due_s or 0.0)) // scd4x.EACH_S + 1)
            self._answer = scd4x.measurement_from(self.co2_ppm, self.temperature_c, self.humidity)
        elif command in {scd4x.SET_ALTITUDE, scd4x.SET_PRESSURE}:
            (self.set_to[command],) = (word or 0 for word in scd4x.words(rest, 1))

    def read(self, length: int) -> bytes:
        """Return the answer, once; refused while there is none."""
        if not self._answer:
            raise refusal(errno.EREMOTEIO)
        answer, self._answer = bytearray(self._answer[:length]), b""
        if self.corrupt_at is not None and self.corrupt_at < len(answer):
            answer[self.corrupt_at] ^= 0x04
        return bytes(answer)

    def _is_ready(self, now_s: float) -> bool:
        return self._due_s is not None and now_s >= self._due_s


class Bh1750Chip:
    """A BH1750 in settable light. Without supply in between it shows darkness, as the real one does."""

    def __init__(self, lux: float = 300.0) -> None:
        self.lux = lux
        self.power_up()

    def power_up(self) -> None:
        """Forget the measuring time and the measurement."""
        self._is_awake = False
        self._time = bh1750.USUAL_TIME
        self._octets = bytes(2)

    def write(self, octets: bytes) -> None:
        """Take one command."""
        command = octets[0]
        if command == bh1750.POWER_ON:
            self._is_awake = True
        elif command & 0xF8 == 0x40:
            self._time = (command & 0x07) << 5 | self._time & 0x1F
        elif command & 0xE0 == 0x60:
            self._time = self._time & 0xE0 | command & 0x1F
        elif command == bh1750.ONCE_HIGH_RESOLUTION and self._is_awake:
            self._is_awake = False
            self._octets = bh1750.octets_from(self.lux, self._time)

    def read(self, length: int) -> bytes:
        """Return the measurement."""
        return self._octets[:length]

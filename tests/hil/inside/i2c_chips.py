"""The registers and answers of the chips that i2c_sim holds as plain memory. Runs in the guest.

They are those of the simulators in hal.fake, which answer as the data sheets say.
"""

from __future__ import annotations

from hal.decode import bh1750, bme280, ina219, scd4x
from hal.decode.sht3x import words_with_crc
from hal.fake.i2c_air import Bme280Chip
from tests.hil.inside.chips import I2cSim

BME280, INA219, BH1750, SCD4X = 0x76, 0x40, 0x23, 0x62
ID_BME680 = 0x61


def put_bme280(i2c: I2cSim, number: int = bme280.ID_BME280, *, measured: bool = True) -> None:
    """Put a BME280 at 21.5 °C, 40 %RH and 1013.25 hPa there, or by its number another chip of its maker."""
    chip = Bme280Chip(21.5, 40.0, 1013.25, number=number)
    if measured:
        chip.write(bytes((bme280.CTRL_HUM, 1)))
        chip.write(bytes((bme280.CTRL_MEAS, 0x25)))
    chip.registers[bme280.STATUS] = 0
    i2c.set(bytes=f"{BME280:x} 0 {bytes(chip.registers).hex()}")


def put_ina219(i2c: I2cSim, volt: float = 12.0, ampere: float = 1.0, *, ready: bool = True) -> None:
    """Put an INA219 with a shunt of 0.1 Ω there."""
    shunt, bus = ina219.registers_from(ampere * 0.1, volt, 320)
    if not ready:
        bus = bytes((bus[0], bus[1] & ~2))
    for number, octets in ((0, bytes.fromhex("399f")), (ina219.SHUNT, shunt), (ina219.BUS, bus)):
        i2c.set(words=f"{INA219:x} {number:x} {octets.hex()}")


def put_bh1750(i2c: I2cSim, lux: float | None = 320.0) -> None:
    """Put a BH1750 there; None for light above its range."""
    octets = b"\xff\xff" if lux is None else bh1750.octets_from(lux)
    i2c.set(answers=f"{BH1750:x} 0 {octets.hex()}")


def put_scd4x(i2c: I2cSim, damaged: int | None = None) -> None:
    """Put an SCD4x at 800 ppm there that has always a new measurement; `damaged` is the place of a byte."""
    octets_there = bytearray(scd4x.measurement_from(800.0, 21.0, 45.0))
    if damaged is not None:
        octets_there[damaged] ^= 0x04
    answers = {
        scd4x.SERIAL: words_with_crc(0xF896, 0x9F07, 0x3BBE),
        scd4x.IS_READY: words_with_crc(0x8006),
        scd4x.READ: bytes(octets_there),
    }
    for command, octets in answers.items():
        i2c.set(commands=f"{SCD4X:x} {command.hex()} {octets.hex()}")


def put_all(i2c: I2cSim) -> None:
    """Put every chip there in health; the ADS1115 has 1 V and a loop of 4 mA on 150 Ω."""
    i2c.set(ain_uv="1000000,600000,0,0")
    put_bme280(i2c)
    put_ina219(i2c)
    put_bh1750(i2c)
    put_scd4x(i2c)

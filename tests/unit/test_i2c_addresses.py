"""Who may answer at an I2C address, asked of the simulated chips: one name where it can be told, else all who may."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hal import drivers
from hal.decode.i2c_addresses import KNOWN, Question, candidates, told
from hal.drivers.i2c_chip import I2cChip
from hal.fake.i2c import Ads1115Chip, Chip, FakeI2c, Sht3xChip
from hal.fake.i2c_air import Bh1750Chip, Bme280Chip, Scd4xChip
from hal.fake.i2c_cabinet import Ds3231Chip, Ina219Chip


def asking(chip: Chip) -> Callable[[Question], bytes]:
    def ask(question: Question) -> bytes:
        try:
            chip.write(question.write)
            return chip.read(question.length)
        except OSError:
            return b""

    return ask


@pytest.mark.parametrize(
    ("address", "chip", "names"),
    [
        (0x76, Bme280Chip(), ["BME280"]),
        (0x77, Bme280Chip(number=0x58), ["BMP280"]),
        (0x77, Bme280Chip(number=0x55), ["BMP180"]),
        (0x76, Bme280Chip(number=0x61), ["BME680"]),
        (0x62, Scd4xChip(), ["SCD40 or SCD41"]),
        (0x44, Sht3xChip(), ["SHT3x"]),
        (0x40, Ina219Chip(), ["INA219"]),
        (0x49, Ads1115Chip(), ["INA219", "ADS1115"]),  # neither has a number of its own
        (0x23, Bh1750Chip(), ["BH1750"]),
        (0x68, Ds3231Chip(), ["DS3231"]),
        (0x10, Ds3231Chip(), []),
    ],
)
def test_who_it_is(address: int, chip: Chip, names: list[str]) -> None:
    assert [candidate.name for candidate in told(address, asking(chip))] == names


@pytest.mark.parametrize("answer", [b"", b"\x00", b"\xff" * 9, bytes(9)])
def test_an_answer_that_is_none_names_nobody_who_has_a_number(answer: bytes) -> None:
    for address in range(0x08, 0x78):
        assert all(candidate.question is None for candidate in told(address, lambda _question: answer[:9]))


def test_every_driver_on_i2c_is_in_the_table_at_the_addresses_that_it_takes() -> None:
    on_i2c = {name for name in drivers.BUILT_IN if drivers.load(name).bus_kind == "i2c"}
    assert {candidate.driver for candidate in KNOWN} - {""} <= on_i2c
    assert on_i2c - {candidate.driver for candidate in KNOWN} <= {"clamp", "display"}  # an ADS1115 by another driver


def test_those_that_can_be_told_are_asked_first() -> None:
    assert [candidate.question is None for candidate in candidates(0x44)] == [False, False, True]


def test_a_chip_at_the_bus_hands_over_what_it_read() -> None:
    chip = I2cChip("BME280", FakeI2c({0x76: Bme280Chip()}), 0x76)
    chip.register(0xD0, 1)
    assert (chip.trace(), chip.trace()) == (b"\x60", b"")

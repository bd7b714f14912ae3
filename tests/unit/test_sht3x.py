"""SHT3x: Sensirion's CRC and conversion, one word bad alone, and a sensor that is still measuring or absent."""

from __future__ import annotations

import errno
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.decode import sht3x
from hal.driver import DriverError
from hal.drivers.sht3x import Sht3x
from hal.fake.i2c import FakeI2c, Sht3xChip
from hal.sample import BAD, GOOD, Sample
from tests.support import about, shared_data


def points(**keys: Any) -> dict[str, Any]:
    return {
        short: msgspec.convert({"channel": channel, **keys}, Sht3x.Options)
        for short, channel in (("t", "temperature"), ("h", "humidity"))
    }


def opened(bus: FakeI2c) -> Sht3x:
    driver = Sht3x(bus, points())
    driver.open()
    return driver


def test_crc_is_that_of_the_data_sheet() -> None:
    assert sht3x.crc8(b"\xbe\xef") == 0x92
    assert sht3x.crc8(b"") == 0xFF


def test_every_vector_converts() -> None:
    cases = json.loads(shared_data("vectors", "i2c", "vectors.json").read_text(encoding="utf-8"))
    frames = [case for case in cases if case["device"] == "SHT3x" and "frame" in case]
    assert len(frames) >= 4
    for case in frames:
        temperature, humidity = sht3x.words(bytes.fromhex(case["frame"]))
        assert temperature is not None
        assert humidity is not None
        assert sht3x.celsius(temperature) == pytest.approx(case["temperature_degC"], abs=0.001)
        assert sht3x.relative_humidity(humidity) == pytest.approx(case["humidity_pct"], abs=0.001)


@pytest.mark.parametrize("frame", [b"", b"\x66", b"\x66\x66", b"\x66\x66\x93", bytes.fromhex("6666938000")])
def test_a_short_frame_has_no_word_where_bytes_are_missing(frame: bytes) -> None:
    temperature, humidity = sht3x.words(frame)
    assert humidity is None
    assert temperature == (0x6666 if len(frame) >= 3 else None)


@given(st.floats(-45, 130), st.floats(0, 100))
def test_what_a_sensor_sends_comes_back(temperature_c: float, humidity: float) -> None:
    temperature_word, humidity_word = sht3x.words(sht3x.frame_from(temperature_c, humidity))
    assert temperature_word is not None
    assert humidity_word is not None
    assert sht3x.celsius(temperature_word) == pytest.approx(temperature_c, abs=0.0014)
    assert sht3x.relative_humidity(humidity_word) == pytest.approx(humidity, abs=0.0008)


@given(st.integers(0, 47))
def test_one_flipped_bit_takes_its_word_and_leaves_the_other(bit: int) -> None:
    frame = bytearray(sht3x.frame_from(-10.5, 45))
    frame[bit // 8] ^= 1 << bit % 8
    assert [word is None for word in sht3x.words(bytes(frame))] == [bit < 24, bit >= 24]


def test_temperature_and_humidity_come_from_one_measurement() -> None:
    driver = opened(FakeI2c({0x44: Sht3xChip(-10.5, 45.0)}))
    temperature, humidity = driver.read(["t", "h"], 9)
    assert temperature == Sample("t", 9, about(-10.5, 0.002), GOOD)
    assert humidity == Sample("h", 9, about(45.0, 0.002), GOOD)
    assert [Sht3x.channel(options).unit for options in points().values()] == ["Cel", "%RH"]


def test_a_damaged_word_is_bad_alone() -> None:
    chip = Sht3xChip(20.0, 50.0)
    driver = opened(FakeI2c({0x44: chip}))
    chip.corrupt_at = 1
    temperature, humidity = driver.read(["t", "h"], 1)
    assert temperature == Sample("t", 1, None, BAD, "crc")
    assert humidity.quality == GOOD


@pytest.mark.parametrize("celsius", [-45.0, 130.0])
def test_the_ends_of_the_scale_are_a_broken_sensor(celsius: float) -> None:
    driver = opened(FakeI2c({0x44: Sht3xChip(celsius, 50.0)}))
    assert driver.read(["t"], 1) == [Sample("t", 1, None, BAD, "out_of_range")]


def test_a_sensor_that_is_still_measuring_is_asked_again() -> None:
    driver = opened(FakeI2c({0x44: Sht3xChip(20.0, 50.0, refused_reads=3)}))
    assert driver.read(["t"], 1)[0].quality == GOOD


def test_a_sensor_that_never_gets_ready_is_no_answer() -> None:
    driver = Sht3x(FakeI2c({0x44: Sht3xChip(refused_reads=10**9)}), points())
    with pytest.raises(DriverError, match="no answer") as caught:
        driver.open()
    assert caught.value.reason == "no_answer"


def test_an_absent_sensor_is_named_with_cause_and_cure() -> None:
    with pytest.raises(DriverError) as caught:
        Sht3x(FakeI2c(), points()).open()
    assert str(caught.value) == "SHT3x at 0x44 on i2c-1: no answer (errno 121); check wiring and pull-ups"
    assert caught.value.reason == "no_answer"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EREMOTEIO, "no_answer"),
        (errno.ENXIO, "no_answer"),
        (errno.ETIMEDOUT, "bus_stuck"),
        (errno.EIO, "bus_error"),
        (errno.EAGAIN, "arbitration"),
        (errno.ENODEV, "unplugged"),
        (errno.EPERM, "bus_error"),
    ],
)
def test_each_error_of_the_bus_has_its_reason(number: int, reason: str) -> None:
    bus = FakeI2c({0x44: Sht3xChip()})
    driver = opened(bus)
    bus.fail(number)
    with pytest.raises(DriverError, match=f"errno {number}") as caught:
        driver.read(["t"], 1)
    assert caught.value.reason == reason
    bus.fail(0)
    assert driver.read(["t"], 2)[0].quality == GOOD


@pytest.mark.parametrize("keys", [{"address": 0x43}, {"address": 0x46}, {"channel": "dew"}, {"adress": 0x44}])
def test_what_the_sensor_cannot_be_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"channel": "temperature", **keys}, Sht3x.Options)

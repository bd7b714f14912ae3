"""The nine bytes of a 1-Wire probe, and each outcome of the kernel's driver, end to end through w1thermsensor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.decode.ds18b20 import (
    celsius_from_scratchpad,
    celsius_from_text,
    crc8,
    scratchpad_from_celsius,
    text_from_scratchpad,
)
from hal.driver import DriverError
from hal.drivers.ds18b20 import Ds18b20, Ds18b20Options
from hal.fake.onewire import FAULTS, FakeOneWire
from hal.sample import BAD, GOOD, UNCERTAIN, Sample
from tests.support import shared_data

PROBE = "28-3c01f0950a21"
REASONS = {
    "85 degC power-on value (byte6=0x0c)": "power_on_value",
    "127.94 insufficient power": "weak_supply",
    "all zero, CRC says YES": "line_low",
    "all ff, CRC NO": "line_high",
    "CRC mismatch": "crc",
    "empty file": "no_answer",
    "one line only": "crc",
}


def with_crc(text: str) -> bytes:
    octets = bytes.fromhex(text)
    return octets + bytes((crc8(octets),))


def test_crc_is_that_of_the_makers_application_note() -> None:
    assert crc8(bytes.fromhex("021cb801000000")) == 0xA2
    assert crc8(b"") == 0


def test_every_vector_gives_its_value_or_its_reason() -> None:
    cases = json.loads(shared_data("vectors", "onewire", "w1_slave_cases.json").read_text(encoding="utf-8"))
    for case in cases:
        family = "10" if "family 10" in case["name"] else "28"
        value, quality, reason = celsius_from_text(case["w1_slave"], family)
        if isinstance(case["expect"], float):
            assert value == pytest.approx(case["expect"], abs=0.001), case["name"]
            assert (quality, reason) == (GOOD, ""), case["name"]
        else:
            assert (value, quality, reason) == (None, BAD, REASONS[case["name"]]), case["name"]
    assert len(cases) >= 13


@pytest.mark.parametrize(
    ("register", "celsius"),
    [  # data sheet, table of temperature and register; 85 °C is among the power-on tests
        ("d007", 125.0),
        ("9101", 25.0625),
        ("a200", 10.125),
        ("0800", 0.5),
        ("0000", 0.0),
        ("f8ff", -0.5),
        ("5eff", -10.125),
        ("6ffe", -25.0625),
        ("90fc", -55.0),
    ],
)
def test_the_register_reads_as_in_the_data_sheet(register: str, celsius: float) -> None:
    assert celsius_from_scratchpad(with_crc(register + "4b467fff0110")) == (celsius, GOOD, "")


def test_a_true_85_degrees_is_good() -> None:
    assert celsius_from_scratchpad(with_crc("50054b467fff1010")) == (85.0, GOOD, "")


def test_85_degrees_of_a_copy_that_proves_nothing_is_suspect_and_keeps_its_value() -> None:
    assert celsius_from_scratchpad(with_crc("50054b467fff6610")) == (85.0, UNCERTAIN, "suspect")


def test_the_neighbours_of_the_power_on_value_are_good() -> None:
    for register, celsius in (("4f05", 84.9375), ("5105", 85.0625)):
        assert celsius_from_scratchpad(with_crc(register + "4b467fff0c10")) == (celsius, GOOD, "")


def test_zero_degrees_is_a_value_and_nine_zero_bytes_are_none() -> None:
    assert celsius_from_scratchpad(scratchpad_from_celsius(0.0)) == (0.0, GOOD, "")
    assert celsius_from_scratchpad(bytes(9)) == (None, BAD, "line_low")


def test_a_copy_with_other_reserved_bytes_measures_and_is_marked() -> None:
    assert celsius_from_scratchpad(with_crc("91014b467fa50f10"))[1:] == (UNCERTAIN, "suspect")
    assert celsius_from_scratchpad(with_crc("91014b467fff0f66"))[1:] == (UNCERTAIN, "suspect")


@pytest.mark.parametrize("config", [0x00, 0x0F, 0x7E, 0xFF])
def test_impossible_configuration_bits_are_bad_under_a_right_crc(config: int) -> None:
    assert celsius_from_scratchpad(with_crc(f"91014b46{config:02x}ff0f10")) == (None, BAD, "crc")


@pytest.mark.parametrize(("config", "celsius"), [("7f", 25.9375), ("5f", 25.875), ("3f", 25.75), ("1f", 25.5)])
def test_bits_below_the_resolution_are_left_out(config: str, celsius: float) -> None:
    assert celsius_from_scratchpad(with_crc(f"9f014b46{config}ff0110"))[0] == celsius


@pytest.mark.parametrize("register", ["d107", "8ffc", "0080", "ff7f"])
def test_what_the_probe_cannot_measure_is_out_of_range(register: str) -> None:
    assert celsius_from_scratchpad(with_crc(register + "4b467fff0f10")) == (None, BAD, "out_of_range")


def test_a_ds18s20_counts_halves_and_the_rest() -> None:
    assert celsius_from_scratchpad(with_crc("25004b46ffff0510"), "10") == (18.4375, GOOD, "")
    assert celsius_from_scratchpad(with_crc("ceff4b46ffff0c10"), "10") == (-25.0, GOOD, "")
    assert celsius_from_scratchpad(with_crc("aa004b46ffff0c10"), "10") == (None, BAD, "power_on_value")
    assert celsius_from_scratchpad(with_crc("25004b46ffff0500"), "10") == (None, BAD, "crc")


@pytest.mark.parametrize("text", ["", "\n", " \n\n"])
def test_an_empty_file_is_no_answer(text: str) -> None:
    assert celsius_from_text(text) == (None, BAD, "no_answer")


def test_the_last_good_bytes_on_the_second_line_are_never_used() -> None:
    text = "91 01 4b 46 7f ff 0f 10 05 : crc=25 NO\n91 01 4b 46 7f ff 0f 10 25 t=25062\n"
    assert celsius_from_text(text) == (None, BAD, "crc")


@given(st.text(max_size=120))
def test_any_text_is_an_outcome_and_bad_has_no_value(text: str) -> None:
    value, quality, reason = celsius_from_text(text)
    assert (value is None) == (quality == BAD)
    assert (reason == "") == (quality == GOOD)


@given(st.binary(min_size=9, max_size=9))
def test_any_nine_bytes_are_an_outcome(octets: bytes) -> None:
    value, quality, _ = celsius_from_text(text_from_scratchpad(octets))
    assert (value is None) == (quality == BAD)


@given(st.integers(-55 * 16, 125 * 16))
def test_what_a_genuine_probe_sends_comes_back(sixteenths: int) -> None:
    celsius = sixteenths / 16
    assert celsius_from_text(text_from_scratchpad(scratchpad_from_celsius(celsius))) == (celsius, GOOD, "")


@given(st.integers(-55 * 16, 125 * 16), st.integers(0, 71))
def test_one_flipped_bit_is_never_a_value(sixteenths: int, bit: int) -> None:
    octets = bytearray(scratchpad_from_celsius(sixteenths / 16))
    octets[bit // 8] ^= 1 << bit % 8
    assert celsius_from_scratchpad(bytes(octets))[0] is None


def driver_on(bus: FakeOneWire, probe: str = PROBE, **keys: Any) -> Ds18b20:
    options = msgspec.convert({"probe": probe, **keys}, Ds18b20Options)
    return Ds18b20(bus.folder, {"t": options})


def test_a_probe_is_read_through_its_folder(tmp_path: Path) -> None:
    bus = FakeOneWire(tmp_path / "w1")
    bus.set(PROBE, -10.125)
    driver = driver_on(bus)
    driver.open()
    assert driver.read(["t"], 7) == [Sample("t", 7, -10.125, GOOD)]
    bus.set(PROBE, 21.5)
    assert driver.read(["t"], 8) == [Sample("t", 8, 21.5, GOOD)]
    driver.close()


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_each_fault_is_bad_with_its_own_reason_and_never_zero_or_the_last_value(tmp_path: Path, kind: str) -> None:
    bus = FakeOneWire(tmp_path / "w1")
    bus.set(PROBE, 21.5)
    driver = driver_on(bus)
    driver.open()
    driver.read(["t"], 1)
    bus.fault(PROBE, kind)
    assert driver.read(["t"], 2) == [Sample("t", 2, None, BAD, kind)]
    bus.set(PROBE, 22.0)
    assert driver.read(["t"], 3) == [Sample("t", 3, 22.0, GOOD)]
    driver.close()


def test_an_unplugged_probe_is_named_and_the_others_answer(tmp_path: Path) -> None:
    bus = FakeOneWire(tmp_path / "w1")
    bus.set(PROBE, 21.5)
    bus.set("28-000000000002", 40.0)
    lost, other = driver_on(bus), driver_on(bus, "28-000000000002")
    lost.open()
    other.open()
    bus.unplug(PROBE)
    with pytest.raises(DriverError, match=PROBE) as caught:
        lost.read(["t"], 1)
    assert caught.value.reason == "unplugged"
    assert other.read(["t"], 1) == [Sample("t", 1, 40.0, GOOD)]
    bus.replug(PROBE)
    assert lost.read(["t"], 2) == [Sample("t", 2, 21.5, GOOD)]


def test_a_probe_that_was_never_there_cannot_be_opened(tmp_path: Path) -> None:
    bus = FakeOneWire(tmp_path / "w1")
    with pytest.raises(DriverError, match="check plug and cable") as caught:
        driver_on(bus).open()
    assert caught.value.reason == "unplugged"


def test_a_folder_in_place_of_the_file_is_a_bus_error(tmp_path: Path) -> None:
    bus = FakeOneWire(tmp_path / "w1")
    bus.set(PROBE, 21.5)
    driver = driver_on(bus)
    driver.open()
    (bus.folder / PROBE / "w1_slave").unlink()
    (bus.folder / PROBE / "w1_slave").mkdir()
    with pytest.raises(DriverError) as caught:
        driver.read(["t"], 1)
    assert caught.value.reason == "bus_error"


def test_binary_rubbish_in_the_file_is_bad(tmp_path: Path) -> None:
    bus = FakeOneWire(tmp_path / "w1")
    bus.set(PROBE, 21.5)
    driver = driver_on(bus)
    driver.open()
    (bus.folder / PROBE / "w1_slave").write_bytes(bytes(range(256)))
    assert driver.read(["t"], 1) == [Sample("t", 1, None, BAD, "crc")]


def test_the_resolution_is_asked_for_where_it_differs(tmp_path: Path) -> None:
    bus = FakeOneWire(tmp_path / "w1")
    bus.set(PROBE, 21.5)
    driver_on(bus, resolution=9).open()
    assert (bus.folder / PROBE / "resolution").read_text(encoding="ascii") == "9\n"


def test_a_probe_whose_resolution_cannot_be_set_is_read_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus = FakeOneWire(tmp_path / "w1")
    bus.set(PROBE, 21.5)
    (bus.folder / PROBE / "resolution").unlink()
    driver = driver_on(bus, resolution=9)
    driver.open()
    assert "keeps its resolution" in caplog.text
    assert driver.read(["t"], 1) == [Sample("t", 1, 21.5, GOOD)]


@pytest.mark.parametrize("probe", ["", "28-3C01F0950A21", "28-3c01", "99-3c01f0950a21", "../../etc/passwd"])
def test_what_is_no_probe_is_refused(probe: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"probe": probe}, Ds18b20.Options)

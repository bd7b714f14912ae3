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
    FAMILIES,
    bits_from_scratchpad,
    celsius_from_scratchpad,
    celsius_from_text,
    crc8,
    is_copy,
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


@pytest.mark.parametrize("octets", ["91014b467fa50f10", "91014b467fff0f66", "91014b46ffff0f10"])
def test_a_copy_with_other_reserved_bytes_measures_and_is_told_from_a_genuine_chip(octets: str) -> None:
    assert celsius_from_scratchpad(with_crc(octets))[1:] == (GOOD, "")
    assert is_copy(with_crc(octets))
    assert not is_copy(scratchpad_from_celsius(25.0625))
    assert not is_copy(scratchpad_from_celsius(25.0625, "10"), "10")


@pytest.mark.parametrize(
    ("octets", "celsius"),
    [  # its two finest bits stand in byte 4 (bits 1 and 0), bit 7 says so
        ("91014b46ffff0f10", 25.109375),
        ("91014b46fcff0f10", 25.0625),
        ("5eff4b46fdff0210", -10.109375),
        ("ffff4b469fff0110", -0.03125),  # 13 bits: the last is not measured
    ],
)
def test_the_copy_with_14_bits_gives_them_all(octets: str, celsius: float) -> None:
    assert celsius_from_scratchpad(with_crc(octets)) == (celsius, GOOD, "")


@pytest.mark.parametrize("config", [0x00, 0x0F, 0x7E, 0xE0])
def test_impossible_configuration_bits_are_bad_under_a_right_crc(config: int) -> None:
    assert celsius_from_scratchpad(with_crc(f"91014b46{config:02x}ff0f10")) == (None, BAD, "crc")


@pytest.mark.parametrize(("config", "celsius"), [("7f", 25.9375), ("5f", 25.875), ("3f", 25.75), ("1f", 25.5)])
def test_bits_below_the_resolution_are_left_out(config: str, celsius: float) -> None:
    assert celsius_from_scratchpad(with_crc(f"9f014b46{config}ff0110"))[0] == celsius


@pytest.mark.parametrize("register", ["d107", "8ffc", "10f8", "0080", "ff7f"])
def test_what_the_probe_cannot_measure_is_out_of_range(register: str) -> None:
    assert celsius_from_scratchpad(with_crc(register + "4b467fff0f10")) == (None, BAD, "out_of_range")


@pytest.mark.parametrize("family", ["22", "28", "3b", "42"])
@pytest.mark.parametrize("celsius", [125.0, 85.0, 25.0625, 0.5, 0.0, -0.5, -10.125, -55.0])
def test_the_relatives_share_the_register(family: str, celsius: float) -> None:
    assert celsius_from_scratchpad(scratchpad_from_celsius(celsius, family), family) == (celsius, GOOD, "")


@pytest.mark.parametrize("pins", [0x0, 0x5, 0xF])
@pytest.mark.parametrize(("bits", "celsius"), [(12, 25.9375), (11, 25.875), (10, 25.75), (9, 25.5)])
def test_a_ds1825_has_its_address_pins_in_byte_4(pins: int, bits: int, celsius: float) -> None:
    """Its data sheet, figure 8: 0 R1 R0 1 AD3 AD2 AD1 AD0."""
    octets = with_crc(f"9f014b46{(bits - 9) << 5 | 0x10 | pins:02x}ff0110")
    assert celsius_from_scratchpad(octets, "3b") == (celsius, GOOD, "")
    assert bits_from_scratchpad(octets, "3b") == bits
    assert not is_copy(octets, "3b")
    if pins != 0xF:
        assert celsius_from_scratchpad(octets, "28") == (None, BAD, "crc"), "no DS18B20 has such bits"


@pytest.mark.parametrize(
    ("register", "celsius"),
    [  # MAX31850 data sheet, table 3: 14 bits from bit 2 on; bit 1 is reserved
        ("0064", 1600.0),
        ("803e", 1000.0),
        ("4c06", 100.75),
        ("9001", 25.0),
        ("0000", 0.0),
        ("0200", 0.0),
        ("fcff", -0.25),
        ("f0ff", -1.0),
        ("60f0", -250.0),
    ],
)
def test_a_thermocouple_of_the_same_family_reads_as_in_its_data_sheet(register: str, celsius: float) -> None:
    octets = with_crc(register + "9019f3ffffff")
    assert celsius_from_scratchpad(octets, "3b") == (celsius, GOOD, "")
    assert not is_copy(octets, "3b")
    assert bits_from_scratchpad(octets, "3b") is None


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("01009119f0ffffff", "wire_break"),
        ("01009219f0ffffff", "short_circuit"),
        ("01009419f0ffffff", "short_circuit"),
        ("01009019f0ffffff", "wire_break"),  # a fault that the chip does not name
        ("a46e9019f0ffffff", "out_of_range"),  # 1770.25 °C
        ("14ef9019f0ffffff", "out_of_range"),  # -270.75 °C
    ],
)
def test_a_thermocouple_that_is_broken_says_how_and_has_no_value(octets: str, reason: str) -> None:
    assert celsius_from_scratchpad(with_crc(octets), "3b") == (None, BAD, reason)


@pytest.mark.parametrize("family", FAMILIES)
def test_of_each_family_damaged_short_and_stuck_bytes_have_no_value(family: str) -> None:
    octets = scratchpad_from_celsius(21.5, family)
    assert celsius_from_scratchpad(octets[:-1] + bytes((octets[-1] ^ 1,)), family) == (None, BAD, "crc")
    assert celsius_from_scratchpad(octets[:-1], family) == (None, BAD, "crc")
    assert celsius_from_scratchpad(b"", family) == (None, BAD, "crc")
    assert celsius_from_scratchpad(bytes(9), family) == (None, BAD, "line_low")
    assert celsius_from_scratchpad(bytes(9 * (0xFF,)), family) == (None, BAD, "line_high")
    power_on = "aa004b46ffff0c10" if family == "10" else "50054b467fff0c10"
    assert celsius_from_scratchpad(with_crc(power_on), family) == (None, BAD, "power_on_value")


@pytest.mark.parametrize("family", ["22", "28", "3b", "42"])
def test_of_each_family_a_weak_supply_has_no_value(family: str) -> None:
    assert celsius_from_scratchpad(with_crc("ff074b467fff0c10"), family) == (None, BAD, "weak_supply")


def test_a_ds18s20_counts_halves_and_the_rest() -> None:
    assert celsius_from_scratchpad(with_crc("25004b46ffff0510"), "10") == (18.4375, GOOD, "")
    assert celsius_from_scratchpad(with_crc("ceff4b46ffff0c10"), "10") == (-25.0, GOOD, "")
    assert celsius_from_scratchpad(with_crc("aa004b46ffff0c10"), "10") == (None, BAD, "power_on_value")
    assert celsius_from_scratchpad(with_crc("25004b46ffff0500"), "10") == (None, BAD, "crc")
    assert celsius_from_scratchpad(with_crc("25004b46ffff1110"), "10") == (None, BAD, "crc"), "more than a degree left"


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


@given(st.integers(-55 * 16, 125 * 16), st.sampled_from(FAMILIES))
def test_what_a_genuine_probe_sends_comes_back(sixteenths: int, family: str) -> None:
    celsius = sixteenths / 16
    outcome = celsius_from_text(text_from_scratchpad(scratchpad_from_celsius(celsius, family)), family)
    if (family, celsius) == ("10", 85.0):  # the same nine bytes as at power-on
        assert outcome == (None, BAD, "power_on_value")
    else:
        assert outcome == (celsius, GOOD, "")


@given(st.integers(-55 * 16, 125 * 16), st.integers(0, 71))
def test_one_flipped_bit_is_never_a_value(sixteenths: int, bit: int) -> None:
    octets = bytearray(scratchpad_from_celsius(sixteenths / 16))
    octets[bit // 8] ^= 1 << bit % 8
    assert celsius_from_scratchpad(bytes(octets))[0] is None


def driver_on(bus: FakeOneWire, probe: str = PROBE, **keys: Any) -> Ds18b20:
    options = msgspec.convert({"probe": probe, **keys}, Ds18b20Options)
    return Ds18b20(bus.bus, {"t": options})


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


def test_a_probe_whose_resolution_cannot_be_set_is_read_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus = FakeOneWire(tmp_path / "w1")
    bus.set(PROBE, 21.5)
    (bus.folder / PROBE / "resolution").unlink()
    (bus.folder / PROBE / "resolution").mkdir()
    driver = driver_on(bus, resolution=9)
    driver.open()
    for now in range(5):
        assert driver.read(["t"], now) == [Sample("t", now, 21.5, GOOD)]
    assert caplog.text.count("keeps its resolution of 12 bits") == 1
    assert "Is a directory; check the rights of 28-3c01f0950a21/resolution" in caplog.text


def test_a_resolution_that_any_of_a_probes_points_says_is_asked_for(tmp_path: Path) -> None:
    bus = FakeOneWire(tmp_path / "w1")
    bus.set(PROBE, 21.5)
    points = {name: Ds18b20Options(probe=PROBE, resolution=bits) for name, bits in (("a", None), ("b", 9))}
    driver = Ds18b20(bus.bus, points)
    driver.open()
    driver.read(["a"], 1)
    assert (bus.folder / PROBE / "resolution").read_text().strip() == "9"


@pytest.mark.parametrize("probe", ["", "28-3C01F0950A21", "28-3c01", "99-3c01f0950a21", "../../etc/passwd"])
def test_what_is_no_probe_is_refused(probe: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"probe": probe}, Ds18b20.Options)

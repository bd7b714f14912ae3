"""The stream cut into groups and frames: real captures, both checksum rules, and what real lines do to them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.decode.teleinfo.frames import Decoder, Event, FrameEnd
from hal.decode.teleinfo.groups import Group, Rejected, checksum, parse, spaced_group, tabbed_group
from hal.fake.meter_frames import Meter
from tests.support import DATA, shared_data

INDEX = DATA / "teleinfo" / "index.csv"
CAPTURES = list(csv.DictReader(INDEX.read_text().splitlines())) if INDEX.exists() else [{"file": "none"}]


def decode(data: bytes, size: int | None = None) -> tuple[Decoder, list[Event]]:
    decoder = Decoder()
    size = size or max(len(data), 1)
    events = [event for at in range(0, len(data), size) for event in decoder.feed(data[at : at + size], at)]
    return decoder, events + decoder.finish()


def groups(data: bytes) -> list[tuple[str, object]]:
    return [(event.label, event.value) for event in decode(data)[1] if isinstance(event, Group)]


def rejected(data: bytes) -> list[tuple[bytes, str]]:
    return [(event.raw, event.why) for event in decode(data)[1] if isinstance(event, Rejected)]


def capture(row: dict[str, str]) -> bytes:
    path: Path = shared_data("teleinfo", "captures", row["file"])
    return path.read_bytes()


@pytest.mark.parametrize("row", CAPTURES, ids=lambda row: str(row["file"]))
@pytest.mark.parametrize("size", [None, 1, 7, 120], ids=lambda size: f"by{size}")
def test_captures_decode_to_the_groups_of_their_index(row: dict[str, str], size: int | None) -> None:
    data = capture(row)
    decoder, _ = decode(data, size)
    assert decoder.groups_ok == int(row["lenient_known_and_length"])
    assert decoder.frames_complete == int(row["frames_complete"])
    assert decoder.bytes == len(data)
    wrong_length = int(row["lenient_known_label"]) - int(row["lenient_known_and_length"])
    expected = {"checksum": int(row["groups_bad_checksum"]), "length": wrong_length, "cut": int(row["groups_cut"])}
    assert decoder.groups_rejected == {why: count for why, count in expected.items() if count}


def test_two_groups_of_all_captures_have_the_right_sum_and_the_wrong_length() -> None:
    found = [why for row in CAPTURES for _, why in rejected(capture(row))]
    assert found.count("length") == 2


@pytest.mark.parametrize(
    ("covered", "character"),
    [
        (b"IINST 002", "Y"),
        (b"ADCO 031664001115", "3"),
        (b"PTEC HP..", " "),
        (b"ADSC\t031664001115\t", ")"),
        (b"DATE\tH230301091834\t\t", "C"),
        (b"EASD01\t000000000\t", " "),
    ],
)
def test_check_characters_of_the_fact_sheet(covered: bytes, character: str) -> None:
    assert chr(checksum(covered)) == character


def test_a_check_character_that_is_a_space_is_not_stripped() -> None:
    assert groups(b"\x02\nPTEC HP..  \r\x03") == [("PTEC", "HP..")]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"HCHU 048470246 6", "checksum"),
        (b"IINST 003 Y", "checksum"),
        (spaced_group("XYZT", "002"), "label"),
        (spaced_group("IINST", "0002"), "length"),
        (spaced_group("IINST", "00p"), "characters"),
        (spaced_group("PTEC", "HQ.."), "value"),
        (spaced_group("DEMAIN", "VERT"), "value"),
        (spaced_group("MOTDETAT", "00000g"), "characters"),
        (spaced_group("EA_s", "12kWh"), "value"),
        (spaced_group("DATE", "26/08/16 10:29"), "value"),
        (b"IINST", "format"),
        (b"IINST 002Y", "format"),
        (b"II\x00NST 002 Y", "characters"),
        (b"IINST 00\xb2 Y", "characters"),
        (b"IINST 00\xff\x002 Y", "parity"),
        # Without the last separator in its sum a standard group is right by the other rule: not taken.
        (b"IRMS1\t002\t" + bytes([checksum(b"IRMS1\t002")]), "checksum"),
        (b"IINST\t002\tY", "checksum"),
        (tabbed_group("SMAXSN", "00021"), "format"),
        (tabbed_group("SINSTS", "00021", "H230301091834"), "format"),
        (tabbed_group("SMAXSN", "00021", "X230301091834"), "horodate"),
        (tabbed_group("SMAXSN", "00021", "H231301091834"), "horodate"),
        (tabbed_group("NTARF", "11"), "value"),
        (tabbed_group("RELAIS", "256"), "value"),
        (tabbed_group("NGTF", "PRODUCTEUR"), "length"),
        (tabbed_group("PJOURF+1", " ".join(["25008001", *["NONUTILE"] * 10])), "value"),
        (b"\t\t\t\t\t", "format"),
    ],
)
def test_what_is_wrong_with_a_group_is_named(raw: bytes, why: str) -> None:
    assert parse(raw) == why


@pytest.mark.parametrize(
    ("raw", "value", "unit"),
    [
        (spaced_group("PAPP", "00000"), 0, "VA"),
        (spaced_group("BASE", "999999999"), 999_999_999, "Wh"),
        (spaced_group("OPTARIF", "BBR?"), "BBR?", ""),
        (spaced_group("TGPHI_s", "-0,39"), -0.39, ""),
        (spaced_group("EA_s", "422Wh"), 422, "Wh"),
        (spaced_group("PS", "42kVA"), 42, "kVA"),
        (spaced_group("PS", "42kW"), 42, "kW"),
        (spaced_group("MESURES1", "BT 4 SUP36"), "BT 4 SUP36", ""),
        (tabbed_group("NGTF", "      BASE      "), "BASE", ""),
        (tabbed_group("EAST", "000000001"), 1, "Wh"),
        (tabbed_group("RELAIS", "255"), 255, ""),
    ],
)
def test_values_have_their_type_and_unit(raw: bytes, value: object, unit: str) -> None:
    group = parse(raw)
    assert isinstance(group, Group)
    assert (group.value, group.unit) == (value, unit)


def test_a_lower_case_season_marks_the_meters_clock() -> None:
    group = parse(tabbed_group("DATE", "", "e261025030015"))
    assert isinstance(group, Group)
    assert group.degraded
    assert (group.horodate, group.value) == ("e261025030015", "e261025030015")


def test_eot_drops_the_open_group_and_keeps_the_checked_ones() -> None:
    data = b"\x02\nADCO 041876123456 F\r\nHCHC 0155\x04\x02\nADCO 041876123456 F\r\x03"
    decoder, events = decode(data)
    assert groups(data) == [("ADCO", "041876123456")] * 2
    assert rejected(data) == [(b"HCHC 0155", "cut")]
    assert [event.complete for event in events if isinstance(event, FrameEnd)] == [False, True]
    assert decoder.frames_complete == 1


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("no STX and ETX", lambda data: data.replace(b"\x02", b"").replace(b"\x03", b"")),
        ("LF and CR as 0x0E and 0x0F", lambda data: data.replace(b"\n", b"\x0e").replace(b"\r", b"\x0f")),
        ("LF as 0x0B", lambda data: data.replace(b"\n", b"\x0b")),
        ("CR as 0x0C", lambda data: data.replace(b"\r", b"\x0c")),
        ("cooked: CR as LF", lambda data: data.replace(b"\r", b"\n")),
        ("cooked: LF as CR LF", lambda data: data.replace(b"\n", b"\r\n")),
        ("cooked: no CR", lambda data: data.replace(b"\r", b"")),
        ("no LF", lambda data: b"\n" + data.replace(b"\n", b"")),
        ("ETX as EOT", lambda data: data.replace(b"\x03", b"\x04")),
    ],
)
def test_no_group_is_lost_where_frame_and_line_marks_are(name: str, change: object) -> None:
    meter = Meter()
    data = b"".join(meter.frame(t_ms) for t_ms in (0.0, 1400.0, 2800.0))
    changed = change(data)  # type: ignore[operator]
    decoder, events = decode(changed)
    assert decoder.groups_ok == 33, name
    assert not decoder.groups_rejected
    ends = [event for event in events if isinstance(event, FrameEnd)]
    assert [len(end.groups) for end in ends] == [11, 11, 11]


def test_a_stream_that_begins_in_the_middle_of_a_group_drops_only_that() -> None:
    frame = Meter().frame(0.0)
    for start in range(1, len(frame)):
        assert rejected(frame[start:]) == []


def test_noise_before_and_between_frames_costs_no_group() -> None:
    frame = Meter().frame(0.0)
    decoder, _ = decode(b"\x00\x00\x00" + frame + b"\x00\xff" + frame)
    assert decoder.groups_ok == 22
    assert decoder.groups_rejected == {"cut": 1}


def test_empty_input_gives_nothing() -> None:
    decoder, events = decode(b"")
    assert events == []
    assert decoder.groups_ok == 0


def test_endless_noise_is_kept_in_bounded_memory() -> None:
    decoder = Decoder()
    for _ in range(200):
        decoder.feed(b"U" * 1000, 0.0)
        decoder.feed(b"\n~~~~~\r" * 200, 0.0)
    assert len(decoder._tail) <= 140
    assert len(decoder._rejected) < 128
    assert decoder.groups_ok == 0


def test_frames_of_one_chunk_are_dated_back_from_its_end() -> None:
    meter = Meter()
    first, second = meter.frame(0.0), meter.frame(1500.0)
    decoder = Decoder(byte_ms=10_000 / 1200)
    ends = [event for event in decoder.feed(first + second, 5000.0) if isinstance(event, FrameEnd)]
    assert ends[1].t_ms == pytest.approx(5000.0)
    assert ends[0].t_ms == pytest.approx(5000.0 - len(second) * 10_000 / 1200, abs=20)


def test_a_frame_ends_with_its_etx_and_does_not_wait_for_the_next() -> None:
    decoder = Decoder()
    assert isinstance(decoder.feed(Meter().frame(0.0), 0.0)[-1], FrameEnd)


@given(st.binary(max_size=600), st.integers(1, 64))
def test_no_input_raises_and_cutting_it_otherwise_changes_nothing(data: bytes, size: int) -> None:
    whole, _ = decode(data)
    cut, _ = decode(data, size)
    assert whole.groups_ok == cut.groups_ok
    assert whole.frames_complete == cut.frames_complete


@given(
    st.sampled_from(["historique", "standard", "pmepmi"]),
    st.integers(0, 10**6),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=12),
)
def test_no_damage_raises_or_makes_a_group_that_its_table_forbids(
    mode: str, seed: int, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(Meter(mode, seed=seed).frame(float(seed)))  # type: ignore[arg-type]
    for at, byte in damage:
        data[at % len(data)] = byte
    for event in decode(bytes(data))[1]:
        if isinstance(event, Group):
            assert parse(event.raw) == event


@given(st.integers(0, 10**9 - 1), st.sampled_from(["BASE", "HCHC", "EJPHPM", "BBRHPJR"]))
def test_an_index_that_is_composed_is_parsed_to_itself(value: int, label: str) -> None:
    group = parse(spaced_group(label, f"{value:09}"))
    assert isinstance(group, Group)
    assert (group.label, group.value) == (label, value)

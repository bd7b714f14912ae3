"""A good file becomes typed settings; one that can't be read at all says why, with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.settings.faults import SettingsError
from edge.settings.load import load, loads
from edge.settings.specs import specs
from tests.unit.settings_good import GOOD, refusal, refused


def test_a_good_file_becomes_typed_settings() -> None:
    found = loads(GOOD)
    assert found.box.id == "b0042"
    assert found.site.tz == "Europe/Paris"
    assert {name: kind for name, (kind, _) in found.buses.items()} == {"gpio": "gpio", "air": "i2c"}
    assert found.buses["air"][1].number == 3
    assert [(entry.point.id, entry.device) for entry in found.points] == [
        ("water.cold", "GPIO17"),
        ("door", "GPIO27"),
        ("lab.t", "0x44"),
    ]
    assert found.points[0].options.weight == 0.001
    assert found.outputs[0].limit == "lab.hot"
    assert found.links.mqtt is not None
    assert found.links.mqtt.port is None


def test_the_engine_gets_what_the_driver_says_and_the_file_overrides() -> None:
    points, limits = specs(loads(GOOD))
    water, door, air, lamp = points
    assert (lamp.id, lamp.kind, lamp.words) == ("lamp", "state", ("off", "on"))
    assert (water.kind, water.unit, water.scale, water.volatile) == ("counter", "m3", 0.001, True)
    assert (door.kind, door.words, door.period_ms, door.record_ms) == ("state", ("open", "closed"), 90_000, 90_000)
    assert door.name == {"en": "Door", "fr": "Door"}
    assert (air.unit, air.period_ms, air.record_ms) == ("Cel", 1000, 60_000)
    assert [(limit.kind, limit.value, limit.on_delay_ms) for limit in limits] == [
        ("high", 30.0, 2500),
        ("not_equal", 1.0, 0),
    ]


def test_an_integer_stands_for_a_number_and_a_file_without_points_or_link_is_good() -> None:
    found = loads('[box]\nid = "a"\ncommit_s = 5\n[site]\nname = "x"\n')
    assert found.box.commit_s == 5.0
    assert isinstance(found.box.commit_s, float)
    assert (found.points, found.limits, found.outputs, found.links.mqtt) == ([], [], [], None)


@pytest.mark.parametrize("text", ["", "\ufeff", "\n\n", "# nothing\r\n"])
def test_an_empty_file_says_what_it_needs(text: str) -> None:
    assert "f.toml:1:1\n   the file is empty: at least [box] and [site]" in refusal(text)


def test_a_file_that_is_not_there_or_can_not_be_read_is_a_fault_without_a_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "no.toml")
    assert str(caught.value) == f"{tmp_path}/no.toml\n   there is no such file\n1 fault."
    with pytest.raises(SettingsError, match="can't be read: Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (
            '[box]\nid = "a"\n[site]\nname = "Chaudière"\n'.encode("latin-1"),
            "f.toml:4:15\n   the byte 0xe8 is not UTF-8",
        ),
        (b"\xef\xbb\xbfa = 1\r\n\xff", "f.toml:2:1\n   the byte 0xff is not UTF-8"),
        ("é = 1".encode() + b"\xc3", "f.toml:1:6\n   the byte 0xc3 is not UTF-8"),
        ('[box]\nid = "a"\n'.encode("utf-16"), "f.toml:1:1\n   the file is saved as UTF-16: save it as UTF-8"),
        (b"\x00\x01\x02", "f.toml:1:1"),
        (b"#" * 4_000_001, "larger than 4 MB"),
    ],
)
def test_a_file_that_is_no_utf_8_text_is_refused_at_its_first_wrong_byte(
    tmp_path: Path, content: bytes, wanted: str
) -> None:
    path = tmp_path / "f.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(os.fspath(path))
    assert wanted in str(caught.value)


def test_a_file_with_byte_order_mark_and_crlf_is_as_good_and_its_faults_stand_at_the_same_places(
    tmp_path: Path,
) -> None:
    path = tmp_path / "w.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path) == loads(GOOD)
    broken = GOOD.replace("pin = 27", "pin = 17").replace('kind = "i2c"', "kind = 7")
    assert refusal("\ufeff" + broken.replace("\n", "\r\n")) == refusal(broken)


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("name = Gymnase Sud", 8, "texts stand in straight double quotes"),
        ("name = ”Gymnase”", 8, "texts stand in straight double quotes"),
        ("name = 'x", 8, "the quotes of this text are not closed"),
        ('name = "x', 8, "the quotes of this text are not closed"),
        ("name 'x'", 6, "an equals sign is expected"),
        ("nom é = 'x'", 5, "a key with accents stands in quotes"),
        ("é = 'x'", 1, "a key with accents stands in quotes"),
        ("name\u00a0= 'x'", 5, "an invisible character (U+00A0) stands here"),
        ("name =\u202f'x'", 7, "an invisible character (U+202F) stands here"),
        ("name = 'x'\u00a0# y", 11, "an invisible character (U+00A0) stands here"),
        ("na\u00adme = 'x'", 3, "an invisible character (U+00AD) stands here"),
        ("name = 1,5", 9, "more stands in this line than one value"),
        ('name = "C:\\data"', 11, "write \\\\ for one"),
        ("name = { en = 'a', en = 'b' }", 1, "this key already has a value"),
        ("tz = ", 6, "texts stand in straight double quotes"),
    ],
)
def test_what_is_not_toml_is_placed_and_the_rest_is_judged_all_the_same(line: str, column: int, message: str) -> None:
    text = f'[site]\n{line}\n\n[box]\nid = "B 1"\n'
    report = refusal(text)
    assert report.startswith(f"f.toml:2:{column}\n   ")
    assert message in report.splitlines()[1]
    assert f"   2 | {line.strip()}" in report
    assert 'f.toml:5:6  box.id = "B 1"' in report
    assert report.endswith("\n2 faults.")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("[box\nid = 'a'\n", "1:5", "the brackets of this header are not closed"),
        ("[box]\nid = 'a'\n[box]\n", "3:5", "this table already stands above"),
        ("a = [1,\n2\nb = 3\n", "1:5", "a list is not closed"),
        ("a = [1", "1:5", "a list is not closed"),
        ("a = " + "[" * 3000, "1:1", "nested too deeply"),
        ('b = 1\n\na = """x\ny\n', "3:5", "the quotes of this text are not closed"),
    ],
)
def test_where_the_rest_can_not_be_judged_only_the_syntax_is_said(text: str, place: str, message: str) -> None:
    report = refusal(text)
    assert report.startswith(f"f.toml:{place}\n")
    assert message in report
    assert report.endswith("\n1 fault.")


def test_a_key_written_twice_is_a_fault_and_the_first_one_is_judged() -> None:
    report = refusal(GOOD.replace("pin = 27", "pin = 27\npin = 99"))
    assert report.startswith("f.toml:29:1\n   this key already has a value in the same table\n   29 | pin = 99")
    assert report.endswith("\n1 fault.")


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 40), st.sampled_from(["", "=", "[", '"', "\n", "é", "]]", "\x00"]))
@settings(max_examples=300, deadline=None)
def test_any_damage_to_a_file_gives_settings_or_faults_with_places_and_never_anything_else(
    at: int, length: int, inserted: str
) -> None:
    text = GOOD[:at] + inserted + GOOD[at + length :]
    error = refused(text)
    if error is not None:
        lines = text.count("\n") + 1
        assert error.faults
        assert all(1 <= fault.line <= lines and fault.column >= 1 for fault in error.faults)
        assert "fault." not in str(error).replace(" fault.", "")  # every message has its sentence

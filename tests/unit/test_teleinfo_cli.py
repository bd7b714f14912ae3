"""`vigie tic decode`: the form of its output, which is a contract, and its exit codes."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest

from edge.cli import tic
from hal.fake.meter_frames import Meter
from tests.support import shared_data
from tests.unit.test_teleinfo_strangers import ICE_FRAME


def decode(data: bytes) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    code = tic.decode("-", True, out, io.BytesIO(data))
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def text(data: bytes) -> str:
    out = io.StringIO()
    tic.decode("-", False, out, io.BytesIO(data))
    return out.getvalue()


def test_one_object_a_frame_and_a_summary_last() -> None:
    meter = Meter()
    data = b"".join(meter.frame(1500.0 * n) for n in range(4))
    code, objects = decode(data)
    assert code == 0
    assert len(objects) == 5
    for frame in objects[:-1]:
        assert list(frame) == ["mode", "t", "groups", "rejected"]
        for group in frame["groups"]:
            assert list(group) == ["label", "horodate", "value", "unit", "raw", "quality"]
    assert objects[-1] == {
        "summary": {"bytes": len(data), "frames_complete": 4, "groups_ok": 44, "groups_rejected": {}}
    }


def test_all_but_the_last_frames_indexes_are_good() -> None:
    meter = Meter()
    _, objects = decode(b"".join(meter.frame(1500.0 * n) for n in range(4)))
    qualities = [{group["label"]: group["quality"] for group in frame["groups"]} for frame in objects[:-1]]
    assert set(qualities[0].values()) == {"good"}, "each confirmed by the second"
    assert {label for label, quality in qualities[3].items() if quality != "good"} == {"HCHC", "HCHP"}


def test_t_is_the_place_in_the_stream_at_the_lines_bit_rate() -> None:
    meter = Meter("standard")
    frames = [meter.frame(1000.0 * n) for n in range(2)]
    _, objects = decode(b"".join(frames))
    assert objects[0]["t"] == pytest.approx(len(frames[0]) / 960, abs=0.002)
    assert objects[1]["t"] == pytest.approx(sum(map(len, frames)) / 960, abs=0.002)


def test_what_is_rejected_is_shown_with_its_reason() -> None:
    data = shared_data("teleinfo", "captures", "openhab_standard_mono_prod.bin").read_bytes()
    _, objects = decode(data)
    assert [(found["raw"], found["why"]) for frame in objects[:-1] for found in frame["rejected"]] == [
        ("EP*PREF\t03\tB", "checksum"),
        ("NGTF\tPRODUCTEUR\t.", "length"),
    ]
    assert objects[-1]["summary"]["groups_rejected"] == {"checksum": 1, "length": 1}


def test_registers_and_horodates_are_decoded_and_a_degraded_clock_is_not_good() -> None:
    _, objects = decode(shared_data("teleinfo", "captures", "syn_std_mono_edge.bin").read_bytes() * 3)
    groups = {group["label"]: group for group in objects[1]["groups"]}
    assert groups["STGE"]["value"]["breaker"] == "open_overvoltage"
    assert groups["RELAIS"]["value"]["relay_8"] == "closed"
    assert groups["PJOURF+1"]["value"][1] == {
        "at": "07:00",
        "dry_contact": "close",
        "virtual_contacts": [],
        "tariff": 2,
    }
    assert groups["SMAXSN"]["horodate"] == "2026-10-25T02:59:01+02:00"
    assert groups["SMAXSN"]["quality"] == "uncertain", "its season is in lower case"
    assert groups["PRM"]["quality"] == "good"


def test_damaged_bytes_are_shown_and_do_not_stop_it() -> None:
    frame = Meter().frame(0.0)
    code, objects = decode(frame.replace(b"PAPP", b"PA\x00P") + b"\xff\x80" + frame)
    assert code == 0
    assert objects[0]["rejected"][0]["why"] == "characters"
    assert objects[-1]["summary"]["frames_complete"] == 2


def test_a_file_without_one_group_exits_1_and_a_missing_one_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").write_bytes(b"")
    out = io.StringIO()
    assert tic.decode(str(tmp_path / "empty"), True, out, io.BytesIO()) == 1
    assert json.loads(out.getvalue())["summary"]["bytes"] == 0
    assert tic.decode(str(tmp_path / "missing"), True, io.StringIO(), io.BytesIO()) == 2
    assert "missing: No such file" in capsys.readouterr().err


def test_text_is_for_people() -> None:
    lines = text(Meter().frame(0.0) + b"\nHCHU 048470246 6\r").splitlines()
    assert lines[0].strip().endswith("s  historique")
    assert any("PAPP" in line and " VA" in line for line in lines)
    assert "  rejected (checksum): 'HCHU 048470246 6'" in lines
    assert lines[-1].endswith("1 complete frames, 11 good groups, rejected: 1 checksum")
    standard = text(Meter("standard").frame(0.0))
    assert "breaker closed" in standard
    assert "06:30 index 2" in standard


def test_the_command_line_takes_decode_a_file_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "capture").write_bytes(Meter().frame(0.0))
    parser = argparse.ArgumentParser()
    tic.add_arguments(parser)
    assert tic.run(parser.parse_args(["decode", str(tmp_path / "capture"), "--json"])) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["summary"]["groups_ok"] == 11
    with pytest.raises(SystemExit):
        parser.parse_args([])


def test_a_meter_that_is_not_read_is_named_and_none_of_its_values_is_good() -> None:
    _, objects = decode(ICE_FRAME * 4)
    assert objects[-1]["summary"]["not_read"] == "ICE"
    assert "CONTRAT" in objects[-1]["summary"]["labels"]
    qualities = {group["quality"] for frame in objects[:-1] for group in frame["groups"]}
    assert qualities == {"uncertain"}, "DATEPA1 and PA1MN are labels of other meters too"
    lines = text(ICE_FRAME * 4).splitlines()
    assert "not read (ICE) at 1200 Bd; it sends CONTRAT" in lines[-2]

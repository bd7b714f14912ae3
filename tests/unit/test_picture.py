"""The README's picture of the live table shows the table as it is drawn today."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from edge.cli import rows
from edge.cli.trend import COLUMNS, SLOT_S, SLOTS_A_COLUMN, Trends
from edge.cli.words import Words
from tests.fake_desk import FakeDesk
from tests.support import ROOT

TEXT = ROOT / "docs" / "live-table.txt"
PICTURE = ROOT / "docs" / "live-table.png"
AGAIN = "make it again: python docs/make_picture.py"


def test_the_columns_in_the_picture_are_those_of_todays_table() -> None:
    lines = TEXT.read_text(encoding="utf-8").splitlines()
    head = next(line for line in lines if line.startswith(" point "))
    points = [line[1:16].strip() for line in lines[lines.index(head) + 1 :]]
    shown = rows.columns(80, max(len(point) for point in points))
    span = re.search(r"\d+ min$", head)
    assert span is not None, AGAIN
    spans = {many * SLOT_S * COLUMNS // 60 for many in SLOTS_A_COLUMN}
    assert int(span[0].split()[0]) in spans, AGAIN
    today = "".join(rows.head(column, Trends(), Words("en")) for column in shown)
    assert re.sub(r"\d+ min$", "", head) == re.sub(r"\d+ min\s*$", "", today), AGAIN


def test_the_picture_shows_an_alarm_a_point_without_a_value_and_nothing_wider_than_a_terminal() -> None:
    lines = TEXT.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 24
    assert max(len(line) for line in lines) <= 80
    assert any(line.startswith(" ALARM #") for line in lines)
    bad = [line for line in lines if line.startswith("?")]
    assert bad
    assert all(line[17:28].strip() == "-" for line in bad)


def test_the_picture_is_made_of_this_text_and_small_enough_for_a_readme() -> None:
    assert PICTURE.stat().st_size <= 100_000
    with Image.open(PICTURE) as picture:
        assert picture.info["Text-SHA256"] == hashlib.sha256(TEXT.read_bytes()).hexdigest(), AGAIN
        assert picture.size == (80 * 12 + 36, 24 * 24 + 36)


@pytest.mark.skipif(
    not Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf").exists(), reason="needs Debian's fonts-dejavu-core"
)
def test_it_is_made_from_recorded_answers_and_says_when_there_are_none(tmp_path: Path) -> None:
    desk = FakeDesk()
    recorded = tmp_path / "live.jsonl"
    answers = []
    for t_s in range(30):
        desk.t_s = t_s
        answers.append(
            {"box": desk.box(), "values": desk.view("values"), "alarms": desk.view("alarms"), "buffer": desk.buffer()}
        )
    recorded.write_bytes(b"\n".join(msgspec.json.encode(answer) for answer in answers))
    command = [sys.executable, "docs/make_picture.py", "--into", str(tmp_path), "--recorded"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, str(recorded)], cwd=ROOT, env=environment, check=True, capture_output=True)
    assert "!boiler.flow" in (tmp_path / "live-table.txt").read_text(encoding="utf-8")
    assert (tmp_path / "live-table.png").stat().st_size <= 100_000
    recorded.write_bytes(b"")
    failed = subprocess.run(
        [*command, str(recorded)], cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )
    assert failed.returncode == 1
    assert "no answer of a box" in failed.stderr

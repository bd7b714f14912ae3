"""From the wire to the file: `vigie run`, its history exported while it runs and after it stopped, figure by figure."""

from __future__ import annotations

import csv
import io
import re
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.box_rig import Service, service
from tests.support import ROOT, eventually

Rows = dict[tuple[str, str], dict[str, str]]
METERS = ("tic.index.hp", "water.cold")


def vigie(*words: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "edge.cli.main", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def exported(*words: str) -> Rows:
    """Return the rows of an export by point and time."""
    code, out, err = vigie("export", *words)
    assert code == 0, err
    body = [line for line in out.splitlines(keepends=True) if not line.startswith("#")]
    rows = list(csv.DictReader(io.StringIO("".join(body))))
    found = {(row["point"], row["utc"]): row for row in rows}
    assert len(found) == len(rows), "a period stands there twice"
    return found


def of(rows: Rows, point: str) -> list[dict[str, str]]:
    return [row for (name, _), row in rows.items() if name == point and row["value"]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The demonstration, whose meters make a record every two seconds."""
    text = (ROOT / "config" / "sites" / "demo.toml").read_text(encoding="utf-8")
    fast = re.sub(r"period_s = 2\nrecord_s = \d+", "period_s = 2\nrecord_s = 2", text)
    assert fast != text
    path = tmp_path / "fast.toml"
    path.write_text(fast, encoding="utf-8")
    return path


@pytest.mark.slow("meters must count: some seconds of a whole box, then the same figures from its folder")
def test_an_export_of_a_running_box_is_that_of_its_folder_and_its_increments_are_those_of_the_index(
    tmp_path: Path, site: Path
) -> None:
    state = tmp_path / "state"
    where = ("--state", str(state), "--config", str(site))
    with service(tmp_path, "--demo", *where) as box:
        asked = ("--socket", str(box.socket))
        eventually(
            lambda: all(len(of(exported(*asked), meter)) > 3 for meter in METERS), 60, "four records of each meter"
        )
        live = exported(*asked)
        steps = exported(*asked, "--step", "1h")
        code, _, err = vigie("export", "--socket", str(tmp_path / "none.sock"), *where)
        assert (code, "a running box has this log open" in err) == (1, True)
        box.finish(signal.SIGTERM)
    rest = exported("--socket", str(tmp_path / "none.sock"), *where)
    for key, row in live.items():
        if row["value"] or row["reason"] != "missing":
            assert rest[key] == row
    assert len(rest) >= len(live)
    for meter in METERS:
        rows = of(rest, meter)
        moved = Decimal(rows[-1]["value"]) - Decimal(rows[0]["value"])
        assert sum(Decimal(row["increment"]) for row in rows[1:]) == moved
        assert sum(Decimal(row["increment"]) for row in of(steps, meter)) <= moved + Decimal(rows[0]["increment"])
    assert any(Decimal(of(rest, meter)[-1]["value"]) > Decimal(of(rest, meter)[0]["value"]) for meter in METERS)
    assert all(row["value"] == "" for row in rest.values() if row["quality"] == "bad")


def test_a_box_that_has_kept_nothing_yet_exports_its_head_and_no_figures(tmp_path: Path, site: Path) -> None:
    made = Service(tmp_path, "--demo", "--state", str(tmp_path / "state"), "--config", str(site))
    made.start()
    try:
        made.ready()
        code, out, _err = vigie("export", "--socket", str(made.socket), "--to", "now", "--from", "-1s")
        assert code == 0
        assert "simulated" in out.splitlines()[1]
    finally:
        made.kill()

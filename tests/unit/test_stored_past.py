"""The past of a box that does not run: the same figures as while it ran, and its folder as it was."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.clock import ClockEntry
from edge.core.types import EventBatch
from edge.store.fs import RealFs
from edge.store.history_schema import VERSION
from edge.store.history_stored import stored_history
from edge.store.offline import stored_logs
from tests.history_rig import PARIS, POINTS, T0, HistoryRig, counter, gauge

MINUTE = 60_000


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def rig(state: Path) -> Iterator[HistoryRig]:
    """A box that has kept three hours, two of them in its file already, and has not stopped yet."""
    state.mkdir()
    made = HistoryRig(state, RealFs(state))
    made.events.append(EventBatch(1, [], {"clock": [ClockEntry(1, 0, T0, "ntp")]}))
    for n in range(120):
        made.save(gauge(n * MINUTE, n / 8), counter(n * MINUTE, 1000.0 + n, 1.0))
    made.flush()
    for n in range(120, 180):
        made.save(gauge(n * MINUTE, None if n == 130 else n / 8), counter(n * MINUTE, 1000.0 + n, 1.0))
    yield made
    made.give_back()


@pytest.fixture
def vigie(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> tuple[int, str, str]:
        where = (
            "--socket",
            str(tmp_path / "none.sock"),
            "--state",
            str(state),
            "--config",
            str(tmp_path / "none.toml"),
        )
        code = main([*words, *where])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def seen(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return every file with its size, time and content."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def values(text: str, point: str) -> list[str]:
    body = [line for line in text.splitlines(keepends=True) if not line.startswith("#")]
    return [row["value"] for row in csv.DictReader(io.StringIO("".join(body))) if row["point"] == point]


@pytest.mark.parametrize("is_clean", [True, False])
def test_an_export_without_a_station_has_every_durable_record_and_changes_nothing(
    rig: HistoryRig, state: Path, vigie: Any, is_clean: bool
) -> None:
    expected = ["" if record.value is None else f"{record.value:g}" for record in rig.expected("t.flow")]
    assert len(expected) == 180
    if is_clean:
        rig.close()
    else:
        rig.give_back()
    before = seen(state)
    code, out, err = vigie("export")
    assert (code, values(out, "t.flow")) == (0, expected)
    assert values(out, "e.main")[-1] == "1179"
    assert "no box answers" in err
    assert "none.toml can't be used" in err
    assert seen(state) == before


def test_a_write_ahead_log_that_a_cut_left_is_read_and_stays(rig: HistoryRig, state: Path, vigie: Any) -> None:
    expected = len(rig.expected("t.flow"))
    copy = {path.name: path.read_bytes() for path in state.glob("history.db*")}
    assert len(copy["history.db-wal"]) > 0
    rig.give_back()
    for name, content in copy.items():  # as they were before SQLite could tidy up
        if not name.endswith("-shm"):
            (state / name).write_bytes(content)
    (state / "history.db-shm").unlink(missing_ok=True)
    before = seen(state)
    code, out, _err = vigie("export")
    assert (code, len(values(out, "t.flow"))) == (0, expected)
    assert seen(state) == before


def test_while_a_station_has_the_logs_nothing_is_read(rig: HistoryRig, vigie: Any) -> None:
    code, out, err = vigie("export")
    assert (code, out) == (1, "")
    assert "a running box has this log open" in err


def test_nobody_can_start_on_the_folder_while_it_is_read(rig: HistoryRig, state: Path) -> None:
    rig.give_back()
    with stored_logs(state) as logs, stored_history(state, logs, zone=PARIS, points=POINTS) as history:
        assert len(history.records("t.flow", 0, 2**50, 1000)) == 180
        assert sum(period.records for period in history.periods("t.flow", "day", 0, 2**50)) == 180
        with pytest.raises(OSError, match="another process"):
            HistoryRig(state, RealFs(state))


def test_a_history_of_a_newer_version_is_refused_by_name_and_left_alone(
    rig: HistoryRig, state: Path, vigie: Any
) -> None:
    rig.close()
    with sqlite3.connect(state / "history.db") as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = seen(state)
    code, out, err = vigie("export")
    assert (code, out) == (1, "")
    assert "written by a newer vigie" in err
    assert seen(state) == before


def test_a_damaged_history_is_said_and_no_traceback(rig: HistoryRig, state: Path, vigie: Any) -> None:
    rig.close()
    (state / "history.db").write_bytes(b"\xff" * 8192)
    code, out, err = vigie("export")
    assert (code, out) == (1, "")
    assert "history.db" in err
    assert len(err.splitlines()) <= 2


def test_without_a_history_file_the_logs_alone_answer(rig: HistoryRig, state: Path, vigie: Any) -> None:
    rig.give_back()
    for path in state.glob("history.db*"):
        path.unlink()
    code, out, _err = vigie("history", "t.flow", "--format", "csv")
    assert (code, len(values(out, "t.flow"))) == (0, 180)
    assert not list(state.glob("history.db*"))


def test_an_empty_folder_holds_nothing_and_gets_nothing(state: Path, vigie: Any) -> None:
    state.mkdir()
    code, out, err = vigie("export")
    assert (code, out) == (1, "")
    assert "no box has kept anything here" in err
    assert list(state.iterdir()) == []

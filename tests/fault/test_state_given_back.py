"""The version before runs again on state that a newer one wrote: what it can't read is put aside, indexes go on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.core.types import RecordBatch
from edge.runtime import giving_back
from edge.runtime.backup import backup_of_folder
from edge.runtime.giving_back import BACKUP, WANTED, give_back, newer_parts
from edge.store.backup_file import encode
from edge.store.fs import RealFs
from edge.store.log import Log
from edge.store.offline import stored_logs
from tests.fault.bad_state import BASES, STREAMS, Turned, make_state, newer, segment, site

INDEX = {"base": 1000.0, "count": 250, "scale": 0.001, "pending": 0.0}


class Back:
    """A box whose new version was taken back: its state, the folder of updates with the backup of before."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state, self.folder, self.config = root / "state", root / "update", root / "etc/vigie.toml"
        self.folder.mkdir()
        make_state(self.state)
        records = Log(RealFs(self.state), "records", "records", 24 << 20, consumers=["mqtt"])
        records.append(RecordBatch(1, [], {"counter/water": INDEX}))
        records.close()
        self.config = site(root)
        (self.folder / BACKUP).write_bytes(encode(backup_of_folder(self.state, self.config)))

    def newer(self, *logs: str, place: int = 1) -> None:
        for log in logs:
            newer(self.state / segment(log, place), STREAMS[log], BASES[place])

    def give(self) -> list[str]:
        return give_back(self.state, self.folder, self.config)

    def index(self) -> float:
        with stored_logs(self.state) as logs:
            found = logs.records.registers["counter/water"]
        return float(found["base"] + found["count"] * found["scale"])


@pytest.fixture
def back(tmp_path: Path) -> Back:
    return Back(tmp_path)


def test_state_that_both_read_is_left_as_it_is(back: Back) -> None:
    before = {path.name: path.read_bytes()[:4096] for path in (back.state / "records").glob("*.seg")}
    assert back.give() == []
    assert {path.name: path.read_bytes()[:4096] for path in (back.state / "records").glob("*.seg")} == before
    assert (back.folder / BACKUP).exists()


@pytest.mark.parametrize(("logs", "place"), [(("records",), 0), (("events",), 1), (("records", "events"), 2)])
def test_the_box_goes_on_from_the_index_of_before_and_what_is_newer_lies_aside_whole(
    back: Back, logs: tuple[str, ...], place: int
) -> None:
    back.newer(*logs, place=place)
    kept = {log: (back.state / segment(log, place)).read_bytes() for log in logs}
    with pytest.raises(OSError, match="newer vigie"):
        Turned(back.config, back.state)
    assert back.give() == list(logs)
    for log in logs:
        aside = back.state / f"newer-{segment(log, place)}"
        assert aside.read_bytes() == kept[log]
    assert back.index() == 1000.25
    turned = Turned(back.config, back.state)  # and the box starts
    turned.turn(3)
    turned.end()
    assert back.give() == [], "once"


def test_without_a_backup_it_starts_all_the_same(back: Back) -> None:
    (back.folder / BACKUP).unlink()
    back.newer("records", "events")
    assert back.give() == ["records", "events"]
    turned = Turned(back.config, back.state)
    turned.turn(1)
    turned.end()


def test_a_second_time_replaces_what_lay_aside(back: Back) -> None:
    for _ in range(2):
        back.newer("records")
        assert back.give() == ["records"]
        shutil.rmtree(back.state / "records")
        shutil.copytree(back.state / "newer-records", back.state / "records")
    assert len(list(back.state.glob("newer-*"))) == 1


class CutError(Exception):
    """The power went."""


@pytest.mark.parametrize("after", ["marked", "put aside", "one put aside"])
def test_a_power_cut_in_the_middle_is_finished_at_the_next_start(back: Back, after: str) -> None:
    back.newer("records", "events")
    (back.folder / BACKUP).rename(back.folder / WANTED)
    if after != "marked":
        (back.state / "records").rename(back.state / "newer-records")
    if after == "put aside":
        (back.state / "events").rename(back.state / "newer-events")
    back.give()
    assert back.index() == 1000.25
    assert (back.folder / BACKUP).exists()
    assert not (back.folder / WANTED).exists()
    assert newer_parts(back.state) == {}


def test_a_backup_that_is_damaged_is_an_error_that_says_so_and_the_logs_are_aside(back: Back) -> None:
    back.newer("records", "events")
    (back.folder / BACKUP).write_bytes(b"\0" * 100)
    with pytest.raises(ValueError, match="CRC is wrong"):
        back.give()
    turned = Turned(back.config, back.state)
    turned.turn(1)
    turned.end()


def test_a_folder_where_no_box_ever_ran_needs_nothing(tmp_path: Path) -> None:
    finder: Callable[[Path], dict[str, str]] = giving_back.newer_parts
    assert finder(tmp_path) == {}

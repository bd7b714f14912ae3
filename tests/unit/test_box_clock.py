"""The time over restarts, reboots and lost folders: what goes on, what is only a floor, what dates whose records."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.commands import Command, Result
from edge.core.types import Event, Record
from edge.runtime.box import Box
from edge.runtime.clock import BUILD_MS, RealMachine, SystemClock
from edge.store.log import Log
from hal.sample import Fix
from tests.plant import Plant
from tests.support import eventually

TRUE_MS = 1_795_500_000_000
HOUR_MS = 3_600_000
PARIS = ZoneInfo("Europe/Paris")


class Computer(RealMachine):
    """The machine with a clock of day that is so far off, in one run between two power cuts."""

    def __init__(self, run: str = "a", utc_ms: int = 0) -> None:
        self.run = run
        self._off_ns = utc_ms * 1_000_000 - time.time_ns()

    def utc_ns(self) -> int:
        return time.time_ns() + self._off_ns

    def power_up(self) -> str:
        return self.run


@contextmanager
def box(folder: Path, machine: Computer, *, trust: bool = False) -> Iterator[Box]:
    """Run a box until it has made records that are durable; its clock has no witness but the settings."""
    plant = Plant(folder, trust_clock=trust)
    with plant.box(folder / "state", machine=machine) as running:
        eventually(lambda: running.station.records_made > 2, 5, "there are records")
        yield running


def set_time(running: Box, at_ms: int) -> Result:
    at = f"{datetime.fromtimestamp(at_ms / 1000, PARIS):%Y-%m-%d %H:%M:%S}"
    return running.desk.order(Command(f"set {at_ms}", "time.set", {"at": at}, "anna", "local"))


def boots_of(log: Log[Any]) -> dict[int, int]:
    """Return how many entries each start has in a log."""
    found: dict[int, int] = {}
    seq = log.first_seq()
    while (chunk := log.read(seq, 1000)).entries:
        found[chunk.boot] = found.get(chunk.boot, 0) + len(chunk.entries)
        seq += len(chunk.entries)
    return found


def kinds(log: Log[Event], kind: str) -> list[dict[str, Any]]:
    found, seq = [], log.first_seq()
    while (chunk := log.read(seq, 1000)).entries:
        found += [event.values for event in chunk.entries if event.kind == kind]
        seq += len(chunk.entries)
    return found


def off_ms(running: Box) -> int:
    """Return how far the box is from what `set_time` with TRUE_MS told."""
    return running.clock.utc_ms() - TRUE_MS


def test_a_persons_time_is_taken_told_and_kept_over_a_restart_of_the_service(tmp_path: Path) -> None:
    with box(tmp_path, Computer()) as running:
        assert running.desk.box()["clock"] == "none"
        result = set_time(running, TRUE_MS)
        assert (result.done, result.text.key) == (True, "time_set_done")
        assert 0 <= off_ms(running) < 5000
        eventually(running.dating.entries, 5, "the entry is durable")
        event = kinds(running.events, "clock")[-1]
        assert (event["author"], event["channel"], event["source"]) == ("anna", "local", "person")
        assert event["utc_ms"] - event["before"] == event["step_ms"]
        eventually(lambda: bool(kinds(running.events, "command")), 5, "the order too, in a batch of its own")
        command = kinds(running.events, "command")[-1]
        assert (command["verb"], command["author"], command["after"][:4]) == ("time.set", "anna", "2026")
    with box(tmp_path, Computer()) as again:
        assert again.desk.time()["source"] == "person"
        assert 0 <= off_ms(again) < 20_000
        assert again.desk.time()["age_s"] < 60
        assert {entry.boot for entry in again.dating.entries()} == {1, 2}


def test_after_a_reboot_a_persons_time_is_a_floor_and_no_more(tmp_path: Path) -> None:
    with box(tmp_path, Computer()) as running:
        set_time(running, TRUE_MS)
        eventually(running.dating.entries, 5, "the entry is durable")
    with box(tmp_path, Computer("b", utc_ms=86_400_000)) as again:
        told = again.desk.time()
        assert (told["source"], told["floor"]["from"]) == ("none", "log")
        assert 0 <= told["floor"]["utc_ms"] - TRUE_MS < 20_000
        assert 0 <= off_ms(again) < 30_000, "later than what was kept, however wrong the machine's clock is"
        refused = set_time(again, TRUE_MS - 40 * 86_400_000)
        assert refused.done, "a person may correct what a person said"
        assert set_time(again, 10**12).text.key == "time_set_too_early"
        assert set_time(again, BUILD_MS + 30 * 365 * 86_400_000).text.key == "time_set_too_late"


def test_the_floor_rises_with_what_starts_without_time_have_kept(tmp_path: Path) -> None:
    with box(tmp_path, Computer()) as running:
        set_time(running, TRUE_MS)
        eventually(running.dating.entries, 5, "the entry is durable")
    floors = []
    for run in "bcd":
        with box(tmp_path, Computer(run)) as again:
            floors.append(again.desk.time()["floor"]["utc_ms"])
            assert again.clock.trust() == "none"
    assert TRUE_MS < floors[0] < floors[1] < floors[2] < TRUE_MS + 60_000


def test_a_box_that_never_knew_the_time_has_the_builds_floor(tmp_path: Path) -> None:
    for run in "ab":
        with box(tmp_path, Computer(run)) as running:
            told = running.desk.time()
            assert (told["source"], told["floor"]) == ("none", {"utc_ms": BUILD_MS, "from": "build"})
            assert 0 <= running.clock.utc_ms() - BUILD_MS < 30_000


def test_a_better_source_is_not_moved_by_a_person(tmp_path: Path) -> None:
    with box(tmp_path, Computer(utc_ms=TRUE_MS), trust=True) as running:
        assert running.desk.time()["source"] == "person"
        assert set_time(running, TRUE_MS + HOUR_MS).text.key == "time_set_settings"
        assert isinstance(running.clock, SystemClock)
        running.clock.offer(_ntp(running, TRUE_MS + HOUR_MS), "test")
        refused = set_time(running, TRUE_MS)
        assert (refused.done, refused.text.key) == (False, "time_set_worse")
        assert refused.text.values["source"] == "ntp"


def _ntp(running: Box, utc_ms: int) -> Any:
    return Fix("ntp", running.clock.monotonic_ns(), utc_ms)


# -- which entries date whose records


@pytest.mark.parametrize("lost", [("records",), ("events",), ("records", "events")])
@pytest.mark.parametrize("is_notebook_lost", [True, False])
def test_when_a_log_is_lost_no_old_entry_ever_dates_a_new_start(
    tmp_path: Path, lost: tuple[str, ...], is_notebook_lost: bool
) -> None:
    wrong_ms = TRUE_MS - 30 * 86_400_000
    for run in "abc":  # three starts that were dated
        with box(tmp_path, Computer(run, wrong_ms), trust=True) as running:
            eventually(running.dating.entries, 5)
    for folder in lost:
        shutil.rmtree(tmp_path / "state" / folder)
    if is_notebook_lost:
        for path in (tmp_path / "state").glob("notebook*"):
            path.unlink()
    with box(tmp_path, Computer("d")) as running:
        boot = running.clock.boot
        known = {entry.boot for entry in running.dating.entries()}
        assert boot not in known, "nothing dates this start yet"
        assert boot >= max([*known, *boots_of(running.records), *boots_of(running.events)], default=0)
        held_before = {at for at in boots_of(running.records) if at != boot}
        assert held_before == (set() if "records" in lost else {1, 2, 3})
        assert boot == (1 if len(lost) == 2 and is_notebook_lost else 4)
        entry = running.dating.entry(boot, 0)
        assert entry is None
        set_time(running, TRUE_MS)
        eventually(lambda: running.dating.entry(boot, 0), 5)
        dated = running.dating.entry(boot, 0)
        assert dated is not None
        assert dated.source == "person"


def test_a_start_number_is_not_given_again_when_the_frames_of_the_last_starts_are_gone(tmp_path: Path) -> None:
    with box(tmp_path, Computer("a"), trust=False) as running:
        set_time(running, TRUE_MS)
        eventually(running.dating.entries, 5)
    with box(tmp_path, Computer("b")) as running:
        first = running.clock.boot
    # the records of the second start never reached the card: only the events know of it
    shutil.rmtree(tmp_path / "state" / "records")
    with box(tmp_path, Computer("c")) as running:
        assert running.clock.boot == first + 1
        records: Log[Record] = running.records
        eventually(lambda: boots_of(records), 5)
        assert set(boots_of(records)) == {first + 1}

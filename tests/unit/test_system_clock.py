"""The clock of a running box: who vouches for the machine's, and what is believed when it is stepped."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest

from edge.core.clock import ClockEntry, TimeSources
from edge.core.timekeeping import Floor
from edge.runtime.clock import BUILD_MS, Machine, RealMachine, SystemClock
from hal.sample import Fix
from tests.support import ROOT

NOW_MS = 1_795_166_000_000
HOUR_MS = 3_600_000
YEAR_MS = 365 * 86_400_000


class FakeMachine:
    """A computer whose two clocks move when told."""

    def __init__(self, utc_ms: int = NOW_MS, monotonic_ms: int = 5000) -> None:
        self.monotonic_ms = monotonic_ms
        self.offset_ms = utc_ms - monotonic_ms

    def monotonic_ns(self) -> int:
        return self.monotonic_ms * 1_000_000

    def utc_ns(self) -> int:
        return (self.monotonic_ms + self.offset_ms) * 1_000_000

    def power_up(self) -> str:
        return "a"

    def advance(self, ms: int) -> None:
        self.monotonic_ms += ms

    def fix(self, source: str, utc_ms: int, error_ms: int = 0) -> Fix:
        return Fix(source, self.monotonic_ns(), utc_ms, error_ms)


class Says:
    """A witness that says what it is told to."""

    name = "test"

    def __init__(self, word: str = "") -> None:
        self.word = word

    def vouches(self, machine: Machine) -> tuple[str, int] | None:
        return (self.word, 0) if self.word else None


@pytest.mark.parametrize(
    ("vouched", "utc_ms", "word", "shown_ms"),
    [
        ("ntp", NOW_MS, "ntp", NOW_MS),
        ("person", NOW_MS, "person", NOW_MS),
        ("", NOW_MS, "floor", NOW_MS),
        ("", BUILD_MS - 1, "none", BUILD_MS),
        ("ntp", 0, "none", BUILD_MS),
        ("person", 0, "none", BUILD_MS),
        ("", NOW_MS + 25 * YEAR_MS, "none", BUILD_MS),
        ("ntp", NOW_MS + 25 * YEAR_MS, "none", BUILD_MS),
    ],
)
def test_the_machines_time_is_what_its_best_witness_says_and_never_impossible(
    vouched: str, utc_ms: int, word: str, shown_ms: int
) -> None:
    clock = SystemClock(1, witnesses=[Says(vouched)], machine=FakeMachine(utc_ms))
    assert (clock.trust(), clock.utc_ms()) == (word, shown_ms)


def test_a_clock_that_is_nobodys_goes_on_from_the_floor() -> None:
    machine = FakeMachine(0)
    clock = SystemClock(1, floor=Floor(BUILD_MS, NOW_MS, "ntp"), machine=machine)
    machine.advance(HOUR_MS)
    clock.look()
    assert (clock.trust(), clock.utc_ms()) == ("none", NOW_MS + HOUR_MS)


def test_witnesses_are_asked_at_each_look_and_a_better_one_is_believed_at_once() -> None:
    machine, witness = FakeMachine(NOW_MS - HOUR_MS), Says()
    clock = SystemClock(1, witnesses=[witness], machine=machine)
    witness.word = "ntp"
    machine.offset_ms += HOUR_MS
    assert clock.trust() == "floor"
    clock.look()
    assert (clock.trust(), clock.utc_ms()) == ("ntp", NOW_MS)
    assert clock.report()["sources"][0]["verdict"] == "used"


def test_a_witness_that_falls_silent_keeps_its_word_and_its_age_is_told() -> None:
    machine, witness = FakeMachine(), Says("ntp")
    clock = SystemClock(1, witnesses=[witness], machine=machine)
    witness.word = ""
    machine.offset_ms -= 20 * YEAR_MS  # the machine's clock is no witness any more
    machine.advance(10 * HOUR_MS)
    clock.look()
    told = clock.report()
    assert (clock.trust(), clock.utc_ms()) == ("ntp", NOW_MS + 10 * HOUR_MS)
    assert (told["age_s"], told["error_ms"], told["machine_off_ms"]) == (36_000, 3600, -20 * YEAR_MS)


def test_a_step_of_the_machines_clock_is_believed_when_its_witness_has_said_it_three_times() -> None:
    machine, witness = FakeMachine(), Says("ntp")
    clock = SystemClock(1, witnesses=[witness], machine=machine)
    machine.offset_ms += HOUR_MS
    seen = []
    for _ in range(3):
        machine.advance(10_000)
        clock.look()
        seen.append(clock.utc_ms() - NOW_MS - (machine.monotonic_ms - 5000))
    assert seen == [0, 0, HOUR_MS]


def test_slewing_is_followed_at_once() -> None:
    machine = FakeMachine()
    clock = SystemClock(1, witnesses=[Says("ntp")], machine=machine)
    machine.offset_ms += 900
    clock.look()
    assert clock.utc_ms() == NOW_MS + 900


def test_what_was_believed_before_a_restart_of_the_service_goes_on() -> None:
    machine = FakeMachine(0, monotonic_ms=900_000)
    clock = SystemClock(2, machine=machine, kept=ClockEntry(1, 300_000, NOW_MS, "person"))
    assert (clock.trust(), clock.utc_ms()) == ("person", NOW_MS + 600_000)
    assert clock.offer(machine.fix("tic", NOW_MS + 660_000, 2000), "serial") == "unconfirmed"


def test_it_offers_what_the_keeper_of_its_entries_asks_for() -> None:
    assert isinstance(SystemClock(1, machine=FakeMachine()), TimeSources)


def test_the_real_machine_has_the_systems_clocks() -> None:
    machine = RealMachine()
    assert 0 <= machine.monotonic_ns() - time.monotonic_ns() + 1_000_000_000 < 1_100_000_000
    assert abs(machine.utc_ns() / 1e9 - time.time()) < 1
    assert re.fullmatch(r"[0-9a-f-]{36}|", machine.power_up())
    clock = SystemClock(7)
    assert (clock.boot, clock.trust() in {"floor", "none"}) == (7, True)


def test_the_build_is_not_older_than_the_newest_release_and_not_in_the_future() -> None:
    days = re.findall(r"^## .*(\d{4}-\d\d-\d\d)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    newest_ms = max((datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000 for day in days), default=0)
    assert newest_ms <= BUILD_MS + 86_400_000, "move BUILD_MS in edge/runtime/clock.py with each release"
    assert time.time() * 1000 > BUILD_MS

"""When a clock entry is written, and what dates the starts that never learned the time."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.core.clock import ClockEntry, Dating
from edge.core.commands import Command, Result
from edge.core.timekeeping import TimeSet
from edge.core.types import EventBatch
from edge.runtime.clock_keeper import ClockKeeper
from edge.settings import catalogue
from hal.sample import Fix
from tests.support import ManualClock


class Rig:
    """A keeper whose card takes what it is given only when told."""

    def __init__(
        self, trust: str = "floor", boot: int = 4, *known: ClockEntry, clock: ManualClock | None = None
    ) -> None:
        self.clock = clock or ManualClock(trust=trust, boot=boot)
        self.dating = Dating()
        for entry in known:
            self.dating.add(entry)
        self.batches: list[EventBatch] = []
        self.waiting: list[Any] = []
        self.offsets: list[int] = []
        self.asked: list[int] = []
        self.keeper = ClockKeeper(self.clock, self.dating, self._journal, self.offsets.append, self._estimated)
        self.keeper.undated_wait_s = 100.0

    def _journal(self, batch: EventBatch, done: Any) -> None:
        self.batches.append(batch)
        self.waiting.append(done)

    def _estimated(self, boot: int, dating: Dating) -> ClockEntry | None:
        self.asked.append(boot)
        following = dating.entry(boot + 1, 0)
        return None if following is None else ClockEntry(boot, 0, following.utc_ms - 60_000, "floor")

    def step(self, seconds: float = 0) -> None:
        self.clock.advance(seconds)
        self.keeper.step(self.clock.now_ns // 1_000_000)

    def guess(self, boot: int) -> None:
        self.keeper.guess(boot, self.clock.now_ns // 1_000_000)

    def flush(self) -> None:
        for done in self.waiting:
            done()
        self.waiting.clear()

    def entered(self) -> list[tuple[int, str]]:
        """Return boot and source of each entry as the last batch makes it durable."""
        saved = self.batches[-1].registers["clock"]
        return [(entry.boot, entry.source) for entry in msgspec.convert(saved, list[ClockEntry])]


def test_a_trusted_clock_is_entered_once_also_while_the_card_can_not_be_written() -> None:
    rig = Rig("ntp")
    for _ in range(10):
        rig.step(10)
    assert len(rig.batches) == 1
    assert rig.dating.entries() == []
    rig.flush()
    assert [entry.source for entry in rig.dating.entries()] == ["ntp"]


def test_an_entry_that_is_still_on_its_way_is_not_forgotten_by_the_next_one() -> None:
    rig = Rig("person")
    rig.step()
    rig.clock.trusted = "ntp"
    rig.step(10)
    assert rig.entered() == [(4, "person"), (4, "ntp")]


def test_our_own_start_is_guessed_when_the_link_has_waited_and_a_better_source_replaces_the_guess() -> None:
    rig = Rig()
    rig.step(50)
    assert rig.batches == []
    rig.guess(4)
    rig.guess(4)
    assert rig.entered() == [(4, "floor")]
    assert len(rig.batches) == 1
    assert rig.offsets == [rig.clock.utc_offset_ms]
    rig.clock.trusted = "gsm"
    rig.step(10)
    assert rig.entered() == [(4, "floor"), (4, "gsm")]


def test_past_starts_are_dated_at_once_when_ours_is() -> None:
    rig = Rig("ntp")
    rig.step()
    rig.guess(2)
    assert rig.asked == [3, 2]
    assert rig.entered() == [(2, "floor"), (3, "floor"), (4, "ntp")]
    rig.guess(2)
    assert rig.asked == [3, 2], "not twice, though nothing is durable yet"


def test_past_starts_wait_for_a_source_of_ours_and_then_all_are_guessed() -> None:
    rig = Rig()
    rig.step(5)
    rig.guess(3)
    rig.guess(2)
    rig.step(99)
    assert rig.batches == []
    assert rig.keeper.due_ms == 106_000, "it asks to be called when the wait is over"
    rig.step(1)
    assert rig.entered() == [(2, "floor"), (3, "floor"), (4, "floor")]


def test_a_source_that_comes_in_time_dates_ours_and_the_past_with_it() -> None:
    rig = Rig()
    rig.step()
    rig.guess(3)
    rig.clock.trusted = "gsm"
    rig.step(10)
    assert rig.entered() == [(3, "floor"), (4, "gsm")]


def test_a_start_that_is_dated_keeps_its_date() -> None:
    known = ClockEntry(3, 500, 1_795_000_000_000, "ntp")
    rig = Rig("ntp", 4, known)
    rig.step()
    rig.guess(3)
    rig.guess(2)
    assert rig.asked == [2]
    assert rig.entered() == [(2, "floor"), (3, "ntp"), (4, "ntp")]


def test_only_the_newest_entries_are_kept() -> None:
    rig = Rig("ntp", 301, *(ClockEntry(boot, 0, 1_700_000_000_000 + boot, "ntp") for boot in range(1, 301)))
    rig.step()
    assert rig.entered() == [(boot, "ntp") for boot in range(102, 302)]


# -- steps, and a person who sets the time


class Told(ManualClock):
    """A clock that takes what a person says, or refuses it with the word that it is given."""

    def __init__(self, verdict: str = "used", trust: str = "floor") -> None:
        super().__init__(trust=trust, boot=4)
        self.verdict = verdict
        self.fixes: list[tuple[Fix, str]] = []
        self.looks = 0

    def look(self) -> None:
        self.looks += 1

    def offer(self, fix: Fix, witness: str) -> str:
        self.fixes.append((fix, witness))
        if self.verdict == "used":
            self.trusted = fix.source
            self.utc_offset_ms = fix.utc_ms - fix.t_ns // 1_000_000
        return self.verdict

    def report(self) -> dict[str, Any]:
        return {"utc_ms": self.utc_ms(), "source": self.trusted, "floor": {"utc_ms": 1_790_000_000_000}}


def told(clock: Told) -> Rig:
    return Rig(clock=clock)


def set_time(rig: Rig, at: str) -> Result:
    command = Command("id1", "time.set", {"at": at}, "anna", "local")
    return rig.keeper.set_by_person(command, TimeSet(at), ZoneInfo("Europe/Paris"))


def test_the_first_time_that_is_believed_is_entered_with_the_next_step_and_later_ones_at_their_time() -> None:
    clock = Told("unconfirmed")
    rig = told(clock)
    rig.step(3)
    fix = Fix("tic", clock.now_ns, 1_795_500_000_000, 2000)
    rig.keeper.hear(fix, "linky")
    rig.step()
    assert rig.batches == [], "one alone is not believed"
    clock.verdict = "used"
    rig.keeper.hear(fix, "linky")
    rig.step()
    assert rig.entered() == [(4, "tic")]
    due_ms, looks = rig.keeper.due_ms, clock.looks
    rig.keeper.hear(fix, "linky")
    rig.step(1)
    assert (rig.keeper.due_ms, clock.looks) == (due_ms, looks), "who has a date is not woken by the next"


@pytest.mark.parametrize("step_ms", [-10 * 31_557_600_000, -86_400_000, -3_600_000, -2000, 2000, 3_600_000, 86_400_000])
def test_a_step_is_entered_with_its_size_and_what_was_before(step_ms: int) -> None:
    rig = Rig("ntp")
    rig.step()
    before_ms = rig.clock.utc_ms()
    rig.clock.utc_offset_ms += step_ms
    rig.step(10)
    event = rig.batches[-1].entries[0]
    assert event.values == {
        "utc_ms": before_ms + 10_000 + step_ms, "source": "ntp", "boot": 4, "step_ms": step_ms,
        "before": before_ms + 10_000,
    }  # fmt: skip
    assert [step["step_ms"] for step in rig.keeper.report()["steps"]] == [step_ms]


@pytest.mark.parametrize("slew_ms", [-1999, -1, 0, 1, 1999])
def test_slewing_is_no_step(slew_ms: int) -> None:
    rig = Rig("ntp")
    rig.step()
    rig.clock.utc_offset_ms += slew_ms
    rig.step(10)
    assert len(rig.batches) == 1


def test_a_step_is_entered_once() -> None:
    rig = Rig("ntp")
    rig.step()
    rig.clock.utc_offset_ms += 3_600_000
    for _ in range(100):
        rig.step(10)
    assert len(rig.batches) == 2
    rig.flush()
    assert len(rig.dating.entries()) == 2


def test_a_meters_whole_seconds_are_no_steps() -> None:
    rig = Rig("tic")
    rig.step()
    for slew_ms in (-4999, 4999):
        rig.clock.utc_offset_ms += slew_ms
        rig.step(10)
        rig.clock.utc_offset_ms -= slew_ms
    assert len(rig.batches) == 1


def test_the_machine_is_looked_at_each_ten_seconds() -> None:
    clock = Told()
    rig = told(clock)
    for _ in range(30):
        rig.step(1)
    assert clock.looks == 4


def test_a_person_who_sets_the_time_is_named_with_what_was_before_and_after() -> None:
    clock = Told()
    rig = told(clock)
    before_ms = clock.utc_ms()
    result = set_time(rig, "2026-11-21 14:05")
    utc_ms = 1_795_266_300_000
    assert (result.done, result.text.key) == (True, "time_set_done")
    assert result.values == {"utc_ms": utc_ms, "before": "2026-11-20 10:13:20", "after": "2026-11-21 14:05:00"}
    assert rig.batches[-1].entries[0].values == {
        "utc_ms": utc_ms, "source": "person", "boot": 4, "step_ms": utc_ms - before_ms, "before": before_ms,
        "author": "anna", "channel": "local",
    }  # fmt: skip
    assert clock.fixes == [(Fix("person", clock.now_ns, utc_ms, 60_000), "person")]
    assert rig.offsets == [utc_ms - 1000], "the calendar follows at once"


def test_a_person_who_sets_what_it_is_already_is_journaled_too() -> None:
    rig = told(Told())
    set_time(rig, "2026-11-21 14:05:00")
    set_time(rig, "2026-11-21T13:05:00Z")
    assert [batch.entries[0].values["step_ms"] for batch in rig.batches][1:] == [0]


@pytest.mark.parametrize(
    ("verdict", "key"),
    [("worse", "time_set_worse"), ("too_early", "time_set_too_early"), ("too_late", "time_set_too_late")],
)
def test_a_time_that_is_not_taken_says_why_and_changes_nothing(verdict: str, key: str) -> None:
    rig = told(Told(verdict, "ntp"))
    result = set_time(rig, "2026-11-21 14:05")
    assert (result.done, result.text.key, rig.batches) == (False, key, [])
    assert catalogue.render("fr", key, result.text.values) != catalogue.render("en", key, result.text.values)
    assert "=" not in catalogue.render("en", key, result.text.values), "the sentence has all that it needs"


@pytest.mark.parametrize(
    ("at", "why"),
    [("", "form"), ("now", "form"), ("2026-11-21", "form"), ("2026-13-01 10:00", "form"), ("14:05", "form"),
     ("2027-03-28 02:30", "no_such_time"), ("\x00" * 100, "form"), ("9" * 5000, "form")],
)  # fmt: skip
def test_what_is_no_time_is_refused(at: str, why: str) -> None:
    clock = Told()
    result = set_time(told(clock), at)
    assert (result.done, result.text.key, result.text.values["why"]) == (False, "time_set_unclear", why)
    assert clock.fixes == []
    assert len(str(result.text.values["at"])) <= 40


def test_a_clock_of_its_own_can_not_be_set() -> None:
    assert set_time(Rig(), "2026-11-21 14:05").text.key == "time_set_fixed"
    assert Rig().keeper.report()["source"] == "floor"

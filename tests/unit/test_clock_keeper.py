"""When a clock entry is written, and what dates the starts that never learned the time."""

from __future__ import annotations

from typing import Any

import msgspec

from edge.core.clock import ClockEntry, Dating
from edge.core.types import EventBatch
from edge.runtime.clock_keeper import ClockKeeper
from tests.support import ManualClock


class Rig:
    """A keeper whose card takes what it is given only when told."""

    def __init__(self, trust: str = "floor", boot: int = 4, *known: ClockEntry) -> None:
        self.clock = ManualClock(trust=trust, boot=boot)
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

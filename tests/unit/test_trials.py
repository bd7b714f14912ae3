"""May the installer leave? PASSED only with every point, a moving index, a trusted clock and the server's word."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.commands import Command, Result
from edge.core.trial import Verdict
from edge.core.trials import BUTTON, Trials
from edge.core.types import PointSpec
from hal.sample import Notice
from tests.unit.rig import Rig, gauge, sample

WATER = PointSpec("water", "counter", "m3", scale=0.01, volatile=True, period_ms=1000, record_ms=60_000)


class Site(Rig):
    """A temperature and a pulse meter, and whoever listens."""

    def __init__(
        self, *, on_boot: bool = False, told: str = "", saved_events: dict[str, Any] | None = None, **options: Any
    ) -> None:
        self.trials = Trials(saved_events, pulses=["water"], on_boot=on_boot, told=told)
        self.began = 0
        self.verdicts: list[Verdict] = []
        self.trials.began = self._count
        self.trials.ended = self.verdicts.append
        super().__init__(gauge(), WATER, parts=[self.trials], saved_events=saved_events, **options)

    def _count(self) -> None:
        self.began += 1

    def order(self, id_: str = "1") -> Result:
        result = self.engine.command(Command(id_, "test", {}, "caretaker", "sms", "operate"), self.engine.now_ms)
        self.collect()
        return result

    def run(self, first_s: int, last_s: int, *, value: Any = 20.0, pulses: int | None = None) -> None:
        """Read both points each second; the pulse meter has counted `pulses` so far."""
        for t_s in range(first_s, last_s + 1):
            count = t_s if pulses is None else pulses
            self.cycle(
                t_s, sample(t_s, value, "" if value is not None else "no_answer"), sample(t_s, count, point="water")
            )
            self.tick(t_s)

    def stored(self, at_s: float) -> None:
        self.trials.stored("mqtt", round(at_s * 1000))
        self.collect()


def test_with_every_point_and_the_servers_word_it_passes_at_once_and_says_how_long_that_took() -> None:
    site = Site()
    site.run(0, 9)
    assert site.order().done
    site.run(10, 40)
    assert not site.verdicts
    site.stored(41)
    [verdict] = site.verdicts
    assert (verdict.passed, verdict.sound, verdict.points, verdict.stored_s) == (True, 2, 2, 32.0)
    [end] = [event for event in site.events if event.kind == "test_end"]
    assert end.values == {
        "passed": True, "points": 2, "of": 2, "by": "caretaker", "channel": "sms", "stored_s": 32.0, "link": "mqtt",
    }  # fmt: skip
    assert site.trials.view(50_000).state == "passed"


def test_whoever_asked_by_text_is_texted_the_outcome_and_else_whom_the_settings_name() -> None:
    site = Site()
    site.run(0, 9)
    site.order()
    site.stored(10)
    assert [event.values["to"] for event in site.events if event.kind == "page"] == ["caretaker"]
    by_button = Site(told="office")
    by_button.run(0, 9)
    by_button.cycle(10, notices=[Notice(BUTTON, 10 * 10**9, {})])
    by_button.stored(11)
    [page] = [event.values for event in by_button.events if event.kind == "page"]
    assert (page["to"], page["what"], page["passed"], page["points"], page["of"]) == ("office", "trial", True, 2, 2)
    nobody = Site()
    nobody.cycle(10, notices=[Notice(BUTTON, 10 * 10**9, {})])
    nobody.stored(11)
    assert "page" not in nobody.kinds()


def test_without_the_server_it_fails_after_five_minutes_and_never_passes() -> None:
    site = Site()
    site.run(0, 9)
    site.order()
    site.run(10, 308)
    assert not site.verdicts
    site.run(309, 310)
    [verdict] = site.verdicts
    assert (verdict.passed, verdict.failing, verdict.stored_s) == (False, [], None)
    site.stored(311)
    assert len(site.verdicts) == 1


@pytest.mark.parametrize(
    ("changes", "point", "reason"),
    [({"value": None}, "p", "no_answer"), ({"pulses": 7}, "water", "no_pulse")],
)
def test_a_point_without_a_value_or_a_meter_without_a_pulse_fails_it_by_name(
    changes: dict[str, Any], point: str, reason: str
) -> None:
    site = Site()
    site.run(0, 0, pulses=7)
    site.trials._counts["water"] = 7
    site.order()
    site.stored(1)
    site.run(1, 59, **changes)
    assert not site.verdicts  # it may still come
    site.run(60, 61, **changes)
    [verdict] = site.verdicts
    assert not verdict.passed
    assert [(one.point, one.reason) for one in verdict.failing] == [(point, reason)]
    assert verdict.sound == 1
    [end] = [event for event in site.events if event.kind == "test_end"]
    assert end.values["failing"] == f"{point} {reason}"


def test_a_clock_that_nobody_vouches_for_fails_it() -> None:
    site = Site(is_dated=False)
    site.run(0, 5)
    site.order()
    site.stored(6)
    site.run(6, 70)
    assert [(one.point, one.reason) for one in site.verdicts[0].failing] == [("", "clock_unset")]
    assert site.verdicts[0].sound == 2


def test_a_second_request_waits_for_the_first_and_a_repeat_changes_nothing() -> None:
    site = Site()
    site.run(0, 5)
    site.order("a")
    site.run(6, 20)
    assert site.order("b").text.key == "trial_runs"
    assert site.order("a").text.key == "trial_begun"
    assert (site.began, site.kinds().count("test_begin")) == (1, 1)


def test_everybody_who_asked_by_text_while_it_ran_hears_the_outcome_once() -> None:
    site = Site()
    site.run(0, 5)
    site.order("a")
    for id_ in ("b", "c"):
        site.engine.command(Command(id_, "test", {}, "office", "sms", "operate"), site.engine.now_ms)
    site.stored(6)
    assert [event.values["to"] for event in site.events if event.kind == "page"] == ["caretaker", "office"]


def test_the_button_begins_one_and_only_one() -> None:
    site = Site()
    site.run(0, 5)
    for t_s in (6, 7):
        site.cycle(t_s, notices=[Notice(BUTTON, t_s * 10**9, {})])
    assert site.kinds().count("test_begin") == 1
    assert site.trials.running is not None
    assert site.trials.running.channel == "button"


def test_a_power_cut_begins_it_anew_for_whoever_asked_and_on_boot_ends_with_the_first_pass() -> None:
    site = Site(on_boot=True)
    assert site.trials.running is not None
    again = Site(saved_events=site.event_registers, boot=2)
    assert again.trials.running is not None
    assert again.trials.running.channel == "boot"
    again.run(0, 5)
    again.stored(6)
    again.run(6, 6)
    assert again.verdicts[0].passed
    third = Site(on_boot=True, saved_events=again.event_registers, boot=3)
    assert third.trials.running is None
    assert third.trials.view(0).state == "none"


def test_an_empty_site_passes_on_the_servers_word_alone_and_a_point_never_read_does_not() -> None:
    trials = Trials()
    empty = Rig(parts=[trials])
    empty.engine.command(Command("1", "test", {}, "x", "local"), 0)
    trials.stored("sms", 1000)
    assert trials.verdict is not None
    assert trials.verdict.passed
    unread = Site()
    unread.order()
    unread.stored(1)
    unread.tick(62)
    assert not unread.verdicts[0].passed

"""Outputs within the engine: orders answered and journaled, states read back, what a restart keeps."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge.core.commands import Command, Result
from edge.core.output import OutputSpec
from edge.core.outputs import OutputList
from edge.core.read_back import MISMATCH, ReadBack
from edge.core.types import Event, LimitSpec, PointSpec
from hal.sample import BAD, GOOD, UNCERTAIN
from tests.unit.rig import Rig, gauge, high, sample

PUMP = PointSpec(id="pump", kind="state", words=("off", "on"), period_ms=5000, record_ms=60_000, stale_ms=30_000)


class Relays(Rig):
    """An engine with the output "pump" and a pin that can be bent."""

    def __init__(
        self, *specs: PointSpec | LimitSpec, saved: Any = None, utc_of: Any = None, boot: int = 1,
        offset_ms: int = 0, **pump: Any,
    ) -> None:  # fmt: skip
        self.pin: ReadBack | None = None
        self.driven = False
        self.switched: list[bool] = []
        self.asked = 0
        spec = OutputSpec(PUMP, **pump)
        more = {} if utc_of is None else {"utc_of": utc_of}
        outputs = OutputList([spec], boot=boot, now_ms=0, saved=saved, utc_offset_ms=offset_ms, **more)
        super().__init__(*specs, PUMP, outputs=outputs, boot=boot, utc_offset_ms=offset_ms)
        self.go(0)

    def go(self, t_s: float) -> None:
        """Let time pass as the station does."""
        outputs, now_ms = self.engine.outputs, round(t_s * 1000)
        self.engine.tick(now_ms)
        for _name, self.driven in outputs.to_switch():
            self.switched.append(self.driven)
        due = outputs.to_read(now_ms)
        self.engine.read_back(dict.fromkeys(due, self.pin or ReadBack(self.driven)), now_ms)
        self.collect()
        assert self.engine.next_due_ms() > now_ms, "nothing is due at once again"

    def order(self, t_s: float, to: str, *, key: str = "", output: str = "pump", **more: Any) -> Result:
        self.asked += 1
        args = {"output": output, "to": to, **more}
        command = Command(key or f"id{self.asked}", "relay", args, "anna", "local")
        result = self.engine.command(command, round(t_s * 1000))
        self.collect()
        self.go(t_s)
        return result

    def state(self) -> tuple[Any, int, str]:
        point = self.engine.points["pump"]
        return point.value, point.quality, point.reason

    def told(self, *kinds: str) -> list[Event]:
        return [event for event in self.events if event.kind in kinds]


# -- orders


def test_an_order_switches_and_the_journal_says_who_by_which_way_what_was_and_is() -> None:
    rig = Relays()
    result = rig.order(1, "on")
    assert (result.done, result.text.key) == (True, "relay_ordered")
    assert rig.switched == [True]
    assert rig.state() == (1, GOOD, "")
    (told,) = rig.told("command")
    assert told.values == {
        "id": "id1", "verb": "relay", "author": "anna", "channel": "local", "done": True, "text": "relay_ordered",
        "args": "output=pump to=on", "before": "off (auto)", "after": "on (order)",
    }  # fmt: skip
    (state,) = rig.told("state")
    assert (state.point, state.values["word"], state.at_ms) == ("pump", "on", 1000)


def test_a_repeated_order_is_answered_again_and_not_done_again() -> None:
    rig = Relays()
    first = rig.order(1, "on", key="a")
    rig.order(2, "off", key="b")
    assert rig.order(3, "on", key="a") == first
    assert rig.switched == [True, False]
    assert len(rig.told("command")) == 2


def test_who_ordered_counts_above_the_limit_until_auto_and_the_answer_says_so() -> None:
    rig = Relays(gauge(), high(), limit="l")
    rig.read(1, 35)
    rig.go(1)
    assert rig.switched == [True]
    off = rig.order(2, "off")
    assert off.text.values == {"output": "pump", "level": "off", "limit": "l"}
    rig.read(3, 20)
    rig.read(4, 35)
    rig.go(4)
    assert rig.switched == [True, False]
    auto = rig.order(5, "auto")
    assert (auto.text.key, auto.text.values["level"]) == ("relay_auto", "on")
    assert rig.switched == [True, False, True]


def test_an_alarm_of_another_limit_and_an_order_for_another_output_move_nothing() -> None:
    rig = Relays(gauge(), high(id="other"), limit="l")
    rig.read(1, 99)
    rig.go(1)
    refused = rig.order(2, "on", output="pomp")
    assert (refused.done, refused.text.key, refused.text.values["known"]) == (False, "relay_none", ["pump"])
    assert rig.switched == []


def test_an_order_for_a_time_ends_by_itself_and_is_no_longer_kept() -> None:
    rig = Relays()
    result = rig.order(1, "on", for_s=30)
    assert (result.text.key, result.text.values["for_ms"]) == ("relay_for", 30_000)
    assert rig.engine.next_due_ms() <= 31_000
    assert set(rig.event_registers["outputs"]) == {"pump"}
    rig.go(30.9)
    assert rig.driven
    rig.go(31)
    assert not rig.driven
    (ended,) = rig.told("output_order_end")
    assert ended.values == {"why": "time", "to": "on", "author": "anna", "channel": "local"}
    assert rig.event_registers["outputs"] == {}


def test_an_order_that_has_to_wait_is_taken_and_says_for_how_long() -> None:
    rig = Relays(min_off_ms=180_000)
    held = rig.order(10, "on")
    assert held.done
    assert held.text.key == "relay_held"
    assert held.values["held_ms"] == 170_000
    assert (held.values["before"], held.values["after"]) == ("off (auto)", "off (order)")
    assert rig.switched == []
    rig.go(180)
    assert rig.switched == [True]


@pytest.mark.parametrize(
    ("args", "key"),
    [
        ({"to": "pulse"}, "relay_pulse_for"),
        ({"to": "auto", "for_s": 5}, "relay_auto_for"),
        ({"to": "swap"}, "command_bad_args"),
        ({"to": "on", "for_s": 0}, "command_bad_args"),
        ({"to": "on", "for_s": -1}, "command_bad_args"),
        ({"to": "on", "for_s": 1e12}, "command_bad_args"),
        ({"to": "on", "output": 5}, "command_bad_args"),
        ({"to": "on", "level": True}, "command_bad_args"),
        ({"to": ""}, "command_bad_args"),
    ],
)
def test_an_order_without_sense_is_refused_and_journaled(args: dict[str, Any], key: str) -> None:
    rig = Relays()
    result = rig.order(1, **args)
    assert (result.done, result.text.key) == (False, key)
    assert rig.switched == []
    assert rig.told("command")[0].values["done"] is False


def test_an_output_that_takes_no_orders_refuses_them() -> None:
    rig = Relays(gauge(), high(), limit="l", by_command=False)
    refused = rig.order(1, "on")
    assert (refused.done, refused.text.key) == (False, "relay_not_by_command")
    assert rig.switched == []


def test_ten_orders_a_second_are_limited_and_each_is_journaled_with_its_author() -> None:
    rig = Relays()
    results = [rig.order(1 + number / 10, "on" if number % 2 == 0 else "off") for number in range(10)]
    assert [result.done for result in results] == [True] * 3 + [False] * 7
    refused = results[-1]
    assert refused.text.key == "relay_too_often"
    assert refused.values["wait_ms"] == 4100, "one more each 5 s, from the first"
    assert rig.switched == [True, False, True]
    told = rig.told("command")
    assert [event.values["done"] for event in told] == [True] * 3 + [False], "the other six are counted"
    assert {(event.values["author"], event.values["channel"]) for event in told} == {("anna", "local")}
    assert rig.order(1.9 + 4.1, "off").done, "it was told when"


# -- read back


def test_a_pin_that_does_not_follow_shows_its_real_state_and_is_told_once_each_way() -> None:
    rig = Relays()
    rig.pin = ReadBack(level=False)
    rig.order(1, "on")
    assert rig.state() == (0, UNCERTAIN, "mismatch")
    for t_s in range(2, 60):
        rig.go(t_s)
    assert [event.values for event in rig.told("output_mismatch")] == [{"wanted": "on", "is": "off"}]
    rig.pin = None
    rig.go(60)
    assert rig.state() == (1, GOOD, "")
    assert [event.values for event in rig.told("output_agrees")] == [{"is": "on", "lasted_ms": 59_000}]
    assert rig.records[0].reason == "mismatch", "the minute's record says it too"


def test_a_limit_makes_an_alarm_of_a_pin_that_does_not_follow() -> None:
    rig = Relays(LimitSpec(id="pump.stuck", point="pump", kind="fault"))
    rig.pin = ReadBack(level=False)
    rig.order(1, "on")
    assert [event.values["why"] for event in rig.told("alarm_begin")] == ["mismatch"]
    rig.pin = None
    rig.go(5)
    assert [event.values["limit"] for event in rig.told("alarm_end")] == ["pump.stuck"]


def test_an_output_that_is_forced_on_while_it_rests_is_seen_within_its_period() -> None:
    rig = Relays()
    rig.pin = ReadBack(level=True)
    rig.go(3)
    assert rig.state() == (0, GOOD, "")
    rig.go(5)
    assert rig.state() == (1, UNCERTAIN, "mismatch")


def test_a_feedback_contact_has_its_time_to_follow() -> None:
    rig = Relays(feedback_ms=2000)
    rig.pin = ReadBack(level=False)
    rig.order(1, "on")
    assert rig.state() == (0, GOOD, ""), "the contact is still under way"
    rig.go(2.9)
    assert rig.told("output_mismatch") == []
    rig.go(3)
    assert rig.state() == (0, UNCERTAIN, "mismatch")


def test_a_contact_that_agrees_beside_a_pin_that_does_not_is_a_mismatch() -> None:
    rig = Relays()
    rig.pin = ReadBack(level=True, reason=MISMATCH)
    rig.order(1, "on")
    assert rig.state() == (1, UNCERTAIN, "mismatch")


def test_a_pin_that_can_not_be_had_is_bad_and_takes_no_orders() -> None:
    rig = Relays()
    rig.pin = ReadBack(None, "not_open", "GPIO17 is held by lirc")
    rig.go(5)
    assert rig.state() == (None, BAD, "not_open")
    refused = rig.order(6, "on")
    assert (refused.done, refused.text.key) == (False, "relay_lost")
    rig.go(10)
    assert [event.values["text"] for event in rig.told("output_lost")] == ["GPIO17 is held by lirc"]
    rig.pin = None
    rig.go(15)
    assert rig.state() == (0, GOOD, "")
    assert len(rig.told("output_back")) == 1


def test_an_output_at_rest_is_read_each_period_and_not_more_often() -> None:
    rig = Relays()
    due = []
    while (due_ms := rig.engine.next_due_ms()) < 60_000:
        due.append(due_ms)
        rig.go(due_ms / 1000)
    reads = [at_ms for at_ms in due if at_ms % 5000 == 0]
    assert len(reads) == 11
    assert len(due) <= 60, "the engine's own look each second, and no more"


# -- the link


def test_the_last_link_that_goes_brings_the_safe_state() -> None:
    rig = Relays(link_lost_ms=60_000)
    outputs = rig.engine.outputs
    outputs.link("mqtt", 0, is_up=True)
    outputs.link("sms", 0, is_up=True)
    rig.order(1, "on")
    outputs.link("mqtt", 2000, is_up=False)
    rig.go(100)
    assert rig.driven, "the other link is there"
    outputs.link("sms", 100_000, is_up=False)
    rig.go(159.9)
    assert rig.driven
    rig.go(160)
    assert not rig.driven
    (told,) = rig.told("output_safe")
    assert told.values == {
        "why": "link_lost", "lasted_ms": 60_000, "to": "on", "author": "anna", "channel": "local",
    }  # fmt: skip


# -- a restart


def again(before: Relays, **more: Any) -> Relays:
    return Relays(saved=before.event_registers["outputs"], boot=2, **more)


def test_an_order_to_the_other_level_ends_with_a_restart_and_the_journal_says_so() -> None:
    first = Relays()
    first.order(1, "on")
    second = again(first)
    assert (second.switched, second.driven) == ([], False)
    (ended,) = second.told("output_order_end")
    assert ended.values == {"why": "restart", "to": "on", "author": "anna", "channel": "local"}
    assert second.event_registers["outputs"] == {}, "and is not told again at the next"


def test_a_lock_out_outlives_a_restart() -> None:
    first = Relays(gauge(), high(), limit="l")
    first.order(1, "off")
    second = again(first, limit="l")
    assert second.engine.outputs.by_id["pump"].mode == "order"
    second.engine.outputs.follow("l", 1000, active=True)
    second.go(1)
    assert not second.driven
    assert second.told("output_order_end") == []
    assert second.order(2, "auto").done
    assert second.driven


def test_a_lock_out_whose_end_has_passed_meanwhile_is_gone() -> None:
    first = Relays()
    first.order(1, "off", for_s=600)
    begun_utc_ms = 1_795_000_000_000
    utc_of = {(1, 601_000): begun_utc_ms + 601_000}
    passed = again(first, utc_of=lambda *at: utc_of.get(at), offset_ms=begun_utc_ms + 700_000)
    assert passed.engine.outputs.by_id["pump"].mode == "auto"
    assert [event.values["why"] for event in passed.told("output_order_end")] == ["time"]
    lasting = again(first, utc_of=lambda *at: utc_of.get(at), offset_ms=begun_utc_ms + 500_000)
    assert lasting.engine.outputs.by_id["pump"].mode == "order"
    lasting.go(100)
    assert lasting.engine.outputs.by_id["pump"].mode == "order"
    lasting.go(101)
    assert lasting.engine.outputs.by_id["pump"].mode == "auto"


def test_a_clock_that_is_set_after_the_start_moves_the_end_of_a_lock_out() -> None:
    first = Relays()
    first.order(1, "off", for_s=600)
    rig = again(first, utc_of=lambda _boot, at_ms: 1_795_000_000_000 + at_ms, offset_ms=1_795_000_000_000)
    rig.go(10)
    assert rig.engine.outputs.by_id["pump"].mode == "order"
    rig.engine.set_clock(1_795_000_600_000)
    rig.go(11)
    assert rig.engine.outputs.by_id["pump"].mode == "auto"


def test_a_lock_out_of_a_start_that_never_knew_the_time_lasts_its_whole_time_again() -> None:
    first = Relays()
    first.order(1, "off", for_s=600)
    rig = again(first)
    rig.go(599)
    assert rig.engine.outputs.by_id["pump"].mode == "order"
    rig.go(600)
    assert rig.engine.outputs.by_id["pump"].mode == "auto"


def test_the_order_of_an_output_that_left_the_settings_is_forgotten() -> None:
    first = Relays()
    first.order(1, "off")
    saved = {"old": first.event_registers["outputs"]["pump"]}
    rig = Relays(saved=saved, boot=2)
    rig.order(1, "auto")
    assert rig.event_registers["outputs"] == {}


def test_the_register_is_plain_json() -> None:
    rig = Relays()
    rig.order(1, "off")
    rig.order(2, "pulse", for_s=5)
    kept = rig.engine.outputs.register()
    assert msgspec.json.decode(msgspec.json.encode(kept)) == kept
    second = again(rig)
    assert second.engine.outputs.by_id["pump"].mode == "order", "the lock-out that the pulse interrupted"


def test_an_alarm_that_outlived_the_restart_switches_its_output_again() -> None:
    first = Rig(gauge(), high())
    first.read(1, 35)
    spec = OutputSpec(PUMP, limit="l")
    rig = Rig(
        gauge(), high(), PUMP, boot=2, saved_events=first.event_registers,
        outputs=OutputList([spec], boot=2, now_ms=0),
    )  # fmt: skip
    rig.tick(0)
    assert rig.engine.outputs.to_switch() == [("pump", True)]


def test_a_delayed_alarm_switches_in_the_step_in_which_its_delay_runs_out() -> None:
    rig = Relays(gauge(), high(on_delay_ms=3000), limit="l")
    rig.cycle(1, sample(1, 35))
    rig.go(1)
    assert rig.switched == []
    rig.go(4)
    assert rig.switched == [True]


def test_toggle_goes_to_the_other_level_than_the_wanted_one_and_a_repeat_does_not_go_back() -> None:
    rig = Relays()
    assert rig.order(1, "toggle", key="a").values["after"] == "on (order)"
    assert rig.order(2, "toggle", key="a").values["after"] == "on (order)"
    assert rig.order(10, "toggle", key="b").values["after"] == "off (order)"
    assert rig.switched == [True, False]


def test_an_order_that_was_refused_stays_refused_however_often_and_late_it_is_repeated() -> None:
    rig = Relays()
    for number in range(3):
        rig.order(1 + number / 10, "on" if number % 2 == 0 else "off")
    refused = [rig.order(1.5, "off", key=f"late{number}") for number in range(5)]
    assert [result.text.key for result in refused] == ["relay_too_often"] * 5
    assert [rig.order(60, "off", key=f"late{number}") for number in range(5)] == refused
    assert rig.order(60, "off", key="new").done

"""The station: what it hands to the card and when, and that nothing is left behind at a stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from edge.core.clock import Dating
from edge.core.commands import Command, Result
from edge.core.engine import Engine
from edge.core.output import OutputSpec
from edge.core.outputs import OutputList
from edge.core.part import Part
from edge.core.types import Event, EventBatch, LimitSpec, PointSpec, RecordBatch
from edge.runtime.outputs import Outputs
from edge.runtime.station import Order, Question, Station
from edge.settings.model import Output
from hal.fake.gpio import FakeGpio
from hal.sample import BAD, Cycle, Notice, Sample
from tests.support import ManualClock


class Ticking(Part):
    """Counts by time alone, each second, beside the records."""

    in_records = True

    def __init__(self) -> None:
        super().__init__()
        self.due_ms = 0
        self.count = 0

    def step(self, now_ms: int) -> None:
        self.count += 1
        self.is_changed = True
        self.due_ms = now_ms + 1000

    def registers(self) -> dict[str, Any]:
        return {"ticking": self.count}


class Rig:
    """A station whose writer is a list, and which is stepped by hand."""

    def __init__(self, trust: str = "ntp", parts: Sequence[Part] = (), record_ms: int = 1000, **more: Any) -> None:
        self.clock = ManualClock(trust=trust)
        self.dating = Dating()
        self.records: list[RecordBatch] = []
        self.journal: list[EventBatch] = []
        self.durable: list[Any] = []
        points = [
            PointSpec(id="t", kind="gauge", unit="Cel", record_ms=record_ms),
            PointSpec(id="w", kind="counter", unit="l", record_ms=record_ms, volatile=True),
        ]
        limits = [LimitSpec(id="t.high", point="t", kind="high", value=85)]
        engine = Engine(points, limits, boot=1, now_ms=1000, parts=parts)
        self.station = Station(
            engine, self.clock, self.dating, save=self.records.append, journal=self._keep, commit_s=10, **more
        )
        self.step()

    def _keep(self, batch: EventBatch, done: Any) -> None:
        self.journal.append(batch)
        if done is not None:
            self.durable.append(done)

    def step(self, seconds: float = 0) -> float:
        self.clock.advance(seconds)
        return self.station.step(self.clock.now_ns / 1e9)

    def sample(self, value: float | None, point: str = "t", reason: str = "") -> None:
        t_ns = self.clock.now_ns
        quality = BAD if value is None else 0
        self.station.post(Cycle("b", t_ns, [Sample(point, t_ns, value, quality, reason)]))

    def events(self) -> list[Event]:
        return [event for batch in self.journal for event in batch.entries]


def test_records_are_committed_every_ten_seconds_with_their_counters() -> None:
    rig = Rig()
    for count in range(25):
        rig.sample(20.0)
        rig.sample(count, "w")
        rig.step(1)

    assert len(rig.records) == 2
    entries = [record for batch in rig.records for record in batch.entries]
    assert {record.point for record in entries} == {"t", "w"}
    assert "counter/w" in rig.records[-1].registers


def test_what_a_part_counts_by_time_alone_costs_the_card_a_frame_a_minute_and_goes_with_any_other() -> None:
    rig = Rig(parts=[Ticking()], record_ms=120_000)
    for _ in range(600):
        rig.step(1)
    alone = [batch for batch in rig.records if not batch.entries]
    assert 4 <= len(alone) <= 11
    assert len(rig.records) <= 16
    assert all("ticking" in batch.registers for batch in rig.records)
    rig.station.close()
    assert rig.records[-1].registers["ticking"] >= 600, "a stop waits for nothing"


def test_an_alarm_is_journaled_at_once() -> None:
    rig = Rig()
    rig.step(0.2)
    rig.journal.clear()
    rig.sample(92.5)

    rig.step(0.1)

    begun = rig.events()
    assert [event.kind for event in begun] == ["alarm_begin"]
    assert begun[0].values["v"] == 92.5
    assert "alarms" in rig.journal[0].registers


def test_the_clock_entry_dates_records_only_once_it_is_durable() -> None:
    rig = Rig()
    assert [event.kind for event in rig.events()] == ["clock"]
    assert rig.dating.utc_ms(1, 1000) is None

    rig.durable[0]()

    assert rig.dating.utc_ms(1, 1000) == rig.clock.utc_ms()


def test_a_clock_that_nobody_vouches_for_writes_no_entry() -> None:
    rig = Rig(trust="floor")
    rig.step(60)

    assert rig.events() == []


def test_a_clock_step_is_entered_and_slewing_is_not() -> None:
    rig = Rig()
    rig.durable[0]()
    rig.clock.utc_offset_ms += 1500
    rig.step(11)
    assert len(rig.events()) == 1

    rig.clock.utc_offset_ms += 3_600_000
    rig.step(11)

    assert [event.kind for event in rig.events()] == ["clock", "clock"]


def test_points_of_a_blocked_bus_are_bad_and_the_others_go_on() -> None:
    rig = Rig(blocked=lambda _now, _longer: ["bus:i2c"], points_of_bus={"i2c": ["t"]})
    rig.sample(5, "w")
    rig.step(1.1)

    point = rig.station.engine.points["t"]
    assert (point.value, point.reason) == (None, "bus_blocked")
    assert rig.station.engine.points["w"].value == 5


def test_a_command_is_answered_once_what_it_changed_is_on_the_card() -> None:
    rig = Rig()
    rig.sample(99.0)
    rig.step(0.1)
    results: list[Result] = []
    order = Order(Command("id1", "ack", {}, "anna", "local"), results.append)
    rig.durable.clear()

    rig.station.post(order)
    rig.step(0.1)
    rig.station.post(order)
    rig.step(0.1)
    assert results == []

    (done,) = rig.durable
    done()
    rig.step(0.1)

    assert [result.done for result in results] == [True, True]
    assert "kept" not in results[0].values
    assert [event.kind for event in rig.events()].count("alarm_ack") == 1


def test_a_card_that_can_not_be_written_leaves_nobody_without_an_answer_and_it_says_so() -> None:
    rig = Rig()
    rig.sample(99.0)
    rig.step(0.1)
    rig.durable.clear()
    results: list[Result] = []
    rig.station.post(Order(Command("id1", "ack", {}, "anna", "local"), results.append))
    due_s = rig.step(0.1)
    assert due_s <= rig.clock.now_ns / 1e9 + 1.5

    rig.step(1.4)
    assert results == []
    rig.step(0.1)
    assert [(result.done, result.values["kept"]) for result in results] == [(True, False)]

    rig.durable[0]()
    rig.step(10)
    assert len(results) == 1


def test_an_order_that_leaves_nothing_to_keep_is_answered_at_once() -> None:
    rig = Rig()
    results: list[Result] = []
    for number in range(3):
        rig.station.post(Order(Command(f"id{number}", "nonsense", {}, "eve", "mqtt"), results.append))
    rig.step(0.1)
    rig.durable[-1]()
    rig.station.post(Order(Command("id9", "nonsense", {}, "eve", "mqtt"), results.append))
    rig.step(0.1)
    assert [result.text.key for result in results] == ["command_unknown"] * 4


def test_a_stop_answers_whoever_still_waits() -> None:
    rig = Rig()
    results: list[Result] = []
    rig.station.post(Order(Command("id1", "ack", {}, "anna", "local"), results.append))
    rig.station.close()
    assert len(results) == 1


def test_a_question_is_answered_between_two_cycles() -> None:
    rig = Rig()
    answers: list[Any] = []
    rig.sample(21.0)
    rig.station.post(Question(lambda engine: engine.points["t"].value, answers.append))

    rig.step(0.1)

    assert answers == [21.0]


def test_a_stop_closes_the_open_periods_and_hands_over_everything() -> None:
    rig = Rig()
    rig.step(0.3)
    rig.sample(21.5)
    rig.sample(3, "w")
    rig.clock.advance(0.2)

    rig.station.close()

    record = next(record for record in rig.records[-1].entries if record.point == "t" and record.value is not None)
    assert record.value == 21.5
    assert record.dt_ms < 1000
    assert rig.events()[-1].kind == "stop"
    assert rig.journal[-1].registers["running"] is False


def test_an_output_that_fails_loses_no_alarm() -> None:
    def broken(limit: str, active: bool) -> None:
        raise OSError(f"{limit}: no pin for {active}")

    rig = Rig(alarm_changed=broken)
    rig.sample(90.0)

    with pytest.raises(OSError, match="no pin"):
        rig.step(1)
    rig.step(10)

    assert [event.kind for event in rig.events()].count("alarm_begin") == 1


def test_a_question_with_a_bug_gets_no_answer_and_stops_nothing() -> None:
    rig = Rig()
    answers: list[Any] = []
    rig.station.post(Question(lambda engine: engine.points["nobody"], answers.append))
    rig.sample(20.0)

    rig.step(1)

    assert answers == []
    assert rig.station.engine.points["t"].value == 20.0


def test_an_alarm_that_began_before_the_time_was_known_is_dated_upstream_afterwards() -> None:
    rig = Rig(trust="floor")
    rig.sample(90.0)
    rig.step(0.1)
    assert "t" not in rig.station.alarm_documents["1"]

    rig.clock.trusted = "ntp"
    rig.step(11)
    rig.durable[0]()
    rig.step(1)

    assert rig.station.alarm_documents["1"]["t"] > 1_795_000_000


# -- outputs


def test_the_links_word_that_it_is_lost_brings_outputs_to_their_safe_state() -> None:
    rig = Rig()
    point = PointSpec(id="pump", kind="state", words=("off", "on"), period_ms=5000)
    outputs = OutputList([OutputSpec(point, link_lost_ms=60_000)], boot=1, now_ms=1000)
    rig.station.engine = Engine([point], [], boot=1, now_ms=1000, outputs=outputs)
    board = FakeGpio()
    rig.station.pins = pins = Outputs([Output(id="pump", bus="gpio", pin=5)])
    pins.open({"gpio": board.factory})

    def link(kind: str) -> None:
        rig.station.post(Notice(kind, rig.clock.now_ns, {"link": "mqtt"}))
        rig.step(0.1)

    link("link_up")
    results: list[Result] = []
    rig.station.post(
        Order(Command("id1", "relay", {"output": "pump", "to": "on"}, "anna", "mqtt", "operate"), results.append)
    )
    rig.step(0.1)
    rig.durable[-1]()
    assert results[0].done
    link("link_down")
    rig.step(59)
    assert board.factory.pin(5).state
    rig.step(1)
    assert not board.factory.pin(5).state
    assert [event.values["why"] for event in rig.events() if event.kind == "output_safe"] == ["link_lost"]
    assert {event.kind for event in rig.events()} >= {"link_up", "link_down"}, "the journal has them all the same"
    pins.close()


def test_a_site_without_outputs_is_not_woken_for_them() -> None:
    rig = Rig()
    rig.station.engine.next_due_ms()
    assert rig.station.engine.outputs.due_ms == float("inf")

"""The running box's side of the local API: answers between two cycles, of plain values, or none in time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge.core.commands import Command
from edge.core.journal_page import Wanted
from edge.runtime.box import Box
from edge.runtime.station import Question
from edge.settings.room import buffer_days
from edge.store.fs_memory import MemoryFs
from tests.plant import Plant
from tests.support import about, eventually

T_2026_MS = 1_767_225_600_000


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


@pytest.fixture
def box(plant: Plant, tmp_path: Path) -> Iterator[Box]:
    with plant.box(tmp_path / "state", fs=MemoryFs()) as running:
        yield running


def ack(name: str, number: int | None = None) -> Command:
    return Command(
        id=name, verb="ack", author="anna", channel="local", args={} if number is None else {"number": number}
    )


def test_the_box_says_who_it_is_and_what_time_it_believes(box: Box) -> None:
    said = box.desk.box()
    assert (said["id"], said["site"]["name"], said["boot"], said["demo"]) == ("b0042", "Gymnase Sud", 1, True)
    assert said["clock"] in {"person", "ntp"}
    assert T_2026_MS < said["started_utc_ms"] <= said["utc_ms"]
    assert said["readings"] > 0
    msgspec.json.encode(said)


def test_values_are_those_of_now_and_a_bad_one_has_none(plant: Plant, box: Box) -> None:
    plant.chip.volts[0] = 1.5

    def volts() -> object:
        return next(value for value in box.desk.view("values") if value.point == "volts")

    eventually(lambda: getattr(volts(), "value", None) == pytest.approx(1.5, abs=0.001))
    plant.bus.unplug(0x48)
    eventually(lambda: getattr(volts(), "value", 0) is None)
    bad = next(value for value in box.desk.view("values") if value.point == "volts")
    assert (bad.quality, bad.reason) == ("bad", "no_answer")
    msgspec.json.encode(box.desk.view("values"))


def test_an_alarm_is_shown_acknowledged_once_and_gone_when_it_is_over(plant: Plant, box: Box) -> None:
    assert box.desk.view("alarms") == []
    assert box.desk.order(ack("c0")).done is False, "nothing to acknowledge"
    plant.chip.volts[0] = 3.0
    eventually(lambda: box.desk.view("alarms"))
    alarm = box.desk.view("alarms")[0]
    assert (alarm.limit, alarm.active, alarm.acknowledged) == ("volts.high", True, False)
    first = box.desk.order(ack("c1", alarm.number))
    assert first.done
    assert box.desk.order(ack("c1", alarm.number)) == first, "the same command has the same result"
    assert box.desk.order(ack("c2", 999)).done is False
    assert box.desk.view("alarms")[0].acknowledged
    plant.chip.volts[0] = 1.0
    eventually(lambda: box.desk.view("alarms") == [])
    kinds = [event.kind for event in box.events.read(1, 1000).entries]
    assert kinds.count("alarm_ack") == 1


def test_the_journal_tells_start_alarm_acknowledgement_and_order_with_before_and_after(plant: Plant, box: Box) -> None:
    plant.chip.volts[0] = 3.0
    eventually(lambda: box.desk.view("alarms"))
    number = box.desk.view("alarms")[0].number
    box.desk.order(ack("c1", number))
    eventually(lambda: box.desk.journal(None, 50, Wanted(kinds=frozenset({"command"}))).lines)
    lines = box.desk.journal(None, 50, Wanted()).lines
    assert [line.seq for line in lines] == list(range(lines[0].seq, 0, -1))
    assert all(line.t_ms and line.t_ms > T_2026_MS for line in lines)
    found = {line.kind: line for line in lines}
    assert {"start", "clock", "alarm_begin", "alarm_ack", "command"} <= found.keys()
    told = found["alarm_ack"].values
    assert (told["author"], told["channel"], told["before"], told["after"]) == (
        "anna", "local", "unacknowledged", "acknowledged",
    )  # fmt: skip
    told = found["command"].values
    assert (told["verb"], told["args"], told["done"], told["text"]) == ("ack", f"number={number}", True, "ack_done")
    by_text = box.desk.journal(None, 50, Wanted(text="acknowledged by ANNA")).lines
    assert [line.kind for line in by_text] == ["alarm_ack"]
    msgspec.json.encode(box.desk.journal(None, 50, Wanted()))


def test_the_buffer_tells_both_logs_and_a_card_that_fails(box: Box) -> None:
    eventually(lambda: box.desk.buffer()["records"]["next"] > 1)
    said = box.desk.buffer()
    assert said["records"]["stream"] == box.records.stream
    assert said["records"]["first"] == 1
    assert said["events"]["next"] > 1
    assert said["links"] == {}
    assert (said["records"]["waiting"], said["records"]["degraded"]) == (0, "")
    assert said["records"]["lasts_days"] == round(buffer_days(box.settings), 1)
    box.writer.degraded, box.writer.degraded_since_s = "ENOSPC", box.clock.monotonic_ns() / 1e9 - 60
    said = box.desk.buffer()["records"]
    assert said["degraded"] == "ENOSPC"
    assert said["degraded_utc_ms"] == about(box.clock.utc_ms() - 60_000, 2000)
    box.writer.degraded, box.writer.degraded_since_s = "", None


def test_a_point_is_explained_from_wire_to_record_and_an_unknown_one_is_a_key_error(box: Box) -> None:
    said = box.desk.explain("volts")
    assert said["value"]["point"] == "volts"
    assert said["rules"]["period_ms"] == 100
    assert said["wire"]["bus"] == "i2c1"
    msgspec.json.encode(said)
    with pytest.raises(KeyError, match="no-such-point"):
        box.desk.explain("no-such-point")
    with pytest.raises(KeyError):
        box.desk.explain("")


def test_a_station_that_stands_still_gives_a_timeout_and_no_false_answer(box: Box) -> None:
    gate = threading.Event()
    box.station.post(Question(lambda _: gate.wait(20), lambda _: None))
    box.desk.answer_within_s = 0.1
    try:
        for ask in (
            lambda: box.desk.view("values"),
            lambda: box.desk.view("alarms"),
            lambda: box.desk.explain("volts"),
            lambda: box.desk.order(ack("x")),
        ):
            with pytest.raises(TimeoutError, match="does not answer"):
                ask()
        assert box.desk.box()["id"] == "b0042", "what needs no station is still told"
    finally:
        gate.set()
    eventually(lambda: box.station.engine.points["volts"].value is not None)


def test_a_question_with_a_bug_does_not_take_the_station_with_it(plant: Plant, box: Box) -> None:
    def bug(_: object) -> None:
        raise RuntimeError("a bug in an answer")

    box.desk.answer_within_s = 0.3
    with pytest.raises((TimeoutError, RuntimeError)):
        box.desk.ask(bug)
    box.desk.answer_within_s = 5.0
    plant.chip.volts[0] = 1.9
    eventually(
        lambda: any(v.point == "volts" and v.value == pytest.approx(1.9, abs=0.001) for v in box.desk.view("values"))
    )

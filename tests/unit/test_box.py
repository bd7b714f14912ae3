"""A whole box in this process: outputs, the watchdog's question, the end, clocks that nobody vouches for."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge.core.commands import Command
from edge.core.journal_page import Wanted
from edge.core.series import HistoryRecord
from edge.core.types import Event
from edge.runtime.box import Box
from edge.runtime.clock import RealMachine, SystemClock
from edge.runtime.station import Question
from edge.settings.load import load
from edge.store.fs import RealFs, StoreError
from edge.store.fs_memory import MemoryFs
from edge.store.history_slices import dated
from edge.store.log import Log
from edge.store.offline import stored_logs
from hal.fake.machine import FakeMachine
from hal.host import Host
from tests.box_rig import Bench, Row, line, point, service, write_site
from tests.fault.slow_card import SlowFs
from tests.plant import Plant
from tests.support import eventually


def kinds(log: Log[Event]) -> list[str]:
    return [event.kind for event in log.read(log.first_seq(), 1000).entries]


# -- outputs


def test_a_lamp_follows_its_alarm_and_is_off_when_the_box_stops(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state"):
        assert plant.lamp() == ("output", False)
        plant.chip.volts[0] = 3.0
        eventually(lambda: plant.lamp() == ("output", True), 5, "the lamp is on")
        plant.chip.volts[0] = 1.0
        eventually(lambda: plant.lamp() == ("output", False), 5, "the lamp is off")
        plant.chip.volts[0] = 3.0
        eventually(lambda: plant.lamp() == ("output", True), 5, "the lamp is on again")
    assert plant.lamp() == ("input", False)


def test_an_alarm_that_outlives_the_box_has_its_lamp_on_again_at_the_next_start(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    plant.chip.volts[0] = 3.0
    with plant.box(tmp_path / "state"):
        eventually(lambda: plant.lamp()[1], 5, "the lamp is on")
    second = Plant(tmp_path)
    second.chip.volts[0] = 3.0
    box = Box(load(second.config), tmp_path / "state", hardware=lambda _: Bench(gpio=second.board.factory))
    try:
        assert second.lamp() == ("output", False), "safe first"
        box.station.step(time.monotonic())
        assert second.lamp() == ("output", True), "before anything is read"
    finally:
        box.outputs.close()
        box.stores.close()


def test_an_order_is_in_values_records_and_journal_and_the_stop_is_safe(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        result = box.desk.order(Command("c1", "relay", {"output": "lamp", "to": "on"}, "anna", "local"))
        assert result.done
        assert plant.lamp() == ("output", True), "before it is answered"
        assert box.desk.explain("lamp")["wire"]["raw"] == "GPIO21 high"
        (view,) = box.desk.view("outputs")
        assert (view.state, view.mode, view.author) == ("on", "order", "anna")
        assert next(shown.word for shown in box.desk.view("values") if shown.point == "lamp") == "on"
        eventually(lambda: "command" in kinds(box.events), 5, "the order is durable")
    assert plant.lamp() == ("input", False)
    with stored_logs(tmp_path / "state") as stored:
        records, events = stored.records, stored.events
        lamp = [entry for entry in records.read(records.first_seq(), 5000).entries if entry.point == "lamp"]
        assert [(record.value, record.changes) for record in lamp][-1] == (0, 2), "off, on by order, off at the stop"
        said = [event for event in events.read(events.first_seq(), 1000).entries if event.point == "lamp"]
        assert [event.values["word"] for event in said if event.kind == "state"] == ["on", "off"]
        assert not [event for event in said if event.kind == "output_mismatch"]
        assert events.registers["outputs"]["lamp"]["author"] == "anna"
    second = Plant(tmp_path)
    with second.box(tmp_path / "state") as box:
        assert second.lamp() == ("output", False)
        wanted = Wanted(frozenset({"output_order_end"}))
        eventually(lambda: box.desk.journal(None, 9, wanted).lines, 5, "the order's end is told")
        (ended,) = box.desk.journal(None, 9, wanted).lines
        assert ended.values == {"why": "restart", "to": "on", "author": "anna", "channel": "local"}


# -- alive, and the end


def test_a_station_that_stands_still_is_not_alive(tmp_path: Path) -> None:
    plant, gate = Plant(tmp_path), threading.Event()
    with plant.box(tmp_path / "state") as box:
        assert box.is_alive()
        box.station.post(Question(lambda _: gate.wait(20), lambda _: None))
        eventually(lambda: not box.is_alive(0.6), 5, "the station is missed")
        gate.set()
        eventually(lambda: box.is_alive(0.6), 5, "it is back")


def test_a_writer_that_hangs_in_a_call_is_not_alive_while_the_station_still_turns(tmp_path: Path) -> None:
    plant, disk = Plant(tmp_path), MemoryFs()
    with plant.box(tmp_path / "state", fs=disk) as box:
        with disk.lock:  # every call to the disk waits
            eventually(lambda: not box.is_alive(0.6), 10, "the writer is missed")
            readings = box.station.readings
            eventually(lambda: box.station.readings > readings + 5, 5, "readings go on")
            assert box.supervisor.turned("station", time.monotonic(), 0.6)
        eventually(lambda: box.is_alive(0.6), 5, "it is back")


def test_a_blocked_bus_is_left_behind_at_the_stop_and_nothing_else_is_lost(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    bench = Bench(i2c1=plant.bus, gpio=plant.board.factory)
    box = Box(load(plant.config), tmp_path / "state", hardware=lambda _: bench)
    box.start()
    eventually(lambda: plant.value(box) is not None, 5, "the voltage is read")
    plant.bus.block()
    eventually(lambda: box.supervisor.blocked(time.monotonic(), 0.2) == ["bus:i2c1"], 5, "the bus hangs")
    begin_s = time.monotonic()
    assert box.stop(1.8) == ["bus:i2c1"]
    assert time.monotonic() - begin_s < 8, "1.8 s, and what a busy machine adds; the bus hangs for ever"
    log: Log[Event] = Log(RealFs(tmp_path / "state"), "events", "events", capacity_bytes=16 << 20)
    assert kinds(log)[-1] == "stop"
    assert log.registers["running"] is False
    log.close()


def test_a_stop_waits_for_a_card_that_takes_its_time_and_loses_nothing(tmp_path: Path) -> None:
    """Each flush takes longer than all workers together are given."""
    plant, slow = Plant(tmp_path), threading.Event()
    flushes: list[None] = []

    def wait() -> None:
        if slow.is_set():
            flushes.append(None)
            threading.Event().wait(0.08)

    bench = Bench(i2c1=plant.bus, gpio=plant.board.factory)
    disk: Any = SlowFs(RealFs(tmp_path / "state"), wait)
    box = Box(load(plant.config), tmp_path / "state", hardware=lambda _: bench, fs=disk)
    box.start()
    eventually(lambda: plant.value(box) is not None, what="the voltage is read")
    slow.set()
    eventually(lambda: flushes, what="the card is slow")
    left = box.stop(0.3, patience_s=20)
    slow.clear()
    assert not {"station", "writer"} & set(left)
    log: Log[Event] = Log(RealFs(tmp_path / "state"), "events", "events", capacity_bytes=16 << 20)
    assert (kinds(log)[-1], log.registers["running"]) == ("stop", False)
    log.close()
    with stored_logs(tmp_path / "state") as logs:
        assert logs.records.next_seq() - 1 == box.station.records_made


def test_a_socket_that_can_not_be_removed_keeps_no_record_from_the_card(tmp_path: Path) -> None:
    plant, place = Plant(tmp_path), tmp_path / "run" / "api.sock"
    place.parent.mkdir()
    bench = Bench(i2c1=plant.bus, gpio=plant.board.factory)
    box = Box(load(plant.config), tmp_path / "state", hardware=lambda _: bench, socket=place)
    box.start()
    eventually(lambda: plant.value(box) is not None, what="the voltage is read")
    place.unlink()
    place.mkdir()
    assert box.stop(20) == []
    with stored_logs(tmp_path / "state") as logs:
        assert logs.records.next_seq() - 1 == box.station.records_made
        assert logs.events.registers["running"] is False


def test_the_state_is_for_its_user_alone(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state"):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_socket_that_cannot_be_had_leaves_nothing_running_and_the_state_free(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    refused = Box(
        load(plant.config), tmp_path / "state", socket=tmp_path / "missing" / "api.sock",
        hardware=lambda _: Bench(i2c1=plant.bus, gpio=plant.board.factory),
    )  # fmt: skip
    before = set(threading.enumerate())
    with pytest.raises(OSError, match=r"missing/api\.sock"):
        refused.start()
    assert set(threading.enumerate()) == before
    with plant.box(tmp_path / "state") as box:
        assert box.clock.boot == 1, "a start that wrote nothing is none"


def test_systemd_hears_ready_alive_and_stopping(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(10)
        words = ("--demo", "--state", str(tmp_path / "state"))
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        with service(tmp_path, *words, **environment) as box:
            heard = [channel.recv(100) for _ in range(4)]
            box.finish()
            while heard[-1] != b"STOPPING=1":
                heard.append(channel.recv(100))
    assert heard[:4] == [b"READY=1", *3 * [b"WATCHDOG=1"]]
    assert set(heard[4:-1]) <= {b"WATCHDOG=1"}


# -- a clock that nobody vouches for


def unvouched(boot: int) -> SystemClock:
    """Return a clock that no one has set: later than the floor, and that is all that is known."""
    return SystemClock(boot)


class Computer(RealMachine):
    """The machine, with a name for its run."""

    def __init__(self, run: str) -> None:
        self.run = run

    def power_up(self) -> str:
        return self.run


def assert_unsynchronised(rows: list[Row]) -> None:
    """Check that each is in doubt, for the clock unless it had a doubt of its own already."""
    assert {row.quality for row in rows} == {"uncertain"}
    assert "clock_unsynced" in {row.why for row in rows} <= {"clock_unsynced", "late"}


def newest(rows: list[Row]) -> Row:
    return max(rows, key=lambda row: row.seq)


def test_without_a_source_of_time_records_wait_and_then_go_as_unsynchronised(tmp_path: Path) -> None:
    with line(tmp_path) as sent:
        plant = Plant(tmp_path, sent, undated_wait_s=1.0)
        began_s = time.monotonic()
        with plant.box(tmp_path / "state", clock=unvouched) as box:
            eventually(lambda: box.links["mqtt"].status()["state"] == "up", 5, "the link is up")
            eventually(lambda: box.records.next_seq() > 1, 5, "records are on the disk")
            stored, waited_s = sent.stored.count(), time.monotonic() - began_s
            assert stored == 0 or waited_s >= 1.0
            plant.bus.unplug(0x48)
            eventually(lambda: "no_answer" in {row.why for row in sent.stored.records("volts")}, 15)
            assert time.monotonic() - began_s >= 1.0
        eventually(lambda: sent.stored.count() == box.station.records_made, 5)
    rows = sent.stored.records()
    assert_unsynchronised([row for row in rows if row.value is not None])
    assert {(row.quality, row.why) for row in rows if row.value is None} <= {("bad", "no_answer"), ("bad", "stale")}


def test_starts_that_never_knew_the_time_are_dated_before_the_next_and_do_not_hold_it_up(tmp_path: Path) -> None:
    with line(tmp_path) as sent:
        for _ in range(2):  # where there is no link yet
            plant = Plant(tmp_path)
            with plant.box(tmp_path / "state", clock=unvouched) as box:
                eventually(lambda box=box: box.station.records_made > 3, 5, "there are records")  # type: ignore[misc]
        assert sent.stored.count() == 0
        held = box.records.next_seq() - 1
        plant = Plant(tmp_path, sent, undated_wait_s=0.2)
        with plant.box(tmp_path / "state", clock=unvouched) as box:
            eventually(lambda: sent.stored.count() > held + 5, 20, "all three starts have arrived")
        eventually(lambda: sent.stored.count() == box.records.next_seq() - 1, 5)
    assert sent.stored.holes() == sent.stored.gaps() == []
    rows = [row for row in sent.stored.records("volts") if row.value is not None]
    assert_unsynchronised(rows)
    assert all(one.t_ms + one.dt_ms <= other.t_ms for one, other in pairwise(rows)), "in order"
    assert newest(rows).t_ms <= time.time() * 1000


def test_a_start_without_time_is_dated_by_the_one_that_has_it(tmp_path: Path) -> None:
    with line(tmp_path) as sent:
        plant = Plant(tmp_path)
        with plant.box(tmp_path / "state", clock=unvouched, machine=Computer("a")) as box:
            eventually(lambda: box.station.records_made > 3, 5, "there are records")
        held = box.records.next_seq() - 1
        second = Plant(tmp_path, sent)
        with second.box(tmp_path / "state", machine=Computer("b")) as box:
            eventually(lambda: sent.stored.count() > held + 5, 20, "both starts have arrived")
        eventually(lambda: sent.stored.count() == box.records.next_seq() - 1, 5)
    rows = sent.stored.records("volts")
    before, after = [row for row in rows if row.seq <= held], [row for row in rows if row.seq > held]
    assert_unsynchronised([row for row in before if row.value is not None])
    assert {row.quality for row in after if row.value is not None} == {"good"}
    assert newest(before).t_ms + newest(before).dt_ms <= after[0].t_ms


def test_a_start_without_time_is_dated_exactly_by_the_next_one_on_the_same_power_up(tmp_path: Path) -> None:
    with line(tmp_path) as sent:
        plant = Plant(tmp_path)
        with plant.box(tmp_path / "state", clock=unvouched, machine=Computer("a")) as box:
            eventually(lambda: box.station.records_made > 3, 5, "there are records")
        held = box.records.next_seq() - 1
        second = Plant(tmp_path, sent)
        with second.box(tmp_path / "state", machine=Computer("a")) as box:
            eventually(lambda: sent.stored.count() > held + 5, 20, "both starts have arrived")
            starts_ms = [entry.start_ms for entry in box.records.read(1, held).entries]
            offset_ms = (time.time_ns() - time.monotonic_ns()) // 1_000_000
    before = [row for row in sent.stored.records() if row.seq <= held and row.value is not None]
    assert "clock_unsynced" not in {row.why for row in before}
    assert abs(before[0].t_ms - offset_ms - starts_ms[before[0].seq - 1]) < 50


def test_a_start_with_a_trusted_clock_is_dated_before_a_link_can_miss_it(tmp_path: Path) -> None:
    with line(tmp_path) as sent:
        for count in (1, 2):
            plant = Plant(tmp_path, sent)
            with plant.box(tmp_path / "state"):
                eventually(lambda count=count: len(sent.stored.events("link_up")) == count, 10)  # type: ignore[misc]
    kinds = [event["event"] for event in sent.stored.events()]
    assert "link_problem" not in kinds
    assert kinds[:3] == ["start", "clock", "link_up"]


# -- history


def test_a_box_answers_its_history_and_a_clean_stop_loses_none_of_it(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        eventually(lambda: box.station.records_made > 5, 5, "there are records")
        eventually(lambda: len(answered(box)) > 3, 5, "they are answered")
        assert box.desk.buffer()["history"]["degraded"] == ""
    held = [record.t_ms for record in records_of(tmp_path / "state")]
    second = Plant(tmp_path)
    with second.box(tmp_path / "state") as box:
        found = [record.t_ms for record in box.history.records("volts", 0, held[-1] + 1, 1000)]
        assert found == held
        assert box.records.cursor("history") >= len(held), "all of the start before is in the file"
        assert [line.kind for line in box.history.journal(None, 3)][-1] in {"clock", "start", "stop"}


def test_a_history_that_a_newer_version_made_is_left_alone_and_the_box_runs(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state"):
        pass
    with closing(sqlite3.connect(tmp_path / "state" / "history.db")) as db:
        db.execute("PRAGMA user_version = 99")
    before = (tmp_path / "state" / "history.db").read_bytes()
    second = Plant(tmp_path)
    with second.box(tmp_path / "state") as box:
        eventually(lambda: box.station.records_made > 1, 5, "it runs")
        assert box.desk.buffer()["history"]["degraded"] == "newer"
        eventually(lambda: "history_degraded" in kinds_since(box), 5, "it is in the journal")
        with pytest.raises(StoreError, match="written by a newer vigie"):
            box.history.points()
    assert (tmp_path / "state" / "history.db").read_bytes() == before


def answered(box: Box) -> list[HistoryRecord]:
    """Return what history has of the point, nothing while it does not know it."""
    known = {point.point for point in box.history.points()}
    return box.history.records("volts", 0, 2**60, 1000) if "volts" in known else []


def kinds_since(box: Box) -> list[str]:
    """Return the kinds of the events of this start, newest first."""
    seq = box.events.next_seq()
    found = []
    while seq > 1 and (chunk := box.events.read(seq - 1, 1)).boot == box.clock.boot:
        found.append(chunk.entries[0].kind)
        seq -= 1
    return found


def records_of(state: Path) -> list[HistoryRecord]:
    """Return what the log of a box at rest holds of its point, dated."""
    with stored_logs(state) as logs:
        entries = logs.records.read(1, 10_000)
        own = [entry for entry in entries.entries if entry.point == "volts"]
        return dated(own, entries.boot, logs.dating) or []


def test_the_box_measures_itself_and_counts_what_its_buses_could_not_read(tmp_path: Path) -> None:
    own = [
        point("heat", "own", "box", measure="cpu_temperature"),
        point("starts", "own", "box", measure="starts"),
        point("errors", "own", "box", measure="errors", of="w1"),
        point("gone", "w1", "ds18b20", probe="28-000000000000"),
    ]
    (tmp_path / "w1").mkdir()
    buses = {"own": {"kind": "box"}, "w1": {"kind": "onewire", "path": str(tmp_path / "w1")}}
    hot = FakeMachine(tmp_path / "machine")
    hot.heat(61.5)
    bench = Bench(own=Host(hot.root))
    box = Box(load(write_site(tmp_path, bus=buses, point=own)), tmp_path / "state", hardware=lambda _: bench)
    box.start()
    try:

        def values() -> dict[str, Any]:
            return {view.point: view.value for view in box.desk.view("values")}

        eventually(lambda: (values()["errors"] or 0) >= 2)
        assert (values()["heat"], values()["starts"], values()["gone"]) == (61.5, 1, None)
        (lost,) = next(bus for bus in box.desk.buses() if bus["bus"] == "w1")["devices"]
        assert (lost["reason"], lost["is_open"]) == ("unplugged", False)
        assert box.desk.explain("gone")["wire"]["recording"]["reason"] == "unplugged"
    finally:
        box.stop()

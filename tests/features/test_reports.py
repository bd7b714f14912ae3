"""Journal and reports: what they tell is what the records and events of a simulated site say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.cli.report_html import report_page
from edge.cli.report_text import report_lines
from edge.cli.words import Words
from edge.core.batch_parse import event_from, milliseconds
from edge.core.commands import Command
from edge.core.journal_page import Wanted
from edge.core.report import Report
from edge.core.types import Event, EventBatch, Record
from edge.runtime.reporting import report
from edge.settings.load import loads
from edge.settings.report_sms import report_sms
from edge.sim.desk import SimDesk
from edge.sim.simulation import Simulation
from edge.sim.upstream import Outage
from edge.store.fs_memory import MemoryFs
from edge.store.log import Log
from sms.gsm7 import septets

LINK = """
[link.mqtt]
host = "127.0.0.1"
"""
PARIS = ZoneInfo("Europe/Paris")
SITE = """
[box]
id = "b0042"
[site]
name = "Gymnase Sud"
lang = "fr"
[bus.meter]
kind = "serial"
port = "/dev/ttyUSB0"
[bus.gpio]
kind = "gpio"
[bus.w1]
kind = "onewire"
[[point]]
id = "elec.index"
name = { en = "Electricity", fr = "Électricité" }
bus = "meter"
driver = "teleinfo"
label = "BASE"
unit = "kWh"
scale = 0.001
role = "consumption"
period_s = 10
record_s = 600
[[point]]
id = "water.cold"
name = { en = "Cold water", fr = "Eau froide" }
bus = "gpio"
driver = "pulse"
pin = 17
weight = 0.001
weight_unit = "m3"
role = "consumption"
period_s = 10
record_s = 600
[[point]]
id = "boiler.flow"
name = { en = "Boiler flow", fr = "Chaudière départ" }
bus = "w1"
driver = "ds18b20"
probe = "28-3c01f0950a21"
equipment = "boiler"
period_s = 10
record_s = 600
[[equipment]]
id = "boiler"
name = { en = "Boiler", fr = "Chaudière" }
[[point]]
id = "boiler.door"
bus = "gpio"
driver = "contact"
pin = 7
equipment = "boiler"
period_s = 10
record_s = 600
[[limit]]
id = "door.open"
point = "boiler.door"
kind = "equal"
value = "open"
[[tariff]]
id = "elec"
name = { en = "Electricity", fr = "Électricité" }
valid_from = "2026-01-01"
currency = "EUR"
unit = "kWh"
prices = { BASE = 0.1952 }
points = { BASE = "elec.index" }
subscription = 15.39
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimDesk]:
    """Two local days and some hours of a site, its history on the disk."""
    sim = Simulation(loads(SITE), seed=3, outages=[], history_folder=tmp_path_factory.mktemp("past"))
    sim.run(2.5)
    yield SimDesk(sim)
    assert sim.history is not None
    sim.history.file.close()


def records_of(desk: SimDesk) -> list[Record]:
    """Return all records that were made."""
    log, found = desk.sim.records, []
    seq = log.first_seq()
    while entries := log.read(seq, 5000).entries:
        found += entries
        seq += len(entries)
    return found


def moved_on(desk: SimDesk, day: date) -> Counter[str]:
    """Return what each counter moved on a local day, in units of 1e-9, by the records themselves."""
    moved: Counter[str] = Counter()
    for record in records_of(desk):
        t_ms = desk.sim.dating.utc_ms(1, record.start_ms)
        assert t_ms is not None
        if record.increment is not None and datetime.fromtimestamp(t_ms / 1000, PARIS).date() == day:
            moved[record.point] += round(record.increment * 1e9)
    return moved


def events_of(desk: SimDesk) -> list[tuple[int, Event]]:
    """Return the events with their UTC ms."""
    chunk = desk.sim.events.read(1, 5000)
    return [(desk.sim.dating.utc_ms(1, event.at_ms) or 0, event) for event in chunk.entries]


def of_day(desk: SimDesk, day: date) -> Report:
    return report(desk, "day", day)


def test_a_report_of_a_day_says_what_records_and_journal_say(desk: SimDesk) -> None:
    """J3: machines by state, active alarms and the last incident equal the journal's content."""
    found = of_day(desk, date(2026, 11, 21))
    assert found.span.is_whole
    begun = [(t_ms, event) for t_ms, event in events_of(desk) if event.kind == "alarm_begin"]
    inside = [t_ms for t_ms, _ in begun if found.span.begin_ms <= t_ms < found.span.end_ms]
    assert found.alarms.begun == len(inside) > 0
    until = [(t_ms, event) for t_ms, event in begun if t_ms < found.span.end_ms]
    assert found.alarms.last is not None
    assert (found.alarms.last.t_ms, found.alarms.last.values) == (until[-1][0], until[-1][1].values)
    states = [view.state for view in desk.view("equipment")]
    assert (found.machines.total, found.machines.faulty) == (1, states.count("faulty"))
    assert [alarm["number"] for alarm in found.alarms.active] == [
        view.number for view in desk.view("alarms") if view.active
    ]
    moved = moved_on(desk, date(2026, 11, 21))
    assert {line.point: round((line.moved or 0) * 1e9) for line in found.meters} == {
        point: moved[point] for point in ("elec.index", "water.cold")
    }
    text = "\n".join(report_lines(found, Words("fr")))
    assert "Chaudière" in text
    assert f"{found.alarms.begun} apparue" in text
    assert max(map(len, text.splitlines())) <= 80


def test_yesterdays_figures_fit_one_message(desk: SimDesk) -> None:
    """J4: at 07:00 local, one message of at most 160 letters with yesterday's consumption and cost."""
    found = of_day(desk, date(2026, 11, 21))
    kwh = Decimal(moved_on(desk, date(2026, 11, 21))["elec.index"]).scaleb(-9)
    coin = Decimal("0.01")
    price = (kwh * Decimal("0.1952")).quantize(coin, ROUND_HALF_UP)
    standing = (Decimal("15.39") / 30).quantize(coin, ROUND_HALF_UP)
    assert [line.amount for line in found.costs] == [price + standing]
    text = report_sms(found, "fr")
    assert septets(text) <= 160
    lines = text.splitlines()
    assert lines[0] == "Gymnase Sud, sam 21/11"
    assert f"{price + standing}".replace(".", ",") + " EUR" in lines[1]
    assert re.search(r"Électricité|Electricité|\bE", lines[1])
    assert lines[-1].startswith("Données ")


def test_a_month_adds_up_its_days(desk: SimDesk) -> None:
    """J4: the month's figures are the sums of the days that it has so far."""
    month = report(desk, "month", date(2026, 11, 1))
    assert not month.span.is_whole
    days = [moved_on(desk, date(2026, 11, day)) for day in (20, 21, 22)]
    assert {line.point: round((line.moved or 0) * 1e9) for line in month.meters} == {
        point: sum(day[point] for day in days) for point in ("elec.index", "water.cold")
    }
    assert len(month.meters[0].parts) == 30
    assert month.meters[0].parts[0] is None, "before the box was there nothing is known"


def test_a_day_before_the_box_was_there_has_no_figures_and_no_zero(desk: SimDesk) -> None:
    found = of_day(desk, date(2026, 11, 1))
    assert [line.moved for line in found.meters] == [None, None]
    assert found.complete is None
    assert found.alarms.last is None
    text = report_sms(found, "en")
    assert "0 kWh" not in text
    assert septets(text) <= 160


def test_tomorrow_has_not_begun(desk: SimDesk) -> None:
    with pytest.raises(ValueError, match="future"):
        of_day(desk, date(2026, 11, 24))


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_page_for_paper_holds_the_same_figures_and_nothing_from_elsewhere(desk: SimDesk, lang: str) -> None:
    page = report_page(of_day(desk, date(2026, 11, 21)), Words(lang))
    assert page.startswith("<!doctype html>")
    assert f'lang="{lang}"' in page
    assert page.count("<svg") == 3
    assert "@page{size:A4" in page
    assert "http" not in page
    assert "<script" not in page
    assert len(page) < 50_000


def test_start_alarm_acknowledgement_and_stop_stand_in_order_with_time_and_author(tmp_path: Path) -> None:
    """J1: start, alarm, ack, stop → ordered lines with UTC time and author."""
    sim = Simulation(loads(SITE), seed=3, outages=[])
    sim.loop.run_until(sim.clock.now_ns / 1e9 + 6 * 3600)
    sim.station.engine.command(Command("c1", "ack", {}, "anna", "local"), sim.clock.now_ns // 1_000_000)
    sim.run(0.3)
    lines = SimDesk(sim).journal(None, 500, Wanted()).lines[::-1]
    told = [line for line in lines if line.kind in {"alarm_begin", "alarm_ack", "stop"}]
    assert [line.seq for line in lines] == sorted(line.seq for line in lines)
    assert told[0].kind == "alarm_begin"
    assert told[-1].kind == "stop"
    acknowledged = next(line for line in told if line.kind == "alarm_ack")
    assert (acknowledged.values["author"], acknowledged.values["channel"]) == ("anna", "local")
    assert all(line.t_ms is not None and line.trust == "ntp" for line in told)


def test_the_journal_upstream_is_the_same_lines() -> None:
    """J5: what the receiver holds are the journal's own lines, also those of an outage."""
    sim = Simulation(loads(SITE + LINK), seed=3, outages=[Outage(2 * 3600, 9 * 3600)])
    sim.upstream.heard = []
    sim.run(0.5)
    received: dict[int, tuple[str, str, int, dict[str, Any]]] = {}
    for body in sim.upstream.heard:
        batch = msgspec.json.decode(body)
        if batch["stream"] == sim.events.stream:
            for entry in batch["e"]:
                event = event_from(entry, milliseconds(entry["t"]))
                received[batch["seq"] + entry["i"]] = (event.kind, event.point, event.at_ms, event.values)
    lines = SimDesk(sim).journal(None, 500, Wanted()).lines
    assert len(lines) > 8
    assert received == {line.seq: (line.kind, line.point, line.t_ms, line.values) for line in lines}


def test_a_million_events_stay_under_the_cap_and_the_newest_are_kept() -> None:
    """J2: 10^6 events → size under the cap, the newest kept, and what went is told."""
    disk = MemoryFs()
    cap = 8 << 20
    log: Log[Event] = Log(disk, "events", "events", cap, consumers=[], stream="0c77d1e2")
    count, batch = 1_000_000, 10_000
    for first in range(0, count, batch):
        log.append(
            EventBatch(
                1,
                [Event("device_lost", first + n, "", {"device": f"{n * 2654435761 + first:x}"}) for n in range(batch)],
            )
        )
    assert log.next_seq() == count + 1
    assert log.first_seq() > 1
    newest = log.read(count, 1).entries[0]
    assert newest.at_ms == count - 1
    assert sum(size_of(disk, path) for path in disk.listdir("events")) <= cap + (4 << 20)


def size_of(disk: MemoryFs, name: str) -> int:
    """Return the bytes of a file of the log."""
    file = disk.open(f"events/{name}")
    try:
        return file.size()
    finally:
        file.close()

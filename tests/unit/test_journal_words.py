"""The journal's vocabulary: every kind and value that a box makes is in the table, and said in every language."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.core.commands import Command
from edge.core.journal_words import ACT, KINDS, Kind
from edge.core.ports import Reader
from edge.core.types import Event
from edge.runtime.station import Order
from edge.settings import catalogue, packaged
from edge.settings.event_text import INSTANTS, sentence
from edge.settings.load import load
from edge.sim.simulation import Simulation
from edge.sim.upstream import Outage
from tests.plant import Plant
from tests.support import ROOT, eventually

LANGUAGES = sorted(path.name for path in (ROOT / "config" / "text").iterdir() if (path / "LC_MESSAGES").is_dir())
ALARM_TEXTS = {"this": "per", "sign": "or_equal", "level": "at"}
"""What a sentence of an alarm calls values that it says in another way -> the value's name."""
FIELD = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
PARIS = ZoneInfo("Europe/Paris")


def events_of(log: Reader[Event]) -> list[Event]:
    found: list[Event] = []
    seq = log.first_seq()
    while (chunk := log.read(seq, 1000)).entries:
        found += chunk.entries
        seq += len(chunk.entries)
    return found


def faults_of(events: list[Event], kinds: dict[str, Kind] | None = None) -> list[str]:
    """Return what is wrong with these events, by the table and in every language."""
    known, wrong = KINDS if kinds is None else kinds, set()
    for event in events:
        kind = known.get(event.kind)
        if kind is None:
            wrong.add(f"{event.kind} is not in the table")
            continue
        names = set(event.values)
        wrong |= {f"{event.kind}: {name} is not in the table" for name in names - kind.known}
        wrong |= {f"{event.kind}: {name} is missing" for name in kind.always - names}
        if not all(isinstance(value, int | float | str | bool) for value in event.values.values()):
            wrong.add(f"{event.kind}: {event.values} holds more than numbers and words")
        for lang in LANGUAGES:
            text = sentence(lang, PARIS, event.kind, "", event.values)
            if re.match(rf"{event.kind}( \w+=|$)", text) or "{" in text:
                wrong.add(f"{lang}: {text}")
    return sorted(wrong)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_a_sentence_that_needs_only_what_is_always_there(lang: str, kind: str) -> None:
    template = catalogue.catalogue(lang)[f"event.{kind}"]
    derived = {told: name for name, _trust, told in INSTANTS} | ALARM_TEXTS
    fields = {match[1] for match in FIELD.finditer(template)}
    known = KINDS[kind].known
    assert {name if name in known else derived.get(name, name) for name in fields} <= known
    needed = {match[1] for match in FIELD.finditer(re.sub(r"\[\?.*?\]", "", template))}
    assert needed <= KINDS[kind].always


@pytest.mark.parametrize("odd", [10**30, -(10**20), True, 1.5, 1e300, None, [], {}, {"a": [1]}, "{x}\0", "9" * 3000])
def test_a_sentence_is_made_of_whatever_a_strange_event_holds(odd: object) -> None:
    for name in ("id", "kind", "v", "u", "at", "per", "why", "lasted_ms", *(name for name, _trust, _told in INSTANTS)):
        for kind in sorted(KINDS):
            assert sentence(
                "fr", ZoneInfo("Europe/Paris"), kind, "p", {"kind": "high", "v": 1.0, "at": 2.0, "u": "Cel", name: odd}
            )


def test_acts_say_who_and_what_was_and_is() -> None:
    for kind in ("alarm_ack", "command"):
        assert KINDS[kind].may >= ACT


def test_a_day_of_the_demonstration_says_nothing_that_is_not_in_the_table() -> None:
    outages = [Outage(7200.0, 10_800.0)]
    simulation = Simulation(load(packaged.find("sites", "demo.toml")), seed=3, outages=outages)
    simulation.run(0.6)
    events = events_of(simulation.events)
    assert {"alarm_begin", "alarm_end", "state", "clock", "link_up", "link_down", "stop"} <= {
        event.kind for event in events
    }
    assert faults_of(events) == []


def test_acts_and_mishaps_on_a_box_say_nothing_that_is_not_in_the_table(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        plant.chip.volts[0] = 3.0
        eventually(lambda: box.desk.view("alarms"))
        answered: list[object] = []
        for number, args in enumerate(({"number": 99}, {"bad": 1}, {}, {})):
            box.station.post(Order(Command(f"c{number}", "ack", args, "anna", "local"), answered.append))
        box.station.post(Order(Command("c9", "no_such_verb", {"code": "4F7K"}, "eve", "local"), answered.append))
        eventually(lambda: len(answered) == 5)
        plant.bus.unplug(0x48)
        eventually(lambda: any(event.kind == "device_lost" for event in events_of(box.events)))
        box.writer.degraded = ""
    log = [event for event in events_of_state(tmp_path / "state") if event.kind]
    found = {event.kind for event in log}
    assert {"start", "alarm_begin", "alarm_ack", "command", "device_lost", "stop"} <= found
    assert faults_of(log) == []
    assert not any("4F7K" in str(event.values) for event in log)


def events_of_state(state: Path) -> list[Event]:
    from edge.store.offline import stored_logs

    with stored_logs(state) as logs:
        return events_of(logs.events)


def test_what_is_not_in_the_table_is_found() -> None:
    strange = [Event("state", 0, "door", {"v": 1}), Event("odd", 0), Event("stop", 0, "", {"why": ["a"]})]
    assert faults_of(strange) == [
        "odd is not in the table", "state: was is missing", "stop: why is not in the table",
        "stop: {'why': ['a']} holds more than numbers and words",
    ]  # fmt: skip

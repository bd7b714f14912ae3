"""Alarms: the acceptance lines of their life, through readings, orders, records and the events that they yield."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core import alarm_view
from edge.core.alarm_text import told
from edge.core.clock import ClockEntry, Dating
from edge.core.diagnosis import diagnosis_of
from edge.core.notifier import Notifier
from edge.core.notify_gate import NotifyRules
from edge.core.types import PointSpec
from edge.links.connection import Message
from edge.settings.alarm_lines import line
from edge.settings.event_text import sentence
from edge.settings.load import load
from edge.settings.specs import specs
from edge.sim.loop import VirtualClock
from edge.sim.simulation import Simulation
from edge.sim.upstream import Outage, SimUpstream
from tests.box_rig import point, write_site
from tests.unit.rig import Rig, gauge, high, sample
from tests.unit.test_alarm_silence import order
from tests.unit.test_notifier import pass_to, read, site
from tests.unit.test_notifier import told as notifications

PARIS = ZoneInfo("Europe/Paris")
NOW_MS = 1_795_188_007_000  # Friday 20 November 2026, 16:20:07 in Paris
HOUR_S = 3600.0


def kinds(rig: Rig) -> list[str]:
    return [event.kind.removeprefix("alarm_") for event in rig.events if event.kind.startswith("alarm_")]


# -- T9


@pytest.mark.parametrize(
    ("unit", "above", "below"),
    [
        ("Cel", ("overheating", "surchauffe"), ("low temperature", "température basse")),
        ("bar", ("overpressure", "surpression"), ("pressure drop", "chute de pression")),
    ],
)
def test_an_alarm_says_what_is_the_matter_in_both_languages(unit: str, above: Any, below: Any) -> None:
    """T9: temperature > max → text "surchauffe", < min → "température basse"; language fr/en."""
    rig = Rig(
        gauge(unit=unit), high(30, diagnosis=diagnosis_of("high", unit)),
        high(5, id="low", kind="low", diagnosis=diagnosis_of("low", unit)),
    )  # fmt: skip
    rig.each_second(1, 31, 4)
    begins = [event for event in rig.events if event.kind == "alarm_begin"]
    for event, words in zip(begins, (above, below), strict=True):
        for lang, word in zip(("en", "fr"), words, strict=True):
            assert f"({word})" in sentence(lang, PARIS, event.kind, event.point, event.values)


def test_the_settings_need_no_diagnosis_where_quantity_and_side_say_it(tmp_path: Path) -> None:
    """T9: … and where they give one, it stands; below another point is not yet a low temperature."""
    settings = load(
        write_site(
            tmp_path,
            bus={"i2c": {"kind": "i2c", "number": 1}},
            point=[
                {**point("t", "i2c", "sht3x"), "channel": "temperature"},
                {**point("out", "i2c", "sht3x"), "channel": "temperature", "address": 0x45},
            ],
            limit=[
                {"id": "hot", "point": "t", "kind": "high", "value": 30},
                {"id": "cold", "point": "t", "kind": "low", "value": 5},
                {"id": "door", "point": "t", "kind": "low", "value": 2, "diagnosis": "door_open"},
                {"id": "lost", "point": "t", "kind": "fault"},
                {"id": "cooler", "point": "t", "kind": "low", "at": "out"},
                {"id": "frost", "point": "t", "kind": "low_low", "at": "out", "diagnosis": "too_cold"},
            ],
        )
    )
    found = {spec.id: spec.diagnosis for spec in specs(settings)[1]}
    assert found == {
        "hot": "overheating", "cold": "low_temperature", "door": "door_open", "lost": "", "cooler": "",
        "frost": "too_cold",
    }  # fmt: skip


# -- T10


@pytest.mark.parametrize("periods", [1, 3])
def test_an_unplugged_sensor_is_an_alarm_within_the_configured_number_of_periods(periods: int) -> None:
    """T10: unplug → alarm within the configured number of periods: a sensor fault."""
    rig = Rig(gauge(), high(kind="fault", on_delay_ms=(periods - 1) * 1000))
    rig.each_second(1, 20, *[None] * (periods + 1))
    (begin,) = [event for event in rig.events if event.kind == "alarm_begin"]
    assert (begin.at_ms, begin.values["why"]) == (2000 + (periods - 1) * 1000, "no_answer")


def test_a_point_that_falls_silent_is_an_alarm_each_time_within_its_periods() -> None:
    """T10: stale, communication loss: nothing arrives; also the second time, with records of a day."""
    rig = Rig(gauge(stale_ms=3000, record_ms=86_400_000), high(kind="stale"))
    for start in (1, 101):
        rig.read(start, 20)
        rig.silence(start + 1, start + 20)
    begins = [event.at_ms for event in rig.events if event.kind == "alarm_begin"]
    assert begins == [5000, 105_000], "4 s after the last sample: the first look after 3 s have passed"


def test_lost_mains_and_a_full_disk_are_alarms_like_any_other() -> None:
    """T10: power-loss, low-disk: ordinary points with limits."""
    mains = PointSpec("mains", kind="state", words=("present", "lost"))
    disk = gauge(id="disk", unit="/100")
    rig = Rig(mains, disk, high(1, id="m", point="mains", kind="equal"), high(95, id="d", point="disk"))
    rig.cycle(1, sample(1, 0, point="mains"), sample(1, 50, point="disk"))
    rig.cycle(2, sample(1.4, 1, point="mains"), sample(2, 97, point="disk"))
    begins = [(event.point, event.at_ms) for event in rig.events if event.kind == "alarm_begin"]
    assert begins == [("mains", 1400), ("disk", 2000)]


# -- T12


def test_an_acknowledged_alarm_is_not_repeated_and_the_journal_says_begin_end_value_and_who() -> None:
    """T12: ack → no more repeats; survives restart; begin/end time, value, acknowledge by whom."""
    rules = NotifyRules(remind_ms=(0, 60_000, 60_000, 60_000))
    rig = site(1, rules)
    read(rig, 1, 31)
    pass_to(rig, 62)
    order(rig, "ack", number=1, author="gardien")
    again = rig.restart(parts=[Notifier(rules, rig.event_registers)])
    pass_to(again, 1000)
    assert ([what for _at, what, _rest in notifications(rig)], notifications(again)) == (["begin", "reminder"], [])
    (ack,) = [event for event in rig.events if event.kind == "alarm_ack"]
    assert (ack.values["author"], ack.values["channel"], ack.values["before"]) == ("gardien", "local", "unacknowledged")
    read(again, 1001, 29)
    (end,) = [event for event in again.events if event.kind == "alarm_end"]
    assert (end.at_ms, end.values["v"], end.values["peak"]) == (1_001_000, 29, 31)
    assert again.engine.alarms.by_limit == {}, "over and acknowledged"


# -- T13


def test_a_hundred_alarms_in_a_minute_are_a_hundred_lines_and_two_messages() -> None:
    """T13: 100 alarms in 1 min → ≤ N SMS, all alarms in journal, digest sent (the notifier's half)."""
    rig = site(100)
    for number in range(100):
        read(rig, 1 + number * 0.6, *[31] * (number + 1))
    pass_to(rig, 300)
    assert kinds(rig).count("begin") == 100
    (first, digest) = notifications(rig)
    assert first[1:] == ("begin", {"ids": [1]})
    assert (digest[1], len(digest[2]["ids"]), digest[2]["first"]) == ("merged", 99, 2)


def test_messages_are_bounded_by_the_hour_whatever_happens() -> None:
    """T13: rate limit: alarms that come and go all day stay within the bucket."""
    rig = site(3, NotifyRules(most_per_hour=6, together_ms=10_000))
    for t_s in range(0, 6 * 3600, 45):
        read(rig, t_s + 1, *[31 if (t_s // 45 + number) % 3 else 29 for number in range(3)])
    at_s = [at for at, _what, _rest in notifications(rig)]
    assert len(at_s) >= 6
    assert max(sum(begin <= at < begin + 3600 for at in at_s) for begin in at_s) <= 12
    assert len(at_s) <= 6 + 6 * 6


def test_in_quiet_hours_only_the_critical_goes_and_the_rest_waits_for_the_morning() -> None:
    """T13: quiet hours."""
    rules = NotifyRules(quiet=(22 * 60, 7 * 60))
    evening_ms = 1_795_212_000_000  # 20 November 2026, 22:00 UTC
    rig = site(3, rules, utc_offset_ms=evening_ms)
    read(rig, 600, 31)
    read(rig, 4000, 31, 31)
    assert (kinds(rig).count("begin"), notifications(rig)) == (2, [])
    pass_to(rig, 10 * 3600)
    assert notifications(rig)[0][1:] == ("merged", {"ids": [1, 2], "first": 1})
    assert notifications(rig)[0][0] == 9 * 3600, "at seven"
    loud = site(1, rules, priority="critical", utc_offset_ms=evening_ms)
    read(loud, 600, 31)
    assert [what for _at, what, _rest in notifications(loud)] == ["begin"]


# -- T14


def test_the_text_of_an_alarm_has_site_variable_value_unit_limit_and_time() -> None:
    """T14: mail text: variable, value, unit, limit, time (the facts; who sends them adds the site)."""
    flow = gauge(unit="Cel", name={"en": "Boiler flow", "fr": "Chaudière départ"}, place="boiler room")
    rig = Rig(flow, high(85, priority="high", diagnosis="overheating"), utc_offset_ms=NOW_MS - 900_000)
    rig.each_second(1, 80, 92.5)
    dating = Dating()
    dating.add(ClockEntry(1, 0, NOW_MS - 900_000, "ntp"))
    (shown,) = alarm_view.alarms(rig.engine, dating)
    texts = told(shown, {"how": "OK 4F7K"})
    for lang, wanted in (
        ("en", ["ALARM 1 HIGH, priority high", "Boiler flow (boiler room): 92.5 °C > 85 °C (overheating)",
                "since 16:05 (14 min 58 s), at worst 92.5 °C at 16:05", "to acknowledge: OK 4F7K"]),
        ("fr", ["ALARME 1 HAUTE, priorité haute", "Chaudière départ (boiler room) : 92,5 °C > 85 °C (surchauffe)",
                "depuis 16:05 (14 min 58 s), au pire 92,5 °C à 16:05", "pour acquitter : OK 4F7K"]),
    ):  # fmt: skip
        assert [line(lang, PARIS, text, NOW_MS).replace("\u00a0", " ") for text in texts] == wanted


# -- T15, T16: in virtual time, behind a link


class Heard(SimUpstream):
    """Notes each retained alarm and each event with the UTC second at which it came."""

    def __init__(self, clock: VirtualClock, outages: list[Outage], found: list[tuple[float, str, Any]]) -> None:
        super().__init__(clock, outages)
        self._found = found
        self._virtual = clock

    def take(self, topic: str, payload: bytes, content_type: str) -> Message | None:
        leaf = topic.split("/", 3)[3]
        if leaf.startswith(("up/ev", "up/alarm")):
            self._found.append((self._virtual.utc_ms() / 1000, leaf, json.loads(payload) if payload else None))
        return super().take(topic, payload, content_type)


def door_site(folder: Path) -> Any:
    """Return a site whose door opens for a quarter of an hour every four hours."""
    return load(
        write_site(
            folder,
            bus={"gpio": {"kind": "gpio"}},
            point=[{**point("door", "gpio", "contact", pin=7), "record_s": 60}],
            limit=[{"id": "door.open", "point": "door", "kind": "equal", "value": "open"}],
            link={"mqtt": {"host": "127.0.0.1"}},
        )
    )


def test_an_active_alarm_stands_retained_upstream_and_is_cleared_when_it_is_over(tmp_path: Path) -> None:
    """T15: MQTT alarm topic retained: active → cleared."""
    found: list[tuple[float, str, Any]] = []
    Simulation(door_site(tmp_path), seed=1, outages=[], upstream=partial(Heard, found=found)).run(0.4)
    alarms = [(leaf, body["alarm"] if body else None) for _at, leaf, body in found if leaf.startswith("up/alarm")]
    assert [leaf for leaf, _body in alarms] == [f"up/alarm/{number}" for number in (1, 1, 2, 2, 3, 3)]
    assert [body and body["state"] for _leaf, body in alarms] == ["unacknowledged", None] * 3


def test_what_happens_while_the_link_is_cut_arrives_later_with_its_own_times(tmp_path: Path) -> None:
    """T16: link cut, threshold crossed and back → both events delivered later with their original times."""
    runs = []
    for folder, outages in (("calm", []), ("cut", [Outage(3 * HOUR_S, 9 * HOUR_S)])):
        (tmp_path / folder).mkdir()
        found: list[tuple[float, str, Any]] = []
        upstream = partial(Heard, found=found)
        Simulation(door_site(tmp_path / folder), seed=1, outages=outages, upstream=upstream).run(0.5)
        entries = {
            (entry["k"], entry["id"]): (entry["t"], at)
            for at, leaf, body in found if leaf == "up/ev"
            for entry in body["e"] if entry["k"] in {"alarm_begin", "alarm_end"}
        }  # fmt: skip
        runs.append(entries)
    calm, cut = runs
    assert {key: t for key, (t, _at) in calm.items()} == {key: t for key, (t, _at) in cut.items()}
    late = {key for key, (t, at) in cut.items() if at - t > HOUR_S / 2}
    assert late == {("alarm_begin", 2), ("alarm_end", 2), ("alarm_begin", 3), ("alarm_end", 3)}
    assert all(at - t < 60 for t, at in calm.values())


# -- T18


def test_alarms_of_a_machine_in_maintenance_are_journaled_and_told_to_nobody_until_it_ends() -> None:
    """T18: alarm in maintenance → journaled, not notified (the alarms' half)."""
    rig = site(2)
    rig.engine.alarms.suppress("maintenance:boiler", ["p0"], 0)
    read(rig, 1, 31, 29)
    read(rig, 300, 29, 29)
    assert (kinds(rig), notifications(rig)) == (["begin", "end"], [])
    read(rig, 400, 31, 31)
    assert [rest["ids"] for _at, _what, rest in notifications(rig)] == [[3]], "the other machine's"
    rig.engine.alarms.unsuppress("maintenance:boiler", 500_000)
    rig.collect()
    pass_to(rig, 600)
    assert [rest["ids"] for _at, _what, rest in notifications(rig)] == [[3], [2]], "still there when it ends"

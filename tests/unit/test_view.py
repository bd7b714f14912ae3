"""What the engine shows of itself."""

from __future__ import annotations

import msgspec

from edge.core import alarm_view, view
from edge.core.clock import ClockEntry, Dating
from edge.core.engine import Engine
from edge.core.types import PointSpec
from hal.sample import BAD, Cycle, Sample
from tests.unit.rig import Rig, gauge, high, sample

DATING = Dating()
DATING.add(ClockEntry(1, 0, 1_795_166_000_000, "ntp"))


def site() -> Rig:
    return Rig(
        gauge(unit="Cel", name={"en": "flow"}, place="boiler room"),
        gauge(id="kwh", kind="counter", unit="Wh"),
        gauge(id="door", kind="state", words=("open", "closed")),
        gauge(id="adco", kind="text"),
        gauge(id="dead"),
        high(30, on_delay_ms=3000),
        high(kind="fault", id="f"),
    )


def all_read(rig: Rig, t_s: float, flow: float | None = 20.5) -> None:
    rig.cycle(
        t_s,
        sample(t_s, flow, "" if flow is not None else "crc"),
        sample(t_s, 1234, point="kwh"),
        sample(t_s, 1, point="door"),
        sample(t_s, "012345678901", point="adco"),
    )


def test_values_stand_in_the_order_of_the_site_with_word_quality_and_age() -> None:
    rig = site()
    all_read(rig, 1)
    shown = {value.point: value for value in view.values(rig.engine, 3500)}
    assert list(shown) == ["p", "kwh", "door", "adco", "dead"]
    flow = shown["p"]
    assert (flow.value, flow.unit, flow.quality, flow.reason, flow.age_s) == (20.5, "Cel", "good", "", 2.5)
    assert (flow.name, flow.place) == ({"en": "flow"}, "boiler room")
    assert [(limit.id, limit.kind, limit.at) for limit in flow.limits] == [("l", "high", 30), ("f", "fault", None)]
    assert (shown["door"].value, shown["door"].word) == (1, "closed")
    assert (shown["adco"].value, shown["adco"].word) == ("012345678901", "")
    assert (shown["dead"].value, shown["dead"].quality, shown["dead"].reason) == (None, "bad", "not_open")


def test_a_bad_value_is_null_and_has_no_word() -> None:
    rig = site()
    all_read(rig, 1)
    rig.cycle(2, sample(2, None, "line_low", point="door"))
    (door,) = [value for value in view.values(rig.engine, 2000) if value.point == "door"]
    assert (door.value, door.word, door.quality, door.reason) == (None, "", "bad", "line_low")
    assert msgspec.json.decode(msgspec.json.encode(door))["value"] is None


def test_an_age_is_never_negative() -> None:
    rig = site()
    all_read(rig, 5)
    assert view.values(rig.engine, 1000)[0].age_s == 0


def test_a_limit_in_its_delay_is_pending() -> None:
    rig = site()
    states = []
    for t_s in range(1, 6):
        all_read(rig, t_s, 31)
        limit = view.values(rig.engine, t_s * 1000)[0].limits[0]
        states.append((limit.pending, limit.active))
    assert states == [(True, False)] * 3 + [(False, True)] * 2


def test_an_alarm_shows_its_limit_its_point_and_its_peak() -> None:
    rig = site()
    for t_s, flow in enumerate([31, 35, 31, 32.5], start=1):
        all_read(rig, t_s, flow)
    (shown,) = alarm_view.alarms(rig.engine, DATING)
    assert (shown.number, shown.limit, shown.point, shown.kind, shown.at, shown.unit) == (
        1,
        "l",
        "p",
        "high",
        30,
        "Cel",
    )
    assert (shown.value, shown.peak, shown.since_utc_ms) == (32.5, 35, 1_795_166_004_000)
    assert (shown.active, shown.acknowledged, shown.priority) == (True, False, "medium")


def test_an_alarm_that_is_over_keeps_its_own_peak() -> None:
    rig = site()
    for t_s, flow in enumerate([35, 35, 35, 35, 20, 31], start=1):
        all_read(rig, t_s, flow)  # the last one calls for the next alarm
    (shown,) = alarm_view.alarms(rig.engine, DATING)
    assert (shown.active, shown.peak) == (False, 35)


def test_a_fault_has_no_limit_value_and_no_date_without_a_clock() -> None:
    rig = site()
    all_read(rig, 1, None)
    (shown,) = alarm_view.alarms(rig.engine, Dating())
    assert (shown.kind, shown.at, shown.value, shown.peak, shown.since_utc_ms) == ("fault", None, None, None, None)


def test_an_alarm_outlives_its_limit_and_its_point() -> None:
    rig = site()
    all_read(rig, 1, None)
    (shown,) = alarm_view.alarms(rig.restart(0, gauge(id="q")).engine, DATING)
    assert (shown.limit, shown.point, shown.kind, shown.unit, shown.active) == ("f", "p", "fault", "", False)
    assert shown.since_utc_ms == 1_795_166_001_000


def test_the_snapshot_holds_indexes_and_states() -> None:
    rig = site()
    assert view.snapshot(rig.engine) == {"indexes": {}, "states": {}}
    all_read(rig, 1, None)
    assert view.snapshot(rig.engine) == {
        "indexes": {"kwh": 1234},
        "states": {"door": 1, "adco": "012345678901"},
    }


def test_the_document_of_an_alarm_holds_what_is_known_of_it() -> None:
    rig = site()
    for t_s, flow in enumerate([31, 31, 31, 31], start=1):
        all_read(rig, t_s, flow)
    assert alarm_view.alarm_documents(rig.engine, DATING) == {
        "1": {
            "id": 1, "limit": "l", "n": "p", "kind": "high", "u": "Cel", "prio": "medium", "acknowledged": False,
            "state": "unacknowledged", "at": 30, "v": 31, "t": 1_795_166_004.0,
        }
    }  # fmt: skip
    all_read(rig, 5, 20)
    assert alarm_view.alarm_documents(rig.engine, DATING) == {}


def test_the_snapshot_holds_no_index_that_is_not_believed() -> None:
    rig = site()
    all_read(rig, 1)
    rig.cycle(2, sample(2, 9_999_999, "unconfirmed", point="kwh"))
    assert view.snapshot(rig.engine)["indexes"] == {"kwh": 1234}
    rig.cycle(3, sample(3, None, "crc", point="kwh"))
    assert view.snapshot(rig.engine)["indexes"] == {}
    fresh = site()
    fresh.cycle(1, sample(1, 9_999_999, "unconfirmed", point="kwh"))
    assert view.snapshot(fresh.engine)["indexes"] == {}


def test_the_age_of_a_point_without_a_value_is_how_long_it_has_had_none() -> None:
    engine = Engine([PointSpec(id="t", kind="gauge")], [], boot=1, now_ms=0)
    for second, value in ((1, 20.5), (2, None), (3, None)):
        t_ns = second * 1_000_000_000
        engine.handle(Cycle("b", t_ns, [Sample("t", t_ns, value, 0 if value else BAD, "" if value else "crc")]))

    assert view.values(engine, 9000)[0].age_s == 7.0

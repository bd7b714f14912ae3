"""The past over the local API: pages that miss nothing, what is expected where a parameter is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.cli.client import Client, RefusedError
from edge.cli.source import RemoteHistory, running
from edge.core.export_rows import each_record
from edge.core.facts import CalibrationFacts, PointFacts, noted
from edge.core.limit import NUMBERLESS
from edge.core.notes import Calibration, Device, Moment
from edge.core.series import HistoryGap, HistoryRecord, PointInfo
from edge.settings.facts import box_facts, point_facts
from edge.settings.load import load
from edge.settings.packaged import find
from edge.store.fs import StoreError
from edge.web.history import LARGEST_PAGE, LATEST_MS
from hal.sample import BAD, UNCERTAIN
from tests.fake_desk import NOW_MS, FakeDesk

HOUR = 3_600_000
DAY = 24 * HOUR
T0 = NOW_MS - NOW_MS % DAY


def refusal(path: Path, target: str) -> tuple[int, str, str]:
    with pytest.raises(RefusedError) as refused:
        Client(path).get(target)
    return refused.value.status, refused.value.code, str(refused.value)


def several(desk: FakeDesk) -> list[HistoryRecord]:
    made = [
        HistoryRecord(T0, 60_000, -18.5, mean=-18.25, low=-19.0, high=0.0, count=60, trust="tic"),
        HistoryRecord(T0 + 60_000, 60_000, None, BAD, "crc", trust="tic"),
        HistoryRecord(T0 + 120_000, 60_000, 3, UNCERTAIN, "power_cut", increment=1e-7, trust="ntp"),
        HistoryRecord(T0 + 180_000, 60_000, "HC..", duration_ms=1, changes=2),
    ]
    desk.past.add("boiler.flow", "gauge", "Cel", made)
    return made


def test_records_come_back_as_they_are_with_missing_values_as_null(path: Path, desk: FakeDesk) -> None:
    made = several(desk)
    past = RemoteHistory(Client(path))
    assert past.records("boiler.flow", T0, T0 + HOUR, 100) == made
    page = Client(path).get(f"history/boiler.flow?from={T0}&to={T0 + HOUR}")
    assert page["columns"] == list(HistoryRecord.__struct_fields__)
    assert (page["rows"][1][2], page["next"]) == (None, T0 + 180_001)
    assert past.points() == [PointInfo("boiler.flow", "gauge", "Cel", T0, T0 + 240_000)]


def test_pages_follow_each_other_and_miss_nothing(path: Path, desk: FakeDesk) -> None:
    made = [HistoryRecord(T0 + n * 1000, 1000, float(n)) for n in range(25)]
    desk.past.add("p", "gauge", "", made)
    at_ms, found = T0, []
    while at_ms is not None:
        page = Client(path).get(f"history/p/records?from={at_ms}&to={T0 + DAY}&limit=10")
        assert len(page["rows"]) <= 10
        found += [row[2] for row in page["rows"]]
        at_ms = page["next"]
    assert found == [float(n) for n in range(25)]
    assert list(each_record(RemoteHistory(Client(path)), "p", T0, T0 + DAY)) == made
    assert Client(path).get(f"history/p/records?from={T0}&to={T0 + 25_000 - 999}&limit=2000")["next"] is None


def test_a_range_without_records_is_an_empty_page(path: Path, desk: FakeDesk) -> None:
    several(desk)
    page = Client(path).get(f"history/boiler.flow/records?from={T0 - DAY}&to={T0}")
    assert (page["rows"], page["next"]) == ([], None)
    assert Client(path).get(f"history/boiler.flow/periods?length=day&from=0&to={T0 - DAY}")["rows"] == []


def test_periods_of_a_long_range_come_by_pages_and_say_where_to_go_on(path: Path, desk: FakeDesk) -> None:
    desk.past.add("p", "gauge", "", [HistoryRecord(T0 + n * 10 * DAY, 60_000, float(n)) for n in range(12)])
    first = Client(path).get(f"history/p/periods?length=hour&from={T0}&to={T0 + 120 * DAY}")
    assert len(first["rows"]) == 4
    assert first["next"] == T0 + 31 * DAY
    found = RemoteHistory(Client(path)).periods("p", "hour", T0, T0 + 120 * DAY)
    assert [period.last for period in found] == [float(n) for n in range(12)]
    assert found == desk.past.periods("p", "hour", T0, T0 + 120 * DAY)


def test_gaps_and_facts_come_back_as_they_are(path: Path, desk: FakeDesk) -> None:
    desk.past.lost = [HistoryGap("9f3c21aa", 5, 9, "dropped", T0, T0 + 1), HistoryGap("9f3c21aa", 20, 20, "damaged")]
    desk.known = [PointFacts("p", "gauge", calibrations=(CalibrationFacts(0.625, -2.5, "bar"),))]
    source = running(Client(path))
    assert source.history.gaps(T0, T0 + DAY) == desk.past.lost
    assert source.history.gaps(T0 + DAY, T0 + 2 * DAY) == desk.past.lost[1:]
    assert source.facts == desk.known
    assert (source.box.id, source.box.tz, source.box.now_ms, source.box.clock) == (
        "b0042",
        "Europe/Paris",
        NOW_MS,
        "ntp",
    )


@pytest.mark.parametrize("point", ["points", "gaps", "facts", "a.b-c_d"])
def test_a_point_may_be_called_like_a_question(path: Path, desk: FakeDesk, point: str) -> None:
    desk.past.add(point, "gauge", "", [HistoryRecord(T0, 1000, 1.0)])
    assert len(RemoteHistory(Client(path)).records(point, T0, T0 + 1, 1)) == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("from=x", "from: a whole number (UTC milliseconds)"),
        ("from=-1", "from: a whole number"),
        ("from=", "from: a whole number"),
        ("from=1.5", "from: a whole number"),
        ("from=%D9%A1", "from: a whole number"),
        (f"to={LATEST_MS + 1}", "to: a whole number"),
        ("to=999999999999999999999999", "to: a whole number"),
        ("from=2&to=1", "from = 2 is after to = 1"),
        ("limit=0", "limit: a whole number from 1"),
        (f"limit={LARGEST_PAGE + 1}", "limit: a whole number from 1 to 2000"),
        ("since=1", "no parameter since; there are from, to, limit"),
    ],
)
def test_a_wrong_parameter_is_a_400_that_says_what_is_expected(
    path: Path, desk: FakeDesk, query: str, expected: str
) -> None:
    several(desk)
    status, code, text = refusal(path, f"history/boiler.flow/records?{query}")
    assert (status, code) == (400, "bad_query")
    assert text.startswith(expected)


@pytest.mark.parametrize("length", ["", "length=week", "length=HOUR", "length=1h"])
def test_a_length_that_history_does_not_sum_is_refused_with_those_it_does(
    path: Path, desk: FakeDesk, length: str
) -> None:
    several(desk)
    assert refusal(path, f"history/boiler.flow/periods?{length}") == (
        400, "bad_query", "length: one of hour, day, month is expected",
    )  # fmt: skip


def test_an_unknown_point_is_a_404_and_a_key_error(path: Path, desk: FakeDesk) -> None:
    for target in ("history/no.such", "history/no.such/records", "history/no.such/periods?length=day"):
        assert refusal(path, target)[:2] == (404, "no_such_point")
    with pytest.raises(KeyError):
        RemoteHistory(Client(path)).records("no.such", 0, 1, 1)
    assert refusal(path, "history/boiler.flow/sums")[:2] == (404, "no_such_path")


@pytest.mark.parametrize(
    ("fault", "code"),
    [(LookupError("this box keeps no history"), "no_history"), (StoreError(5, "history.db: EIO"), "store_unreadable")],
)
def test_a_past_that_cant_be_read_is_said_and_harms_nobody(
    path: Path, desk: FakeDesk, fault: Exception, code: str
) -> None:
    desk.fails = fault
    assert refusal(path, "history/points")[:2] == (503, code)
    desk.fails = None
    assert Client(path).get("history/points") == []


# -- facts


def test_facts_of_the_demonstration_name_sensor_scale_range_and_limits() -> None:
    settings = load(find("sites", "demo.toml"))
    facts = {known.point: known for known in point_facts(settings)}
    assert facts["boiler.flow"].serial == "28-3c01f0950a21"
    assert facts["water.pressure"].calibrations == (CalibrationFacts(0.625, -2.5, "bar"),)
    assert facts["boiler.flow"].high == 110
    assert all(limit.value is not None or limit.kind in NUMBERLESS for f in facts.values() for limit in f.limits)
    assert any(f.limits for f in facts.values())
    assert facts["tic.option"].calibrations == ()
    assert box_facts(settings).tz == "Europe/Paris"


def test_what_was_written_down_stands_above_the_settings_and_keeps_its_order() -> None:
    at = Moment(1, 5, T0, "ntp")
    book = {"p": [Calibration(Moment(1, 5), 1.0, 0.0, "bar"), Calibration(at, 0.625, -2.5, "bar")], "gone": []}
    devices = [
        Device("tty/0", "tty", "serial", "teleinfo", "0", ["q"], at, serial="021861348497"),
        Device("w1/1", "w1", "onewire", "ds18b20", "28-1", ["p"], at, serial="old", gone=at),
    ]
    settings_say = (CalibrationFacts(2.0, 0.0),)
    facts: list[Any] = noted(
        [PointFacts("p", "gauge", serial="28-2"), PointFacts("q", "counter", calibrations=settings_say)], book, devices
    )
    assert facts[0].calibrations == (CalibrationFacts(1.0, 0.0, "bar"), CalibrationFacts(0.625, -2.5, "bar", T0))
    assert facts[0].serial == "28-2"
    assert (facts[1].serial, facts[1].calibrations) == ("021861348497", settings_say)

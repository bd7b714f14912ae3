"""`vigie meter` over the real local API: what it lists, what it orders, what it refuses, in both languages."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from edge.cli.consumption import line
from edge.cli.words import Words
from edge.core.commands import Command, Result
from edge.core.meter_view import MeterAct, MeterPeriod, MeterView, PeakOf, PeakView
from edge.core.series import HistoryRecord
from edge.core.text import Text
from tests.fake_desk import NOW_MS, FakeDesk, value


def period(moved: str, converted: str | None = None, completeness: float = 1.0) -> MeterPeriod:
    other = None if converted is None else Decimal(converted)
    return MeterPeriod(NOW_MS, NOW_MS, Decimal(moved), other, completeness, 0.0)


WATER = MeterView(
    point="water.cold", name={}, place="", energy="water.cold", role="consumption", unit="m3", to_unit="",
    index=482.137, quality="good", reason="", kept=False, worth=None,
    totals={"today": period("0.182"), "yesterday": period("0.31"), "month": period("6.02"), "year": period("71.5")},
    act=MeterAct("set", NOW_MS, "482.137", "anna", "local"),
)  # fmt: skip
GAS = msgspec.structs.replace(
    WATER, point="gas.boiler", energy="gas", to_unit="kWh", index=1204.5, worth=Decimal("11.27"), act=None,
    totals={"today": period("9.1", "102.557"), "month": period("120", "1352.4", 0.834)},
)  # fmt: skip


@pytest.fixture
def metered(desk: FakeDesk) -> FakeDesk:
    desk.views["meters"] = [WATER, GAS]
    desk.views["peaks"] = [
        PeakView("tic.papp", {}, "VA", {"today": PeakOf(9100.0, NOW_MS), "month": PeakOf(9800, NOW_MS)})
    ]
    return desk


def test_the_list_says_index_what_moved_and_where_data_were_missing(vigie: Any, metered: FakeDesk) -> None:
    code, out, _err = vigie("meter")
    assert code == 0
    assert out.splitlines() == [
        "meter              index    today  yesterday       month    year  last act",
        "water.cold    482.137 m³    0.182      0.310       6.020  71.500  set 20 Nov",
        "gas.boiler  1 204.500 m³    9.100          -    120.000*       -",
        "             × 11.27 kWh  102.557          -  1 352.400*       -",
        "* part of this time was not watched; the share that was: month 83 %",
    ]


def test_peaks_are_listed_with_their_time(vigie: Any, metered: FakeDesk) -> None:
    code, out, _err = vigie("meter", "peaks")
    assert code == 0
    head, row = out.splitlines()
    assert head.split() == ["meter", "today", "yesterday", "month", "year"]
    assert "9 100 VA Fri 20 Nov 16:20" in row
    assert " - " in row


def done(desk: FakeDesk, key: str = "meter_unread", **values: Any) -> list[Command]:
    """Let the desk answer orders by this text; return those it gets."""
    got: list[Command] = []

    def order(command: Command) -> Result:
        got.append(command)
        return Result(command.id, done="refused" not in values, text=Text(key, {"point": "water.cold", **values}))

    desk.order = order  # type: ignore[method-assign]
    return got


def test_a_reading_with_a_decimal_comma_is_sent_as_it_was_written(vigie: Any, metered: FakeDesk) -> None:
    got = done(metered)
    assert vigie("meter", "set", "water.cold", "482,137")[0] == 0
    assert vigie("meter", "exchange", "water.cold", "--old", "9,5", "--new", "0")[0] == 0
    assert vigie("meter", "coefficient", "gas.boiler", "11,31", "--from", "2026-12-01")[0] == 0
    assert [(command.verb, command.args) for command in got] == [
        ("meter.set", {"point": "water.cold", "value": "482,137"}),
        ("meter.exchange", {"point": "water.cold", "old": "9,5", "new": "0"}),
        ("meter.coefficient", {"point": "gas.boiler", "factor": "11,31", "from": "2026-12-01"}),
    ]


def test_a_counter_that_is_no_meter_can_be_set_such_as_run_hours(vigie: Any, metered: FakeDesk) -> None:
    metered.more = [value("boiler.hours", "counter", "h", 0.5)]
    got = done(metered)
    assert vigie("meter", "set", "boiler.hours", "12345")[0] == 0
    assert got[0].args == {"point": "boiler.hours", "value": "12345"}


def test_a_reading_of_another_time_takes_the_box_s_index_then_from_its_records(vigie: Any, metered: FakeDesk) -> None:
    got = done(metered)
    at_ms = 1_795_173_600_000  # 20 November, 12:20 in Paris
    records = [
        HistoryRecord(at_ms - 120_000, 60_000, 481.9, increment=0.1),
        HistoryRecord(at_ms - 60_000, 60_000, 482.0, increment=0.1),
        HistoryRecord(at_ms, 60_000, 482.1, increment=0.1),
    ]
    metered.past.add("water.cold", "counter", "m3", records)
    assert vigie("meter", "read", "water.cold", "482", "--at", "2026-11-20 12:20")[0] == 0
    assert got[0].args == {"point": "water.cold", "value": "482", "at": "2026-11-20 12:20", "then": 482.0}
    code, _out, err = vigie("meter", "read", "water.cold", "482", "--at", "2024-11-20 12:20")
    assert (code, len(got)) == (2, 1)
    assert "no record" in err
    assert vigie("meter", "read", "water.cold", "482", "--at", "noon")[0] == 2


def test_an_unknown_meter_and_a_refusal_are_told_with_their_exit_codes(vigie: Any, metered: FakeDesk) -> None:
    code, _out, err = vigie("meter", "set", "water.clod", "1")
    assert code == 2
    assert "gas.boiler, water.cold" in err
    done(metered, "meter_kept", index=12.0, u="kWh", refused=True)
    code, out, _err = vigie("meter", "set", "water.cold", "1")
    assert code == 1
    assert "keeps its register itself" in out


def test_what_stands_in_json_is_exact(vigie: Any, metered: FakeDesk) -> None:
    code, out, _err = vigie("meter", "--json")
    assert code == 0
    found = json.loads(out)
    assert found[1]["totals"]["month"] == {
        "begin_ms": NOW_MS, "end_ms": NOW_MS, "moved": "120", "converted": "1352.4", "completeness": 0.834,
        "uncertain": 0.0,
    }  # fmt: skip


def test_a_site_without_meters_says_so(vigie: Any, desk: FakeDesk) -> None:
    assert vigie("meter")[1] == "This site has no meter: no point of it counts.\n"


def test_the_live_table_has_a_line_of_meters_where_nothing_is_priced() -> None:
    found = [
        {"point": "gas", "name": {"en": "Gas", "fr": "Gaz"}, "unit": "kWh", "today": "102.557", "month": "1352.4"},
        {"point": "water.cold", "name": {}, "unit": "m3", "today": None, "month": "6.02"},
    ]
    assert line(found, 78, Words("en")) == "today / month   Gas 102.557 / 1 352.400 kWh   water.cold - / 6.020 m³"
    assert line(found, 50, Words("fr")) == "auj. / mois   Gaz 102,557 / 1 352,400 kWh"
    assert line(found, 20, Words("fr")) == line([], 80, Words("en")) == line(None, 80, Words("en")) == ""


def test_where_nobody_vouches_for_the_date_it_is_said(vigie: Any, metered: FakeDesk) -> None:
    metered.views["meters"] = [msgspec.structs.replace(WATER, totals={})]
    box = metered.box()
    metered.box = lambda: {**box, "clock": "floor"}  # type: ignore[method-assign]
    out = vigie("meter")[1].splitlines()
    assert out[1].split() == ["water.cold", "482.137", "m³", "-", "-", "-", "-", "set", "20", "Nov"]
    assert out[-1] == "Nobody vouches for the date: what is counted meanwhile waits for its day. First: vigie time set"

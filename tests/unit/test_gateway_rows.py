"""From the columns of a report to records: periods, increments that add up, no value that is no zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.links.sms_columns import starts_of
from edge.links.sms_reports import base_of
from edge.upstream.gateway_rows import Held, Reached, Rows, Span, rows_of, spans
from hal.sample import BAD, GOOD, UNCERTAIN
from sms.schema import Channel, Schema
from sms.wire import LOCAL_DAY, STEPS, Header, Type, WireError

HOUR = STEPS.index(3600)
BASE_S = 1_795_161_600
SITE = Schema(
    "b0042", "Europe/Paris", 3600,
    (
        Channel("elec", "index", "Wh", 0),
        Channel("t.cellar", "mean", "Cel", -1),
        Channel("t.cellar", "min", "Cel", -1, 1),
        Channel("t.cellar", "max", "Cel", -1, 1),
        Channel("level", "last", "m", -2),
    ),
)  # fmt: skip


def none_known(point: str, at_s: int) -> Reached | None:
    return None


def hours(count: int) -> list[Span]:
    return spans(SITE, Header(Type.REPORT, 1, 1, base_s=BASE_S, step=HOUR, count=count))


def test_a_gauge_has_its_mean_minimum_and_maximum_and_a_level_its_last() -> None:
    columns: list[list[int | None]] = [[100], [-125], [-130], [0], [42]]
    rows = rows_of(SITE, hours(1), columns, none_known, may_hold=False)
    index, cellar, level = rows.records
    assert (index.value, index.increment, index.start_ms, index.dt_ms) == (100, None, BASE_S * 1000, 3_600_000)
    assert (cellar.value, cellar.mean, cellar.low, cellar.high, cellar.quality) == (-12.5, -12.5, -13.0, 0.0, GOOD)
    assert (level.value, level.mean) == (0.42, None)


def test_no_value_is_bad_with_a_reason_and_never_zero() -> None:
    columns: list[list[int | None]] = [[None, 7], [None, 0], [None, 0], [None, 0], [None, 0]]
    rows = rows_of(SITE, hours(2), columns, none_known, may_hold=False)
    assert [record.value for record in rows.records] == [None, None, None, 7, 0, 0]
    assert {(record.quality, record.reason) for record in rows.records[:3]} == {(BAD, "untold")}


def test_increments_go_on_from_the_report_before_and_over_a_period_without_a_value() -> None:
    columns: list[list[int | None]] = [[1010, None, 1030], *([[None] * 3] * 4)]
    before = Reached("elec", BASE_S, 1000, 0)
    rows = rows_of(SITE, hours(3), columns, lambda _, at_s: before if at_s == BASE_S else None, may_hold=True)
    found = [(record.value, record.increment) for record in rows.records if record.point == "elec"]
    assert found == [(1010, 10), (None, None), (1030, 20)]
    assert [one.value for one in rows.reached] == [1010, 1010, 1030]


def test_the_first_index_waits_for_the_report_before_it_and_is_the_same_then() -> None:
    columns: list[list[int | None]] = [[1010, 1030], *([[None] * 2] * 4)]
    rows = rows_of(SITE, hours(2), columns, none_known, may_hold=True)
    assert rows.held == [Held("elec", BASE_S, BASE_S, 3600, 1010, 0)]
    assert [record.increment for record in rows.records if record.point == "elec"] == [20]
    late = rows.held[0].record(Reached("elec", BASE_S, 100, 1))  # the unit's exponent changed in between
    assert (late.value, late.increment, late.start_ms) == (1010, 10, BASE_S * 1000)
    assert rows.held[0].record(None).increment is None


def test_an_index_that_went_back_is_another_meter_and_no_consumption() -> None:
    columns: list[list[int | None]] = [[5, 8], *([[None] * 2] * 4)]
    rows = rows_of(SITE, hours(2), columns, lambda _, at_s: Reached("elec", at_s, 99_000, 0), may_hold=True)
    first, second = [record for record in rows.records if record.point == "elec"]
    assert (first.value, first.increment, first.quality, first.reason) == (5, None, UNCERTAIN, "meter_changed")
    assert (second.increment, second.quality) == (3, GOOD)


def test_local_days_have_23_24_and_25_hours() -> None:
    paris = ZoneInfo("Europe/Paris")
    for day, lengths in (
        (datetime(2026, 3, 28, tzinfo=paris), [24, 23, 24]),
        (datetime(2026, 10, 24, tzinfo=paris), [24, 25, 24]),
    ):
        base_s = int(day.timestamp())
        found = spans(SITE, Header(Type.DAILY, 1, 1, base_s=base_s, step=LOCAL_DAY, count=3))
        assert [(span.end_s - span.start_s) // 3600 for span in found] == lengths
        assert datetime.fromtimestamp(found[0].start_s, UTC) == day


@pytest.mark.parametrize(("tz", "minutes"), [("Asia/Kathmandu", 15), ("Asia/Kolkata", 30), ("Pacific/Chatham", 15)])
def test_hours_are_those_of_the_sites_clocks(tz: str, minutes: int) -> None:
    zone = ZoneInfo(tz)
    at_ms = int(datetime(2026, 11, 20, 9, 20, tzinfo=UTC).timestamp()) * 1000
    starts = starts_of(at_ms, at_ms + 5 * 3_600_000, 3600, zone)
    header = Header(Type.REPORT, 1, 1, base_s=base_of(starts[0]), step=HOUR, count=len(starts))
    found = spans(replace(SITE, tz=tz), header)
    assert [span.start_s * 1000 for span in found] == starts
    assert {span.start_s // 60 % 60 for span in found} == {minutes}
    assert {datetime.fromtimestamp(span.start_s, zone).minute for span in found} == {0}


def test_a_step_that_is_not_known_is_named() -> None:
    for step in (0, 12, 14):
        with pytest.raises(WireError, match=f"step code {step}"):
            spans(SITE, Header(Type.REPORT, 1, 1, step=step, count=1))
    assert spans(SITE, Header(Type.REPORT, 1, 1, step=HOUR, count=0)) == []


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(0, 500)), min_size=2, max_size=12),
    st.integers(1, 11),
)
def test_two_reports_in_either_order_give_the_same_records(moves: list[int | None], cut: int) -> None:
    cut = min(cut, len(moves) - 1)
    index = 1000
    column: list[int | None] = []
    for move in moves:
        index += move or 0
        column.append(None if move is None else index)
    known: dict[int, Reached] = {BASE_S: Reached("elec", BASE_S, 1000, 0)}
    periods = hours(len(moves))

    def part(first: int, last: int) -> Rows:
        empty: list[list[int | None]] = [[None] * (last - first)] * 4
        found = rows_of(
            SITE, periods[first:last], [column[first:last], *empty], lambda _, at_s: known.get(at_s), may_hold=True
        )
        known.update((one.end_s, one) for one in found.reached)
        return found

    def elec(*parts: Rows) -> set[tuple[int, float | None, float | None]]:
        made = [record for rows in parts for record in rows.records]
        made += [held.record(known.get(held.since_s)) for rows in parts for held in rows.held]
        return {(record.start_ms, record.value, record.increment) for record in made if record.point == "elec"}  # type: ignore[misc]

    early = elec(part(0, cut), part(cut, len(moves)))
    known = {BASE_S: Reached("elec", BASE_S, 1000, 0)}
    late, first = part(cut, len(moves)), part(0, cut)
    assert elec(first, late) == early
    assert sum(one[2] or 0 for one in early) == max([1000, *(one for one in column if one is not None)]) - 1000

"""The consumer's database: once by (box, stream, seq), holes known, nothing acknowledged that is not committed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.batch import Cut, Origin, encode_events, encode_records
from edge.core.batch_forms import Batch, EventPack, GapRow
from edge.core.batch_parse import parse_events, parse_records
from edge.core.types import Event, Record
from edge.upstream.days import local_days, zone
from edge.upstream.ledger import BEFORE_FIRST, Ledger
from hal.sample import BAD, UNCERTAIN

UTC_MS = 1_795_166_000_000
STREAM = "9f3c21aa"
ORIGIN = Origin("b0042", STREAM, "7c1e0d44", {"water": "m3", "papp": "VA"})
POINTS = {
    "v": 1, "box": "b0042", "pts": "7c1e0d44", "site": {"name": "Gymnase Sud", "tz": "Europe/Paris", "lang": "fr"},
    "p": [
        {"n": "water", "name": {"en": "Water", "fr": "Eau"}, "kind": "counter", "u": "m3"},
        {"n": "papp", "name": {"en": "Apparent power"}, "kind": "gauge", "u": "VA", "place": "cellar"},
        {"n": "door", "kind": "state", "words": ["shut", "open"]},
    ],
}  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with_points = Ledger(tmp_path / "site.db")
    with with_points:
        with_points.points("b0042", POINTS)
    yield with_points
    with_points.close()


def batch(seq: int, *records: Record, first: int = 1, gap: tuple[GapRow, ...] = ()) -> Batch:
    cut = Cut([UTC_MS + record.start_ms for record in records], "ntp")
    return parse_records(encode_records(ORIGIN, seq, first, records, cut, gap))


def pack(seq: int, *events: Event) -> EventPack:
    origin = Origin("b0042", "00e7e475", "7c1e0d44")
    return parse_events(encode_events(origin, seq, 1, events, Cut([UTC_MS + event.at_ms for event in events], "ntp")))


def counted(seq: int, count: int, **more: Any) -> Batch:
    return batch(seq, *(Record("papp", 1000 * (seq + i), 1000, seq + i) for i in range(count)), **more)


def interrupted(ledger: Ledger) -> None:
    with ledger:
        ledger.records("b0042", counted(11, 10), 0)
        assert ledger.settled("b0042", STREAM) == 20
        raise OSError("the card is full")


def rows(ledger: Ledger, query: str) -> list[tuple[Any, ...]]:
    return ledger._db.execute(query).fetchall()


def test_a_record_stands_in_the_table_with_name_unit_time_value_and_quality(ledger: Ledger) -> None:
    with ledger:
        ledger.records(
            "b0042",
            batch(
                1,
                Record("water", 0, 60_000, 482.137, count=60, increment=0.017),
                Record("papp", 250, 1000, -5, UNCERTAIN, "power_cut"),
                Record("papp", 1250, 1000, None, BAD, "no_answer"),
                Record("door", 0, 60_000, 0, count=60, duration_ms=60_000, changes=0),
                Record("tarif", 0, 60_000, "HP"),
            ),
            0,
        )
    query = "SELECT point, name, unit, t, dt_s, value, quality, why, increment, duration_ms FROM records"
    assert rows(ledger, query) == [
        ("water", "Eau", "m3", "2026-11-20T09:13:20.000Z", 60.0, 482.137, "good", None, 0.017, None),
        ("papp", "Apparent power", "VA", "2026-11-20T09:13:20.250Z", 1.0, -5, "uncertain", "power_cut", None, None),
        ("papp", "Apparent power", "VA", "2026-11-20T09:13:21.250Z", 1.0, None, "bad", "no_answer", None, None),
        ("door", "door", "", "2026-11-20T09:13:20.000Z", 60.0, 0, "good", None, None, 60_000),
        ("tarif", None, "", "2026-11-20T09:13:20.000Z", 60.0, "HP", "good", None, None, None),
    ]  # fmt: skip


def test_a_repeat_and_an_overlap_store_nothing_twice(ledger: Ledger) -> None:
    with ledger:
        assert ledger.records("b0042", counted(1, 10), 0).entries == 10
        assert ledger.records("b0042", counted(1, 10), 0).entries == 0
        assert ledger.records("b0042", counted(6, 10), 0).entries == 5
    assert ledger.settled("b0042", STREAM) == 15
    assert rows(ledger, "SELECT count(*), min(seq), max(seq) FROM record") == [(15, 1, 15)]


def test_the_acknowledgement_stops_at_the_first_seq_that_is_missing(ledger: Ledger) -> None:
    with ledger:
        ledger.records("b0042", counted(101, 50), 0)
        assert ledger.settled("b0042", STREAM) == 0
        ledger.records("b0042", counted(1, 99), 0)
        assert ledger.settled("b0042", STREAM) == 99
        ledger.records("b0042", counted(100, 1), 0)
        assert ledger.settled("b0042", STREAM) == 150
    assert ledger.settled("b0042", "ffffffff") == 0


def test_a_declared_gap_and_what_lies_below_first_are_holes_with_their_reason(ledger: Ledger) -> None:
    with ledger:
        kept = ledger.records("b0042", counted(301, 10, first=101, gap=((291, 300, "damaged"),)), 5000)
        assert [*kept.gaps] == [(291, 300, "damaged"), (1, 100, BEFORE_FIRST)]
        assert ledger.settled("b0042", STREAM) == 100
        ledger.records("b0042", counted(101, 190, first=101), 6000)
        assert ledger.settled("b0042", STREAM) == 310
    assert rows(ledger, "SELECT box, log, first, last, entries, why FROM gaps") == [
        ("b0042", "m", 1, 100, 100, BEFORE_FIRST),
        ("b0042", "m", 291, 300, 10, "damaged"),
    ]
    assert ledger.sources["b0042", STREAM].stored == 200


def test_what_was_stored_before_it_was_dropped_is_no_hole(ledger: Ledger) -> None:
    with ledger:
        ledger.records("b0042", counted(1, 50), 0)
        ledger.records("b0042", counted(201, 5, first=151, gap=((41, 200, "dropped"),)), 0)
    assert rows(ledger, "SELECT first, last FROM gap") == [(51, 200)]
    assert ledger.settled("b0042", STREAM) == 205


def test_a_hole_that_is_filled_after_all_is_taken_back(ledger: Ledger) -> None:
    with ledger:
        ledger.records("b0042", counted(101, 5, gap=((51, 100, "damaged"),)), 7)
        assert ledger.records("b0042", counted(61, 10), 8).entries == 10
    assert rows(ledger, "SELECT first, last, why, noticed_ms FROM gap") == [
        (51, 60, "damaged", 7),
        (71, 100, "damaged", 7),
    ]
    assert rows(ledger, "SELECT count(*) FROM record WHERE seq BETWEEN 61 AND 70") == [(10,)]


def test_an_empty_batch_settles_its_gap(ledger: Ledger) -> None:
    with ledger:
        ledger.records("b0042", batch(11, gap=((1, 10, "dropped"),)), 0)
    assert ledger.settled("b0042", STREAM) == 10
    assert rows(ledger, "SELECT count(*) FROM record") == [(0,)]


def test_what_is_not_committed_is_not_acknowledged_and_not_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "site.db"
    ledger = Ledger(path)
    with ledger:
        ledger.records("b0042", counted(1, 10), 0)
    with pytest.raises(OSError, match="card"):
        interrupted(ledger)
    assert ledger.settled("b0042", STREAM) == 10
    with ledger:
        assert ledger.records("b0042", counted(11, 10), 0).entries == 10
    ledger.close()
    again = Ledger(path)
    assert again.settled("b0042", STREAM) == 20
    assert again.sources["b0042", STREAM].stored == 20
    assert again.sources["b0042", STREAM].newest_ms == UTC_MS + 21_000
    with again:
        assert again.records("b0042", counted(1, 20), 0).entries == 0
    again.close()


def test_two_boxes_and_two_streams_of_one_box_are_apart(ledger: Ledger) -> None:
    other = parse_records(
        encode_records(
            Origin("b0042", "ffffffff", "7c1e0d44"), 1, 1, [Record("papp", 0, 1000, 1)], Cut([UTC_MS], "ntp")
        )
    )
    with ledger:
        ledger.records("b0042", counted(1, 5), 0)
        ledger.records("b0043", counted(1, 7), 0)
        ledger.records("b0042", other, 0)
    assert rows(ledger, "SELECT box, stream, count(*) FROM records GROUP BY 1, 2 ORDER BY 1, 2") == [
        ("b0042", STREAM, 5), ("b0042", "ffffffff", 1), ("b0043", STREAM, 7),
    ]  # fmt: skip


def test_one_stream_cannot_be_records_and_events_at_once(ledger: Ledger) -> None:
    events = pack(2, Event("start", 0))
    events.stream = STREAM
    with ledger:
        ledger.records("b0042", counted(1, 1), 0)
        with pytest.raises(ValueError, match="is of up/m"):
            ledger.events("b0042", events, 0)
    assert ledger.settled("b0042", STREAM) == 1


def test_a_file_that_is_no_database_or_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database, certainly none at all\n" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Ledger(tmp_path / "text.db")
    with sqlite3.connect(tmp_path / "future.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(ValueError, match="schema 99"):
        Ledger(tmp_path / "future.db")
    with sqlite3.connect(tmp_path / "foreign.db") as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    with pytest.raises(ValueError, match="another program's"):
        Ledger(tmp_path / "foreign.db")


# -- the views


def test_alarms_are_one_line_each_from_begin_to_end_and_acknowledgement(ledger: Ledger) -> None:
    words = {"id": 12, "limit": "flow.high", "prio": "high", "v": 92.5, "u": "Cel", "at": 85}
    with ledger:
        ledger.events(
            "b0042",
            pack(
                1,
                Event("start", 0, "", {"version": "1.0"}),
                Event("alarm_begin", 1000, "boiler.flow", words),
                Event("alarm_begin", 2000, "t.cellar", {"id": 13, "limit": "t.fault"}),
                Event("alarm_ack", 3000, "boiler.flow", {"id": 12, "author": "caretaker"}),
                Event("alarm_latch", 58_000, "boiler.flow", {"id": 12, "latched": True}),
                Event("alarm_ack", 60_000, "boiler.flow", {"id": 12, "author": "manager"}),
                Event("alarm_end", 60_000, "boiler.flow", {**words, "peak": 94.1}),
            ),
            0,
        )
    query = 'SELECT alarm, point, "limit", value, "at", unit, began, ended, peak, author, active FROM alarms'
    assert rows(ledger, query) == [
        (12, "boiler.flow", "flow.high", 92.5, 85, "Cel", "2026-11-20T09:13:21Z", "2026-11-20T09:14:20Z", 94.1,
         "caretaker", 0),
        (13, "t.cellar", "t.fault", None, None, None, "2026-11-20T09:13:22Z", None, None, None, 1),
    ]  # fmt: skip


def test_consumption_of_a_local_day_sums_increments_also_over_a_day_of_twenty_five_hours(ledger: Ledger) -> None:
    # 25 October 2026 in Paris: from 22:00 UTC on the 24th, 25 hours
    start_ms = 1_792_879_200_000 - UTC_MS
    hours = [Record("water", start_ms + h * 3_600_000, 3_600_000, 100 + h, increment=1.0) for h in range(-1, 26)]
    hours[5] = Record("water", hours[5].start_ms, 3_600_000, None, BAD, "stale")
    with ledger:
        ledger.records("b0042", batch(1, *hours), 0)
    assert rows(ledger, "SELECT day, name, unit, consumption, share, records FROM consumption_day") == [
        ("2026-10-24", "Eau", "m3", 1.0, 0.0417, 1),
        ("2026-10-25", "Eau", "m3", 24.0, 0.96, 24),
        ("2026-10-26", "Eau", "m3", 1.0, 0.0417, 1),
    ]


def test_a_record_of_another_age_brings_its_own_day_and_not_all_those_between(ledger: Ledger) -> None:
    ages = 7_900 * 365 * 86_400_000
    with ledger:
        for seq, at_ms in enumerate((-UTC_MS, 0, ages), 1):
            ledger.records("b0042", batch(seq, Record("papp", at_ms, 1000, seq)), UTC_MS)
    assert len(rows(ledger, "SELECT day FROM day")) == 3
    with ledger:
        ledger.points("b0042", {**POINTS, "site": {"name": "Far", "tz": "America/Guadeloupe"}})
    assert 3 <= len(rows(ledger, "SELECT day FROM day")) <= 6


def test_a_time_zone_that_comes_later_moves_the_days(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "site.db")
    evening = Record("water", 1_795_227_000_000 - UTC_MS, 60_000, 1, increment=1.0)  # 2026-11-21 02:10 UTC
    with ledger:
        ledger.records("b0042", batch(1, evening), 0)
    assert rows(ledger, "SELECT day FROM consumption_day") == [("2026-11-21",)]
    with ledger:
        ledger.points("b0042", {**POINTS, "site": {"name": "Far", "tz": "America/Guadeloupe"}})
    assert rows(ledger, "SELECT day FROM consumption_day") == [("2026-11-20",)]
    ledger.close()


def test_best_takes_the_finest_records_that_cover_a_period_and_never_both(ledger: Ledger) -> None:
    hour = 3_600_000
    fine = [Record("water", i * 60_000, 60_000, i, increment=1.0) for i in range(60)]  # hour 0 in full
    holes = [Record("water", hour + i * 60_000, 60_000, i, increment=1.0) for i in range(59)]  # hour 1 lacks a minute
    coarse = [Record("water", h * hour, hour, 60 * (h + 1), increment=60.0) for h in range(3)]
    with ledger:
        ledger.records("b0042", batch(1, *coarse, *fine, *holes), 0)
    found = rows(ledger, "SELECT dt_ms, count(*), sum(increment) FROM best GROUP BY dt_ms ORDER BY dt_ms")
    assert found == [(60_000, 60, 60.0), (hour, 2, 120.0)]


def test_a_unit_that_changes_leaves_what_was_stored_as_it_was(ledger: Ledger) -> None:
    with ledger:
        ledger.records("b0042", batch(1, Record("papp", 0, 1000, 1)), 0)
    origin = Origin("b0042", STREAM, "ffff", {"papp": "W"})
    with ledger:
        later = encode_records(origin, 2, 1, [Record("papp", 1000, 1000, 2)], Cut([UTC_MS], "ntp"))
        ledger.records("b0042", parse_records(later), 0)
        ledger.records("b0042", batch(3, Record("papp", 2000, 1000, None, BAD, "crc")), 0)
    assert rows(ledger, "SELECT unit FROM records ORDER BY seq") == [("VA",), ("W",), ("W",)]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"p": None, "site": 3},
        {"p": [{}, 5, {"n": "a", "name": "b"}]},
        {"p": [{"n": 1}]},
        {"p": 5},
        {"p": True},
        {"p": 1.5},
        {"p": "abc"},
        {"p": {"n": "a"}},
    ],
)
def test_a_points_document_with_faults_brings_nothing_down(ledger: Ledger, document: dict[str, Any]) -> None:
    with ledger:
        assert ledger.points("b0042", document) <= 1


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63) - 1, 2**70])
def test_a_whole_number_of_more_than_64_bits_is_stored_as_near_as_can_be(ledger: Ledger, value: int) -> None:
    pack = parse_records(
        b'{"v":1,"box":"b0042","stream":"9f3c21aa","seq":1,"n":2,"first":1,"tq":"ntp","dt":1,"e":['
        b'{"i":0,"n":"u64","t":1795166000,"v":%d,"max":%d},{"i":1,"n":"papp","t":1795166000,"v":5}]}' % (value, value)
    )
    with ledger:
        assert ledger.records("b0042", pack, 0).entries == 2
    assert rows(ledger, "SELECT value, max FROM records ORDER BY seq") == [(float(value), float(value)), (5, None)]
    assert ledger.settled("b0042", "9f3c21aa") == 2


def test_local_days_know_summer_time_and_unknown_zones_are_utc() -> None:
    march = list(local_days(ZoneInfo("Europe/Paris"), 1_774_738_800_000, 1_774_738_800_001))
    assert [(day, (end - start) / 3_600_000) for day, start, end in march] == [("2026-03-29", 23.0)]
    assert str(zone("Mars/Olympus")) == "UTC"
    assert str(zone("")) == "UTC"
    assert str(zone("../etc/passwd")) == "UTC"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 20), st.integers(1, 30), st.booleans()), max_size=25))
def test_whatever_the_order_each_entry_is_there_once_and_the_acknowledgement_is_right(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    ledger = Ledger(":memory:")
    stored, gone = set[int](), set[int]()
    for seq, count, first, has_gap in steps:
        gap = ((max(seq - 5, 1), seq - 1, "dropped"),) if has_gap and seq > 1 else ()
        with ledger:
            ledger.records("b0042", counted(seq, count, first=first, gap=gap), 0)
        gone |= set(range(1, first)) | {n for low, high, _ in gap for n in range(low, high + 1)}
        stored |= set(range(seq, seq + count))
    found = {row[0] for row in rows(ledger, "SELECT seq FROM record")}
    holes = {n for low, high in rows(ledger, "SELECT first, last FROM gap") for n in range(low, high + 1)}
    assert found == stored
    assert holes == gone - stored
    settled = ledger.settled("b0042", STREAM)
    assert set(range(1, settled + 1)) <= stored | gone
    assert settled + 1 not in stored | gone
    ledger.close()

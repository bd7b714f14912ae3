"""The batches that leave the box: what stands in them, how they are cut, how small they are."""

from __future__ import annotations

import json
import math
import re
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.batch import Cut, Origin, dated, encode_events, encode_records, packed
from edge.core.batch_forms import Topics, box_and_leaf
from edge.core.batch_parse import event_from, milliseconds, parse_events, parse_records
from edge.core.batch_points import SiteFacts, points_document
from edge.core.clock import ClockEntry, Dating
from edge.core.types import Event, LimitSpec, PointSpec, Record
from hal.sample import BAD, REASONS, UNCERTAIN

UTC_MS = 1_795_166_000_000
ORIGIN = Origin("b0042", "9f3c21aa", "7c1e0d44", {"tic.papp": "VA", "t.cellar": "Cel"})
SENML_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")  # RFC 8428 §4.5.1


def at(*utc_ms: int, trust: str = "ntp") -> Cut:
    return Cut(list(utc_ms), trust)


def encoded(*records: Record, trust: str = "ntp", seq: int = 12345, **more: Any) -> dict[str, Any]:
    cut = Cut([UTC_MS + record.start_ms for record in records], trust)
    form: dict[str, Any] = json.loads(encode_records(ORIGIN, seq, 12001, records, cut, **more))
    return form


@pytest.mark.parametrize(
    ("given_value", "sent"),
    [(True, "1"), (False, "0"), (2**63 - 1, str(2**63 - 1)), (2**64 - 1, "1.8446744073709552e19")],
)
def test_what_a_driver_gives_for_a_number_is_sent_as_one_that_every_consumer_takes(given_value: int, sent: str) -> None:
    record = Record("r", 0, 60_000, given_value, mean=0.5, increment=given_value)
    batch = encode_records(ORIGIN, 1, 1, [record, record], at(UTC_MS, UTC_MS))
    assert f'"v":{sent},"mean":0.5,"inc":{sent}' in batch.decode()
    assert parse_records(batch).n == 2


def test_a_batch_holds_the_documented_fields_and_a_bad_record_stands_apart_without_a_value() -> None:
    form = encoded(
        Record("tic.papp", 0, 60_000, 1234, count=60, low=900, high=1500, mean=1180.5),
        Record("t.cellar", 0, 60_000, None, BAD, "no_answer", 0),
    )
    assert form == {
        "v": 1, "box": "b0042", "stream": "9f3c21aa", "seq": 12345, "n": 2, "first": 12001, "tq": "ntp",
        "pts": "7c1e0d44", "dt": 60, "cnt": 60,
        "e": [{"i": 0, "n": "tic.papp", "u": "VA", "t": 1795166000, "v": 1234, "mean": 1180.5, "min": 900,
               "max": 1500}],
        "bad": [{"i": 1, "n": "t.cellar", "t": 1795166000, "why": "no_answer"}],
    }  # fmt: skip


def test_what_equals_the_value_and_a_count_of_one_are_left_out() -> None:
    form = encoded(Record("t.cellar", 250, 1000, -12.5, count=1, mean=-12.5, low=-12.5, high=-12.5))
    assert form["e"] == [{"i": 0, "n": "t.cellar", "u": "Cel", "t": 1795166000.25, "v": -12.5}]
    assert "cnt" not in form


def test_zero_is_a_value_and_missing_is_none() -> None:
    form = encoded(Record("a", 0, 1000, 0), Record("a", 1000, 1000, None, BAD, "crc"), Record("a", 2000, 1000, 0.0))
    assert [entry["v"] for entry in form["e"]] == [0, 0.0]
    assert form["bad"] == [{"i": 1, "n": "a", "t": 1795166001, "why": "crc"}]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_cannot_hold_is_bad_and_never_null(value: float) -> None:
    form = encoded(Record("a", 0, 1000, value))
    assert form["bad"][0]["why"] == "not_a_number"
    assert "e" not in form


def test_a_counter_a_state_and_a_text_have_their_own_fields() -> None:
    form = encoded(
        Record("w", 0, 60_000, 482.137, count=60, increment=0.0),
        Record("d", 0, 60_000, 1, count=60, duration_ms=12_500, changes=3),
        Record("s", 0, 60_000, "HP", count=60),
    )
    assert form["e"] == [
        {"i": 0, "n": "w", "t": 1795166000, "v": 482.137, "inc": 0},
        {"i": 1, "n": "d", "t": 1795166000, "v": 1, "dur": 12.5, "chg": 3},
        {"i": 2, "n": "s", "t": 1795166000, "vs": "HP"},
    ]


def test_a_state_that_held_all_its_period_without_a_change_says_so_by_saying_nothing() -> None:
    form = encoded(Record("d", 0, 60_000, 1, count=60, duration_ms=60_000, changes=0))
    assert form["e"] == [{"i": 0, "n": "d", "t": 1795166000, "v": 1}]


def test_whole_numbers_go_without_a_fraction_and_huge_ones_as_they_are() -> None:
    form = encoded(*(Record("a", 0, 1000, value) for value in (20.0, -3.0, 0.0, 20.5, 1e300)))
    assert [json.dumps(entry["v"]) for entry in form["e"]] == ["20", "-3", "0", "20.5", "1e+300"]


def test_a_zipped_batch_leaves_out_each_i_that_follows_and_is_read_the_same() -> None:
    values: list[Any] = [1, 2, None, 3, None, None, "x", 4]
    records = [Record("a", 0, 1000, v, BAD if v is None else 0, "crc" if v is None else "") for v in values]
    cut = Cut([UTC_MS] * len(records), "ntp")
    plain, terse = (
        encode_records(Origin("b0042", "9f3c21aa", "ab", {}, is_terse), 1, 1, records, cut)
        for is_terse in (False, True)
    )
    assert [entry.get("i") for entry in json.loads(terse)["e"]] == [None, None, 3, 6, None]
    assert [entry.get("i") for entry in json.loads(terse)["bad"]] == [2, 4, None]
    assert parse_records(terse) == parse_records(plain)
    assert all("i" in entry for entry in json.loads(plain)["e"] + json.loads(plain)["bad"])


def test_an_entry_says_its_period_and_count_only_where_they_are_not_the_usual_of_the_batch() -> None:
    form = encoded(
        Record("a", 0, 60_000, 1, count=60),
        Record("a", 0, 3_600_000, 2, count=60),
        Record("a", 0, 60_000, 3, count=59),
        Record("a", 0, 60_000, None, BAD, "stale", 0),
        Record("a", 0, 500, None, BAD, "stale", 0),
    )
    assert (form["dt"], form["cnt"]) == (60, 60)
    assert [entry.get("dt") for entry in form["e"]] == [None, 3600, None]
    assert [entry.get("cnt") for entry in form["e"]] == [None, None, 59]
    assert [entry.get("dt") for entry in form["bad"]] == [None, 0.5]


def test_uncertain_says_why_and_a_clock_below_a_persons_word_makes_good_uncertain() -> None:
    records = (Record("a", 0, 1000, 1), Record("a", 0, 1000, 2, UNCERTAIN, "power_cut"))
    assert [entry.get("why") for entry in encoded(*records)["e"]] == [None, "power_cut"]
    for trust in ("none", "floor", "no such word"):
        assert [entry["why"] for entry in encoded(*records, trust=trust)["e"]] == ["clock_unsynced", "power_cut"]
    assert "why" not in encoded(records[0], trust="person")["e"][0]


def test_e_is_a_resolved_senml_pack() -> None:
    form = encoded(Record("tic.papp", 0, 60_000, 1.5), Record("tic.ngtf", 0, 60_000, "BASE"), Record("d", 5, 60_000, 0))
    events = json.loads(
        encode_events(ORIGIN, 1, 1, [Event("start", 0), Event("state", 1, "d", {"v": 1})], at(UTC_MS, UTC_MS))
    )
    for record in form["e"] + events["e"]:
        assert SENML_NAME.fullmatch(record["n"])
        assert len({"v", "vs", "vb", "vd"} & record.keys()) == 1
        assert record["t"] >= 2**28  # absolute (RFC 8428 §4.5.3)
        assert not {"bn", "bt", "bu", "bv", "bs", "bver", "s", "ut"} & record.keys()
        assert not any(name.endswith("_") for name in record)


def test_an_event_keeps_its_own_words_and_one_without_a_number_has_its_kind_as_value() -> None:
    begin = Event("alarm_begin", 0, "boiler.flow", {"id": 12, "v": 92.5, "u": "Cel", "limit": "flow.high", "at": 85})
    form = json.loads(encode_events(ORIGIN, 7, 1, [begin, Event("stop", 1)], at(UTC_MS, UTC_MS + 1)))
    assert form["e"] == [
        {"i": 0, "k": "alarm_begin", "n": "boiler.flow", "t": 1795166000, "id": 12, "v": 92.5, "u": "Cel",
         "limit": "flow.high", "at": 85},
        {"i": 1, "k": "stop", "n": "box", "t": 1795166000.001, "vs": "stop"},
    ]  # fmt: skip


def test_an_empty_batch_declares_a_gap_and_nothing_else() -> None:
    form = json.loads(encode_records(ORIGIN, 12011, 12001, [], Cut([], ""), [(12001, 12010, "dropped")]))
    assert form["n"] == 0
    assert form["gap"] == [[12001, 12010, "dropped"]]
    assert parse_records(json.dumps(form).encode()).last == 12010


# -- cutting by the clock


def test_a_batch_is_cut_where_the_trust_changes_and_stops_at_what_has_no_date() -> None:
    dating = Dating()
    assert dated(dating, 1, [100, 200]) is None
    dating.add(ClockEntry(1, 1000, UTC_MS, "tic"))
    dating.add(ClockEntry(1, 5000, UTC_MS + 4000, "tic"))
    dating.add(ClockEntry(1, 9000, UTC_MS + 8100, "ntp"))
    cut = dated(dating, 1, [0, 4999, 5000, 9000, 4000])
    assert cut == Cut([UTC_MS - 1000, UTC_MS + 3999, UTC_MS + 4000], "tic")
    assert dated(dating, 1, [9000, 9500]) == Cut([UTC_MS + 8100, UTC_MS + 8600], "ntp")
    assert dated(dating, 2, [0]) is None


# -- points


def test_the_points_document_changes_its_hash_with_its_content_only() -> None:
    site = SiteFacts("Gymnase Sud", "Europe/Paris", "fr")
    point = PointSpec("tic.papp", "gauge", "VA", name={"en": "Apparent power"}, record_ms=60_000)
    limit = LimitSpec("papp.high", "tic.papp", "high", 9000)
    document = points_document("b0042", site, [point], [limit])
    form = json.loads(document.body)
    assert form["p"] == [
        {
            "n": "tic.papp",
            "name": {"en": "Apparent power"},
            "kind": "gauge",
            "u": "VA",
            "dt": 60,
            "limits": ["papp.high"],
        }
    ]
    assert form["site"] == {"name": "Gymnase Sud", "tz": "Europe/Paris", "lang": "fr"}
    assert form["pts"] == document.pts
    assert points_document("b0042", site, [point], [limit]) == document
    assert points_document("b0042", site, [point], []).pts != document.pts
    assert json.loads(points_document("b0042", site, [], []).body)["p"] == []


# -- size


def test_two_hundred_one_second_records_cost_at_most_sixty_bytes_each_and_minutes_at_most_ninety_six() -> None:
    units = ["Cel"] * 60 + ["W"] * 70 + ["Wh"] * 40 + ["%RH"] * 10 + [""] * 20
    names = [f"{unit.lower().strip('%') or 'door'}.{i:03}" for i, unit in enumerate(units)]
    origin = Origin("b0042", "9f3c21aa", "7c1e0d44", {n: u for n, u in zip(names, units, strict=True) if u})
    values = [
        round(18 + i * 0.0625, 4) if i < 60 else 900 + 7 * i if i < 170 else 45.5 if i < 180 else 1 for i in range(200)
    ]
    seconds = [Record(n, 0, 1000, v) for n, v in zip(names, values, strict=True)]
    minutes = [
        Record(n, 0, 60_000, v, 0, "", 60, round(v * 1.01, 6), v - 1.25, v + 2.5)
        if u in {"Cel", "W", "%RH"}
        else Record(n, 0, 60_000, v, 0, "", 60, increment=17)
        for n, u, v in zip(names, units, values, strict=True)
    ]
    cut = Cut([UTC_MS] * 200, "ntp")
    assert len(encode_records(origin, 48213, 40001, seconds, cut)) / 200 <= 60
    assert len(encode_records(origin, 48213, 40001, minutes, cut)) / 200 <= 96
    terse = encode_records(
        Origin(origin.box, origin.stream, origin.pts, origin.units, True), 48213, 40001, seconds, cut
    )
    payload, content_type = packed(terse, "json+zlib")
    assert content_type == "json+zlib"
    assert len(payload) / 200 <= 6
    assert zlib.decompress(payload) == terse


# -- round trips

finite = st.floats(allow_nan=False, allow_infinity=False, width=64) | st.integers(-(2**53), 2**53)
records = st.builds(
    Record,
    point=st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,47}", fullmatch=True),
    start_ms=st.integers(0, 10**10),
    dt_ms=st.sampled_from([100, 1000, 60_000, 86_400_000]),
    value=finite | st.text(max_size=20),
    quality=st.sampled_from([0, 1]),
    reason=st.sampled_from(sorted(REASONS)),
    count=st.integers(1, 10_000),
    increment=st.none() | finite,
)


@given(st.lists(records, min_size=1, max_size=20), st.sampled_from(["json", "json+zlib"]))
def test_what_is_encoded_is_parsed_back(batch: list[Record], encoding: str) -> None:
    cut = Cut([UTC_MS + record.start_ms for record in batch], "ntp")
    parsed = parse_records(*packed(encode_records(ORIGIN, 5, 1, batch, cut), encoding))
    assert parsed.last == 5 + len(batch) - 1
    for entry in parsed.e:
        record = batch[entry.i]
        assert entry.n == record.point
        assert (entry.vs if entry.v is None else entry.v) == record.value
        assert milliseconds(entry.t) == UTC_MS + record.start_ms
        assert milliseconds(parsed.dt if entry.dt is None else entry.dt) == record.dt_ms  # type: ignore[arg-type]
        assert (parsed.cnt if entry.cnt is None else entry.cnt) == record.count
        assert entry.why == (record.reason if record.quality else "")
        if not isinstance(record.value, str):
            assert entry.inc == record.increment


words = st.dictionaries(
    st.sampled_from(["id", "v", "u", "t", "i", "k", "n", "vs", "x.v", "x.t", "at", "limit", "s"]),
    finite | st.text(max_size=8) | st.booleans() | st.none(),
)


@given(st.sampled_from(["start", "alarm_begin"]), st.sampled_from(["", "boiler.flow"]), words)
def test_an_event_comes_back_as_it_was_whatever_its_words_are(kind: str, point: str, values: dict[str, Any]) -> None:
    event = Event(kind, 0, point, values)
    pack = parse_events(encode_events(ORIGIN, 5, 1, [event], at(UTC_MS)))
    assert event_from(pack.e[0], 0) == event


def test_topics_are_told_apart() -> None:
    topics = Topics("b0042")
    assert topics.records == "vigie/v1/b0042/up/m"
    assert box_and_leaf(topics.alarm("12")) == ("b0042", "up/alarm/12")
    assert box_and_leaf("vigie/v2/b0042/up/m") is None
    assert box_and_leaf("") is None

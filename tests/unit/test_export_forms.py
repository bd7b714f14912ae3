"""The forms of an export, octet by octet: CSV for programs and spreadsheets, JSON, SenML, each read back."""

from __future__ import annotations

import csv
import doctest
import io
import json
import math
import tracemalloc
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import export_csv, export_json, export_package, export_senml
from edge.core.export_csv import RECORD_COLUMNS, STEP_COLUMNS, Dialect, Times, long_lines, wide_lines
from edge.core.export_json import document_lines
from edge.core.export_rows import Row, Wanted, record_rows
from edge.core.export_senml import pack_lines
from edge.core.export_steps import step_rows
from edge.core.export_tally import Tally
from edge.core.facts import PointFacts
from edge.core.series import HistoryRecord, PointInfo
from edge.core.steps import step
from tests.memory_history import MemoryHistory
from tests.support import shared_data

PARIS = ZoneInfo("Europe/Paris")
EXCEL = Dialect(";", ",")
T0 = 1_795_188_007_000  # 2026-11-20T15:20:07Z


def good(point: str, t_ms: int, value: Any, **more: Any) -> Row:
    facts: dict[str, Any] = {"quality": "good", "reason": "", "count": 1, "covered_ms": 60_000, "trust": "ntp"} | more
    return Row(point, t_ms, 60_000, value, **facts)


def wanted(kind: Any, unit: str, words: tuple[str, ...] = (), point: str = "p") -> Wanted:
    return Wanted(PointInfo(point, kind, unit, T0, T0 + 1), T0, T0 + 1, PointFacts(point, kind, unit, words=words))


def lines(rows: list[Row], what: Wanted, dialect: Dialect = EXCEL, columns: Any = RECORD_COLUMNS) -> list[list[str]]:
    text = "".join(long_lines([(what, iter(rows))], dialect, Times(PARIS), columns))
    return list(csv.reader(io.StringIO(text), delimiter=dialect.separator))


# -- CSV


def test_a_line_for_programs_is_fixed_to_the_octet() -> None:
    rows = [
        good("boiler.flow", T0 + 250, 92.5, mean=91.125, low=-0.5, high=93.0, count=60),
        Row("boiler.flow", T0 + 60_000, 60_000, None, "bad", "crc", trust="none"),
    ]
    made = "".join(long_lines([(wanted("gauge", "Cel", point="boiler.flow"), rows)], Dialect(), Times(PARIS)))
    assert made.splitlines() == [
        "utc,local,point,value,text,unit,quality,reason,dt_s,mean,min,max,increment,count,on_s,changes,clock,tags",
        "2026-11-20T15:20:07.250Z,2026-11-20 16:20:07,boiler.flow,92.5,,Cel,good,,60,91.125,-0.5,93,,60,,,ntp,",
        "2026-11-20T15:21:07.000Z,2026-11-20 16:21:07,boiler.flow,,,Cel,bad,crc,60,,,,,,,,none,",
    ]


def test_a_line_for_a_french_spreadsheet_has_semicolons_and_decimal_commas() -> None:
    row = good("p", T0, -0.5, mean=-0.25, low=-1.0, high=1e-7)
    made = "".join(long_lines([(wanted("gauge", "Cel"), [row])], EXCEL, Times(PARIS)))
    assert made.splitlines()[1] == (
        "2026-11-20T15:20:07.000Z;2026-11-20 16:20:07;p;-0,5;;Cel;good;;60;-0,25;-1;0,0000001;;1;;;ntp;"
    )


def test_an_empty_table_still_names_its_columns() -> None:
    assert lines([], wanted("gauge", "")) == [list(RECORD_COLUMNS)]
    assert "".join(long_lines([], Dialect(), Times(PARIS), STEP_COLUMNS)).split(",")[-2:] == ["bad_s", "tags\n"]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70))
def test_every_number_comes_back_exactly_and_without_an_exponent(value: float) -> None:
    text = Dialect().number(value)
    assert set(text) <= set("-0123456789.")
    assert (float(text) if isinstance(value, float) else int(text)) == value
    assert EXCEL.number(value) == text.replace(".", ",")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_is_no_number_is_empty_and_never_zero(value: Any) -> None:
    assert Dialect().number(value) == ""


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40))
def test_any_text_comes_back_from_pythons_reader(text: str) -> None:
    for dialect in (Dialect(), Dialect("\t")):
        line = dialect.line([dialect.text(text), "1"])
        assert list(csv.reader(io.StringIO(line, newline=""), delimiter=dialect.separator)) == [[text, "1"]]


@pytest.mark.parametrize("text", ["=1+1", "+33", "-cmd", "@x", "012345678901", "1/2", "12:30", "1,5", "  7"])
def test_a_spreadsheet_gets_texts_as_texts(text: str) -> None:
    found = lines([good("p", T0, text)], wanted("text", ""))[1]
    assert found[4] == f"'{text}"
    assert found[3] == ""
    assert lines([good("p", T0, text)], wanted("text", ""), Dialect())[1][4] == text


@pytest.mark.parametrize("text", ["HC..", "TH.. é", "B12", ""])
def test_a_text_that_nobody_takes_for_something_else_stays_as_it_is(text: str) -> None:
    assert lines([good("p", T0, text)], wanted("text", ""))[1][4] == text


def test_a_state_has_its_number_and_its_word_and_a_number_outside_its_words_none() -> None:
    found = lines(
        [good("p", T0, 1, on_ms=1500, changes=0), good("p", T0, 7), good("p", T0, -1)],
        wanted("state", "", ("shut", "open")),
    )
    assert [row[3:5] for row in found[1:]] == [["1", "open"], ["7", ""], ["-1", ""]]
    assert found[1][14:16] == ["1,5", "0"]


def test_local_time_is_what_clocks_showed_also_when_an_hour_comes_twice() -> None:
    times = Times(PARIS, whole_seconds=True)
    assert times.both(1_792_888_200_000) == ("2026-10-25T00:30:00Z", "2026-10-25 02:30:00")
    assert times.both(1_792_891_800_000) == ("2026-10-25T01:30:00Z", "2026-10-25 02:30:00")
    assert times.both(1) == ("1970-01-01T00:00:00Z", "1970-01-01 01:00:00")


def test_a_wide_line_has_what_matters_of_each_kind_and_nothing_where_nothing_is_known() -> None:
    streams = [
        [good("a", T0, 5.0, mean=4.5), Row("a", T0 + 60_000, 60_000)],
        [good("b", T0, 100.0, increment=0.0), good("b", T0 + 60_000, 100.5, increment=0.5)],
        [good("c", T0, 1), Row("c", T0 + 60_000, 60_000, None, "bad", "crc")],
        [good("d", T0, "HC, creuses"), good("d", T0 + 60_000, "HP")],
    ]
    points = [("a", "gauge"), ("b", "counter"), ("c", "state"), ("d", "text")]
    made = "".join(wide_lines(points, [iter(s) for s in streams], Dialect(), Times(PARIS, whole_seconds=True)))
    assert made.splitlines() == [
        "utc,local,a,b,c,d",
        '2026-11-20T15:20:07Z,2026-11-20 16:20:07,4.5,0,1,"HC, creuses"',
        "2026-11-20T15:21:07Z,2026-11-20 16:21:07,,0.5,,HP",
    ]


def test_streams_of_different_length_are_a_fault_and_no_shorter_table() -> None:
    with pytest.raises(ValueError, match="zip"):
        list(wide_lines([("a", "gauge"), ("b", "gauge")], [iter([Row("a", T0, 1)]), iter([])], Dialect(), Times(PARIS)))


# -- JSON


def test_json_has_its_facts_first_and_null_where_nothing_is_known() -> None:
    rows = [good("p", T0, -2.5, mean=-2.0), Row("p", T0 + 60_000, 60_000), good("p", T0 + 120_000, "é")]
    made = json.loads("".join(document_lines({"point": "p"}, rows)))
    assert (made["v"], made["point"]) == (1, "p")
    assert made["rows"][0] == {
        "t": "2026-11-20T15:20:07.000Z", "t_ms": T0, "dt_ms": 60_000, "value": -2.5, "quality": "good", "mean": -2.0,
        "count": 1, "covered_ms": 60_000, "trust": "ntp",
    }  # fmt: skip
    assert made["rows"][1] == {
        "t": "2026-11-20T15:21:07.000Z", "t_ms": T0 + 60_000, "dt_ms": 60_000, "value": None, "quality": "bad",
        "reason": "missing",
    }  # fmt: skip
    assert made["rows"][2]["value"] == "é"
    assert json.loads("".join(document_lines({}, [])))["rows"] == []


# -- SenML


def resolved(pack: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a pack as RFC 8428 §4.6 resolves it: base fields act until the next same base field."""
    base: dict[str, Any] = {}
    found = []
    for record in pack:
        base |= {key: record[key] for key in ("bn", "bt", "bu", "bv") if key in record}
        plain = {key: value for key, value in record.items() if key not in {"bn", "bt", "bu", "bv"}}
        plain["n"] = base.get("bn", "") + record.get("n", "")
        plain["t"] = base.get("bt", 0) + record.get("t", 0)
        if "v" in record and ("u" in record or "bu" in base):
            plain["u"] = record.get("u", base.get("bu"))
        found.append(plain)
    return found


@pytest.mark.parametrize("number", [3, 4])
def test_the_resolver_of_these_tests_gives_the_rfcs_own_resolved_forms(number: int) -> None:
    pack, expected = (
        json.loads(shared_data("vectors", "senml", f"ex{number}.gen.{form}").read_text(encoding="utf-8"))
        for form in ("json", "resolved.json")
    )
    assert [(r["n"], r.get("u"), r["t"], r["v"]) for r in resolved(pack)] == [
        (r["n"], r.get("u"), r.get("t", 0), r["v"]) for r in expected
    ]


def test_a_pack_is_fixed_to_the_octet_and_leaves_out_what_has_no_value() -> None:
    rows = [
        Row("p", T0 - 60_000, 60_000),
        good("p", T0, -18.5, mean=-18.0, low=-18.5, high=-17.25, count=60),
        Row("p", T0 + 60_000, 60_000, None, "bad", "crc"),
        good("p", T0 + 120_250, 20.0, quality="uncertain", reason="suspect"),
        good("p", T0 + 180_000, math.nan),
    ]
    made = "".join(pack_lines(rows, "b0042:boiler.flow", "Cel"))
    assert made == (
        '[{"bn":"b0042:boiler.flow","bt":1795188007,"bu":"Cel","v":-18.5,"dt":60,"mean":-18,"max":-17.25,"cnt":60},\n'
        '{"t":120.25,"v":20,"dt":60,"why":"suspect"}]\n'
    )
    assert [(r["n"], r["t"], r["u"], r["v"]) for r in resolved(json.loads(made))] == [
        ("b0042:boiler.flow", 1795188007, "Cel", -18.5), ("b0042:boiler.flow", 1795188127.25, "Cel", 20),
    ]  # fmt: skip


def test_a_pack_of_nothing_is_an_empty_array() -> None:
    assert "".join(pack_lines([], "b:p", "Cel")) == "[]\n"
    assert "".join(pack_lines([Row("p", T0, 1)], "b:p", "Cel")) == "[]\n"


@pytest.mark.parametrize(
    ("unit", "value", "known", "expected"),
    [
        ("bar", 2.35, "Pa", 235_000), ("bar", -0.1, "Pa", -10_000), ("MWh", 0.123456, "J", 444_441_600),
        ("mbar", 1013.25, "Pa", 101_325), ("kWh", 14253.681, "kWh", 14253.681), ("Cel", -40.0, "Cel", -40),
        ("", 1e-7, None, 1e-7),
    ],
)  # fmt: skip
def test_units_of_no_registry_are_converted_without_a_rounding_surprise(
    unit: str, value: float, known: str | None, expected: float
) -> None:
    record = json.loads("".join(pack_lines([good("p", T0, value)], "b:p", unit)))[0]
    assert (record.get("bu"), record["v"]) == (known, expected)


def test_a_text_has_vs_and_no_unit_and_a_counter_its_index() -> None:
    text = json.loads("".join(pack_lines([good("p", T0, "HC..")], "b:p", "")))[0]
    assert (text["vs"], "v" in text, "bu" in text) == ("HC..", False, False)
    index = json.loads("".join(pack_lines([good("p", T0, 100.5, increment=0.0)], "b:p", "m3")))[0]
    assert (index["v"], index["inc"], index["bu"]) == (100.5, 0, "m3")


@pytest.mark.parametrize("name", ["", ":p", "é", "a b", "p+1", "a%", "-p"])
def test_a_name_that_senml_does_not_allow_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="8428"):
        list(pack_lines([], name, ""))


@pytest.mark.parametrize("module", [export_csv, export_json, export_senml, export_package])
def test_the_examples_in_the_code_are_right(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# -- memory


class EndlessHistory(MemoryHistory):
    """A past that is made while it is read: a record a minute."""

    def __init__(self, minutes: int) -> None:
        super().__init__()
        self.minutes = minutes

    def records(self, point: str, from_ms: int, to_ms: int, limit: int) -> list[HistoryRecord]:
        first = max(0, -(-(from_ms - T0) // 60_000))
        last = min(self.minutes, first + limit, -(-(to_ms - T0) // 60_000))
        return [HistoryRecord(T0 + n * 60_000, 60_000, n * 0.1, trust="ntp") for n in range(first, last)]


def peak_of(minutes: int, write: Any) -> int:
    """Return the most octets that were in use while a table of so many records was made."""
    info = PointInfo("p", "gauge", "Cel", T0, T0 + minutes * 60_000)
    what = Wanted(info, T0, info.end_ms, PointFacts("p", "gauge", "Cel", record_ms=60_000))
    tracemalloc.start()
    try:
        for _ in write(EndlessHistory(minutes), what):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "write",
    [
        lambda past, what: long_lines([(what, Tally().counted(record_rows(past, what)))], EXCEL, Times(PARIS)),
        lambda past, what: long_lines([(what, step_rows(past, what, step("10m"), PARIS))], EXCEL, Times(PARIS)),
        lambda past, what: pack_lines(record_rows(past, what), "b:p", "Cel"),
        lambda past, what: document_lines({}, record_rows(past, what)),
    ],
)
def test_memory_stays_the_same_however_long_the_range(write: Any) -> None:
    peak_of(10, write)  # what is made once: zones, tables of codes
    short, long = peak_of(2000, write), peak_of(8000, write)
    assert long < 1.3 * short  # an entry an hour is kept of what set the clock

"""Reports: spans of local days, completeness, one message whatever is in it, and what the command answers."""

from __future__ import annotations

import doctest
from datetime import UTC, date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cli import report_text
from edge.cli.main import main
from edge.cli.report_html import bars, report_page
from edge.cli.report_text import report_lines
from edge.cli.words import Words
from edge.core import report as module
from edge.core import report_costs
from edge.core.facts import PointFacts
from edge.core.report import (
    Alarms,
    CostLine,
    Figures,
    GaugeLine,
    Health,
    Machines,
    MeterLine,
    Report,
    RunLine,
    span_of,
)
from edge.core.series import JournalLine, Period
from edge.settings import report_sms as sms_module
from edge.settings.report_sms import percent, report_sms
from sms.gsm7 import septets
from tests.fake_desk import NOW_MS, FakeDesk

PARIS = ZoneInfo("Europe/Paris")
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 7, 1), 24), (date(2026, 1, 1), 24)],
)
def test_a_day_has_the_hours_of_its_zone(day: date, hours: int) -> None:
    span = span_of("day", day, NOW_MS, PARIS)
    assert span.end_ms - span.begin_ms == hours * HOUR_MS
    figures = Figures(span, PARIS, lambda *_: [], {})
    assert len(figures.meter(PointFacts("p", "counter")).parts) == hours


@pytest.mark.parametrize("length", ["day", "month"])
def test_a_day_at_an_end_of_the_calendar_is_still_to_come_or_none(length: Any) -> None:
    for day, why in (
        (date.max, "future"),
        (date(2027, 1, 1), "future"),
        (date.min, "no_day"),
        (date(1969, 12, 31), "no_day"),
    ):
        with pytest.raises(ValueError, match=f"^{why}$"):
            span_of(length, day, NOW_MS, PARIS)


def test_a_month_is_told_by_any_of_its_days_and_the_year_before_january_is_another() -> None:
    span = span_of("month", date(2026, 1, 17), NOW_MS, PARIS)
    assert span.day == date(2026, 1, 1)
    assert span_of("month", date(2025, 12, 31), NOW_MS, PARIS).begin_ms == span.before_ms


def test_what_has_not_begun_is_refused_and_what_goes_on_is_no_whole() -> None:
    with pytest.raises(ValueError, match="future"):
        span_of("day", date(2026, 11, 21), NOW_MS, UTC)
    assert not span_of("day", date(2026, 11, 20), NOW_MS, UTC).is_whole
    assert span_of("day", date(2026, 11, 19), NOW_MS, UTC).is_whole


def figures_of(*periods: Period, since_ms: int | None = 0) -> Figures:
    span = span_of("day", date(2026, 11, 19), NOW_MS, UTC)
    own = {period.t_ms: [period] for period in periods}
    since = {} if since_ms is None else {"p": since_ms}
    return Figures(span, UTC, lambda _point, _length, begin_ms, _end_ms: own.get(begin_ms, []), since)


DAY_MS = 24 * HOUR_MS
BEGIN_MS = span_of("day", date(2026, 11, 19), NOW_MS, UTC).begin_ms


def test_completeness_is_what_has_a_value_of_what_was_due() -> None:
    point = PointFacts("p", "gauge", record_ms=60_000)
    half = Period(BEGIN_MS, BEGIN_MS + DAY_MS, covered_ms=DAY_MS // 2, records=720)
    due_ms = DAY_MS - 120_000
    assert figures_of(half).gauge(point).complete == pytest.approx(DAY_MS / 2 / due_ms)
    assert figures_of().gauge(point).complete == 0.0
    assert figures_of(half, since_ms=BEGIN_MS + DAY_MS // 2).gauge(point).complete == 1.0, "it came at noon"
    assert figures_of(half, since_ms=None).gauge(point).complete is None, "it was never there"


def test_with_a_deadband_silence_is_no_gap_but_bad_is() -> None:
    point = PointFacts("p", "gauge", record_ms=60_000, held_ms=HOUR_MS)
    quiet = Period(BEGIN_MS, BEGIN_MS + DAY_MS, covered_ms=24 * 60_000, records=24)
    assert figures_of(quiet).gauge(point).complete == 1.0
    bad = msgspec.structs.replace(quiet, bad_ms=DAY_MS // 2)
    assert figures_of(bad).gauge(point).complete == pytest.approx(0.5, abs=0.01)


def test_a_mean_of_nothing_is_nothing() -> None:
    assert figures_of(since_ms=None).share([PointFacts("p", "gauge")]) is None


@pytest.mark.parametrize(("share", "said"), [(0.0, "0"), (1.0, "100"), (0.99999, "99.9"), (0.5, "50.0"), (1e-9, "0.0")])
def test_only_what_misses_nothing_is_100_percent(share: float, said: str) -> None:
    assert percent(share, "en") == said


# -- one message


def made(**changes: Any) -> Report:
    """Return a report with one meter, one tariff and one machine that is out."""
    span = span_of("day", date(2026, 11, 19), NOW_MS, PARIS)
    machine = {
        "equipment": "boiler", "name": {"en": "Boiler 1", "fr": "Chaudière 1"}, "state": "faulty",
        "since_utc_ms": NOW_MS - HOUR_MS, "until_utc_ms": None, "alarm": 12, "author": "", "reason": "",
    }  # fmt: skip
    alarm = {
        "number": 12, "point": "boiler.flow", "kind": "high", "value": 92.5, "unit": "Cel", "at": 85.0,
        "diagnosis": "overheating", "since_utc_ms": NOW_MS - HOUR_MS, "active": True,
    }  # fmt: skip
    last = JournalLine(
        "0c77d1e2", 5, 1, NOW_MS - HOUR_MS, "ntp", "alarm_begin", "boiler.flow", {"id": 12, "kind": "high"}
    )
    report = Report(
        box="b0042", site="Gymnase Sud", tz="Europe/Paris", made_ms=NOW_MS, span=span,
        machines=Machines(2, 1, 1, 0, [machine], [RunLine("boiler", {"fr": "Chaudière 1"}, 3.25, None, 12.0)]),
        alarms=Alarms([alarm], 3, last),
        meters=[
            MeterLine("water", {"fr": "Eau froide"}, "", "m3", "consumption", 3.14, 2.9, 482.137, 0.998, False,
                      [0.1, None, *[0.2] * 22]),
            MeterLine("gas", {}, "", "m3", "", None, None, None, 0.0, False, [None] * 24),
        ],
        gauges=[GaugeLine("t.hall", {"fr": "Salle"}, "", "Cel", 17.9, NOW_MS, 19.5, 21.2, NOW_MS, 1.0, [19.0] * 24)],
        costs=[
            CostLine("elec", {"fr": "Élec"}, "EUR", "kWh", {"HP": Decimal(150), "HC": Decimal("62.04")},
                     Decimal("41.30"), None, False, False),
        ],
        complete=0.998, health=Health("0.1.0", 2, 1, "ntp", "ENOSPC", {"mqtt": 7}, {"mqtt": "up"}),
    )  # fmt: skip
    return msgspec.structs.replace(report, **changes)


def test_a_day_in_one_message() -> None:
    text = report_sms(made(), "fr")
    assert text == (
        "Gymnase Sud, jeu 19/11\n"
        "Élec 212 kWh 41,30 EUR (HP 150 HC 62). Eau froide 3,1 m3\n"
        "T 17,9 à 21,2 C. 1 machine en panne. 3 alarmes\n"
        "Données 99,8%"
    )
    assert septets(text) <= 160


def test_what_is_not_known_is_a_dash_and_never_0() -> None:
    cost = CostLine("elec", {}, "EUR", "kWh", {"HP": None, "HC": Decimal(3)}, None, None, True, False)
    line = MeterLine("water", {}, "", "m3", "consumption", None, None, None, None, False, [])
    text = report_sms(made(costs=[cost], meters=[line], gauges=[], complete=None), "en")
    assert text.splitlines()[1] == "elec -. water -"
    assert "Data" not in text


@pytest.mark.parametrize(("lang", "day"), [("en", "Fri 31 Dec 1999"), ("fr", "ven 31/12/1999")])
def test_of_a_day_before_the_box_was_there_no_number_of_alarms_is_told(lang: str, day: str) -> None:
    line = MeterLine("water", {}, "", "m3", "consumption", None, None, None, None, False, [])
    unknown = made(
        span=span_of("day", date(1999, 12, 31), NOW_MS, PARIS), costs=[], meters=[line], gauges=[], complete=None,
        alarms=Alarms([], 0, None), machines=Machines(0, 0, 0, 0, [], []),
        health=Health("0.1.0", 0, 0, "ntp", "ok", {}, {}),
    )  # fmt: skip
    assert report_sms(unknown, lang) == f"Gymnase Sud, {day}\nwater -"
    begun = msgspec.structs.replace(unknown, health=Health("0.1.0", 1, 0, "ntp", "ok", {}, {}))
    assert "\n0 alarm" in report_sms(begun, lang), "it has run, though nothing was due yet"


def test_an_amount_that_may_be_too_low_is_marked_wherever_it_stands() -> None:
    cost = CostLine("elec", {}, "EUR", "kWh", {"HP": Decimal(3)}, Decimal("17.40"), Decimal("20.00"), True, False)
    report = made(costs=[cost])
    assert "at least 17.40 EUR" in report_sms(report, "en")
    assert report_text.cost_cells(cost, Words("fr"))[1:] == ["≥ 17,40 EUR", "20,00 EUR"]
    whole = msgspec.structs.replace(cost, partial=False, before_partial=True)
    assert report_text.cost_cells(whole, Words("en"))[1:] == ["17.40 EUR", "≥ 20.00 EUR"]
    gain = msgspec.structs.replace(cost, amount=Decimal("-3.10"), production=True)
    assert report_text.cost_cells(gain, Words("en"))[1] == "~ -3.10 EUR", "of a gain nobody knows which way"
    assert "ca. -3.10 EUR" in report_sms(made(costs=[gain]), "en")


def test_a_long_name_of_a_site_gives_way_to_the_figures() -> None:
    """Sixty letters are allowed; the figures became "(+2)"."""
    told = report_sms(made(site="Résidence universitaire des Jardins de Bourgogne, bâtiment C"), "fr")
    assert told.splitlines()[:2] == [
        "Résidence universita, jeu 19/11", "Élec 212 kWh 41,30 EUR. Eau froide 3,1 m3",
    ]  # fmt: skip
    assert septets(told) <= 160


names = st.dictionaries(st.sampled_from(["en", "fr"]), st.text(max_size=60), max_size=2)
numbers = st.none() | st.floats(-1e12, 1e12)


@given(
    st.text(min_size=1, max_size=60),
    st.lists(st.tuples(names, numbers), max_size=40),
    st.lists(st.tuples(names, st.none() | st.decimals(-(10**9), 10**9, places=2)), max_size=12),
    st.sampled_from(["en", "fr"]),
)
def test_whatever_people_call_their_meters_it_is_one_message_that_says_whose(
    site: str, meters: list[tuple[dict[str, str], float | None]], costs: list[tuple[dict[str, str], Any]], lang: str
) -> None:
    report = made(
        site=site,
        meters=[
            MeterLine(f"m{n}", name, "", "m3", "consumption", moved, None, None, None, False, [])
            for n, (name, moved) in enumerate(meters)
        ],
        costs=[
            CostLine(f"c{n}", name, "EUR", "kWh", {"a": amount, "b": amount}, amount, None, False, False)
            for n, (name, amount) in enumerate(costs)
        ],
    )
    text = report_sms(report, lang)
    assert septets(text) <= 160
    assert (" 19/11" if lang == "fr" else " 19 Nov") in text
    assert "99" in text.splitlines()[-1]


# -- text and paper


def test_a_screen_of_80_columns_holds_it_in_both_languages() -> None:
    for lang in ("en", "fr"):
        lines = report_lines(made(), Words(lang))
        assert max(map(len, lines)) <= 80
        text = "\n".join(lines)
        assert "41.30 EUR" in text.replace(",", ".")
        assert "ENOSPC" in text


def test_a_box_whose_clock_nobody_vouches_for_is_not_said_to_be_right() -> None:
    health = Health("0.1.0", 1, 0, "floor", "ok", {}, {})
    undated = made(complete=None, health=health)
    for lang, doubt, data in (
        ("en", "nobody vouches for its time", "data: nothing was due yet"),
        ("fr", "personne ne garantit son heure", "rien n'était encore attendu"),
    ):
        told = "\n".join(report_lines(undated, Words(lang)))
        assert doubt in told
        assert data in told
        assert doubt not in "\n".join(report_lines(made(), Words(lang)))


def test_a_page_escapes_what_people_wrote() -> None:
    page = report_page(made(site='<script>alert("x")</script>'), Words("en"))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_bars_show_what_is_missing_as_dots() -> None:
    drawn = bars([0.0, None, 2.0])
    assert (drawn.count("<rect"), drawn.count("<circle")) == (2, 1)
    assert bars([]) == bars([None, None]) == ""
    assert "nan" not in bars([5.0, 5.0], from_zero=False)
    assert bars([-1.0, 1.0]).count("<rect") == 2


# -- the command


class Reporting(FakeDesk):
    """Answers with a report, or fails as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[tuple[str, date]] = []
        self.failure: Exception | None = None

    def report(self, length: str, day: date) -> Report:
        self.wanted.append((length, day))
        if self.failure is not None:
            raise self.failure
        return made()


@pytest.fixture
def desk() -> Reporting:
    return Reporting()


def vigie(path: Path, *words: str) -> int:
    return main(["report", *words, "--socket", str(path)])


def test_a_day_or_a_month_is_asked_of_the_box(path: Path, desk: Reporting, capsys: pytest.CaptureFixture[str]) -> None:
    today = date(2026, 11, 20)
    for words, wanted in (
        ((), ("day", date(2026, 11, 19))), (("--day", "today"), ("day", today)),
        (("--day", "hier"), ("day", date(2026, 11, 19))), (("--day", "aujourd'hui"), ("day", today)),
        (("--day", "2026-10-25"), ("day", date(2026, 10, 25))), (("--month", "2026-02"), ("month", date(2026, 2, 1))),
        (("--month", "last"), ("month", date(2026, 10, 1))), (("--month", "this"), ("month", date(2026, 11, 1))),
    ):  # fmt: skip
        assert vigie(path, *words) == 0
        assert desk.wanted[-1] == wanted
    assert vigie(path, "--format", "sms", "--lang", "fr") == 0
    assert capsys.readouterr().out.endswith("Données 99,8%\n")
    assert vigie(path, "--json") == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=Report) == made()


def test_what_can_not_be_reported_is_said(path: Path, desk: Reporting, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (("--day", "tomorow"), "tomorow is no day"), (("--month", "2026-13"), "2026-13 is no month"),
        (("--month", ""), "is no month"), (("--day", "9999-12-31"), "is no day"),
        (("--day", "0001-01-01"), "is no day"), (("--month", "9999-12"), "is no month"),
    ):  # fmt: skip
        assert vigie(path, *words) == 2
        assert said in capsys.readouterr().err
    desk.failure = ValueError("future")
    assert vigie(path, "--day", "2030-01-01") == 2
    assert "has not begun" in capsys.readouterr().err
    desk.failure = ValueError("no_day")
    assert vigie(path, "--day", "0001-01-01") == 2
    assert "0001-01-01 is no day" in capsys.readouterr().err
    desk.failure = LookupError("the card can't be read")
    assert vigie(path) == 1
    assert "the card can't be read" in capsys.readouterr().err
    desk.failure = OSError(5, "Input/output error")
    assert vigie(path) == 1
    assert "Input/output error" in capsys.readouterr().err


def test_a_page_goes_to_a_file_that_is_not_overwritten(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.html"
    assert vigie(path, "--format", "html", "--output", str(file)) == 0
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert vigie(path, "--output", str(file)) == 1
    assert vigie(path, "--output", str(file), "--force") == 0
    capsys.readouterr()
    assert vigie(path, "--output", str(tmp_path), "--force") == 1
    assert (
        capsys.readouterr().err
        == f"vigie: {tmp_path} can't be written: Is a directory; nothing of that name was made\n"
    )
    assert "Gymnase Sud (b0042)" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("examples", [module, report_costs, sms_module, report_text])
def test_the_examples_hold(examples: Any) -> None:
    assert doctest.testmod(examples).failed == 0

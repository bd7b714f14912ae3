"""Answers of one message: names give way, whatever they are made of, and never a value, a unit, a time or a code."""

from __future__ import annotations

from datetime import UTC, date
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.alarm_view import AlarmView
from edge.core.commands import Command, Result
from edge.core.costs import CostsView, CostView, SpanView
from edge.core.text import Text
from edge.core.view import ValueView
from edge.settings import sms_answers, sms_results
from edge.settings.sms_answers import BoxFacts
from edge.settings.sms_speech import Speech, fitting
from sms.gsm7 import septets

NAMES = st.text(max_size=60)
LANGS = st.sampled_from(["en", "fr"])
VALUE = ValueView("t", "gauge", "Cel", -12.5, "", "good", "", 65.0, [], {}, "")
FACTS = BoxFacts("1.0.3", 7, 1e6, "gsm", 2, 1240, 1_795_166_000_000, 17, 70, "Orange F", 3, 12, 61, 90, 3.66, "EUR")
TODAY = SpanView(
    date(2026, 11, 20), Decimal("17.40"), None, {"base": Decimal("86.2")}, 1.0, False, False, Decimal(0), 0
)  # fmt: skip


def speech(lang: str, site: str) -> Speech:
    return Speech(lang, "b0042", site, UTC, 1_795_166_000_000)


def alarm(number: int, name: dict[str, str]) -> AlarmView:
    return AlarmView(
        number, f"l{number}", "t", "high", "high", "", "Cel", 85.0, 92.5, None, None, active=True, acknowledged=False,
        name=name,
    )  # fmt: skip


def cost(name: dict[str, str]) -> CostView:
    return CostView("c", name, 1, "EUR", "kWh", True, False, (), Decimal(0), {"today": TODAY})


@settings(max_examples=30, deadline=None)
@given(LANGS, NAMES, NAMES)
def test_a_value_keeps_its_figures_under_any_names(lang: str, site: str, name: str) -> None:
    told = sms_answers.read(speech(lang, site), msgspec.structs.replace(VALUE, name={lang: name}))
    assert septets(told) <= 160
    assert ("-12.5 C" if lang == "en" else "-12,5 C") in told
    assert "1 min 5 s" in told
    bad = msgspec.structs.replace(VALUE, value=None, quality="bad", reason="no_answer", name={lang: name})
    told = sms_answers.read(speech(lang, site), bad)
    assert septets(told) <= 160
    assert "1 min 5 s" in told


@settings(max_examples=30, deadline=None)
@given(LANGS, NAMES, st.lists(NAMES, max_size=9))
def test_status_and_alarms_are_one_message_each_under_any_names(lang: str, site: str, names: list[str]) -> None:
    to = speech(lang, site)
    alarms = [alarm(number + 1, {lang: name}) for number, name in enumerate(names)]
    told = sms_answers.status(to, CostsView(True, [cost({lang: name}) for name in names], []), [], alarms, FACTS)
    assert septets(told) <= 160
    assert str(len(names)) in told
    assert "GSM 4/5" in told
    listing = sms_answers.alarms(to, alarms)
    assert septets(listing) <= 160
    assert septets(sms_answers.diag(to, [VALUE] * 5, alarms, FACTS)) <= 160
    if len(names) == 1:
        assert ("92.5 C > 85 C" if lang == "en" else "92,5 C > 85 C") in listing


@settings(max_examples=30, deadline=None)
@given(LANGS, NAMES, NAMES)
def test_a_proposal_keeps_its_code_and_what_is_done_its_time(lang: str, site: str, name: str) -> None:
    to = speech(lang, site)
    what = Text("set_would", {"target": "boiler.flow.high", "kind": "limit", "before": 85.0, "after": 90.0, "u": "Cel"})
    values = {"what": what, "code": "2M8P", "expires_ms": 900_000}
    told = sms_results.proposed(to, Command("1", "set"), Result("1", done=True, text=what, values=values))
    assert septets(told) <= 160
    assert "85 C -> 90 C" in told
    assert "2M8P" in told
    done = sms_results.done(to, name, Result("1", done=True, text=Text("set_done", what.values)))
    assert septets(done) <= 160
    assert "90 C" in done
    assert "09:13" in done


def test_a_proposal_of_many_prices_keeps_its_code_and_shows_that_it_goes_on() -> None:
    prices = " ".join(f"price{number} 0.{number:04}" for number in range(20)) + " EUR/kWh"
    what = Text("tariff_would", {"id": "elec", "valid_from": "2027-02-01", "prices": prices})
    for lang, word in (("en", "YES"), ("fr", "OUI")):
        values = {"what": what, "code": "2M8P", "expires_ms": 900_000}
        told = sms_results.proposed(
            speech(lang, ""), Command("1", "tariff"), Result("1", done=True, text=what, values=values)
        )
        assert septets(told) <= 160
        assert told.endswith(f"{word} 2M8P")
        assert "..." in told


def test_what_no_shortening_makes_one_message_is_cut_between_words() -> None:
    assert fitting(["word " * 50]) == ("word " * 31).strip() + "..."
    assert len(fitting(["x" * 500])) <= 160
    assert fitting([]) == ""

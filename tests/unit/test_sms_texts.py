"""The texts to people: five things in their order, one message whatever the names, and nothing of a figure cut."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.settings import catalogue, sms_texts
from edge.settings.sms_fit import TooLongError, fitted, short, sms_name
from edge.settings.sms_phrases import Reader, Said, figure, local_time
from sms.gsm7 import ALPHABET, MESSAGE, gsm7, septets

AT = 1_795_187_100_000  # Fri 20 Nov 2026 16:05 in Paris
FR = Reader("fr", ZoneInfo("Europe/Paris"), "Gymnase Sud", "b0042")
EN = Reader("en", ZoneInfo("Europe/Paris"), "Gymnase Sud", "b0042")
MIN = 60_000


def boiler(lang: str, **changes: Any) -> Said:
    name = "Chaudière 1 départ" if lang == "fr" else "Boiler 1 flow"
    values = {"v": 92.5, "u": "Cel", "at": 85.0, "diagnosis": "overheating", "begin_ms": AT, "prio": "high", **changes}
    return Said(12, values.pop("kind", "high"), name, **values)


def ended(lang: str) -> Said:
    who = "gardien" if lang == "fr" else "caretaker"
    return boiler(
        lang, v=79.8, end_ms=AT + 47 * MIN, peak=94.1, peak_ms=AT + 16 * MIN, ack_ms=AT + 6 * MIN, by=who
    )  # fmt: skip


def test_the_begin_of_an_alarm_reads_as_drafted() -> None:
    assert sms_texts.begin(FR, boiler("fr"), "4F7K") == (
        "ALARME 12 HAUTE Gymnase Sud\nChaudière 1 départ 92,5 C > 85 C (surchauffe)\n"
        "depuis ven 20/11 16:05\nPour acquitter, répondre: OK 4F7K"
    )
    assert sms_texts.begin(EN, boiler("en"), "4F7K") == (
        "ALARM 12 HIGH Gymnase Sud\nBoiler 1 flow 92.5 C > 85 C (overheating)\n"
        "since Fri 20 Nov 16:05\nTo acknowledge, reply: OK 4F7K"
    )


def test_its_end_says_how_long_how_far_and_who_took_it() -> None:
    assert sms_texts.end(EN, ended("en")) == (
        "END OF ALARM 12 Gymnase Sud\nBoiler 1 flow 79.8 C, back below 85 C\n"
        "16:05-16:52 (47 min), max 94.1 C at 16:21\nAcknowledged 16:11 by caretaker"
    )
    unseen = msgspec.structs.replace(ended("fr"), by="", ack_ms=None)
    assert sms_texts.end(FR, unseen, "4F7K").endswith("\nNon acquittée. Répondre: OK 4F7K")
    overnight = msgspec.structs.replace(ended("fr"), end_ms=AT + 12 * 60 * MIN)
    assert "ven 20/11 16:05-sam 21/11 04:05 (12 h)" in sms_texts.end(FR, overnight)


def test_a_fault_a_lost_supply_and_a_negative_value() -> None:
    fault = Said(13, "fault", "Chaudière 1 départ", why="no_answer", begin_ms=AT, last=71.2, u="Cel")
    assert "Dernier relevé 71,2 C" in sms_texts.begin(FR, fault, "9QX2")
    assert "0" not in sms_texts.begin(FR, msgspec.structs.replace(fault, last=None, begin_ms=None), "9QX2").replace(
        "0 s", ""
    )
    mains = boiler("en", diagnosis="mains_lost", prio="critical")
    assert sms_texts.mains(EN, mains, "K3W8", 20) == (
        "ALARM 12 CRITICAL Gymnase Sud\nMains lost since Fri 20 Nov 16:05\n"
        "The box runs about 20 min on battery\nTo acknowledge, reply: OK K3W8"
    )
    assert "battery" not in sms_texts.begin(EN, mains, "K3W8"), "nobody knows how long"
    cold = boiler("fr", kind="low", v=-12.345, at=-10.0, diagnosis="")
    assert "-12,35 C < -10 C" in sms_texts.begin(FR, cold, "2222")
    assert "12.3" not in sms_texts.begin(FR, cold, "2222")


def test_a_value_that_would_read_like_its_limit_keeps_its_digits() -> None:
    assert "85.0004 C > 85 C" in sms_texts.begin(EN, boiler("en", v=85.0004), "2222")
    assert "12346 W > 9000 W" in sms_texts.begin(EN, boiler("en", v=12345.6, at=9000.0, u="W"), "2222")


def test_without_a_clock_it_says_for_how_long_and_no_hour() -> None:
    text = sms_texts.begin(FR, boiler("fr", begin_ms=None, for_ms=47 * MIN), "4F7K")
    assert "depuis 47 min" in text
    assert not re.search(r"\d\d:\d\d", text)


def test_several_alarms_are_one_text_that_names_the_first_and_counts_the_rest() -> None:
    points = ["Coupure secteur", "Chaudière 1", "Pompe 2", "Froid 1", "Cave", "Serre", "Quai"]
    many = [
        Said(14 + place, "high", point, begin_ms=AT + (2 * MIN if place else 0)) for place, point in enumerate(points)
    ]
    assert sms_texts.merged(FR, many, [], "7HD3") == (
        "7 ALARMES Gymnase Sud, 16:05-16:07\n1re: 14 Coupure secteur\npuis Chaudière 1, Pompe 2, Froid 1 (+3)\n"
        "Liste: répondre ALARMES. Tout acquitter: OK 7HD3"
    )
    assert "Finies: 16, 17, 18, 19 (+1)" in sms_texts.merged(FR, many[:2], many[2:], "7HD3")
    assert sms_texts.merged(EN, [], many, "").startswith("END OF 7 ALARMS Gymnase Sud\n")
    with pytest.raises(ValueError, match="needs one"):
        sms_texts.merged(EN, [], [], "7HD3")


def test_a_reminder_says_who_is_called_next_and_when() -> None:
    text = sms_texts.reminder(FR, boiler("fr", v=93.6), "4F7K", 2, 3, "astreinte", AT + 60 * MIN)
    assert text.splitlines()[2] == "Non acquittée. Appel suivant: astreinte à 17:05"
    assert "suivant" not in sms_texts.reminder(FR, boiler("fr"), "4F7K", 3, 3)


# -- five things in this order

FIVE = ("what", "where", "how much", "since", "do")
MEANS = {
    "number": "what", "kind": "what", "count": "what", "site": "where", "point": "how much", "first": "how much",
    "what": "how much", "now": "how much", "why": "how much", "lost": "how much", "second": "how much",
    "third": "how much", "fourth": "how much", "more": "how much", "diagnosis": "how much", "since": "since",
    "span": "since", "last": "since", "extreme": "since", "runs_min": "since", "told": "since", "ended": "since",
    "begins": "how much", "code": "do", "done": "do", "seen_at": "do", "by": "do", "following": "do", "next_at": "do",
    "n": "what", "of": "what",
}  # fmt: skip
ALARMS = (
    "begin", "fault", "mains", "end", "merged", "ended", "reminder", "reminders", "chattering", "acknowledged",
    "gave_up", "acknowledged_several", "gave_up_several",
)  # fmt: skip
SPAN_FIRST = {"merged"}
"""Its first line says when all of it began, behind the site: the points follow, as many as fit."""


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("name", ALARMS)
def test_every_text_of_an_alarm_has_the_five_things_in_their_order(name: str, lang: str) -> None:
    template = catalogue.catalogue(lang)[f"sms.{name}"]
    fields = re.findall(r"\{(\w+)", template)
    order = [FIVE.index(MEANS[field]) for field in fields if not (name in SPAN_FIRST and field in {"span", "number"})]
    assert order == sorted(order), f"{template!r} says {[MEANS[field] for field in fields]}"
    assert {MEANS[field] for field in fields} == set(FIVE)
    assert "OK {code}" in template or name.startswith("acknowledged")
    septets(gsm7(template.replace("{", "<").replace("}", ">").replace("[?", "").replace("]", "")))


def test_every_text_of_an_alarm_is_in_both_languages() -> None:
    keys = [{key for key in catalogue.catalogue(lang) if key.startswith("sms.")} for lang in ("en", "fr")]
    assert keys[0] == keys[1]
    assert {f"sms.{name}" for name in ALARMS} <= keys[0]


# -- names

LETTERS = st.characters(exclude_categories=("Cs",))
NAME = st.text(LETTERS, max_size=60)
VALUE = st.floats(-1e9, 1e9, allow_nan=False) | st.integers(-(10**9), 10**9).map(float)


@st.composite
def alarms(draw: st.DrawFn) -> Said:
    begin_ms = draw(st.integers(0, 4_102_444_800_000))
    end_ms = begin_ms + draw(st.integers(0, 400 * 86_400_000))
    return Said(
        draw(st.integers(1, 999_999)),
        draw(st.sampled_from(["high", "low", "high_high", "rate", "consumption", "deviation", "subscribed", "fault"])),
        draw(NAME), prio=draw(st.sampled_from(["low", "critical"])), v=draw(VALUE), at=draw(VALUE),
        u=draw(st.sampled_from(["Cel", "kWh", "m3/h", "ug/m3", ""])), or_equal=draw(st.booleans()),
        why=draw(st.sampled_from(["no_answer", "crc", "shorted", "power_on_value"])),
        diagnosis=draw(st.sampled_from(["", "low_temperature", "overheating", "mains_lost"])),
        begin_ms=begin_ms, end_ms=end_ms, peak=draw(VALUE), peak_ms=begin_ms, last=draw(VALUE),
        ack_ms=begin_ms, by=draw(NAME), begins=draw(st.integers(1, 999)),
    )  # fmt: skip


READERS = st.builds(
    Reader, st.sampled_from(["en", "fr"]), st.sampled_from([ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Kathmandu")]),
    NAME, st.just("b0042"),
)  # fmt: skip


def quantity(reader: Reader, value: float, unit: str) -> str:
    return gsm7(catalogue.quantity(reader.lang, value, unit))


def check_texts(reader: Reader, said: Said, other: Said, following: str) -> None:
    """Hold every text against the rules."""
    code, many = "4F7K", [said, other] * 3
    time = f"{local_time(reader, said.begin_ms)}"
    earliest = f"{local_time(reader, min(said.begin_ms or 0, other.begin_ms or 0))}"
    with_value = [
        sms_texts.reminder(reader, said, code, 2, 3, following, said.end_ms), sms_texts.chattering(reader, said, code),
        sms_texts.acknowledged(reader, said), sms_texts.gave_up(reader, said, code, [following, said.by]),
    ]  # fmt: skip
    begun = sms_texts.begin(reader, said, code)
    ends = [sms_texts.end(reader, said), sms_texts.end(reader, said, code)]
    several = [
        sms_texts.merged(reader, many, many, code), sms_texts.merged(reader, [], many, code),
        sms_texts.reminders(reader, many, code, 2, 3, following, said.end_ms),
        sms_texts.gave_up_several(reader, many, code, [following, said.by]),
    ]  # fmt: skip
    taken = sms_texts.acknowledged_several(reader, many)
    assert septets(taken) <= MESSAGE
    assert earliest in taken
    for text in [begun, *with_value, *ends, *several]:
        assert set(text) <= ALPHABET, text
        assert "\x1b" not in text
        assert septets(text) <= MESSAGE, text
        assert (earliest if text in several else time) in text, text
    for text in [begun, ends[1], *several, with_value[0], with_value[1], with_value[3]]:
        assert f"OK {code}" in text, text
    for text in [begun, *with_value, *ends]:
        assert f" {said.number} " in text, text
    if said.kind == "fault":
        return
    limit = "" if said.at is None else quantity(reader, said.at, said.u)
    for text in [*with_value, *([] if said.diagnosis == "mains_lost" else [begun])]:
        assert limit in text, text
        assert quantity(reader, figure(said.v, said.at) or 0.0, said.u) in text, text


@settings(max_examples=25, deadline=None)
@given(READERS, alarms(), alarms(), NAME)
def test_any_name_makes_one_message_and_leaves_value_limit_time_and_code_whole(
    reader: Reader, said: Said, other: Said, following: str
) -> None:
    check_texts(reader, said, other, following)


@pytest.mark.campaign("all of Unicode in the names of 1,500 sites")
@settings(max_examples=1500, deadline=None)
@given(READERS, alarms(), alarms(), NAME)
def test_any_name_makes_one_message_at_length(reader: Reader, said: Said, other: Said, following: str) -> None:
    check_texts(reader, said, other, following)


@given(NAME)
def test_a_name_for_phones_is_one_line_of_single_septets_and_stays_as_it_is(name: str) -> None:
    mapped = sms_name(name, "p1")
    assert mapped
    assert "\n" not in mapped
    assert set(mapped) <= ALPHABET
    assert sms_name(mapped) == mapped
    assert len(short(mapped, 5)) <= 5


@pytest.mark.parametrize("reader", [FR, EN])
def test_a_condition_that_is_named_by_its_limit_alone_is_told_however_long_that_id_is(reader: Reader) -> None:
    said = Said(999_999, "expression", "x" * 60, prio="critical", limit="l" * 64, begin_ms=AT, begins=99)
    for text in (
        sms_texts.begin(reader, said, "4F7K"), sms_texts.chattering(reader, said, "4F7K"),
        sms_texts.gave_up(reader, said, "4F7K", ["y" * 48] * 3),
    ):  # fmt: skip
        assert septets(text) <= MESSAGE
        assert " 999999 " in text


def test_what_no_name_can_make_fit_is_refused() -> None:
    with pytest.raises(TooLongError, match=r"sms\.begin in en takes"):
        fitted("en", "sms.begin", {"number": 1, "kind": "x" * 200, "what": "", "since": "", "code": ""},
               {"site": "s", "point": "p"})  # fmt: skip

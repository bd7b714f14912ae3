"""Sentences from keys and values: complete in English, safe whatever is missing."""

from __future__ import annotations

import doctest
import gettext
import io
import re
import string
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from babel.messages import mofile, pofile
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.clock import TRUST
from edge.core.limit import NUMBERLESS, STATES
from edge.core.text import Text
from edge.core.types import LimitKind
from edge.links.refusals import CODES
from edge.settings import catalogue, expect, faults, hints, packaged, pins
from edge.settings.catalogue import duration, quantity, render, word, written
from edge.settings.model_limits import PER
from hal.sample import QUALITY_NAMES, REASONS
from tests.support import ROOT

FIELD = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
OPTIONAL = re.compile(r"\[\?(.*?)\]")
TEXTS = ROOT / "config" / "text"
COUNTED = re.compile(r"\{\w+:[^{}|]+\|[^{}|]+\}")
LANGUAGES = sorted(path.parent.parent.name for path in TEXTS.glob("*/LC_MESSAGES/*.po"))


def test_an_alarm_is_said_in_one_sentence_with_what_is_known_of_it() -> None:
    facts = {"id": 12, "kind": "high", "v": 92.5, "u": "Cel", "sign": "high", "level": 85.0, "diagnosis": "overheating"}
    assert render("en", "event.alarm_begin", facts) == "alarm 12 HIGH 92.5 °C > 85 °C (overheating)"
    assert render("en", "event.alarm_begin", {"id": 13, "kind": "fault", "why": "no_answer"}) == (
        "alarm 13 FAULT: no answer from the device"
    )
    assert render("en", "event.alarm_end", {**facts, "v": -79.8, "lasted_ms": 2_820_000}) == (
        "end of alarm 12 HIGH -79.8 °C, after 47 min"
    )


@pytest.mark.parametrize("reason", sorted(REASONS))
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_reason_code_has_its_words_in_every_language(lang: str, reason: str) -> None:
    assert f"reason.{reason}" in catalogue.catalogue(lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_word_of_quality_limit_and_priority_is_there(lang: str) -> None:
    known = catalogue.catalogue(lang)
    assert {f"quality.{name}" for name in QUALITY_NAMES} <= known.keys()
    kinds = set(get_args(LimitKind))
    assert {f"alarm.{kind}" for kind in kinds} <= known.keys()
    assert {f"sign.{kind}" for kind in kinds - NUMBERLESS} <= known.keys()
    ordered = kinds - NUMBERLESS - STATES - {"never_zero"}
    assert {f"sign.{kind}_or_equal" for kind in ordered} <= known.keys()
    assert {f"per.{span}" for span in PER["rate"]} | {f"this.{span}" for span in PER["consumption"]} <= known.keys()
    assert {f"priority.{name}" for name in ("low", "medium", "high", "critical")} <= known.keys()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_language_has_the_keys_and_values_of_english(lang: str) -> None:
    english, other = catalogue.catalogue("en"), catalogue.catalogue(lang)
    assert other.keys() == english.keys()
    for key, sentence in english.items():
        assert fields(other[key]) == fields(sentence), key
        assert OPTIONAL.sub("", other[key]) != "" or OPTIONAL.sub("", sentence) == "", key


def fields(sentence: str) -> set[tuple[str, str]]:
    """Return what a sentence needs and how it is written; the optional is marked, words of a number are free."""
    sentence = COUNTED.sub("", sentence)
    optional = "".join(match[0] for match in OPTIONAL.finditer(sentence))
    needed = {(match[1], match[2] or "") for match in FIELD.finditer(OPTIONAL.sub("", sentence))}
    return needed | {(f"?{match[1]}", match[2] or "") for match in FIELD.finditer(optional)}


def test_there_is_french() -> None:
    assert "fr" in LANGUAGES


def test_french_has_its_spaces_and_its_quotes() -> None:
    """A colon, semicolon, question or exclamation mark or quote stands after a space that does not break."""
    for key, sentence in catalogue.catalogue("fr").items():
        if key.startswith("sms.") and key not in {"sms.forgotten", "sms.no_state"}:  # a phone's text saves the letter
            continue
        text = FIELD.sub("x", sentence).replace("[?", "[")
        assert not re.search(r"[^\u00a0][;!?»](?!\w)|«[^\u00a0]", text), key
        assert not re.search(r"(?<![\u00a0])(?<!x):(?!\w|\\)", text), key
        assert not re.search(r" [:;!?»](?!\w)|\u00a0\w|[“”„]", text.replace("«\u00a0", "").replace("\u00a0:", "")), key


@pytest.mark.parametrize(
    ("english", "french"),
    [("limit", "seuil"), ("buffer", "tampon"), ("stream", "flux"), ("place", "emplacement"), ("quality", "qualité")],
)
def test_french_words_are_those_of_the_glossary(english: str, french: str) -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert f"| {english} | {french} |" in glossary
    said = {key.split(".")[-1]: text for key, text in catalogue.catalogue("fr").items() if key[:4] in {"live", "cons"}}
    assert said[english].split()[0] == french


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_stands_in_a_line_of_its_own_fits_80_columns(lang: str) -> None:
    for key, sentence in catalogue.catalogue(lang).items():
        if key.startswith(("link.", "link_cure.", "live.help_")):
            is_marked = key in {"live.help_alarm", "live.help_bad", "live.help_uncertain", "live.help_trend"}
            assert len(sentence) <= (77 if is_marked else 78 if key.startswith("link") else 79), key


def test_french_reads_as_french() -> None:
    facts = {"id": 12, "kind": "high", "v": 92.5, "u": "Cel", "sign": "high", "level": 85.0, "diagnosis": "overheating"}
    assert render("fr", "event.alarm_begin", facts) == "alarme 12 HAUTE 92,5 °C > 85 °C (surchauffe)"
    assert render("fr", "event.alarm_begin", {"id": 13, "kind": "fault", "why": "no_answer"}) == (
        "alarme 13 PANNE\u00a0: pas de réponse de l'appareil"
    )
    assert render("fr", "fault.no_point_near", {"near": "eau.froide", "line": 11}) == (
        "ce point n'existe pas\u00a0; le plus proche est «\u00a0eau.froide\u00a0» (ligne 11)"
    )
    assert duration("fr", 90_061_000) == "1 j 1 h"


def test_every_key_that_the_program_names_has_its_sentence() -> None:
    known = {key.removesuffix("_n") for key in messages("en")}
    areas = ("fault", "syntax", "file", "check", "expect")
    for path in sorted((ROOT / "edge" / "settings").glob("*.py")):
        named = re.findall(rf'"((?:{"|".join(areas)})\.\w+)"', path.read_text(encoding="utf-8"))
        assert [key for key in named if key not in known] == [], path.name


def test_every_way_of_writing_a_value_names_a_table_that_exists() -> None:
    known = catalogue.catalogue("en")
    tables = {key.split(".", 1)[0] for key in known if "." in key}
    for key, written_ in (entry for lang in LANGUAGES for entry in catalogue.catalogue(lang).items()):
        sentence = COUNTED.sub("", written_)
        for match in FIELD.finditer(sentence):
            how = match[2] or ""
            own = {"duration", "step", "date", "decimal", "unit"}
            assert not how or how in own or how[0] == "=" or how in tables, key
        assert "{" not in FIELD.sub("", sentence).replace("{ … }", "").replace("{ … ", ""), key


@pytest.mark.parametrize(
    ("lang", "key", "values", "text"),
    [
        ("en", "doctor.card_refused", {"count": 1, "first": "x"}, "refused, 1 fault: x"),
        ("fr", "doctor.card_refused", {"count": 2, "first": "x"}, "refusé, 2 défauts\u00a0: x"),
        ("fr", "live.lasts", {"days": "0,4"}, "le tampon tient environ 0,4 jour sans liaison"),
        ("en", "live.lasts", {"days": "0.4"}, "the buffer lasts about 0.4 days without the link"),
        ("fr", "report.link", {"link": "mqtt", "state": "ok", "waiting": 0},
         "mqtt\u00a0: ok, 0 entrée attend un acquittement"),
        ("en", "live.more_good", {"count": 1}, "1 more, good"),
        ("en", "live.more_alarms", {"count": "many"}, "many more alarms: vigie alarms"),
    ],
)  # fmt: skip
def test_a_word_agrees_with_the_number_beside_it(lang: str, key: str, values: dict[str, Any], text: str) -> None:
    assert render(lang, key, values) == text


def test_a_missing_key_value_or_language_shows_what_there_is_and_never_raises() -> None:
    assert render("en", "no.such", {"a": 1}) == "no.such a=1"
    assert render("en", "fault.no_point_near", {"near": "x"}) == "fault.no_point_near near=x"
    assert render("xx", "ack_nothing", {}) == render("en", "ack_nothing", {})
    assert render("../../etc/passwd", "ack_nothing", {}) == render("en", "ack_nothing", {})
    assert word("en", "reason", "of_tomorrow") == "of_tomorrow"
    assert render("en", "event.device_lost", {"device": "d", "why": "of_tomorrow"}) == "d: of_tomorrow"


def test_a_value_with_braces_is_text_and_not_read_again() -> None:
    assert render("en", "command_unknown", {"verb": "{id}[? x]"}) == "There is no command {id}[? x]."


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(-12.5, "Cel", "-12.5 °C"), (0, "m3", "0 m³"), (1e-3, "m3/s", "60 l/min"), (0.42, "/", "42 %"), (3, "count", "3")],
)
def test_a_quantity_is_shown_as_people_read_it(value: float, unit: str, shown: str) -> None:
    assert quantity("en", value, unit) == shown


def test_a_quantity_that_is_a_word_or_missing_is_shown_as_it_is() -> None:
    assert quantity("en", "open", "Cel") == "open"
    assert quantity("en", None, "Cel") == "None"


@pytest.mark.parametrize(
    ("ms", "shown"), [(0, "0 s"), (59_999, "59 s"), (60_000, "1 min"), (90_061_000, "1 d 1 h"), (-5, "0 s")]
)
def test_a_duration_has_its_two_largest_units(ms: float, shown: str) -> None:
    assert duration("en", ms) == shown


def test_a_text_within_a_text_is_said_in_the_same_language() -> None:
    assert written("en", [Text("expect.bool"), 1.5, True]) == "true or false, 1.5, True"


@settings(deadline=None)
@given(st.text(string.printable), st.dictionaries(st.text(string.ascii_letters), st.none() | st.floats() | st.text()))
def test_rendering_never_raises(key: str, values: dict[str, object]) -> None:
    for name in (key, "event.alarm_begin", "fault.expected"):
        assert isinstance(render("en", name, values), str)


def test_the_packaged_data_is_found_and_what_is_not_there_is_named() -> None:
    assert packaged.find("text", "en", "LC_MESSAGES", "vigie.mo").is_file()
    with pytest.raises(FileNotFoundError, match=r"no_such\.mo"):
        packaged.find("text", "no_such.mo")


def messages(lang: str) -> dict[str, tuple[str, ...]]:
    """Return what the translators' file holds: one sentence a key, or one a plural form."""
    with (TEXTS / lang / "LC_MESSAGES" / "vigie.po").open("rb") as file:
        found = pofile.read_po(file, abort_invalid=True)
    return {
        message.id if isinstance(message.id, str) else message.id[0]:
        (message.string,) if isinstance(message.string, str) else tuple(message.string)
        for message in found
        if message.id
    }  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_compiled_is_what_was_translated(lang: str) -> None:
    with (TEXTS / lang / "LC_MESSAGES" / "vigie.po").open("rb") as file:
        source = pofile.read_po(file, abort_invalid=True)
    made = io.BytesIO()
    mofile.write_mo(made, source)
    made.seek(0)
    compiled = catalogue.opened(TEXTS / lang / "LC_MESSAGES" / "vigie.mo")
    texts = {key: text for key, text in vars(gettext.GNUTranslations(made))["_catalog"].items() if key}
    assert {key: text for key, text in vars(compiled)["_catalog"].items() if key} == texts, "run `make texts`"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_key_stands_once_and_has_a_text(lang: str) -> None:
    lines = (TEXTS / lang / "LC_MESSAGES" / "vigie.po").read_text(encoding="utf-8").splitlines()
    keys = [line for line in lines if line.startswith("msgid ")]
    assert len(keys) == len(set(keys))
    assert not [line for line in lines if "fuzzy" in line]
    assert not [key for key, texts in messages(lang).items() if not all(texts)]


def test_what_counts_counts_in_every_language_with_the_same_values() -> None:
    english, french = messages("en"), messages("fr")
    assert english.keys() == french.keys()
    for key, texts in english.items():
        if len(texts) > 1:
            wanted = {field for text in texts for field in fields(text)}
            assert {field for text in french[key] for field in fields(text)} == wanted, key


@pytest.mark.parametrize(
    ("lang", "number", "said"),
    [
        ("en", 0, "0 alarms"), ("en", 1, "1 alarm"), ("en", 2, "2 alarms"), ("en", -1, "-1 alarms"),
        ("fr", 0, "0 alarme"), ("fr", 1, "1 alarme"), ("fr", 2, "2 alarmes"), ("xx", 2, "2 alarms"),
    ],
)  # fmt: skip
def test_so_many_of_something_are_said_as_the_language_counts(lang: str, number: int, said: str) -> None:
    assert catalogue.count(lang, "live.alarm", number) == said


def test_a_damaged_catalogue_leaves_the_keys(tmp_path: Path) -> None:
    for content in (b"", b"\xde\x12\x04\x95", b"no catalogue at all", b"\xde\x12\x04\x95" + b"\xff" * 40):
        (tmp_path / "vigie.mo").write_bytes(content)
        assert catalogue.opened(tmp_path / "vigie.mo").gettext("ack_done") == "ack_done"
    assert catalogue.opened(tmp_path / "none.mo").gettext("ack_done") == "ack_done"


@pytest.mark.parametrize("module", [catalogue, expect, faults, hints, pins])
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_reason_why_a_link_fails_has_its_words(code: str) -> None:
    assert f"link.{code}" in catalogue.catalogue("en")


@pytest.mark.parametrize("source", TRUST)
def test_every_source_of_time_has_its_words(source: str) -> None:
    assert f"clock.{source}" in catalogue.catalogue("en")


def test_a_sentence_within_a_sentence_is_one_also_after_json() -> None:
    inner = Text("relay_auto", {"output": "pump", "level": "on"})
    values = {"ordered": inner, "now": "off", "wait_ms": 5000}
    said = "pump is automatic again: on. It stays off for 5 s more: its minimum time is not over."
    assert catalogue.render("en", "relay_held", values) == said
    assert catalogue.render("en", "relay_held", msgspec.json.decode(msgspec.json.encode(values))) == said

"""People's texts: any case, accents, spaces, comma or point, English or French; unclear ones name what is near."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.verbs import VERBS
from sms.arguments import arguments
from sms.commands import EXAMPLES, UnclearError, asked, named
from sms.written import duration_s, quantity_of

WORDS = {
    "status": ["status", "etat"], "read": ["read", "lire"], "help": ["help", "aide"], "alarms": ["alarms", "alarmes"],
    **{name: [word for own in verb.words.values() for word in own] for name, verb in VERBS.items()},
}  # fmt: skip
KNOWN = {
    "flow.high": ["Boiler 1 flow", "Chaudière 1 départ"], "flow.low": [], "pump": ["Pump", "Pompe"],
    "water.cold": ["Cold water", "Eau froide"], "water.hot": ["Hot water", "Eau chaude"], "elec": ["Power", "Élec"],
    "boiler1": ["Boiler 1"],
}  # fmt: skip
PARTS = {"elec": ["peak", "off-peak", "subscription"]}


def made(text: str) -> dict[str, Any]:
    order = asked(text, WORDS)
    return {"what": order.what, **arguments(order, KNOWN, PARTS)}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("STATUS", "status"), ("état.", "status"), ("  Etat !", "status"), ("ÉTAT", "status"), ("> status", "status"),
        ("E\u0301tat", "status"), ("\u00a0ETAT\n\n-- \nSent from my phone", "status"), ("«Aide»", "help"),
        ("régler flow.high 90", "set"), ("REGLER flow.high 90", "set"), ("Status:", "status"),
    ],
)  # fmt: skip
def test_the_word_counts_and_not_how_it_is_written(text: str, what: str) -> None:
    assert asked(text, WORDS).what == what


@pytest.mark.parametrize(
    "text",
    [
        "OK 4F7K", "ok 4f7k", " ok  4f 7k. ", "OK4F7K", "Ok: 4F7K", '"OK 4F7K"', "acquitter 4f7k", "OK:4F7K", "ok-4f7k",
        "OK (4F7K)", "OK 4F7K merci !", "Ok 4f7k, j'y vais", "OK 4F7K \U0001f44d", "OK le code 4F7K",
        "OK 4 f 7 k merci", "OK 4F7K\n-- \nJean Dupont", "OK 4F7K\nEnvoyé de mon téléphone", "ok\n4f7k",
    ],
)  # fmt: skip
def test_a_code_is_read_in_any_form(text: str) -> None:
    order = asked(text, WORDS)
    assert (order.what, order.code) == ("ack", "4F7K")


@pytest.mark.parametrize("code", ["4F7KX", "4F7", "XX4F7K", "4F7K4F7K"])
def test_what_is_no_code_is_not_cut_to_one(code: str) -> None:
    assert asked(f"OK {code}", WORDS).code == code


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("SET limit flow.high 90", {"target": "flow.high", "value": "90"}),
        ("set flow.hi 82,5 °C", {"target": "flow.high", "value": "82,5 °C"}),
        ("régler flow high à -5", {"target": "flow.high", "value": "-5"}),
        ("SET flow.high = 90", {"target": "flow.high", "value": "90"}),
        ("SET chaudiere 1 depart 90", {"target": "flow.high", "value": "90"}),
        ("set flow.low default", {"target": "flow.low", "default": True}),
        ("RELAY pump on 30min", {"output": "pump", "to": "on", "for_s": 1800.0}),
        ("relais pompe marche pendant 1h30", {"output": "pump", "to": "on", "for_s": 5400.0}),
        ("relay pu auto", {"output": "pump", "to": "auto"}),
        ("RELAY pump pulse 2s", {"output": "pump", "to": "pulse", "for_s": 2.0}),
        (
            "TARIFF elec peak 0.2146 off 0.1696 from 2027-02-01",
            {"id": "elec", "valid_from": "2027-02-01", "prices": {"peak": "0.2146", "off-peak": "0.1696"}},
        ),
        (
            "tarif élec peak=0,2146 EUR/kWh du 01/02/2027",
            {"id": "elec", "valid_from": "2027-02-01", "prices": {"peak": "0.2146"}},
        ),
        ("SHELVE 12 2h", {"number": 12, "for_s": 7200.0, "reason": "SMS"}),
        ("sommeil flow.high 1 j à changer", {"limit": "flow.high", "for_s": 86400.0, "reason": "à changer"}),
        ("SHELVE 12 off", {"number": 12, "back": True}),
        ("MAINT boiler1 on", {"equipment": "boiler1", "do": "start", "until": "8h", "reason": "SMS"}),
        ("MAINT boiler1 on 3h new pump", {"equipment": "boiler1", "do": "start", "until": "3h", "reason": "new pump"}),
        ("MAINT boiler1 17:00", {"equipment": "boiler1", "do": "start", "until": "17:00", "reason": "SMS"}),
        (
            "maint boiler1 on 22/11/2026 17h00",
            {"equipment": "boiler1", "do": "start", "until": "2026-11-22 17:00", "reason": "SMS"},
        ),
        ("MAINT boiler1 off", {"equipment": "boiler1", "do": "end"}),
        ("MAINT boiler1 jusqu'à 18h", {"equipment": "boiler1", "do": "start", "until": "18:00", "reason": "SMS"}),
        (
            "maint boiler1 marche jusqu’à 18h30 joint",
            {"equipment": "boiler1", "do": "start", "until": "18:30", "reason": "joint"},
        ),
        ("MAINT boiler1 until 7:05", {"equipment": "boiler1", "do": "start", "until": "07:05", "reason": "SMS"}),
        ("MAINT boiler1 prolonger jusqu'au 22/11/26", {"equipment": "boiler1", "do": "extend", "until": "2026-11-22"}),
        ("MAINT boiler1 pendant 18h", {"equipment": "boiler1", "do": "start", "until": "18h", "reason": "SMS"}),
        ("maint boiler1 prolonger 2h", {"equipment": "boiler1", "do": "extend", "until": "2h"}),
        ("INDEX water.c 482.1", {"point": "water.cold", "value": "482.1", "unit": ""}),
        ("index eau froide 14 253,7 m3", {"point": "water.cold", "value": "14253.7", "unit": "m3"}),
        ("RELEVÉ eau froide 482,1", {"point": "water.cold", "value": "482.1", "unit": ""}),
        ("TIME 2026-11-21 16:20", {"at": "2026-11-21 16:20"}),
        ("heure 21/11/2026 16h20", {"at": "2026-11-21 16:20"}),
        ("heure 21/11/26 à 16h", {"at": "2026-11-21 16:00"}),
        ("heure 21-11-2026 16:20", {"at": "2026-11-21 16:20"}),
        (
            "TARIF elec peak 0,2146 à partir du 1/2/27",
            {"id": "elec", "valid_from": "2027-02-01", "prices": {"peak": "0.2146"}},
        ),
        ("OUI 2m8p", {"code": "2M8P"}),
        ("READ eau fr", {"point": "water.cold"}), ("Lire l'eau froide", {"point": "water.cold"}),
        ("lire la pompe", {"point": "pump"}),
        ("regler le seuil flow.high a 90", {"target": "flow.high", "value": "90"}),
        ("SET the boiler 1 flow to 90", {"target": "flow.high", "value": "90"}),
        ("LIRE froide", {"point": "water.cold"}),
    ],
)  # fmt: skip
def test_each_verb_takes_its_words(text: str, args: dict[str, Any]) -> None:
    found = made(text)
    del found["what"]
    assert found == args


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "empty"), ("  . ", "empty"), ("\U0001f600\U0001f600", "unknown"), ("<b>STATUS</b>", "unknown"),
        ("\x00\x01\x02", "empty"), ("RELEVES eau", "unknown"), ("'; DROP TABLE points; --", "unknown"),
        ("SET", "how"), ("SET flow.high", "how"), ("RELAY pump perhaps", "how"), ("RELAY pump on 30", "how"),
        ("TARIFF elec peak 0.2", "how"), ("TARIFF elec peak from 2027-02-01", "how"), ("TIME 25:00", "how"),
        ("TIME", "how"), ("INDEX water.cold", "how"), ("INDEX water.cold many", "how"), ("SHELVE 12", "how"),
        ("SHELVE 12 tomorrow", "how"), ("OK", "how"), ("YES", "how"), ("MAINT boiler1", "how"),
        ("READ water", "which"), ("READ eau", "which"), ("SET flow 90", "which"), ("READ flw.high", "none"),
        ("RELAY pomp99 on", "none"), ("READ", "none"), ("TARIFF elec night 0.2 from 2027-02-01", "none"),
        ("SET \u202e\u200f 5", "how"), ("STATUS" * 200, "unknown"),
        ("LIRE la", "none"), ("READ l'", "none"), ("LIRE le le pompe", "none"),
        # an end is no length: 18 hours is not what was meant
        ("RELAIS pompe marche jusqu'à 18h", "how"), ("RELAY pump on until 18h", "how"),
        ("SOMMEIL 12 jusqu'à 18h", "how"), ("SHELVE 12 until 6h", "how"), ("MAINT boiler1 jusqu'à demain", "how"),
        ("MAINT boiler1 until 25:00", "how"), ("TIME 21/11/26", "how"), ("TIME 21/11/2026 24h", "how"),
    ],
)  # fmt: skip
def test_what_is_unclear_says_what_is_wrong(text: str, key: str) -> None:
    with pytest.raises(UnclearError) as caught:
        made(text)
    assert caught.value.key == key


def test_an_ambiguous_name_gets_the_ones_that_it_may_mean_and_a_wrong_one_the_nearest() -> None:
    with pytest.raises(UnclearError) as caught:
        made("READ eau")
    assert caught.value.values == {"given": "eau", "near": ["water.cold", "water.hot"]}
    with pytest.raises(UnclearError) as caught:
        made("SET flw.high 90")
    assert caught.value.values["near"][0] == "flow.high"


def test_a_whole_name_wins_over_longer_ones_that_begin_so() -> None:
    assert named(["t", "5"], {"t": [], "t.flow": [], "t2": []}, after=1) == ("t", ("5",))
    assert named(["t1", "5"], {"t15": [], "t1": []}, after=1) == ("t1", ("5",))
    with pytest.raises(UnclearError):
        named(["t1", "5"], {"t15": [], "t16": []}, after=1)


def test_no_words_of_two_verbs_are_the_same() -> None:
    words = [word for own in WORDS.values() for word in dict.fromkeys(own)]
    assert len(words) == len(set(words))


def test_examples_can_be_read() -> None:
    known = {**KNOWN, "water": ["Eau"]}
    del known["water.cold"], known["water.hot"]
    words = {**WORDS, **{what: [*WORDS.get(what, ()), what] for what in EXAMPLES}}
    for what, by_lang in EXAMPLES.items():
        for text in by_lang.values():
            order = asked(text, {**words, "report": ["report", "rapport"], "maintenance": ["maint"]})
            assert order.what == what
            arguments(order, known, {"elec": ["HP"]})


def test_numbers_and_lengths_at_their_ends() -> None:
    assert quantity_of("9" * 16) is None
    assert quantity_of("1e5") == ("1", "e5"), "a unit that is none: refused where it is compared"
    assert quantity_of("٣") is None
    assert duration_s("0h") is None
    assert duration_s("367j") is None
    assert duration_s("30min 1h") is None, "the smaller unit first is a slip"


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), st.sampled_from(sorted(w for own in WORDS.values() for w in own)))
def test_any_text_is_understood_or_unclear(text: str, word: str) -> None:
    keys = set()
    for written in (text, f"{word} {text}", f"{word} pump {text}"):
        try:
            order = asked(written, WORDS)
            assert isinstance(arguments(order, KNOWN, PARTS), dict)
        except UnclearError as exc:
            keys.add(exc.key)
    assert keys <= {"empty", "unknown", "how", "which", "none"}

"""[[recipient]]: told apart by their numbers, told at once, and with the names that their phones show."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.core.paging import Paging
from edge.core.reachable import RecipientSpec
from edge.settings.load import checked, loads
from edge.settings.model_sms import Recipient
from edge.settings.recipients import recipient_specs
from edge.settings.report import warned
from edge.settings.site_parts import site_parts
from tests.unit.settings_good import GOOD, refusal, refused

SMS = f'\n[link.sms]\ngateway = "+33600000100"\ngateway_key = "{"A" * 43}"\n'
ONE = '\n[[recipient]]\nid = "caretaker"\nnumber = "+33600000001"\n'
TWO = '\n[[recipient]]\nid = "manager"\nnumber = "+33600000002"\n'


def told(tmp_path: Path, text: str, lang: str = "en") -> list[str]:
    file = tmp_path / "f.toml"
    file.write_text(text, "utf-8")
    return warned("f.toml", checked(file)[1], lang)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (ONE + TWO.replace("0002", "0001"), "another recipient has this number (line"),
        (ONE.replace("33600000001", "33600000100"), "this is the gateway's number (line"),
        (ONE + TWO.replace("manager", "caretaker"), "this id is already used (line"),
        (ONE.replace("+33600000001", "0600000001"), "+33600000001"),
        (ONE + 'days = "mon-fry"\n', "days"),
        (ONE + 'hours = "7-19"\n', "hours"),
        (ONE + "after_min = -1\n", "after_min"),
        (ONE.replace('number = "+33600000001"', ""), "the key number is missing"),
    ],
)
def test_who_cannot_be_told_apart_or_reached_is_refused_with_its_place(wrong: str, said: str) -> None:
    text = GOOD + SMS + wrong
    exc = refused(text)
    assert exc is not None
    assert len(exc.faults) == 1
    assert said in refusal(text)
    assert "recipient" in refusal(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE, "nobody is texted: there is no [link.sms]"),
        (SMS + ONE + "alarms = false\n", "no recipient is told of alarms"),
        (SMS + ONE + "after_min = 30\n", "nobody is told of an alarm at once"),
        (SMS + ONE + 'name = "Façade - Bât. C"\n', "on a phone: Facade - Bat. C"),
    ],
)
def test_what_is_probably_not_meant_is_said(tmp_path: Path, text: str, said: str) -> None:
    lines = told(tmp_path, GOOD + text)
    assert sum(line.startswith("f.toml") for line in lines) == 1
    assert said in "\n".join(lines)


def test_names_that_a_phone_shows_as_they_are_are_not_told(tmp_path: Path) -> None:
    assert told(tmp_path, GOOD + SMS + ONE + 'name = "Éric à è é ù ì ò"\n') == []
    assert told(tmp_path, GOOD.replace('name = "Door"', 'name = "Forêt"')) == [], "no phone is involved"
    warning = "\n".join(told(tmp_path, GOOD.replace('name = "Door"', 'name = { fr = "Forêt" }') + SMS + ONE))
    assert "name.fr" in warning
    assert "on a phone: Foret" in warning


def test_settings_become_what_the_engine_takes() -> None:
    text = GOOD + SMS + ONE + 'days = "sat-mon"\nhours = "22:00-06:00"\nafter_min = 5\nleast = "high"\ndaily = true\n'
    settings = loads(text)
    assert recipient_specs(settings) == [
        RecipientSpec(
            "caretaker", least="high", after_ms=300_000, days=frozenset({5, 6, 0}), hours=(1320, 360), daily=True,
            life=True,
        )
    ]  # fmt: skip
    assert any(isinstance(part, Paging) for part in site_parts(settings, {}, {}))
    without = loads(GOOD + ONE)
    assert without.of(Recipient)
    assert not any(isinstance(part, Paging) for part in site_parts(without, {}, {}))

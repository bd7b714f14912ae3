"""Reply codes of alarms: the same after a restart, worth nothing to another number, and as hard to guess as printed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.reply_codes import LETTERS, ODDS, alarm_code, code_of, match, numbers_by_code

SECRET = bytes(range(32))
TOLD = [(12,), (13,), (14, 15, 16)]


def test_the_code_of_an_alarm_is_that_of_its_numbers_and_of_who_was_told() -> None:
    code = alarm_code(SECRET, "caretaker", [14, 16, 15, 14])
    assert match(SECRET, "caretaker", code, TOLD) == (14, 15, 16)
    assert alarm_code(SECRET, "caretaker", [12]) == "SAZD", "fixed: a text of last week is still answered"
    assert match(SECRET, "manager", code, TOLD) is None
    assert match(bytes(32), "caretaker", code, TOLD) is None
    assert match(SECRET, "caretaker", code, []) is None


@pytest.mark.parametrize("written", ["{}", " {} ", "{}.", "{} .", "lower", "s p a c e d"])
def test_case_spaces_and_a_full_stop_do_not_count(written: str) -> None:
    code = alarm_code(SECRET, "caretaker", [12])
    text = {"lower": code.lower(), "s p a c e d": " ".join(code)}.get(written) or written.format(code)
    assert match(SECRET, "caretaker", text, TOLD) == (12,)


@settings(max_examples=25)
@given(st.text(max_size=20))
def test_whatever_is_written_is_the_code_or_it_is_not(text: str) -> None:
    found = match(SECRET, "caretaker", text, TOLD)
    assert found is None or alarm_code(SECRET, "caretaker", found) == "".join(text.split()).rstrip(".").upper()


def test_codes_are_spread_evenly_over_letters_that_nobody_misreads() -> None:
    assert not set(LETTERS) & set("01OILU")
    assert len(LETTERS) ** 4 == ODDS == 810_000
    codes = [code_of(SECRET, str(number)) for number in range(30_000)]
    assert set("".join(codes)) == set(LETTERS)
    for place in range(4):
        of_letter = [sum(code[place] == letter for code in codes) for letter in LETTERS]
        assert max(of_letter) < 1.2 * 1000
        assert min(of_letter) > 0.8 * 1000


def test_ten_thousand_guesses_acknowledge_no_more_than_the_odds_say() -> None:
    guesses = (code_of(bytes(32), str(number)) for number in range(10_000))
    hits = sum(match(SECRET, "caretaker", guess, TOLD) is not None for guess in guesses)
    expected = 10_000 * len(TOLD) / ODDS
    assert expected < 0.04
    assert hits <= 1


def test_a_code_stands_for_what_still_waits_of_its_text() -> None:
    texts = {"caretaker": ["14, 15, 16"], "manager": ["14"]}
    alarms = [(14, True, texts), (15, False, texts), (16, True, texts), (17, True, {})]
    code = alarm_code(SECRET, "caretaker", [14, 15, 16])
    assert numbers_by_code(SECRET, "caretaker", code, alarms) == [14, 16]
    assert numbers_by_code(SECRET, "manager", code, alarms) is None
    assert numbers_by_code(SECRET, "caretaker", "2222", []) is None


def test_a_secret_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="32 are needed"):
        code_of(b"", "x")

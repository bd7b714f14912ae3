"""Texts for phones: one septet a letter, whatever people call their boilers."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms import gsm7 as module
from sms.gsm7 import ALPHABET, gsm7, septets


def test_the_alphabet_has_127_letters_beside_the_escape() -> None:
    """3GPP TS 23.038 §6.2.1: 128 codes, of which 0x1b escapes."""
    assert len(ALPHABET) == 127


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("Chaudière 1 départ 92,5 °C > 85 °C", "Chaudière 1 départ 92,5 C > 85 C"),
        ("Forêt, Bât. C, fenêtre, ça", "Foret, Bat. C, fenetre, ca"),
        ("«\u00a0Pompe n°2\u00a0» – 12\u202f345 kWh", '" Pompe n2 " - 12 345 kWh'),
        ("17,40 € [a] {b} ~^|\\", "17,40 EUR (a) (b) ca.//"),
        ("ÀÂÊÎÔÛÇ âêîôûç Œuvre", "AAEIOUÇ aeiouc OEuvre"),
        ("m³ m² µg ½ №", "m3 m2 ug 1/2 No"),
        ("温度 📟", "?? ?"),
        ("", ""),
        ("a\u0301 b\u200bc\x00d", "a bcd"),
    ],
)
def test_what_is_outside_becomes_its_nearest_letters(text: str, sent: str) -> None:
    assert gsm7(text) == sent


@given(st.text(max_size=60))
def test_any_text_is_one_septet_a_letter(text: str) -> None:
    sent = gsm7(text)
    assert septets(sent) == len(sent)
    assert gsm7(sent) == sent


def test_a_letter_outside_is_named() -> None:
    with pytest.raises(ValueError, match="'ê'"):
        septets("fenêtre")


def test_the_examples_hold() -> None:
    assert doctest.testmod(module).failed == 0

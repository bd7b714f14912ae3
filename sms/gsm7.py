"""Texts for phones: the letters of the GSM 7-bit default alphabet, and how long a text is in it.

3GPP TS 23.038, §6.2.1: 160 letters fit one message; a single letter outside leaves room for 70 (UCS2), and those of the
extension table (€ [ ] { } ~ ^ | and backslash) count twice. A text made here has neither: what is outside becomes its
nearest letters, so that it always stays one message and reads the same on every phone.
"""

from __future__ import annotations

import unicodedata
from typing import Final

ALPHABET: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The letters of one septet each; 0x1b, the escape, is none."""
MESSAGE: Final = 160

_WRITTEN: Final = {
    "€": "EUR", "°": "", "²": "2", "³": "3", "µ": "u", "μ": "u", "‰": "o/oo", "Ω": "Ohm", "·": ".", "×": "x",
    "→": "->", "≥": ">=", "≤": "<=", "≠": "<>", "±": "+-", "−": "-", "–": "-", "—": "-", "…": "...", "⁄": "/",
    "‘": "'", "’": "'", "`": "'", "´": "'", "“": '"', "”": '"', "«": '"', "»": '"', "œ": "oe", "Œ": "OE",
    "[": "(", "]": ")", "{": "(", "}": ")", "~": "ca.", "^": "", "|": "/", "\\": "/", "\r": "", "\t": " ",
}  # fmt: skip


def gsm7(text: str) -> str:
    """Return a text in which every letter takes one septet.

    >>> gsm7("Forêt : dépôt 31,5 °C > 30 °C, 12 m³ = 17,40 €")
    'Foret : dépot 31,5 C > 30 C, 12 m3 = 17,40 EUR'
    """
    return "".join(letter if letter in ALPHABET and letter not in _WRITTEN else _near(letter) for letter in text)


def _near(letter: str) -> str:
    if letter in _WRITTEN:
        return _WRITTEN[letter]
    if unicodedata.category(letter) in {"Zs", "Zl", "Zp"}:
        return " "
    parts = unicodedata.normalize("NFKD", letter)
    found = "".join(_WRITTEN.get(part, part if part in ALPHABET else "") for part in parts)
    return found or ("" if unicodedata.category(letter)[0] in "CM" else "?")


def septets(text: str) -> int:
    """Return how many of the 160 a text takes. Raises ValueError when a letter is outside, with the letter.

    >>> septets("é"), septets("")
    (1, 0)
    """
    for letter in text:
        if letter not in ALPHABET:
            raise ValueError(f"{letter!r} is not in the GSM 7-bit default alphabet")
    return len(text)

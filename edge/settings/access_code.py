"""The code that opens a box's own Wi-Fi and page: twelve letters, made anew for each box and derived from nothing.

Twelve of 32 letters are 60 bits (ETSI EN 303 645, 5.1-2: no password that follows from a number of the device). None of
the letters is taken for another when it is read from a label: no 0 and O, no 1 and I.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
GROUPS: Final = 3
GROUP: Final = 4
CODE_PATTERN: Final = r"^[A-Z2-9]{4}(-[A-Z2-9]{4}){2,3}$"
"""What an office may give a box as well: K7QM-4XPD-92TH, or a group more."""

_CODE: Final = re.compile(CODE_PATTERN.strip("^$"))


def new_code() -> str:
    """Return a code that nobody had before, from the system's source of secrets: 60 bits."""
    number, letters = secrets.randbits(5 * GROUPS * GROUP), ""
    for _ in range(GROUPS * GROUP):
        number, place = divmod(number, len(LETTERS))
        letters += LETTERS[place]
    return "-".join(letters[at : at + GROUP] for at in range(0, len(letters), GROUP))


def is_code(text: str) -> bool:
    """Return whether a text has the shape of a code.

    >>> is_code("K7QM-4XPD-92TH"), is_code("k7qm4xpd92th"), is_code("K7QM-4XPD-92TH" + chr(10))
    (True, False, False)
    """
    return _CODE.fullmatch(text) is not None

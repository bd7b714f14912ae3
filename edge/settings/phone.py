"""Telephone numbers as people read and dial them."""

from __future__ import annotations


def spaced(number: str) -> str:
    """Return a number with its country as one to read: a French one as it is dialled in France.

    >>> spaced("+33600000042"), spaced("+4915100000001"), spaced("112")
    ('06 00 00 00 42', '+49 151 000 000 01', '112')
    """
    if number.startswith("+33") and len(number) == 12:
        return " ".join(("0" + number[3:])[at : at + 2] for at in range(0, 10, 2))
    if not number.startswith("+") or not number[1:].isdecimal():
        return number
    rest = number[3:]
    return " ".join([number[:3], *(rest[at : at + 3] for at in range(0, len(rest), 3))])

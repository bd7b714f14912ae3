"""Who texted, and which text it was."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from edge.settings.model_sms import Recipient
from sms.mailbox import Received

NATIONAL_LEAST: Final = 8
"""Digits that a number needs to be known without its country."""


def listed(number: str, people: Sequence[Recipient]) -> Recipient | None:
    """Return whose number this is, also as its own country writes it, None for nobody's.

    Whoever forges a number gains nothing here: what is answered goes to the number that is listed.
    """
    plain = "".join(letter for letter in number if letter in "+0123456789")
    plain = f"+{plain[2:]}" if plain.startswith("00") else plain
    national = plain.removeprefix("0")
    is_national = not plain.startswith("+") and len(national) >= NATIONAL_LEAST
    for person in people:
        if person.number == plain or (is_national and person.number.endswith(national)):
            return person
    return None


def key_of(message: Received) -> str:
    """Return what a text is known by, in this mailbox and in any other: the same for what came twice."""
    stamp = message.id if message.stamp_utc_s is None else str(message.stamp_utc_s)
    told = f"{message.number}\0{stamp}\0{message.text}"
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:24]

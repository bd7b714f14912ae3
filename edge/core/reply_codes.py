"""Reply codes: four letters in an alarm's text that acknowledge it, for the person whom it was sent to.

A code is HMAC-SHA256 (RFC 2104) by a secret of the box over who was told and of which alarms: nothing has to be kept,
a repeat has the same code, and another number's code is worth nothing. Guessing is up to the odds that `ODDS` states.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""None that is read, or heard, for another: no 0 O, 1 I L, U V."""
LENGTH: Final = 4
ODDS: Final = len(LETTERS) ** LENGTH
"""One try in so many hits a given code: 810,000."""
SECRET_OCTETS: Final = 32


def code_of(secret: bytes, what: str) -> str:
    """Return the code of something that is named by a text. Raises ValueError for a secret that is too short.

    >>> code_of(bytes(32), "caretaker 12")
    'EFQH'
    """
    if len(secret) < SECRET_OCTETS:
        raise ValueError(f"a secret of {len(secret)} octets is none: {SECRET_OCTETS} are needed")
    number = int.from_bytes(hmac.digest(secret, what.encode(), hashlib.sha256), "big")
    code = ""
    for _ in range(LENGTH):  # 256 bits over 30**4: no letter is likelier than another
        number, letter = divmod(number, len(LETTERS))
        code += LETTERS[letter]
    return code


def alarm_code(secret: bytes, recipient: str, numbers: Iterable[int]) -> str:
    """Return the code by which this recipient acknowledges these alarms together, in whatever order they stand."""
    return code_of(secret, f"ack {recipient} {' '.join(map(str, sorted(set(numbers))))}")


def numbers_by_code(
    secret: bytes, recipient: str, code: str, alarms: Iterable[tuple[int, bool, Mapping[str, list[str]]]]
) -> list[int] | None:
    """Return the alarms that wait and that a recipient's code stands for; None: it is no code of theirs.

    `alarms`: of each its number, whether it waits, and by recipient the texts that speak of it (`AlarmView.told`).
    """
    alarms = list(alarms)
    told = {text for _number, _waits, texts in alarms for text in texts.get(recipient, ())}
    found = match(secret, recipient, code, (tuple(map(int, text.split(", "))) for text in sorted(told)))
    return None if found is None else [number for number, waits, _texts in alarms if waits and number in found]


def match(secret: bytes, recipient: str, code: str, told: Iterable[tuple[int, ...]]) -> tuple[int, ...] | None:
    """Return which of the alarms that a recipient was told of this code stands for; None: none of them.

    `told` holds the numbers of each text, `edge.core.paging.open_texts`. Case, spaces and a final full stop don't
    count. All are compared in constant time, so that how long it takes says nothing.
    """
    written = "".join(code.split()).rstrip(".").upper().encode()
    found = None
    for numbers in told:
        if hmac.compare_digest(written, alarm_code(secret, recipient, numbers).encode()):
            found = numbers
    return found

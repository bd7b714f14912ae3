"""What one row of gammu-smsd's outbox takes: a message that is one SMS, and how long it is worth it in GSM's terms."""

from __future__ import annotations

from typing import Final

from sms.gsm7 import MESSAGE, septets
from sms.mailbox import OCTETS, Outgoing

KEY_LETTERS: Final = 60


def check(message: Outgoing) -> None:
    """Raise ValueError for what is no single message, with what is wrong with it."""
    if not message.key or len(message.key) > KEY_LETTERS:
        raise ValueError(f"the key of a message has 1 to {KEY_LETTERS} letters, not {len(message.key)}")
    if not message.number:
        raise ValueError("a message goes to a number")
    if bool(message.text) == bool(message.octets):
        raise ValueError("a message is a text or octets: one of them, and not empty")
    if len(message.octets) > OCTETS:
        raise ValueError(f"{len(message.octets)} octets: one message holds {OCTETS}")
    if septets(message.text) > MESSAGE:
        raise ValueError(f"{len(message.text)} letters: one message holds {MESSAGE}")


def validity(valid_s: int) -> int:
    """Return the TP-VP that keeps a message for this long at most, 5 minutes at least (3GPP TS 23.040, §9.2.3.12.1).

    >>> validity(0), validity(300), validity(3600), validity(86_400), validity(172_800), validity(10**9)
    (0, 0, 11, 167, 168, 255)
    """
    if valid_s < 12 * 3600 + 1800:
        return max(min(valid_s // 300 - 1, 143), 0)
    if valid_s < 2 * 86_400:
        return min(143 + (valid_s - 12 * 3600) // 1800, 167)
    if valid_s < 5 * 7 * 86_400:
        return min(166 + valid_s // 86_400, 196)
    return min(192 + valid_s // (7 * 86_400), 255)

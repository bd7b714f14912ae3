"""A message in the queue before the modem, as it is kept on the card."""

from __future__ import annotations

import hashlib
from typing import Any, Final, Protocol

import msgspec

from edge.links.sms_ports import URGENCY, Purpose
from sms.mailbox import Outgoing

KEY: Final = 60  # letters that the mailbox takes


class Kept(Protocol):
    """A small file: `save` returns when it is durable."""

    def load(self) -> dict[str, Any] | None:
        """Return what was saved last, None when nothing was."""

    def save(self, tables: dict[str, Any], /) -> None:
        """Make it durable."""


class Entry(msgspec.Struct, omit_defaults=True):
    """One message. Instants are in s of this start's monotonic clock; in the file they are `left`, in s from then."""

    key: str
    number: str
    purpose: Purpose
    text: str = ""
    octets: bytes = b""
    valid_s: int = 172_800
    expires_s: float = 1e18
    due_s: float = 0.0
    copies: int = 0
    refused: int = 0
    """Of them those to which the network said no, for now."""
    day: str = ""
    """On which the copy that is underway was counted; empty: none is."""
    sent_utc_s: int = 0
    """When the network took the last copy, where that is not proven yet."""

    @property
    def urgency(self) -> int:
        """Return its place in the order of URGENCY."""
        return URGENCY.index(self.purpose)

    @property
    def is_pressing(self) -> bool:
        """Return whether it is an alarm or the installer's test."""
        return self.purpose in {"alarm", "test"}


class Saved(msgspec.Struct):
    """All that the queue keeps."""

    utc_ms: int = 0
    entries: list[Entry] = []
    unproven: list[Entry] = []
    """Told as sent; `due_s` is when the modem is asked whether it was."""
    lately: dict[str, float] = {}
    """Key -> seconds since it was handed over."""
    taken: list[str] = []
    days: dict[str, Any] = {}


def copy_key(key: str, copy: int) -> str:
    """Return the mailbox's key of the n-th copy of a message, of at most 60 letters.

    >>> copy_key("report-17", 1), copy_key("report-17", 3)
    ('report-17', 'report-17#3')
    """
    if copy == 1:
        return key
    suffix = f"#{copy}"
    if len(key) + len(suffix) > KEY:
        key = key[:40] + hashlib.blake2s(key.encode(), digest_size=8).hexdigest()
    return key + suffix


def copy_of(entry: Entry) -> Outgoing:
    """Return the copy that is underway as the modem's owner takes it."""
    return Outgoing(
        copy_key(entry.key, entry.copies), entry.number, entry.text, entry.octets, entry.valid_s,
        len(URGENCY) - entry.urgency,
        wants_report=entry.is_pressing,  # a hint only, and how the watchdog sees that nothing arrives
    )  # fmt: skip

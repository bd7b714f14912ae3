"""Who owns the modem, as the rest of the house sees it: takes what is to be sent, tells what came of it and what came.

`sms.smsd` is the real one, on gammu-smsd's database. Neither sending nor receiving is exactly once: a network sends a
message twice, late, out of order or never, and an operator's "sent" is no receipt. Whoever uses this sees to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

OCTETS: Final = 140
"""Of one message of 8-bit data: no header of ports or parts, one PDU."""
URGENT: Final = 7
"""Priority of what must not wait, an alarm: the modem's watchdog is quicker while such a message waits."""

Fate: TypeAlias = Literal["sent", "delivered", "failed"]
"""sent: the network took it; delivered: a phone's receipt came, which is a hint only; failed: it was given up."""


class MailboxError(Exception):
    """The database of the modem's owner can't be used: says which file, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message: a text of at most 160 letters of the GSM alphabet, or at most 140 octets."""

    key: str
    """The sender's own name for it, at most 60 letters: handed over twice (after a power cut) it is sent once."""
    number: str
    text: str = ""
    octets: bytes = b""
    valid_s: int = 172_800
    """How long the network may keep it while the phone is off."""
    priority: int = 0
    """The higher goes first."""
    wants_report: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message that was handed over."""

    key: str
    number: str
    fate: Fate
    code: int | None
    """+CMS ERROR or the TP-Status of a delivery report, where there is one."""
    at_utc_s: int


@dataclass(frozen=True, slots=True)
class Received:
    """One message that came in; it stays in the mailbox until `done`."""

    id: str
    """The same after a restart, and of no other message of this mailbox."""
    number: str
    text: str
    octets: bytes
    """Not empty: 8-bit data, and `text` is empty."""
    stamp_utc_s: int | None
    """When the service centre took it, by the network's clock."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the modem and its owner are, as far as is known."""

    is_running: bool
    """Its heartbeat is fresh."""
    heartbeat_age_s: float | None
    signal: int | None
    """In percent; None while it is not known."""
    operator: str
    imei: str
    imsi: str
    waiting: int
    """Messages handed over that have not left yet."""
    oldest_waiting_s: float
    sent: int
    received: int
    urgent_waiting_s: float = 0.0
    """The oldest that waits with a priority of URGENT or more."""
    refused: int = 0
    """Of those that wait, those that the network refused once; they are tried again."""
    failed_in_a_row: int = 0
    """The newest messages that were given up one after the other, as far as noted, and those refused."""
    failed_code: int | None = None
    """+CMS ERROR of the newest of them."""
    unreadable: int = 0
    """How often of late the SIM's messages could not be read."""
    unconfirmed: int = 0
    """The newest messages whose receipt was wanted and has not come in 10 minutes; 0 where none ever came."""


class Mailbox(Protocol):
    """Every call may raise MailboxError; none blocks for more than a second."""

    def enqueue(self, message: Outgoing) -> None:
        """Hand a message over, durably; one whose key is known already is not sent again.

        Its fate, where it was noted, is among the outcomes once more: whoever asks again has lost it.
        """

    def cancel(self, key: str) -> bool:
        """Take back what has not left yet; False when it is on its way or gone."""

    def outcomes(self) -> list[Outcome]:
        """Return what is known and not yet `noted`, oldest first; a key comes again when its fate changes."""

    def noted(self, outcomes: list[Outcome]) -> None:
        """Take note that these were taken in; the mailbox may forget them."""

    def received(self, limit: int = 50) -> list[Received]:
        """Return what came in and is not `done`, oldest first."""

    def done(self, ids: list[str]) -> None:
        """Take note that these were dealt with, durably; the mailbox forgets them."""

    def health(self) -> Health:
        """Return how the modem is."""

    def close(self) -> None:
        """Give the database back."""

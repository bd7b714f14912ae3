"""What the parts of the SMS link ask of each other: who wants a message sent, and whom the station's answers reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, Protocol, TypeAlias

import msgspec

from edge.core.commands import Command, Result
from sms.mailbox import Received

Purpose = Literal["alarm", "test", "answer", "machine", "life", "daily", "report", "backlog"]
"""What a message is for; machine: acknowledgements, replies, hello and schema between box and gateway."""
URGENCY: Final[tuple[Purpose, ...]] = ("alarm", "test", "answer", "machine", "life", "daily", "report", "backlog")
"""The first goes first, and is cut last when the budget runs out."""

Fate: TypeAlias = Literal["handed", "sent", "delivered", "failed", "refused"]
"""handed: in the modem's queue, which survives a power cut; refused: the budget has no room for it, or it expired."""


class Wanted(msgspec.Struct, frozen=True):
    """A message that somebody wants sent: a text of at most 160 septets, or at most 140 octets."""

    key: str
    """Its name, the same after a restart: what was handed over is not sent again. At most 60 letters."""
    number: str
    purpose: Purpose
    text: str = ""
    octets: bytes = b""
    valid_s: int = 172_800
    expires_s: float = 1e18
    """Monotonic instant after which it is not worth sending any more."""


class Outlet(Protocol):
    """The queue of the link: priorities, budget, retries, accounts."""

    def offer(self, wanted: Wanted, told: Callable[[str, Fate], None] | None = None) -> None:
        """Take a message; on the link's thread `told` hears its key and what becomes of it, `handed` or `refused` once.

        A key that waits already, or was handed over lately, is not sent again.
        """

    def room(self, purpose: Purpose) -> int:
        """Return how many messages the budget still has for this today."""


class Office(Protocol):
    """The station, from the link's thread. Replies come on the link's thread as well, at its next step."""

    def order(self, command: Command, reply: Callable[[Result], None]) -> None:
        """Have a command carried out; the reply comes when what it changed is durable."""

    def ask(self, view: str, reply: Callable[[Any], None]) -> None:
        """Ask for a view of `edge.core.views.VIEWS`; the reply is its struct."""


class Member(Protocol):
    """A part of the SMS link. All are stepped by the link's thread."""

    def step(self, now_s: float) -> float:
        """Do what is due and return when to be called again."""

    def take(self, message: Received, now_s: float) -> bool | None:
        """Take a message that came in; True when it was this part's and is dealt with durably, False: another part's.

        None: it is this part's and takes longer (an order is carried out by the station); it stays in the mailbox and
        is offered again at each look, until True.
        """

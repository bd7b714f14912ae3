"""What the box seals for its gateway: written down with the counters it used, and held until the gateway has it."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from edge.core.clock import Clock, is_dated
from edge.links.sms_entry import Kept
from edge.links.sms_memory import Memory, Outbound
from edge.links.sms_ports import Purpose
from edge.links.sms_reports import base_of
from sms.forms import Events, body
from sms.keys import Identity
from sms.session import Session
from sms.wire import Type

log = logging.getLogger(__name__)


class Pairing(NamedTuple):
    """Who the box is, and what it remembers of its gateway."""

    identity: Identity
    kept: Kept
    is_older: bool = False
    """What `kept` holds is not the newest state: the session begins anew."""


class Sealing:
    """One gateway's session, and what was sealed in it."""

    def __init__(self, out: Outbound, session: Session, clock: Clock, version: str) -> None:
        self.out = out
        self.session = session
        self.clock = clock
        self._version = version

    @property
    def memory(self) -> Memory:
        """Return what the conversation remembers."""
        return self.out.memory

    def is_dated(self) -> bool:
        """Return whether the box knows what time it is."""
        return is_dated(self.clock.trust())

    def seal(
        self, type_: Type, octets: bytes, purpose: Purpose, *, after_seq: int | None = None, **head: Any
    ) -> bytes:  # fmt: skip
        """Return a message that is sealed, and held to leave with the next flush."""
        sealed = self.session.seal(type_, octets, **head)
        self.hold(sealed, purpose, after_seq)
        return sealed

    def hold(self, octets: bytes, purpose: Purpose, after_seq: int | None = None) -> None:
        """Hold what is sealed; `after_seq`: it holds events of the log after this one."""
        self.out.hold(int.from_bytes(octets[3:6]), octets, purpose, self.clock.utc_ms(), after_seq)

    def ask_at_once(self) -> None:
        """Have the gateway acknowledge at once, by a message of its own."""
        self.seal(Type.ALARM, body(Events((), is_test=True)), "machine", base_s=base_of(self.clock.utc_ms()))

    def say_hello(self, again: str = "") -> None:
        """Offer the hello once a day, the same one, until it is answered; one that was refused also at each start.

        So a box that replaces another need not wait for tomorrow when the operator has forgotten the dead one's key.
        `again` names one that is not to wait for tomorrow either.
        """
        octets = self.session.hello(self._version)
        when = f"{self.clock.utc_ms() // 86_400_000}"
        if self.memory.refused_boot not in {None, self.clock.boot}:
            when += f"-{self.clock.boot}"
        self.out.offer_now(f"hello-{octets[-8:].hex()}-{when}{again}", octets)

    def keep(self) -> None:
        """Make durable what was taken together with what it did. Raises OSError."""
        self.memory.session = self.session.saved()
        self.out.save()

    def close(self) -> None:
        """Give back the counters that were reserved and not used. Raises OSError."""
        self.memory.session = self.session.rest()
        self.out.save()


def session_of(pairing: Pairing, peer: bytes, box: str, out: Outbound) -> Session:
    """Return the session as it was kept; where that can't be read another one, which says hello again."""
    memory, reserve = out.memory, out.reserve
    try:
        return Session("box", pairing.identity, peer, box, memory.session, reserve, is_older=pairing.is_older)
    except ValueError as exc:
        log.error("sms: the pairing begins anew: %s", exc)
        memory.session = None
        return Session("box", pairing.identity, peer, box, None, reserve)

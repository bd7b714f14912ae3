"""What goes wrong with a modem, each to be set and taken back while it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Damage: TypeAlias = Literal["truncated", "garbled", "swallowed"]
ALWAYS: Final = math.inf


@dataclass(slots=True)
class Faults:
    """None at first."""

    mute: Literal["", "idle", "cmgs"] = ""
    """idle: hears and says nothing any more; cmgs: falls into that when it is next handed a message. Only a power cycle
    ends it."""
    cms_once: list[int] = field(default_factory=list)
    """+CMS ERROR codes of the next sends, one each."""
    cms_always: int = 0
    """+CMS ERROR of every send; 0: none."""
    lost_acks: float = 0
    """So many sends reach the network, but the modem falls silent about it."""
    damaged: list[tuple[str, Damage]] = field(default_factory=list)
    """The next reply to a command that begins so (`+CPMS`) is damaged, once each."""
    send_s: float = 0.0
    """A send takes that long until the modem says so."""
    undeletable: bool = False
    """AT+CMGD says OK and deletes nothing."""
    chatter: bool = False
    """RING and +CREG stand before every reply."""

    def refusal(self) -> int:
        """Return the +CMS ERROR of this send; 0: none."""
        return self.cms_once.pop(0) if self.cms_once else self.cms_always

    def loses_ack(self) -> bool:
        """Say whether this send goes without a word."""
        is_lost = self.lost_acks > 0
        self.lost_acks -= is_lost
        return is_lost

    def hurt(self, command: str, reply: str) -> str:
        """Return the reply as it leaves the modem."""
        for entry in self.damaged:
            if command.startswith(entry[0]):
                self.damaged.remove(entry)
                if entry[1] == "swallowed":
                    return ""
                if entry[1] == "truncated":
                    return reply[: len(reply) // 2]
                return "".join(chr(ord(letter) & 0x7F ^ 0x55) if at % 3 else letter for at, letter in enumerate(reply))
        return reply

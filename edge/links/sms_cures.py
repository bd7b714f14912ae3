"""What can be done about a modem's fault, step by step, and who does it: units of systemd, asked through `Hands`."""

from __future__ import annotations

from typing import Any, Final, Literal, Protocol, TypeAlias

import msgspec

from edge.links.sms_faults import Code

Cure: TypeAlias = Literal["look", "mode", "pin", "drain", "reset", "power"]
"""mode: no cure of a fault, the modem is asked whether it is in text mode, as what left was lost then."""
RESETS: Final[frozenset[Cure]] = frozenset({"reset", "power"})
LADDERS: Final[dict[str, tuple[Cure, ...]]] = {
    "modem_silent": ("look", "reset", "power"),
    "modem_gone": ("reset", "power"),
    "modem_deaf": ("reset", "power"),
    "sim_locked": ("pin",),
    "sim_stuck": ("drain", "reset", "power"),
    "not_sending": ("look", "reset", "power"),
    "sending_fails": ("look", "reset", "power"),
    "not_confirmed": ("reset",),
    "no_network": ("look", "reset", "power"),
    "text_mode": ("look", "reset", "power"),
    "mailbox": ("look",),  # which makes a damaged database anew, too
}
"""By fault; where it is not named, only a person helps: no SIM, one that asks for its PUK, no credit."""


class Answer(msgspec.Struct, frozen=True):
    """What came of a cure. `fault`: why it could not be done; `modem`: what a look, a PIN or a drain found."""

    number: int
    fault: str = ""
    modem: dict[str, Any] = {}


class Hands(Protocol):
    """Who does what needs the modem for itself."""

    def has_pin(self) -> bool:
        """Return whether a PIN is known, which a SIM asks for after each reset."""

    def ask(self, cure: Cure, number: int) -> None:
        """Ask for it; returns at once. Raises OSError."""

    def answer(self) -> Answer | None:
        """Return what came of the last one that was done, None while there is none."""


def seen_by(answer: Answer, code: str) -> Code | None:
    """Return what a look says is wrong, None where it says nothing that is not known.

    >>> seen_by(Answer(1, "no_device"), "modem_silent"), seen_by(Answer(1, "", {"sim": "SIM PIN"}), "modem_silent")
    ('modem_gone', 'sim_locked')
    """
    named: dict[str, Code] = {"no_device": "modem_gone", "no_answer": "modem_deaf", "hangs": "modem_deaf"}
    if answer.fault in named:
        return named[answer.fault]
    sims: dict[str, Code] = {"SIM PIN": "sim_locked", "SIM PUK": "sim_puk", "absent": "sim_missing"}
    sim = answer.modem.get("sim")
    if sim in sims:
        return sims[sim]
    used = answer.modem.get("used")
    return "sim_stuck" if code == "not_sending" and isinstance(used, int) and used > 0 else None

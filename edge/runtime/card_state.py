"""What the box remembers of cards: which settings it took, and which acts it has done. `/etc/vigie/card.json`."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge.settings.card_text import Outcome
from edge.store.fs import Fs, StoreError
from edge.store.kept_file import KeptFile

STATE: Final = "etc/vigie/card.json"
MOST_EARLIER: Final = 20
MOST_ACTS: Final = 300


class KnownAct(msgspec.Struct, frozen=True):
    """An act that stood on a card, and what became of it: an act is never done again, wherever it stands."""

    verb: str
    args: dict[str, str] = {}
    outcome: Outcome | None = None
    """None while it waits for the service."""
    why: str = ""
    """Why it was refused, or what came of it: a key of the catalogue, and what its sentence needs."""
    values: dict[str, Any] = {}


class CardState(msgspec.Struct):
    """The whole memory."""

    taken: str = ""
    """Print of the settings in force; empty before the first."""
    name: str = ""
    """The file that they came in."""
    t: int = 0
    """When, in UTC seconds by the machine's clock."""
    earlier: list[str] = []
    """Prints of settings before these."""
    acts: dict[str, KnownAct] = {}
    """By id, oldest first."""

    def waiting(self) -> dict[str, KnownAct]:
        """Return the acts that are still to be done."""
        return {name: act for name, act in self.acts.items() if act.outcome is None}

    def outcomes(self) -> dict[str, Outcome]:
        """Return what became of the acts that are done or refused."""
        return {name: act.outcome for name, act in self.acts.items() if act.outcome is not None}


class CardMemory:
    """The file of the state. A damaged one is begun anew from its backup; with neither, acts are taken as done."""

    def __init__(self, root: Fs) -> None:
        """Raises OSError when the folder can't be made."""
        self._kept = KeptFile(root, STATE, "vigie-card")
        self.is_lost = False
        """Nothing sound is left of what was remembered: nobody knows which acts were done."""
        self.saved = CardState()

    def load(self) -> CardState:
        """Return what was saved last."""
        try:
            found = self._kept.load()
            state = CardState() if found is None else msgspec.convert(found, CardState)
        except (StoreError, msgspec.ValidationError):  # of a newer version
            state, self.is_lost = CardState(), True
        self.is_lost = self.is_lost or self._kept.taken == "made_anew"
        self.saved = msgspec.convert(msgspec.to_builtins(state), CardState)
        return state

    def save(self, state: CardState) -> None:
        """Make it durable where it differs from what was loaded or saved. Raises OSError."""
        state.earlier = state.earlier[-MOST_EARLIER:]
        state.acts = dict(list(state.acts.items())[-MOST_ACTS:])
        if state != self.saved:
            self._kept.save(msgspec.to_builtins(state))
            self.saved = msgspec.convert(msgspec.to_builtins(state), CardState)

"""What outputs are driven to against what is read back from them: said once when they differ, once when they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from edge.core.types import Event
from hal.sample import BAD, GOOD, UNCERTAIN, Sample

WORDS: Final = ("off", "on")
"""The words of an output's state, by number."""
MISMATCH: Final = "mismatch"


class ReadBack(msgspec.Struct, frozen=True):
    """What a pin's owner found: on or off; or None, with the reason and a sentence why it can't be told.

    MISMATCH as reason beside a level: the feedback contact says so, and the pin itself is not at the level it got.
    """

    level: bool | None
    reason: str = ""
    text: str = ""


class Comparison:
    """Makes readings of what was read back. A point shows the real level, UNCERTAIN where another was driven."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        """What the journal has to hear."""
        self.lost: set[str] = set()
        """Outputs whose pin can't be had."""
        self._differs_ms: dict[str, int] = {}

    def sample(self, name: str, back: ReadBack, driven: Mapping[str, bool], now_ms: int, *, is_moving: bool) -> Sample:
        """Return the reading of one output; one that is still moving may differ."""
        t_ns = now_ms * 1_000_000
        if back.level is None:
            if name not in self.lost:
                self.lost.add(name)
                self.events.append(Event("output_lost", now_ms, name, {"why": back.reason, "text": back.text}))
            return Sample(name, t_ns, None, BAD, back.reason)
        if name in self.lost:
            self.lost.discard(name)
            self.events.append(Event("output_back", now_ms, name))
        if back.level == driven[name] and back.reason != MISMATCH:
            self._agrees(name, driven[name], now_ms)
        elif not is_moving and name not in self._differs_ms:
            self._differs_ms[name] = now_ms
            values = {"wanted": WORDS[driven[name]], "is": WORDS[back.level]}
            self.events.append(Event("output_mismatch", now_ms, name, values))
        if name in self._differs_ms:
            return Sample(name, t_ns, int(back.level), UNCERTAIN, MISMATCH)
        return Sample(name, t_ns, int(back.level), GOOD)

    def _agrees(self, name: str, level: bool, now_ms: int) -> None:  # noqa: FBT001 - a level
        since_ms = self._differs_ms.pop(name, None)
        if since_ms is not None:
            values = {"is": WORDS[level], "lasted_ms": now_ms - since_ms}
            self.events.append(Event("output_agrees", now_ms, name, values))

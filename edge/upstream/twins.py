"""Two boxes with one id, as a consumer sees them: their streams take turns, where one box has one stream at a time.

A box whose card was exchanged begins another stream and never comes back to the one before. What a gateway publishes
for a box is of the gateway's own streams, and takes no part.
"""

from __future__ import annotations

from typing import Final

from edge.core.batch_forms import Batch, EventPack

TURNS: Final = 3
WITHIN_MS: Final = 6 * 3_600_000
"""Two that throw each other off the broker wait longer and longer: up to some minutes each."""
QUIET_MS: Final = 6 * 3_600_000


class _Kept:
    """What is known of one log of one box."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.turns: list[int] = []


class Twins:
    """Judges what was stored now; times are UTC ms of this machine."""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, str], _Kept] = {}
        self.seen_ms: dict[str, int] = {}
        """By box, when two were seen to use its id last."""

    def stored(self, box: str, form: Batch | EventPack, entries: int, now_ms: int) -> bool:
        """Take what brought so many new entries; return True when this is the first sign of a second box."""
        if form.via or not entries:
            return False
        kept = self._logs.setdefault((box, type(form).__name__), _Kept(form.stream))
        if kept.stream == form.stream:
            return False
        kept.stream = form.stream
        kept.turns = [*[at for at in kept.turns if now_ms - at < WITHIN_MS][-TURNS:], now_ms]
        if len(kept.turns) < TURNS:
            return False
        is_first = not self.is_active(box, now_ms)
        self.seen_ms[box] = now_ms
        return is_first

    def is_active(self, box: str, now_ms: int) -> bool:
        """Return whether two boxes use this id, as far as was seen lately."""
        at = self.seen_ms.get(box)
        return at is not None and now_ms - at < QUIET_MS

"""Two boxes with one id: a broker lets only one of them be connected, so each throws the other off, for ever.

Seen in two ways: five connections in a row ended by the broker within a minute; or our own retained status replaced by
a station that is not us.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

THROW_OFFS: Final = 5
WITHIN_S: Final = 60.0
QUIET_S: Final = 600.0  # a connection this long without a sign of the other ends the alarm


class DuplicateWatch:
    """Judges connections and statuses; knows nothing of the network."""

    def __init__(self, stream: str, boot: int, session: str) -> None:
        self.is_active = False
        self._stream = stream
        self._boot = boot
        self._session = session
        self._told_t: float | None = None
        self._connected_s: float | None = None
        self._throw_offs = 0
        self._is_remembered = True
        """Whether the broker still had a status of this box when we connected."""
        self._sign_s = 0.0

    def told(self, t: float) -> None:
        """Take note that our own status of UTC second `t` reached the broker."""
        self._told_t = t

    def connected(self, now_s: float) -> None:
        """Take note of an accepted connection."""
        self._connected_s = now_s
        self._is_remembered = self._told_t is None

    def lost(self, now_s: float, *, by_peer: bool, is_taken_over: bool, had_batches: bool) -> bool:
        """Take note of its end; return True when this makes it an alarm.

        With batches on their way the broker may have hung up on one of them: that speaks neither for nor against. A
        broker that no longer knew our status had been started anew: that explains the end before, without a double.
        """
        if self._connected_s is None:
            return False
        if not by_peer or now_s - self._connected_s >= WITHIN_S:
            self._throw_offs = 0
        elif is_taken_over:
            self._throw_offs += 1
        elif not self._is_remembered:
            self._throw_offs = 0
        elif not had_batches:
            self._throw_offs += 1
        self._connected_s = None
        return self._throw_offs >= THROW_OFFS and self._sign(now_s)

    def status_seen(self, status: Mapping[str, Any], now_s: float, *, is_retained: bool) -> bool:
        """Judge what stands on our own status topic; return True when this makes it an alarm.

        Our own past is not a stranger: an older start of the same log, or another log's status older than what we
        told (the card was exchanged, or the broker came back with an old store).
        """
        self._is_remembered = self._is_remembered or is_retained
        if status.get("session") == self._session or self._told_t is None:
            return False
        boot, t = status.get("boot"), status.get("t")
        if status.get("stream") == self._stream:
            is_stranger = isinstance(boot, int) and boot >= self._boot
        else:
            is_stranger = isinstance(t, int | float) and t >= self._told_t
        return is_stranger and self._sign(now_s)

    def is_over(self, now_s: float) -> bool:
        """Return True once, when the other has not been seen for a while."""
        if not self.is_active or self._connected_s is None:
            return False
        if now_s - max(self._sign_s, self._connected_s) < QUIET_S:
            return False
        self.is_active = False
        self._throw_offs = 0
        return True

    def _sign(self, now_s: float) -> bool:
        self._sign_s = now_s
        was, self.is_active = self.is_active, True
        return not was

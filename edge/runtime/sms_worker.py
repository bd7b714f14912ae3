"""The SMS link as a worker that makes itself at its first step.

When settings change, another link takes this one's place: it must read what is kept only once the one before has
written its last, or both would use the same counters. And where the card can't be read yet, it is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from edge.core.clock import Clock
from edge.core.types import NEVER
from edge.links.sms import SmsLink

RETRY_S: Final = 60.0

log = logging.getLogger(__name__)


class SmsWorker:
    """A link; `make` may raise OSError or ValueError."""

    name = "sms"

    def __init__(self, make: Callable[[], SmsLink], clock: Clock) -> None:
        self._make = make
        self._link: SmsLink | None = None
        self._why = ""
        self._is_closed = False
        self._clock = clock
        self._since_s = clock.monotonic_ns() / 1e9

    def step(self, now_s: float) -> float:
        """See Worker."""
        if self._is_closed:
            return NEVER
        if self._link is None:
            try:
                self._link = self._make()
            except (OSError, ValueError) as exc:
                if str(exc) != self._why:
                    self._why = str(exc)
                    log.error("sms: the link can't begin: %s", exc)
                return now_s + RETRY_S
        return self._link.step(now_s)

    def filenos(self) -> list[int]:
        """Return no descriptor."""
        return []

    def close(self) -> None:
        """See Worker."""
        self._is_closed = True
        if self._link is not None:
            self._link.close()

    def ask_stored(self, seq: int) -> None:
        """See SmsLink."""
        if self._link is not None:
            self._link.ask_stored(seq)

    def status(self) -> dict[str, Any]:
        """Return the link's status, and before it has begun that of one that opens."""
        if self._link is not None:
            return self._link.status()
        ago_ms = self._clock.monotonic_ns() // 1_000_000 - round(self._since_s * 1000)
        return {
            "link": self.name, "state": "opening", "code": "store_degraded" if self._why else "",
            "since_utc_ms": self._clock.utc_ms() - ago_ms, "problems": [], "last_ack_utc_ms": None,
            "waiting": {"messages": 0}, "acked": {},
        }  # fmt: skip

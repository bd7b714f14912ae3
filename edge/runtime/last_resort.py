"""A card that can't be written for hours: one reboot is asked for, at most once a day.

Some cards come back when their power is taken, and a reboot is as near to that as a box gets by itself. The service may
not reboot anything: it leaves a file in its runtime folder (a RAM disk: that works with a dead card), and systemd,
which watches it, does the rest (image/vigie-reboot.*). That a day has passed since the last one is known without any
storage: the machine itself has been up for that long.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from edge.store.writer import Degraded

PATIENCE_S: Final = 6 * 3600.0
DAY_S: Final = 24 * 3600.0
LOOK_S: Final = 600.0
FILE: Final = "reboot-wanted"

log = logging.getLogger(__name__)


class LastResort:
    """The worker that asks. `uptime_s` is since the machine's start, sleep included; `tell` takes an event's values."""

    name = "last resort"

    def __init__(
        self,
        trouble: Callable[[], Degraded | None],
        *,
        uptime_s: Callable[[], float],
        ask: Callable[[], None],
        tell: Callable[[dict[str, Any]], None],
    ) -> None:
        self._trouble = trouble
        self._uptime_s = uptime_s
        self._ask = ask
        self._tell = tell
        self._not_before_s = 0.0

    def step(self, now_s: float) -> float:
        """Ask when the time has come; return when to look again."""
        trouble = self._trouble()
        if trouble is None:
            return now_s + LOOK_S
        uptime_s = self._uptime_s()
        due_s = max(trouble.since_s + PATIENCE_S, now_s + DAY_S - uptime_s, self._not_before_s)
        if now_s < due_s:
            return min(due_s, now_s + LOOK_S)
        self._not_before_s = now_s + DAY_S
        lasted_s = round(now_s - trouble.since_s)
        log.error("the card can't be written (%s) for %d s: a reboot is asked for", trouble.why, lasted_s)
        self._tell({"why": trouble.why, "lasted_s": lasted_s, "uptime_s": round(uptime_s)})
        try:
            self._ask()
        except OSError as exc:
            log.error("the reboot can't be asked for: %s", exc)
        return now_s + LOOK_S

    def filenos(self) -> list[int]:
        """Only time moves it."""
        return []

    def close(self) -> None:
        """Nothing is held."""


def machine_uptime_s() -> float:
    """Return the seconds since the machine was started, those in which it slept included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def asker(environment: Mapping[str, str] = os.environ) -> Callable[[], None] | None:
    """Return what asks systemd for a reboot; None where the service was not started by it."""
    folder = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if not folder or not environment.get("NOTIFY_SOCKET"):
        return None
    return (Path(folder) / FILE).touch

"""Finding a meter's speed: each is listened to for a few seconds, the one that gives valid groups is kept. Pure.

A stream at the wrong speed is garbage, of which checksum, label, length and characters together let nothing pass.
"""

from __future__ import annotations

from typing import Final, Literal

from hal.decode.teleinfo.labels import Mode

BAUD: Final[dict[Mode, int]] = {"historique": 1200, "pmepmi": 1200, "standard": 9600}
SPEEDS: Final[dict[str, tuple[int, ...]]] = {"auto": (1200, 9600), "historique": (1200,), "standard": (9600,)}
DWELL_MS: Final = 6000  # a frame takes 2.3 s at most, a PME/PMI meter's groups come all along its 8 s
LOST_MS: Final = 12_000  # without a valid group: the meter's mode changed, or it is silent
GROUPS_TO_FIND: Final = 3


class Tuning:
    """Which speed to listen at. `heard` after each read, `next_baud` then says what to set."""

    def __init__(
        self, mode: Literal["auto", "historique", "standard"], baud: int = 0, dwell_ms: float = DWELL_MS
    ) -> None:
        """`baud` is the speed that worked last, 0 when none is known; each is tried for `dwell_ms`."""
        self._speeds = SPEEDS[mode]
        self.baud = baud if baud in self._speeds else self._speeds[0]
        self.is_found = False
        self._dwell_ms = dwell_ms
        self._groups = 0
        self._since_ms: float | None = None
        self._valid_ms = 0.0

    def heard(self, groups: int, now_ms: float) -> None:
        """Count valid groups that came."""
        if self._since_ms is None:
            self._since_ms = now_ms
        if not groups:
            return
        self._valid_ms = now_ms
        self._groups += groups
        self.is_found = self.is_found or self._groups >= GROUPS_TO_FIND

    def next_baud(self, now_ms: float) -> int:
        """Return the speed to listen at from now on."""
        if self._since_ms is None:
            self._since_ms = now_ms
        if self.is_found:
            if now_ms - self._valid_ms > LOST_MS:
                self.is_found = False
                self._begin(now_ms)
                self.baud = self._other()
        elif now_ms - self._since_ms > self._dwell_ms:
            self._begin(now_ms)
            self.baud = self._other()
        return self.baud

    def _begin(self, now_ms: float) -> None:
        self._since_ms = now_ms
        self._groups = 0

    def _other(self) -> int:
        return self._speeds[(self._speeds.index(self.baud) + 1) % len(self._speeds)]

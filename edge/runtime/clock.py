"""The clock of a running box: the machine's monotonic clock, and the time of day by whom is believed.

The service can't set the machine's clock and need not: what it believes is an offset of its own. Nobody believed: the
machine's time where that can be right, else the floor, which is only known to be past.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from edge.core.clock import ClockEntry
from edge.core.timekeeping import FUTURE_MS, Floor, Timekeeper
from hal.sample import Fix

BUILD_MS: Final = 1_790_000_000_000  # 2026-09-21: moved with each release, tests/unit/test_system_clock.py
POWER_UP: Final = Path("/proc/sys/kernel/random/boot_id")


class Machine(Protocol):
    """The clocks of the computer."""

    def monotonic_ns(self) -> int:
        """Return CLOCK_MONOTONIC: goes on over restarts of the service, begins anew with the computer."""

    def utc_ns(self) -> int:
        """Return CLOCK_REALTIME, as whoever sets it left it."""

    def power_up(self) -> str:
        """Return what names this run of the computer, "" when unknown."""


class RealMachine:
    """The computer that we run on."""

    def monotonic_ns(self) -> int:
        """Return CLOCK_MONOTONIC in ns."""
        return time.monotonic_ns()

    def utc_ns(self) -> int:
        """Return CLOCK_REALTIME in ns."""
        return time.time_ns()

    def power_up(self) -> str:
        """Return the kernel's id of this boot."""
        try:
            return POWER_UP.read_text(encoding="ascii").strip()
        except OSError:
            return ""


class Witness(Protocol):
    """Something that can tell whether the machine's own clock is right."""

    name: str

    def vouches(self, machine: Machine) -> tuple[str, int] | None:
        """Return the word of TRUST and the error (ms) with which the machine's clock is right, or None, at once."""


class SystemClock:
    """The Clock of a running box."""

    def __init__(
        self,
        boot: int,
        *,
        floor: Floor | None = None,
        witnesses: Sequence[Witness] = (),
        kept: ClockEntry | None = None,
        machine: Machine | None = None,
    ) -> None:
        """`kept` is what was believed last on this power-up; `witnesses` speak for the machine's clock."""
        self.boot = boot
        self.floor = floor or Floor(BUILD_MS)
        self._machine = machine or RealMachine()
        self._witnesses = witnesses
        self._keeper = Timekeeper(self.floor)
        self._floor_offset_ms = self.floor.utc_ms - self.monotonic_ns() // 1_000_000
        self._offset_ms = self._floor_offset_ms
        self._trust = "none"
        if kept is not None:
            self._keeper.keep(kept)
        self.look()

    def monotonic_ns(self) -> int:
        """Return CLOCK_MONOTONIC in ns."""
        return self._machine.monotonic_ns()

    def utc_ms(self) -> int:
        """Return the UTC in ms that is believed."""
        return self._machine.monotonic_ns() // 1_000_000 + self._offset_ms

    def trust(self) -> str:
        """Return who is believed; floor: nobody, but the machine's time is possible; none: it is not even that."""
        return self._trust

    # -- TimeSources

    def look(self) -> None:
        """Ask who vouches for the machine's clock."""
        for witness in self._witnesses:
            found = witness.vouches(self._machine)
            if found is not None:
                now_ns, utc_ms = self._both()
                self._keeper.offer(Fix(found[0], now_ns, utc_ms, found[1]), witness.name)
                if found[0] == "ntp":
                    break  # nothing is better: the others need not be asked
        self._settle()

    def offer(self, fix: Fix, witness: str) -> str:
        """Take a time that a device or a person tells; return "used", or why it is not."""
        verdict = self._keeper.offer(fix, witness)
        self._settle()
        return verdict

    def report(self) -> Mapping[str, Any]:
        """Return source, age, error, floor and all that was heard."""
        now_ns, system_ms = self._both()
        now_ms = now_ns // 1_000_000
        age_ms = self._keeper.age_ms(now_ms)
        return {
            "utc_ms": self.utc_ms(),
            "source": self._trust,
            "age_s": None if age_ms is None else age_ms / 1000,
            "error_ms": self._keeper.error_ms(now_ms),
            "machine_off_ms": system_ms - self.utc_ms(),
            "floor": {
                "utc_ms": self.floor.utc_ms,
                "from": "build" if self.floor.build_ms >= self.floor.kept_ms else "log",
            },
            "sources": [msgspec.to_builtins(view) for view in self._keeper.sources(now_ms)],
        }

    def _both(self) -> tuple[int, int]:
        """Return both clocks of one instant: monotonic ns, UTC ms."""
        return self._machine.monotonic_ns(), self._machine.utc_ns() // 1_000_000

    def _settle(self) -> None:
        """Take over what is believed now."""
        offset_ms = self._keeper.offset_ms()
        if offset_ms is not None:
            self._offset_ms, self._trust = offset_ms, self._keeper.source
            return
        now_ns, utc_ms = self._both()
        is_possible = self.floor.utc_ms <= utc_ms <= self.floor.utc_ms + FUTURE_MS
        self._trust = "floor" if is_possible else "none"
        self._offset_ms = utc_ms - now_ns // 1_000_000 if is_possible else self._floor_offset_ms

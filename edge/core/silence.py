"""What keeps alarms from people: shelved for a time, suppressed by design, out of service. The journal has them all.

ISA-18.2 §11 / IEC 62682 §11: a person shelves an alarm for a bounded time and says why; the site suppresses the alarms
of a machine in maintenance; out of service lasts until somebody takes it back. Evaluation goes on in all three.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from edge.core.types import NEVER


class Shelving(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who shelved a limit when (monotonic ms of start `boot`), for how long and why."""

    boot: int
    at_ms: int
    for_ms: int
    author: str
    channel: str
    reason: str
    until_utc_ms: int | None = None
    """Its end where a clock vouched for it: what counts after a restart."""


class OutOfService(msgspec.Struct, frozen=True):
    """Who took a limit out of service when and why."""

    boot: int
    at_ms: int
    author: str
    channel: str
    reason: str


class Silences:
    """All that silences limits of a site now."""

    def __init__(self, saved: Mapping[str, Any] | None = None) -> None:
        saved = saved or {}
        self.shelved: dict[str, Shelving] = msgspec.convert(saved.get("shelved", {}), dict[str, Shelving])
        self.out: dict[str, OutOfService] = msgspec.convert(saved.get("out", {}), dict[str, OutOfService])
        self.suppressed: dict[str, frozenset[str]] = {}
        """Source -> points; a source says it anew at each start, so that one that has gone silences nothing."""
        self.until_ms: dict[str, float] = {}
        """When a shelving ends, in monotonic ms of this start."""

    def resume(self, boot: int, now_ms: int, utc_offset_ms: int) -> None:
        """Place the ends of what was shelved before this start.

        One that no clock vouched for ends now: nobody knows how long the box was off, and an alarm that is heard too
        early is better than one that is never heard.
        """
        for name, shelving in self.shelved.items():
            if shelving.boot == boot:
                self.until_ms[name] = shelving.at_ms + shelving.for_ms
            elif shelving.until_utc_ms is None:
                self.until_ms[name] = now_ms
            else:  # a clock that is behind must not make it longer than it was meant
                self.until_ms[name] = min(shelving.until_utc_ms - utc_offset_ms, now_ms + shelving.for_ms)

    def date(self, boot: int, now_ms: int, utc_offset_ms: int) -> None:
        """Take note of what time it is: the ends of this start's shelvings get their UTC, earlier ones are placed."""
        for name, shelving in self.shelved.items():
            if shelving.boot == boot:
                until_utc_ms = shelving.at_ms + shelving.for_ms + utc_offset_ms
                self.shelved[name] = msgspec.structs.replace(shelving, until_utc_ms=until_utc_ms)
        self.resume(boot, now_ms, utc_offset_ms)

    def shelve(self, limit: str, shelving: Shelving) -> None:
        """Shelve a limit; one that is shelved already gets the new end."""
        self.shelved[limit] = shelving
        self.until_ms[limit] = shelving.at_ms + shelving.for_ms

    def unshelve(self, limit: str) -> Shelving | None:
        """Take a limit from the shelf; None when it was not there."""
        self.until_ms.pop(limit, None)
        return self.shelved.pop(limit, None)

    def expired(self, now_ms: int) -> list[str]:
        """Return the limits whose shelving is over, in the order of their ends."""
        over = [name for name, end_ms in self.until_ms.items() if now_ms >= end_ms]
        return sorted(over, key=self.until_ms.__getitem__)

    @property
    def due_ms(self) -> float:
        """When the next shelving ends."""
        return min(self.until_ms.values(), default=NEVER)

    def suppress(self, source: str, points: Collection[str]) -> None:
        """Suppress the alarms of these points, until this source takes it back; it replaces what it said before."""
        self.suppressed[source] = frozenset(points)

    def unsuppress(self, source: str) -> None:
        """Take back what a source suppressed, if anything."""
        self.suppressed.pop(source, None)

    def of(self, limit: str, point: str) -> tuple[str, str]:
        """Return what silences a limit, the most lasting first, and the source where that is a suppression."""
        if limit in self.out:
            return "out_of_service", ""
        for source, points in self.suppressed.items():
            if point in points:
                return "suppressed", source
        return ("shelved", "") if limit in self.shelved else ("", "")

    def register(self) -> dict[str, Any]:
        """Return what must be durable; nothing where nothing is silenced."""
        found = {"shelved": msgspec.to_builtins(self.shelved), "out": msgspec.to_builtins(self.out)}
        return {name: limits for name, limits in found.items() if limits}

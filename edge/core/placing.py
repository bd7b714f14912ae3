"""Where an instant of this start, or of an earlier one, lies on the site's calendar: the same answer as for records.

What cannot be dated yet has no place. An instant takes the newest clock entry at or before it, so what was read before
the clock was stepped stays where it was.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Final

from edge.core.calendar import Step, bounds_ms
from edge.core.clock import ClockEntry, Dating
from edge.core.types import NEVER

if TYPE_CHECKING:
    from edge.core.engine import Engine

LATEST_MS: Final = 1 << 62


class Placing:
    """(boot, monotonic ms) -> UTC ms -> local hour and day.

    By the site's `dating`; a site without one is dated by what it is told of its clock.
    """

    __slots__ = ("_from_ms", "_offset_ms", "_own", "_site", "day", "hour_ms", "next_ms", "zone")
    _site: Engine

    def __init__(self) -> None:
        self._own = Dating()
        self._from_ms: float = NEVER
        """From here on instants of this start are dated by `_offset_ms`, until the clock is set."""
        self._offset_ms = 0
        self.zone: tzinfo = UTC
        self.hour_ms = self.next_ms = 0
        """The local hour found last, UTC ms, end exclusive."""
        self.day = 0
        """Its local day, `date.toordinal()`."""

    def attach(self, site: Engine) -> None:
        """Take the site whose zone and clock count."""
        self._site, self.zone = site, site.zone
        self.set_clock(site.now_ms)

    def set_clock(self, now_ms: int) -> None:
        """Take note that the site's clock was set."""
        self._from_ms = NEVER
        if self._site.is_dated:
            self._own.add(ClockEntry(self._site.boot, now_ms, now_ms + self._site.utc_offset_ms, "person"))

    def utc_ms(self, boot: int, at_ms: int) -> int | None:
        """Return the UTC of an instant, None while nobody can date it."""
        is_ours = boot == self._site.boot
        if is_ours and at_ms >= self._from_ms:
            return at_ms + self._offset_ms
        dating = self._site.dating or self._own
        entry = dating.entry(boot, at_ms)
        if entry is None:
            return None
        if is_ours and entry is dating.entry(boot, LATEST_MS):
            self._from_ms, self._offset_ms = entry.at_ms, entry.utc_ms - entry.at_ms
        return entry.utc_ms + at_ms - entry.at_ms

    def is_by_newest(self, at_ms: int) -> bool:
        """Return whether an instant of this start, just asked for, is dated as all that follows until the next step."""
        return at_ms >= self._from_ms

    def now_utc_ms(self) -> int | None:
        """Return what time it is by the clock that was set last; None while nobody vouches for it."""
        site = self._site  # not by the entries: the newest may lie just after what is being handled
        return site.now_ms + site.utc_offset_ms if site.is_dated else None

    def find(self, utc_ms: int) -> None:
        """Set `hour_ms`, `next_ms` and `day` to the local hour and day of this instant."""
        if not self.hour_ms <= utc_ms < self.next_ms:
            self.hour_ms, self.next_ms = bounds_ms(utc_ms, "hour", self.zone)
            self.day = self.date_of(utc_ms).toordinal()

    def date_of(self, utc_ms: int) -> date:
        """Return the local date of an instant."""
        return datetime.fromtimestamp(utc_ms / 1000, self.zone).date()

    def bounds(self, utc_ms: int, step: Step, back: int = 0) -> tuple[int, int]:
        """Return begin and end (UTC ms) of the local period that holds this instant, or of one so many before it."""
        begin_ms, end_ms = bounds_ms(utc_ms, step, self.zone)
        for _ in range(back):
            begin_ms, end_ms = bounds_ms(begin_ms - 1, step, self.zone)
        return begin_ms, end_ms

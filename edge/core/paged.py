"""What was told of an alarm to whom, and when each recipient is to hear of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from edge.core.alarm import Alarm
from edge.core.page_facts import utc_ms
from edge.core.reachable import RecipientSpec
from edge.core.types import NEVER

if TYPE_CHECKING:
    from edge.core.engine import Engine


class Paged(msgspec.Struct, omit_defaults=True):
    """An alarm that the site was told of at `at_ms` of start `boot`."""

    boot: int
    at_ms: int
    prio: str
    utc_ms: int | None = None
    told: list[str] = []
    """The recipients who heard of its begin, in this order."""
    ended: list[str] = []
    """Those of them who heard of its end."""
    last: dict[str, Any] = {}
    """What its end tells; empty while it goes on."""
    is_over: bool = False
    """The site was told of its end."""
    acknowledged: bool = False
    gave_up: bool = False

    def since_ms(self, site: Engine) -> int:
        """Return when the site was told; of an earlier start without a date now: nobody is called too early."""
        if self.boot != site.boot and self.utc_ms is None:
            self.boot, self.at_ms = site.boot, site.now_ms
        if self.boot == site.boot or self.utc_ms is None:
            return self.at_ms
        return min(self.utc_ms - site.utc_offset_ms, site.now_ms)

    def call_ms(self, site: Engine, recipient: RecipientSpec, alarm: Alarm | None = None) -> float:
        """Return when they hear of its begin, NEVER when not: somebody has it, or they were told already.

        Who is told at once hears of it also when it is over before their hours begin.
        """
        is_quiet = self.acknowledged or (alarm is not None and alarm.silence)
        is_late = (self.is_over or self.last) and recipient.after_ms
        if recipient.id in self.told or is_quiet or is_late or not recipient.hears(self.prio):
            return NEVER
        in_ms = max(0, self.since_ms(site) + recipient.after_ms - site.now_ms)
        return site.now_ms + in_ms + held_ms(site, recipient, self.prio, in_ms)


def held_ms(site: Engine, recipient: RecipientSpec, prio: str, in_ms: int = 0) -> float:
    """Return how long their hours hold back what is told in `in_ms` from now."""
    now_utc_ms = utc_ms(site, site.boot, site.now_ms)
    return recipient.open_ms(None if now_utc_ms is None else now_utc_ms + in_ms, site.zone, prio)

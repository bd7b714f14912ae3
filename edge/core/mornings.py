"""What is texted by the calendar: yesterday's summary each morning, and a sign of life at the begin of each month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from edge.core.calendar import next_local_midnight_ms
from edge.core.moments import local_ms
from edge.core.reachable import RecipientSpec
from edge.core.types import NEVER

FROM_MIN: Final = 7 * 60
UNTIL_MIN: Final = 21 * 60
"""A box that comes back in the evening disturbs nobody who set no hours."""
LIFE_DAYS: Final = 7
"""From the first on, for who can't be told on the first."""


class Morning(NamedTuple):
    """A text that is due: to whom, daily or life, and which local day or month it is about."""

    to: str
    what: str
    about: str


class Mornings:
    """Who was told of which day and month."""

    def __init__(self, recipients: Iterable[RecipientSpec], saved: Mapping[str, Any] | None = None) -> None:
        self._recipients = [one for one in recipients if one.daily or one.life]
        self._told: dict[str, str] = dict(saved or {})
        """"<recipient> daily" -> the local day on which they were told last, "<recipient> life" -> that month."""

    def register(self) -> dict[str, str]:
        """Return what must be durable."""
        return dict(self._told)

    def due(self, utc_ms: int | None, zone: tzinfo) -> tuple[list[Morning], float]:
        """Return what is due now, noted as told, and in how many ms to ask again; nothing without a clock.

        Somebody new is told from the next day or month on.
        """
        if utc_ms is None or not self._recipients:
            return [], NEVER
        found, wait_ms = [], float(next_local_midnight_ms(utc_ms, zone) - utc_ms)
        today = datetime.fromtimestamp(utc_ms / 1000, zone).date()
        for recipient in self._recipients:
            for what, now in (("daily", today.isoformat()), ("life", today.isoformat()[:7])):
                if not getattr(recipient, what):
                    continue
                key = f"{recipient.id} {what}"
                last = self._told.get(key)
                if last is None or last > now:  # new, or the clock has gone back
                    self._told[key] = now
                if self._told[key] == now or (what == "life" and today.day > LIFE_DAYS):
                    continue
                in_ms = _in_ms(recipient, utc_ms, zone)
                if in_ms <= 0:
                    self._told[key] = now
                    before = today - timedelta(days=1 if what == "daily" else today.day)
                    found.append(Morning(recipient.id, what, before.isoformat()[: len(now)]))
                else:
                    wait_ms = min(wait_ms, in_ms)
        return found, wait_ms


def _in_ms(recipient: RecipientSpec, utc_ms: int, zone: tzinfo) -> float:
    """Return in how many ms of this day they may be told; NEVER when not today."""
    midnight = datetime.combine(datetime.fromtimestamp(utc_ms / 1000, zone).date(), time())
    from_ms, until_ms = (local_ms(midnight + timedelta(minutes=at), zone) for at in (FROM_MIN, UNTIL_MIN))
    begin_ms = max(utc_ms, from_ms)
    at_ms = begin_ms + recipient.open_ms(begin_ms, zone)
    end_ms = next_local_midnight_ms(utc_ms, zone) if recipient.hours else until_ms
    return at_ms - utc_ms if at_ms < end_ms else NEVER

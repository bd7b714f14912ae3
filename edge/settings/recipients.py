"""From [[recipient]] to what the engine takes: who is told of what, on which days, at which hours."""

from __future__ import annotations

from typing import Final

from edge.core.reachable import EVERY_DAY, RecipientSpec
from edge.settings.alarm_rules import minutes
from edge.settings.model import Settings
from edge.settings.model_sms import Recipient

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def recipient_specs(settings: Settings) -> list[RecipientSpec]:
    """Return the recipients of a site; none where it has no modem to text them by."""
    if settings.links.sms is None:
        return []
    return [recipient_spec(row) for row in settings.of(Recipient)]


def recipient_spec(row: Recipient) -> RecipientSpec:
    """Return one of them."""
    return RecipientSpec(
        row.id, alarms=row.alarms, least=row.least, after_ms=row.after_min * 60_000, days=weekdays(row.days),
        hours=minutes(row.hours), daily=row.daily, life=row.life,
    )  # fmt: skip


def weekdays(text: str) -> frozenset[int]:
    """Return the weekdays that are meant, 0 is Monday; over Sunday where the second comes first.

    >>> sorted(weekdays("mon-fri")), sorted(weekdays("sat-mon")), sorted(weekdays("sun")), len(weekdays(""))
    ([0, 1, 2, 3, 4], [0, 5, 6], [6], 7)
    """
    if not text:
        return EVERY_DAY
    first, _, last = text.partition("-")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return frozenset((begin + ahead) % 7 for ahead in range((end - begin) % 7 + 1))

"""From [alarms] to what the engine takes."""

from __future__ import annotations

from edge.core.notify_gate import NotifyRules
from edge.core.together import AlarmRules
from edge.settings.model import Settings
from edge.settings.model_alarms import Alarms


def alarm_rules(settings: Settings) -> AlarmRules:
    """Return how the site treats its alarms."""
    table = _table(settings)
    return AlarmRules(
        together_ms=round(table.together_s * 1000),
        chatter_begins=table.chatter_begins,
        chatter_ms=round(table.chatter_s * 1000),
        shelve_most_ms=round(table.shelve_most_s * 1000),
    )


def notify_rules(settings: Settings) -> NotifyRules:
    """Return how the site tells people of them."""
    table = _table(settings)
    low, medium, high, critical = (
        round(period_s * 1000)
        for period_s in (table.remind_low_s, table.remind_medium_s, table.remind_high_s, table.remind_critical_s)
    )
    return NotifyRules(
        least=table.notify_from,
        together_ms=round(table.together_s * 1000),
        most_per_hour=table.most_per_hour,
        remind_ms=(low, medium, high, critical),
        reminders=table.reminders,
        quiet=minutes(table.quiet),
        quiet_least=table.quiet_lets,
    )


def _table(settings: Settings) -> Alarms:
    found: Alarms = settings.tables.get(Alarms) or Alarms()
    return found


def minutes(hours: str) -> tuple[int, int] | None:
    """Return local hours as minutes of the day.

    >>> minutes("22:00-07:30")
    (1320, 450)
    """
    if not hours:
        return None
    begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in hours.split("-"))
    return begin, end

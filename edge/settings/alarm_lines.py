"""Alarms in people's words: the lines of `edge.core.alarm_text` in a language, with local times."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final

from edge.core.text import Text
from edge.settings import catalogue
from edge.settings.event_text import local_date, of_alarm

INSTANT: Final = "_utc_ms"


def line(lang: str, zone: tzinfo, text: Text, now_utc_ms: int) -> str:
    """Return one line; an instant of today is told by its time alone, `for` is how long ago `since` is."""
    values = of_alarm(text.values)
    for name in [name for name in values if name.endswith(INSTANT)]:
        values[name.removesuffix(INSTANT)] = _local(lang, zone, values[name], now_utc_ms)
    since = values.get("since_utc_ms")
    if since is not None:
        values["for_ms"] = values.get("ended_utc_ms", now_utc_ms) - since
    return catalogue.render(lang, text.key, values)


def _local(lang: str, zone: tzinfo, utc_ms: int, now_utc_ms: int) -> str:
    at, now = (datetime.fromtimestamp(ms / 1000, zone) for ms in (utc_ms, now_utc_ms))
    time = f"{at:%H:%M}"
    return time if at.date() == now.date() else f"{local_date(lang, utc_ms, zone, now.year)} {time}"

"""The report over the local API: `report?day=2026-11-20` or `report?month=2026-11`; `today`, `hier` too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from edge.core.report import YEARS, Length
from edge.web.refusal import RefusedError

DAYS_AGO: Final = {"today": 0, "aujourd'hui": 0, "yesterday": 1, "hier": 1}


class Desk(Protocol):
    """What this answer is made of."""

    def box(self) -> Any:
        """Return whose clock and time zone count."""

    def report(self, length: Length, day: date) -> Any:
        """Return a report. Raises ValueError, LookupError, OSError as `edge.runtime.reporting.report`."""


def page(desk: Desk, asked: Mapping[str, str]) -> Any:
    """Return the report that a query asks for, by default yesterday's. Raises RefusedError."""
    unknown = sorted(set(asked) - {"day", "month"})
    if unknown or len(asked) > 1:
        raise RefusedError(400, "bad_query", "day or month is expected, one of them")
    length: Length = "month" if "month" in asked else "day"
    box = desk.box()
    today = datetime.fromtimestamp(box["utc_ms"] / 1000, ZoneInfo(box["site"]["tz"])).date()
    try:
        day = _month(asked["month"], today) if length == "month" else _day(asked.get("day", "yesterday"), today)
        if day.year not in YEARS:
            raise ValueError(day)
    except ValueError:
        raise RefusedError(400, f"no_{length}", f"{asked[length]} is no {length}") from None
    try:
        return desk.report(length, day)
    except ValueError as exc:
        if str(exc) == "future":
            raise RefusedError(400, "future", f"{day} has not begun yet") from None
        if str(exc) == "no_day":
            raise RefusedError(400, f"no_{length}", f"{day} is no {length} that a box knows") from None
        raise
    except LookupError as exc:
        raise RefusedError(503, "no_history", str(exc)) from exc
    except OSError as exc:
        raise RefusedError(503, "store_unreadable", f"the card can't be read: {exc.strerror or exc}") from exc


def _day(words: str, today: date) -> date:
    """Return the day; raises ValueError."""
    return today - timedelta(days=DAYS_AGO[words]) if words in DAYS_AGO else date.fromisoformat(words)


def _month(words: str, today: date) -> date:
    """Return the first day of the month, `this` or `last` too; raises ValueError."""
    first = today.replace(day=1)
    if words in {"this", "last"}:
        return first if words == "this" else (first - timedelta(days=1)).replace(day=1)
    return date.fromisoformat(f"{words}-01")

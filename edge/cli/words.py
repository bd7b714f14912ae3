"""People's words for screens: the catalogue in one language, with its dates, times and decimal mark."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from edge.cli.format import age
from edge.settings import catalogue, event_text
from edge.settings.report import language


class Words:
    """Sentences and words in one language: `say("live.page", page=1)`, `say.word("quality", "bad")`."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.point: str = catalogue.word(lang, "number", "decimal")
        self.colon: str = catalogue.word(lang, "mark", "colon")
        self.semicolon: str = catalogue.word(lang, "mark", "semicolon")

    def __call__(self, key: str, **values: Any) -> str:
        """Return the sentence of this key with these values."""
        return catalogue.render(self.lang, key, values)

    def word(self, table: str, name: str) -> str:
        """Return the word for one name of a table of the catalogue; the name itself when it has none."""
        return catalogue.word(self.lang, table, name)

    def state(self, name: str) -> str:
        """Return a state's word in this language: one of the drivers' own is translated, a site's stays as it is."""
        return self.word("word", name)

    def count(self, key: str, number: int) -> str:
        """Return "1 alarm" or "3 alarms"."""
        return catalogue.count(self.lang, key, number)

    def age(self, seconds: float | None) -> str:
        """Return how long ago, in at most 7 cells: "2 h 10", in French "2 j 4 h"."""
        return age(seconds, self.word("duration", "day"))

    def result(self, text: Mapping[str, Any]) -> str:
        """Return the sentence of a command's result, as the API gives it."""
        return catalogue.render(self.lang, text["key"], text.get("values", {}))

    def cure(self, code: str) -> str:
        """Return what a person can do about a link's trouble, or nothing where we know no more than its name."""
        return self.word("link_cure", code) if catalogue.has(self.lang, f"link_cure.{code}") else ""

    def with_cure(self, trouble: str, cure: str) -> str:
        """Return "trouble: cure"; a trouble that ends with a question needs no colon."""
        if not cure:
            return trouble
        return f"{trouble} {cure}" if trouble.endswith("?") else f"{trouble}{self.colon} {cure}"

    def name(self, view: Mapping[str, Any]) -> str:
        """Return what people call a point: its name in this language, or in another, or nothing."""
        names: Mapping[str, str] = view.get("name") or {}
        return names.get(self.lang) or names.get("en") or next(iter(names.values()), "")

    def date(self, utc_ms: int, zone: tzinfo) -> str:
        """Return a local day such as "Fri 20 Nov"."""
        return event_text.local_date(self.lang, utc_ms, zone)


def own_words() -> Words:
    """Return words for who is at this terminal: where no box has told the language of its site."""
    return Words(language(os.environ))


def local_time(utc_ms: int, zone: tzinfo) -> datetime:
    """Return an instant as the site's clocks show it."""
    return datetime.fromtimestamp(utc_ms / 1000, zone)


def clock_time(utc_ms: int, zone: tzinfo, *, seconds: bool = False) -> str:
    """Return the local time of day: 16:20, or 16:20:07."""
    return f"{local_time(utc_ms, zone):{'%H:%M:%S' if seconds else '%H:%M'}}"


def zone_of(live: Mapping[str, Any]) -> tzinfo:
    """Return the site's time zone from a box's answer; UTC where this machine does not know it."""
    site = live.get("site") or live["box"]["site"]
    try:
        return ZoneInfo(site["tz"])
    except (KeyError, ValueError, OSError):  # no such zone, no zone data, or no name that a file can have
        return UTC

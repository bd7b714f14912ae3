"""A text that is to be sent to a person, from one `page` event or from several that go as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from edge.core.page_facts import joined, numbers_of
from edge.links.sms_ports import Purpose

PURPOSES: Final[Mapping[str, Purpose]] = {"test": "test", "trial": "test", "daily": "daily", "life": "life"}
"""By what a page is; any other is of alarms."""


class Page(msgspec.Struct):
    """A text that is to be sent: the event at `seq`, or several that go as one, which it `stands_for`."""

    seq: int
    to: str
    boot: int
    at_ms: int
    point: str
    values: dict[str, Any]
    stands_for: tuple[int, ...] = ()
    is_offered: bool = False
    is_told: bool = False

    @property
    def first(self) -> int:
        """The oldest entry that it stands for: the log is needed from there on."""
        return min(self.stands_for, default=self.seq)

    @property
    def purpose(self) -> Purpose:
        """What it is for."""
        what: str = self.values["what"]
        return PURPOSES.get(what, "alarm")


class Told(msgspec.Struct, frozen=True):
    """A text that the modem's owner has taken: to whom, when, and how it begins; no number, and not its code."""

    to: str
    utc_ms: int
    text: str


def together(pages: Sequence[Page]) -> dict[str, Any]:
    """Return what one text tells in the place of several: what has begun and goes on, and what is over by now."""
    begun: dict[int, Page] = {}
    ended: dict[int, Page] = {}
    codes: dict[int, None] = {}
    for page in pages:
        values = page.values
        over = [values["id"]] if values["what"] == "end" else numbers_of(values.get("ended"))
        goes_on = numbers_of(values.get("ids"))
        if not goes_on and values["what"] not in {"end", "merged"}:
            goes_on = [values["id"]]
        begun |= dict.fromkeys((number for number in goes_on if number not in over), page)
        ended |= dict.fromkeys(over, page)
        codes |= dict.fromkeys(numbers_of(values.get("ack")))
    begun = {number: page for number, page in begun.items() if number not in ended}
    if len(begun) + len(ended) == 1:
        return dict(pages[-1].values)
    told = begun or ended
    firsts = [page for number, page in told.items() if page.values.get("id") == number]
    points = dict.fromkeys(point for page in firsts or pages for point in _points(page))
    values = dict((firsts or list(pages))[0].values)
    for name in ("ids", "ended", "ack", "points"):
        values.pop(name, None)
    times = [page.values["begin_ms"] for page in told.values() if "begin_ms" in page.values]
    ends = [page.values["end_ms"] for page in told.values() if "end_ms" in page.values]
    values |= {"what": "merged", "count": len(told), "points": ", ".join(points)}
    values |= {"ids": joined([*begun])} if begun else {}
    values |= {"ended": joined([*ended])} if ended else {}
    values |= {"ack": joined([*codes])} if codes else {}
    values |= {"begin_ms": min(times), "begun_ms": max(times)} if times else {}
    return values | ({"end_ms": max(ends)} if ends else {})


def _points(page: Page) -> list[str]:
    return [page.point] if page.point else [name for name in str(page.values.get("points", "")).split(", ") if name]

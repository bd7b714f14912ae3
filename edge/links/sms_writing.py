"""What a text to a recipient says: in his language, with the site's names, reports and what was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Protocol

from edge.core.report import Length, Report
from edge.core.types import PointSpec
from edge.links.sms_page import Page
from edge.links.sms_people import NotYetError
from edge.settings import sms_pages
from edge.settings.model_sms import Recipient
from edge.settings.report_sms import report_sms
from edge.settings.sms_pages import LifeFacts
from edge.settings.sms_phrases import Reader, when
from edge.settings.trial_text import TrialFacts, trial_sms, verdict_of


class Reports(Protocol):
    """What makes reports."""

    def __call__(self, length: Length, day: date) -> Report:
        """Raise ValueError for a day to come, LookupError, OSError or TimeoutError where there is none."""


class Writing:
    """Writes the texts of one site; a `Write` of `edge.links.sms_people`."""

    def __init__(
        self,
        site: Mapping[str, str],
        zone: tzinfo,
        people: Sequence[Recipient],
        *,
        points: Callable[[], Sequence[PointSpec]],
        report: Reports,
        life: Callable[[date], LifeFacts],
        dated: Callable[[int, int], int | None],
    ) -> None:
        """`site` has its `name`, its `lang` and the `box`; `life` says what was sent in a month."""
        self._site = site
        self._zone = zone
        self._people = {recipient.id: recipient.name or recipient.id for recipient in people}
        self._points = points
        self._report = report
        self._life = life
        self._dated = dated

    def __call__(self, recipient: Recipient, page: Page, code: str) -> str:
        """Return the text. Raises NotYetError while history or station can't say, ValueError where nobody ever can."""
        lang = recipient.lang or self._site["lang"]
        reader = Reader(lang, self._zone, self._site["name"], self._site["box"])
        values = page.values
        if values["what"] == "trial":
            at_ms = self._dated(page.boot, page.at_ms)
            percent = self._life(datetime.fromtimestamp((at_ms or 0) / 1000, self._zone).date()).signal_percent
            return trial_sms(
                verdict_of(values, page.point),
                TrialFacts(
                    self._site["box"], self._site["name"], "" if at_ms is None else when(reader, at_ms),
                    {point.id: point.name for point in self._points()},
                    signal="" if percent is None else f"GSM {sms_pages.bars(percent)}/5",
                ),
                lang,
            )  # fmt: skip
        if page.purpose == "test":
            return sms_pages.test_text(reader, str(values.get("by", "")), self._dated(page.boot, page.at_ms))
        if page.purpose == "daily":
            return report_sms(self._reported("day", date.fromisoformat(values["about"])), lang)
        if page.purpose == "life":
            month = date.fromisoformat(f"{values['about']}-01")
            return sms_pages.life_text(reader, month, self._life(month), self._reported("month", month))
        names = {point.id: point.name for point in self._points()}

        def named(point: str) -> str:
            name = names.get(point) or {}
            return name.get(lang) or next(iter(name.values()), "") or point

        return sms_pages.alarm_text(reader, values, page.point, code, named, lambda who: self._people.get(who, who))

    def _reported(self, length: Length, day: date) -> Report:
        try:
            return self._report(length, day)
        except (LookupError, OSError) as exc:  # TimeoutError is an OSError
            raise NotYetError(str(exc)) from exc

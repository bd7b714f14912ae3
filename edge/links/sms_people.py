"""Texts to people: each `page` event of the site becomes one message, once, whatever is cut in between.

The events' log is the queue and its memory: a page is settled by the `page_sent` event that names it, several that
waited too long by a `page_merged` event first. Nothing is offered before all of the log was read; to each recipient one
text at a time, so that after a start at most that one is in doubt, and it has the same key as before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from edge.core.clock import Clock
from edge.core.page_facts import numbers_of
from edge.core.ports import Reader
from edge.core.reply_codes import alarm_code
from edge.core.types import NEVER, Event
from edge.links.messages import Say
from edge.links.sms_page import Page, Told, together
from edge.links.sms_ports import Fate, Outlet, Purpose, Wanted
from edge.settings.model_sms import Recipient
from edge.settings.sms_fit import TooLongError
from sms.mailbox import Received

CONSUMER: Final = "people"
READ: Final = 200
AGAIN_S: Final = 300.0
"""What can't be said yet is tried again."""
WAITED_S: Final = 600.0
"""Texts of alarms that waited longer than this go as one."""
LATE_S: Final[Mapping[Purpose, float]] = {"alarm": 604_800.0, "test": 3600.0, "daily": 50_400.0, "life": 604_800.0}
"""After so long a text is not worth sending any more."""
VALID_S: Final[Mapping[Purpose, int]] = {"alarm": 86_400, "test": 3600, "daily": 43_200, "life": 172_800}

TOLD_LINES: Final = 2
"""Of a text, which the status tells: what, where and how much; its code stands in the last one."""

log = logging.getLogger(__name__)


class NotYetError(Exception):
    """What a text tells can't be had at present: it is asked for again."""


Write = Callable[[Recipient, Page, str], str]
"""(to whom, what, the code of its alarms) -> the text. Raises NotYetError; ValueError for what can't be told at all."""
Dated = Callable[[int, int], int | None]
"""(start, monotonic ms in it) -> UTC in ms, None while undated."""


class People:
    """A member of the SMS link."""

    def __init__(
        self,
        recipients: Sequence[Recipient],
        reader: Reader[Event],
        outlet: Outlet,
        write: Write,
        *,
        clock: Clock,
        dated: Dated,
        say: Say,
        secret: bytes,
        consumers: Sequence[str] = (CONSUMER,),
    ) -> None:
        """`consumers`: whose cursors it moves; its own, and a gateway's where there is none."""
        self._consumers = consumers
        self._recipients = {recipient.id: recipient for recipient in recipients}
        self._reader = reader
        self._outlet = outlet
        self._write = write
        self._clock = clock
        self._dated = dated
        self._say = say
        self._secret = secret
        self._next = reader.cursor(CONSUMER) + 1
        self._pages: dict[int, Page] = {}
        self._settled: set[int] = set()
        """Settled beyond the cursor."""
        self._sure: set[str] = set()
        """Recipients whose first page was not offered by an earlier start: what that one offered is settled."""
        self._again_s = 0.0
        self.last: Told | None = None
        """What was texted last in this start."""

    # -- the member

    def take(self, message: Received, now_s: float) -> bool:
        """Take nothing: what people write is the desk's."""
        return False

    def step(self, now_s: float) -> float:
        """Read what is new, and offer what each recipient is to get next; return when to be called again."""
        self._read()
        self._again_s = NEVER
        for name in dict.fromkeys(page.to for page in self._pages.values()):
            self._next_of(name, now_s)
        return self._again_s

    # -- what the log says

    def _read(self) -> None:
        """Take in all that is durable, and move the cursor behind what is settled."""
        self._next = max(self._next, self._reader.first_seq())
        while True:
            chunk = self._reader.read(self._next, READ)
            for place, event in enumerate(chunk.entries):
                self._take_event(chunk.first + place, chunk.boot, event)
            if chunk.gap is not None:
                self._next = chunk.gap.last + 1
            elif chunk.entries:
                self._next = chunk.first + len(chunk.entries)
            else:
                break
        open_seq = min((page.first for page in self._pages.values()), default=self._next)
        for consumer in self._consumers:
            self._reader.acknowledge(consumer, open_seq - 1)
        self._settled = {seq for seq in self._settled if seq >= open_seq}

    def _take_event(self, seq: int, boot: int, event: Event) -> None:
        values = event.values
        if event.kind == "page" and seq not in self._settled:
            self._pages[seq] = Page(seq, str(values["to"]), boot, event.at_ms, event.point, dict(values))
        elif event.kind == "page_sent":
            self._settle(int(values["page"]))
        elif event.kind == "page_merged":
            seqs = [one for one in numbers_of(values["pages"]) if one in self._pages]
            if seqs:
                self._pages[seq] = self._merged(seq, boot, event, [self._pages[one] for one in seqs])

    def _merged(self, seq: int, boot: int, event: Event, pages: list[Page]) -> Page:
        """Put one page in the place of several."""
        values = together(pages) | {"to": event.values["to"]}
        for page in pages:
            del self._pages[page.seq]
        point = pages[-1].point if values["what"] != "merged" or "points" not in values else ""
        stands_for = tuple(one for page in pages for one in (*page.stands_for, page.seq))
        return Page(seq, str(values["to"]), boot, event.at_ms, point, values, stands_for)

    def _settle(self, seq: int) -> None:
        page = self._pages.pop(seq, None)
        for one in (seq, *(page.stands_for if page else ())):
            self._settled.add(one)
        if page is not None and (page.is_offered or page.is_told):
            self._sure.add(page.to)

    # -- one recipient

    def _next_of(self, name: str, now_s: float) -> None:
        waiting = sorted((page for page in self._pages.values() if page.to == name), key=lambda page: page.first)
        first = waiting[0]
        if first.is_offered or first.is_told:
            return
        if name in self._sure and self._merges(name, waiting, now_s):
            return
        self._offer(first, now_s)

    def _merges(self, name: str, waiting: Sequence[Page], now_s: float) -> bool:
        """Have the log say that what waited too long goes as one; True: that is on its way."""
        alarms = [page for page in waiting if page.purpose == "alarm"]
        if len(alarms) < 2 or self._age_s(alarms[0], now_s) < WAITED_S or alarms[0] is not waiting[0]:
            return False
        for page in alarms:
            page.is_told = True
        codes = together(alarms).get("ack")
        self._say("page_merged", to=name, pages=", ".join(str(page.seq) for page in alarms), count=len(alarms),
                  **({"ack": codes} if codes else {}))  # fmt: skip
        return True

    def _age_s(self, page: Page, now_s: float) -> float:
        if page.boot == self._clock.boot:
            return now_s - page.at_ms / 1000
        at_ms = self._dated(page.boot, page.at_ms)
        return 0.0 if at_ms is None else (self._clock.utc_ms() - at_ms) / 1000

    def _offer(self, page: Page, now_s: float) -> None:
        recipient = self._recipients.get(page.to)
        left_s = LATE_S[page.purpose] - self._age_s(page, now_s)
        if recipient is None or left_s <= 0:
            self._tell(page, "nobody" if recipient is None else "stale")
            return
        numbers = numbers_of(page.values.get("ack"))
        try:
            text = self._write(recipient, page, alarm_code(self._secret, page.to, numbers) if numbers else "")
        except NotYetError:
            self._again_s = min(self._again_s, now_s + AGAIN_S)
            return
        except (ValueError, KeyError, TypeError) as exc:  # a page of another version, or a bug: the others go on
            log.exception("page %d can't be told", page.seq)
            self._tell(page, "refused" if isinstance(exc, TooLongError) else "unreadable")
            return
        page.is_offered = True
        wanted = Wanted(
            f"p{self._reader.stream}.{page.seq}", recipient.number, page.purpose, text, valid_s=VALID_S[page.purpose],
            expires_s=now_s + left_s,
        )  # fmt: skip
        self._outlet.offer(wanted, lambda _key, fate: self._came(page, text, fate))

    def _came(self, page: Page, text: str, fate: Fate) -> None:
        """Take what became of a text. Of a test all of it is journaled: somebody waits for it."""
        if fate == "handed":
            recipient = self._recipients[page.to]
            begin = " / ".join(text.split("\n")[:TOLD_LINES])
            self.last = Told(recipient.name or recipient.id, self._clock.utc_ms(), begin)
        if not page.is_told or page.purpose == "test" or fate == "failed":
            self._tell(page, fate)

    def _tell(self, page: Page, fate: str) -> None:
        page.is_told = True
        about = {name: page.values[name] for name in ("ids", "about") if name in page.values}
        if "id" in page.values:
            about.setdefault("ids", str(page.values["id"]))
        self._say("page_sent", to=page.to, what=page.values["what"], page=page.seq, fate=fate, **about)

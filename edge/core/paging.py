"""Who is told what of alarms and when: each recipient once, the next one when nobody acknowledges, all that it is over.

It hears what `edge.core.notifier` tells the site and makes `page` events of it, one a recipient: the events' log, where
they stand with the register that made them, is the queue of whatever texts people. After a kill nothing goes twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.core.alarm import Alarm
from edge.core.mornings import Mornings
from edge.core.notifier import IDS_MOST, Notifier
from edge.core.open_texts import OpenTexts
from edge.core.page_facts import facts, joined, numbers_of, seen, together, utc_ms
from edge.core.paged import Paged, held_ms
from edge.core.part import Part
from edge.core.reachable import RecipientSpec
from edge.core.types import NEVER, Event, Record

if TYPE_CHECKING:
    from edge.core.engine import Engine

ANSWER_MS: Final = 600_000
"""Who was called last has so long before it is given up."""


class Paging(Part):
    """Makes `page` events: begin, end, merged, reminder, chattering, acknowledged, gave_up, daily and life."""

    def __init__(self, recipients: Sequence[RecipientSpec] = (), saved: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        kept = (saved or {}).get("paging") or {}
        self.recipients = {recipient.id: recipient for recipient in recipients}
        self._paged: dict[int, Paged] = msgspec.convert(kept.get("alarms", {}), dict[int, Paged], strict=False)
        self._texts = OpenTexts(kept.get("texts"))
        self._mornings = Mornings(recipients, kept.get("mornings"))
        self.site: Engine

    def attach(self, site: Engine) -> None:
        """Go on with what was told before a restart."""
        self.site = site
        self._notifier = site.part(Notifier)
        self.due_ms = site.now_ms

    def set_clock(self, now_ms: int) -> None:
        """Note when alarms of this start were told, and place what depends on local hours anew."""
        for paged in self._paged.values():
            if paged.boot == self.site.boot:
                paged.utc_ms = paged.at_ms + self.site.utc_offset_ms
                self.is_changed = True
        self.step(now_ms)

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Take what was told to the site, what ended, and what was acknowledged."""
        for event in events:
            if event.kind == "page_merged" and "ack" in event.values:
                self._texts.keep(str(event.values["to"]), numbers_of(event.values["ack"]))
                self.is_changed = True
        events = [event for event in events if event.kind.startswith("alarm_")]
        if not events:
            return
        alarms = self._alarms()
        taken: list[tuple[int, str]] = []
        for event in events:
            number = event.values.get("id", 0)
            paged = self._paged.get(number)
            if event.kind == "alarm_notify":
                self._take(event, alarms)
            elif paged is not None and event.kind == "alarm_end":
                self._close(number, paged, alarms)
            elif paged is not None and event.kind == "alarm_ack" and not paged.acknowledged:
                paged.acknowledged = self.is_changed = True
                taken.append((number, str(event.values.get("author", ""))))
        self._say_taken(taken, alarms)
        self.step(self.site.now_ms)

    def _alarms(self) -> dict[int, Alarm]:
        return {alarm.number: alarm for alarm in self.site.alarms.by_limit.values()}

    def _close(self, number: int, paged: Paged, alarms: Mapping[int, Alarm]) -> None:
        """Note what an end tells while it is known."""
        alarm = alarms.get(number) or self.site.alarms.list.gone.get(number)
        if alarm is not None and not alarm.active:
            paged.last = facts(self.site, alarm)
            self.is_changed = True

    def _take(self, event: Event, alarms: Mapping[int, Alarm]) -> None:
        """Take one notification of the site."""
        now_ms, standing = self.site.now_ms, self._notifier.standing
        for number in sorted(standing.keys() - self._paged.keys()):
            if number in alarms:
                alarm, at_utc_ms = alarms[number], utc_ms(self.site, self.site.boot, now_ms)
                paged = self._paged[number] = Paged(self.site.boot, now_ms, alarm.priority, at_utc_ms)
                paged.acknowledged = alarm.acknowledged
                self._close(number, paged, alarms)
        for number, paged in self._paged.items():
            paged.is_over = paged.is_over or standing.get(number, True)
        self.is_changed = True
        for what, key in (("reminder", "reminded"), ("chattering", "chattering")):
            numbers = [number for number in numbers_of(event.values.get(key)) if number in alarms]
            for recipient in self.recipients.values():
                mine = [number for number in numbers if self._heard(recipient, number)]
                if what == "reminder":  # who was called just now need not be reminded
                    fresh_ms = now_ms - recipient.after_ms - (ANSWER_MS if recipient.after_ms else 0)
                    mine = [number for number in mine if self._paged[number].since_ms(self.site) <= fresh_ms]
                if mine:
                    values = {} if what == "chattering" else self._reminder(event, mine)
                    self._page(recipient.id, what, [facts(self.site, alarms[number]) for number in mine], values, mine)

    def _heard(self, recipient: RecipientSpec, number: int) -> bool:
        """Return whether they were told of an alarm, and may hear more of it now."""
        paged = self._paged.get(number)
        return paged is not None and recipient.id in paged.told and not held_ms(self.site, recipient, paged.prio)

    def _reminder(self, event: Event, numbers: Iterable[int]) -> dict[str, Any]:
        """Return which reminder it is, and who is told next of these alarms, when."""
        found: dict[str, Any] = {"reminder": event.values["n"], "reminders": event.values["of"]}
        calls = [
            (at_ms, recipient.id)
            for number in numbers
            for recipient in self.recipients.values()
            if (at_ms := self._paged[number].call_ms(self.site, recipient)) < NEVER
        ]
        if calls:
            at_ms, found["next"] = min(calls)
            next_ms = utc_ms(self.site, self.site.boot, round(at_ms))
            found |= {} if next_ms is None else {"next_ms": next_ms}
        return found

    def _say_taken(self, taken: Sequence[tuple[int, str]], alarms: Mapping[int, Alarm]) -> None:
        """Tell the others who were told that somebody has it; one who was told alone need not hear it."""
        for recipient in self.recipients.values():
            mine = [
                number for number, author in taken
                if author != recipient.id and number in alarms and alarms[number].active
                and len(self._paged[number].told) > 1 and self._heard(recipient, number)
            ]  # fmt: skip
            if mine:
                self._page(recipient.id, "acknowledged", [facts(self.site, alarms[number]) for number in mine], {})

    # -- what time brings

    def step(self, now_ms: int) -> None:
        """Tell whom it is time to tell, and say when that is next."""
        alarms = self._alarms()
        due_ms: list[float] = []
        for recipient in self.recipients.values():
            begun: list[int] = []
            ended: list[int] = []
            for number, paged in self._paged.items():
                if recipient.id not in paged.told:
                    at_ms, numbers = paged.call_ms(self.site, recipient, alarms.get(number)), begun
                elif paged.is_over and recipient.id not in paged.ended:
                    at_ms, numbers = now_ms + held_ms(self.site, recipient, paged.prio), ended
                else:
                    continue
                if at_ms <= now_ms:
                    numbers.append(number)
                else:
                    due_ms.append(at_ms)
            if begun or ended:
                self._tell(recipient.id, begun, ended, alarms)
        due_ms += self._give_up(alarms, now_ms)
        standing = self._notifier.standing
        for number in [
            number for number, paged in self._paged.items() if number not in standing and self._is_done(paged)
        ]:
            del self._paged[number]
            self.is_changed = True
        before = self._mornings.register()
        mornings, wait_ms = self._mornings.due(utc_ms(self.site, self.site.boot, now_ms), self.site.zone)
        for to, what, about in mornings:
            self._page(to, what, [], {"about": about})
        self.is_changed = self.is_changed or self._mornings.register() != before
        self.due_ms = min([*due_ms, now_ms + wait_ms])

    def _is_done(self, paged: Paged) -> bool:
        """Return whether nobody is to hear more of it."""
        waits = (name for name in paged.told if name in self.recipients and name not in paged.ended)
        return (
            paged.is_over and not any(waits)
            and all(paged.call_ms(self.site, recipient) == NEVER for recipient in self.recipients.values())
        )  # fmt: skip

    def _tell(self, name: str, begun: list[int], ended: list[int], alarms: Mapping[int, Alarm]) -> None:
        """Tell one recipient what has begun and what is over, in one text; what is both is told as over."""
        for number in begun:
            self._paged[number].told.append(name)
        # also what ended and is not told to be over yet, or what its limit's next alarm has taken the place of
        begins = [
            number for number in begun
            if not self._paged[number].is_over and number in alarms and alarms[number].active
        ]  # fmt: skip
        ended = [*ended, *(number for number in begun if number not in begins)]
        for number in ended:
            self._paged[number].ended.append(name)
        begins.sort(key=lambda number: (not alarms[number].first, alarms[number].begin_ms, number))
        begin_facts = [facts(self.site, alarms[number], is_begin=True) for number in begins]
        end_facts = [self._end(number, alarms.get(number)) for number in ended]
        waiting = [number for number in (*begins, *ended) if number in alarms and alarms[number].is_waiting]
        what = "merged" if len(begins) + len(ended) > 1 else "begin" if begins else "end"
        values: dict[str, Any] = {}
        if what == "merged":
            values = {"count": len(begins or ended), "ids": joined(begins), "ended": joined(ended)}
            values = {name: value for name, value in values.items() if value != ""}
        self._page(name, what, begin_facts or end_facts, values, waiting)

    def _end(self, number: int, alarm: Alarm | None) -> dict[str, Any]:
        """Return what is told of an alarm that is over."""
        paged = self._paged[number]
        found = paged.last or (facts(self.site, alarm) if alarm else {"id": number, "prio": paged.prio})
        return {**found, **(seen(self.site, alarm) if alarm else {})}

    def _give_up(self, alarms: Mapping[int, Alarm], now_ms: int) -> list[float]:
        """Say so once, when all were told, the reminders are spent and nobody answers; return when that may be."""
        found: dict[tuple[str, ...], list[int]] = {}
        later: list[float] = []
        for number, paged in self._paged.items():
            alarm = alarms.get(number)
            told = [self.recipients[name] for name in paged.told if name in self.recipients]
            if alarm is None or not alarm.active or alarm.silence or paged.acknowledged or paged.gave_up or not told:
                continue
            last_ms = max(recipient.after_ms for recipient in told)
            at_ms = max(self._notifier.spent_ms(number), paged.since_ms(self.site) + last_ms + ANSWER_MS)
            if any(paged.call_ms(self.site, recipient, alarm) < NEVER for recipient in self.recipients.values()):
                continue
            if at_ms > now_ms:
                later.append(at_ms)
                continue
            paged.gave_up = True
            found.setdefault(tuple(recipient.id for recipient in told), []).append(number)
        for names, numbers in found.items():
            values = {"ids": joined(numbers), "count": len(numbers), "to": ", ".join(names)}
            self.site.emit(Event("page_gave_up", now_ms, "", values))
            last_ms = max(self.recipients[name].after_ms for name in names)
            for name in (name for name in names if self.recipients[name].after_ms == last_ms):
                found_facts = [facts(self.site, alarms[number]) for number in numbers]
                self._page(name, "gave_up", found_facts, {"told": ", ".join(names)}, numbers)
        return later

    def send_test(self, to: str, author: str) -> None:
        """Have a text sent that only says that it arrived."""
        self._page(to, "test", [], {"by": author} if author else {})

    # -- what is told

    def _page(
        self, to: str, what: str, told: Sequence[Mapping[str, Any]], values: Mapping[str, Any],
        codes: Sequence[int] = (),
    ) -> None:  # fmt: skip
        """Have one text sent. `codes`: the alarms that its code acknowledges."""
        point = str(told[0].get("n", "")) if len(told) == 1 else ""
        about = {} if not told else dict(told[0]) if len(told) == 1 else together(told)
        about.pop("n", None)
        sent = {"to": to, "what": what, **about, **values}
        if len(told) > 1 and what != "merged":
            sent |= {"count": len(told), "ids": joined([one["id"] for one in told])}
        codes = list(codes[:IDS_MOST])
        if codes:
            sent["ack"] = joined(codes)
            self._texts.keep(to, codes)
        self.site.emit(Event("page", self.site.now_ms, point, sent))
        self.is_changed = True

    def texts_of(self, number: int) -> dict[str, list[str]]:
        """Return by recipient the numbers of each text that speaks of an alarm and whose code is good."""
        return self._texts.about(number, self.site.alarms.waiting())

    def open_texts(self, to: str) -> list[tuple[int, ...]]:
        """Return the numbers of each text to a recipient of whose alarms one still waits: its code is good."""
        return self._texts.of(to, self.site.alarms.waiting())

    def registers(self) -> dict[str, Any]:
        """Return what was told to whom."""
        texts = self._texts.register(self.site.alarms.waiting())
        alarms = {str(number): msgspec.to_builtins(paged) for number, paged in self._paged.items()}
        return {"paging": {"alarms": alarms, "texts": texts, "mornings": self._mornings.register()}}

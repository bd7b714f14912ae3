"""Values for the gateway: what of history is in messages already, what is due, what was left behind by an outage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from itertools import repeat
from typing import Final, NamedTuple

from edge.core.series import HistoryReader
from edge.links.sms_columns import Column, columns_of, is_empty, start_of, starts_of
from edge.links.sms_lessons import Lessons
from edge.links.sms_memory import Memory
from edge.links.sms_plan import SETTLE_S, Plan
from sms.codec import Encoded, encode
from sms.indexes import TURN
from sms.schema import Schema
from sms.wire import COUNT_MAX, EPOCH_S, LOCAL_DAY, STEPS, UNIT_S, Type

BACKLOG_DAYS: Final = 30
EMPTY_MOST: Final = 4 * COUNT_MAX  # intervals; whole messages of nothing are told for so many, in a row
AT_ONCE: Final = 24  # messages of backlog that are made at one instant at most
DAY_MS: Final = 86_400_000


class Part(NamedTuple):
    """One message of values, not sealed yet."""

    type: Type
    base_s: int
    step: int
    encoded: Encoded


class Reports:
    """Cuts what is due into as few messages as possible."""

    def __init__(
        self, schema: Schema, history: HistoryReader, plan: Plan, memory: Memory, zone: tzinfo, lessons: Lessons
    ) -> None:  # fmt: skip
        self.schema = schema
        self._history = history
        self._plan = plan
        self._memory = memory
        self._zone = zone
        self._lessons = lessons

    def begin(self, utc_ms: int) -> None:
        """Send what begins with this instant's day; what was before the gateway knew the box stays on the card."""
        self._memory.sent_ms, self._memory.told_ms = start_of(utc_ms, 86_400, self._zone), None

    def skip(self, utc_ms: int) -> None:
        """Take note that what lies before this goes another way."""
        self._put_right(utc_ms)
        start_ms = start_of(utc_ms, self.schema.step_s, self._zone)
        if start_ms > (self._memory.sent_ms or 0):
            self._memory.sent_ms, self._memory.told_ms = start_ms, None
        self._memory.backlog = []

    def due(self, utc_ms: int) -> bool:
        """Return whether an instant of the plan has come that was not served."""
        self._put_right(utc_ms)
        return self._plan.last_due_s(utc_ms / 1000) > self._memory.due_s

    def _put_right(self, utc_ms: int) -> None:
        """Go on from now where the clock was ahead for a while: else nothing would be due until it is there again."""
        memory = self._memory
        if memory.due_s > self._plan.next_due_s(utc_ms / 1000):
            memory.due_s = 0
        if memory.sent_ms is not None and memory.sent_ms > utc_ms:
            memory.sent_ms = start_of(utc_ms - self._plan.period_s * 1000, self.schema.step_s, self._zone)
            memory.told_ms = None
        if memory.full_ms > utc_ms:
            memory.full_ms = 0
        memory.backlog = [ahead for ahead in memory.backlog if ahead[0] <= utc_ms]

    def next_due_ms(self, utc_ms: int) -> int:
        """Return the UTC ms of the next instant of the plan."""
        return self._plan.next_due_s(utc_ms / 1000) * 1000

    def parts(self, utc_ms: int, room: int) -> list[Part]:
        """Return the messages that are due now, the newest values first; at most `room` of them for old ones.

        Raises StoreError when history can't be read; nothing is noted then.
        """
        memory = self._memory
        due_s = self._plan.last_due_s(utc_ms / 1000)
        upto_ms = start_of((due_s - SETTLE_S) * 1000, self.schema.step_s, self._zone)
        from_ms = memory.sent_ms if memory.sent_ms is not None else upto_ms
        told_ms = memory.told_ms
        backlog = list(memory.backlog)
        new_ms = start_of(upto_ms - self._plan.period_s * 1000, self.schema.step_s, self._zone)
        if from_ms < new_ms - self._plan.period_s * 1000:
            oldest_ms = max(from_ms, start_of(upto_ms - BACKLOG_DAYS * DAY_MS, self.schema.step_s, self._zone))
            if not is_empty(self._columns(oldest_ms, new_ms)):
                if told_ms is not None and oldest_ms == from_ms:
                    oldest_ms = told_ms
                backlog.append((oldest_ms, new_ms))
                told_ms = new_ms
            from_ms = new_ms
        is_moved = 0 < memory.index_moved_s < upto_ms / 1000
        full = upto_ms - memory.full_ms >= DAY_MS or is_moved
        kind = Type.DAILY if self.schema.step_s == 86_400 else Type.REPORT
        anchors = {} if full else dict(memory.anchors)
        found, reached_ms = self._cut(from_ms, upto_ms, kind, told_ms, anchors)
        told_ms = told_ms if reached_ms is None else reached_ms
        while backlog and room > 0:
            begin_ms, end_ms = backlog[0]
            # of a message that was sealed the end is reckoned from its base time: up to ten minutes too early
            end_ms = start_of(end_ms + UNIT_S * 1000 - 1, self.schema.step_s, self._zone)
            older, reached_ms = self._cut(begin_ms, end_ms, Type.BACKLOG, begin_ms, {}, most=min(room, AT_ONCE))
            found += older
            room -= len(older)
            is_cut = reached_ms is not None and reached_ms < end_ms
            backlog[:1] = [(reached_ms, end_ms)] if reached_ms is not None and is_cut else []
        if full and found:
            memory.full_ms = upto_ms
            memory.index_moved_s = 0 if is_moved else memory.index_moved_s
        memory.sent_ms, memory.told_ms, memory.due_s = max(from_ms, upto_ms), told_ms, due_s
        memory.backlog, memory.anchors = backlog, anchors
        return found

    def _cut(
        self, from_ms: int, to_ms: int, type_: Type, joins_ms: int | None, anchors: dict[str, int], *, most: int = 1000
    ) -> tuple[list[Part], int | None]:
        """Return messages of a range, at most so many, and up to where they reach, None without any.

        They join what ends at `joins_ms`, from where to the range there is no value: a message tells the empty
        intervals before its values, so that the gateway knows what an index moved on from and waits for nothing. Only
        where they would fill several messages they are left out. Old values are followed by newer ones that are
        told already, so they end where the range does.

        `anchors`: indexes by point that were last sent whole; the reader needs another one once an index has turned.
        """
        prior = self._lessons.prior(self.schema) if type_ is Type.REPORT else None
        starts = starts_of(from_ms, to_ms, self.schema.step_s, self._zone)
        columns = self._columns_of(starts)
        if joins_ms is not None and joins_ms < from_ms:
            before = starts_of(joins_ms, from_ms, self.schema.step_s, self._zone)
            starts = before + starts
            columns = [[*repeat(None, len(before)), *column] for column in columns]
        ends = [*starts[1:], to_ms]
        last = _last_value(columns, len(starts))
        end = len(starts) if type_ is Type.BACKLOG else last
        parts: list[Part] = []
        at, joins = 0, joins_ms is not None
        while len(parts) < most and at < end:
            begin = _first_value(columns, at, end)
            if not joins or begin - at > EMPTY_MOST:
                at = begin
                if at == end:
                    break
            cut = [column[at:end] for column in columns]
            firsts = self._firsts(cut)
            full = any(not 0 <= first - anchors.get(point, -TURN) < TURN for point, first in firsts.items())
            encoded = encode(self.schema, cut, prior, full=full)
            if full:
                anchors.update(self._firsts([column[: encoded.count] for column in cut]))
            parts.append(Part(type_, base_of(starts[at]), self._step, encoded))
            at += encoded.count
            joins = True
        return parts, ends[at - 1] if parts else None

    def _columns(self, from_ms: int, to_ms: int) -> list[Column]:
        return self._columns_of(starts_of(from_ms, to_ms, self.schema.step_s, self._zone))

    def _columns_of(self, starts: Sequence[int]) -> list[Column]:
        return columns_of(self.schema, self._history, starts, self._zone)

    def _firsts(self, columns: Sequence[Column]) -> dict[str, int]:
        """Return the first value of each index that has one."""
        firsts = {
            channel.point: next((value for value in column if value is not None), None)
            for channel, column in zip(self.schema.channels, columns, strict=True)
            if channel.what == "index"
        }
        return {point: first for point, first in firsts.items() if first is not None}

    @property
    def _step(self) -> int:
        return LOCAL_DAY if self.schema.step_s == 86_400 else STEPS.index(self.schema.step_s)


def base_of(utc_ms: int) -> int:
    """Return the base time of a header: Unix seconds, a multiple of ten minutes at or before this."""
    seconds = utc_ms // 1000
    return seconds - (seconds - EPOCH_S) % UNIT_S


def _first_value(columns: Sequence[Column], at: int, end: int) -> int:
    """Return the first interval from `at` on that has any value: nothing is sent of a box that was off."""
    return next((place for place in range(at, end) if any(column[place] is not None for column in columns)), end)


def _last_value(columns: Sequence[Column], end: int) -> int:
    return next(
        (place + 1 for place in range(end - 1, -1, -1) if any(column[place] is not None for column in columns)), 0
    )  # fmt: skip

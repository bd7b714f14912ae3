"""The journal: what happened on the box, newest first, from the events log and, below what it holds, from history.

The events log is the journal; this only reads it, page by page, so that whoever asks keeps nobody waiting. A line's
identity is (stream, seq), and a page begins below a seq: new lines on top move none of those below. Entries that are
gone are a line of their own, of kind "gap", in their place: a journal that hides a hole would be no proof of anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from edge.core.clock import Dating
from edge.core.journal_page import PAGE, PAGE_MAX, JournalPage, Wanted
from edge.core.journal_words import GAP
from edge.core.ports import Gap, Reader
from edge.core.series import HistoryReader, JournalLine
from edge.core.types import Event

SCAN_MAX: Final = 5000  # entries looked at for one page: under a second on the smallest board
BLOCK_FIRST: Final = 64
BLOCK_MAX: Final = 2048
OLDER_MAX: Final = 500  # so many lines in a row before `since`: no step of the clock brings younger ones any more
DROPPED: Final = "dropped"
END_MS: Final = 1 << 53


class Journal:
    """Reads the lines of the events log in use. Safe from any thread."""

    def __init__(
        self,
        events: Reader[Event],
        dating: Dating,
        history: HistoryReader | None = None,
        say: Callable[[JournalLine], str] = lambda line: f"{line.point} {line.kind}",
        equipment_of: Mapping[str, str] | None = None,
    ) -> None:
        """`history` holds the lines that the log has let go; `say` gives a line's sentence, for the search by text.

        `equipment_of` says of a point to which machine it belongs, for the search by machine.
        """
        self._events = events
        self._dating = dating
        self._history = history
        self._say = say
        self._equipment_of = equipment_of or {}

    def page(self, before: int | None = None, limit: int = PAGE, wanted: Wanted | None = None) -> JournalPage:
        """Return at most `limit` lines with a seq below `before`. Raises OSError when the card can't be read.

        A page may hold fewer lines, or none, while `before` says that there are more to look at.
        """
        wanted = wanted or Wanted()
        lines: list[JournalLine] = []
        older, newest = 0, self._events.next_seq() - 1
        for scanned, line in enumerate(self._merged(before, wanted), 1):
            if line.seq <= wanted.after:
                break
            is_older = wanted.since_ms is not None and (older > 0 if line.t_ms is None else line.t_ms < wanted.since_ms)
            older = older + 1 if is_older else 0
            if older > OLDER_MAX:
                break
            if not is_older and self._is_wanted(line, wanted):
                lines.append(line)
            if len(lines) >= limit or scanned >= SCAN_MAX:
                return JournalPage(self._events.stream, lines, line.seq if line.seq > 1 else None, newest)
        return JournalPage(self._events.stream, lines, None, newest)

    def _is_wanted(self, line: JournalLine, wanted: Wanted) -> bool:
        if line.kind == GAP:  # who knows what was in it
            return True
        if wanted.kinds and line.kind not in wanted.kinds:
            return False
        if wanted.point and line.point != wanted.point:
            return False
        if wanted.until_ms is not None and (line.t_ms is None or line.t_ms >= wanted.until_ms):
            return False
        machines = {line.values.get("equipment"), self._equipment_of.get(line.point)}
        if wanted.equipment and wanted.equipment not in machines:
            return False
        return not wanted.text or wanted.text.casefold() in self._say(line).casefold()

    # -- from the newest line down

    def _merged(self, before: int | None, wanted: Wanted) -> Iterator[JournalLine]:
        """Give all lines; gaps that touch are one."""
        held: JournalLine | None = None
        for line in self._all(before, wanted):
            if held is not None:
                is_same = line.kind == GAP and line.values["why"] == held.values["why"]
                if is_same and line.values["last"] + 1 == held.seq:
                    held = self._gap(Gap(line.seq, held.values["last"], line.values["why"]))
                    continue
                yield held
                held = None
            if line.kind == GAP:
                held = line
            else:
                yield line
        if held is not None:
            yield held

    def _all(self, before: int | None, wanted: Wanted) -> Iterator[JournalLine]:
        at = self._events.next_seq() if before is None else min(before, self._events.next_seq())
        size = BLOCK_FIRST
        while at > max(self._events.first_seq(), wanted.after + 1):
            low = max(at - size, self._events.first_seq(), wanted.after + 1)
            lines, reached = self._block(low, at)
            yield from reversed(lines)
            if reached > low:  # the ring turned meanwhile
                at = reached
                break
            at, size = low, min(2 * size, BLOCK_MAX)
        if at <= wanted.after + 1:
            return
        if self._history is not None:
            yield from self._below(self._history, at, wanted)
        else:
            yield self._gap(Gap(wanted.after + 1, at - 1, DROPPED))

    def _block(self, low: int, end: int) -> tuple[list[JournalLine], int]:
        """Return the lines of low..end - 1, oldest first, and the seq from which on the log holds them."""
        lines: list[JournalLine] = []
        at, reached = low, low
        while at < end:
            chunk = self._events.read(at, end - at)
            if chunk.gap is not None:
                last = min(chunk.gap.last, end - 1)
                if chunk.gap.why == DROPPED:
                    lines, reached = [], last + 1
                else:
                    lines.append(self._gap(Gap(at, last, chunk.gap.why)))
                at = last + 1
            elif chunk.entries:
                lines += [self._line(chunk.boot, at + place, event) for place, event in enumerate(chunk.entries)]
                at += len(chunk.entries)
            else:
                break
        return lines, reached

    def _line(self, boot: int, seq: int, event: Event) -> JournalLine:
        entry = self._dating.entry(boot, event.at_ms)
        t_ms = None if entry is None else entry.utc_ms + event.at_ms - entry.at_ms
        trust = "none" if entry is None else entry.source
        return JournalLine(self._events.stream, seq, boot, t_ms, trust, event.kind, event.point, event.values)

    def _gap(self, gap: Gap) -> JournalLine:
        values = {"first": gap.first, "last": gap.last, "why": gap.why}
        return JournalLine(self._events.stream, gap.first, 0, None, "none", GAP, "", values)

    def _below(self, history: HistoryReader, before: int, wanted: Wanted) -> Iterator[JournalLine]:
        """Give what history holds of this log below a seq, with the gaps that it knows of in their places."""
        stream = self._events.stream
        gaps = [
            Gap(max(gap.first, wanted.after + 1), min(gap.last, before - 1), gap.why)
            for gap in history.gaps(0, END_MS)
            if gap.stream == stream and gap.first < before and gap.last > wanted.after
        ]
        gaps.sort(key=lambda gap: gap.first)
        while before > 1:
            lines = history.journal(before, PAGE_MAX, wanted.kinds)
            for line in lines:
                while gaps and gaps[-1].first > line.seq:
                    yield self._gap(gaps.pop())
                if line.stream == stream:
                    yield line
            if not lines:
                break
            before = lines[-1].seq
        lowest = min([before, *(gap.first for gap in gaps)])
        for gap in reversed(gaps):
            yield self._gap(gap)
        if lowest > wanted.after + 1 and not wanted.kinds:  # of those kinds there may have been none
            yield self._gap(Gap(wanted.after + 1, lowest - 1, DROPPED))

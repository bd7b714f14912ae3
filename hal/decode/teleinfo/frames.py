"""The byte stream of a meter, cut into groups and frames: feed(bytes, t_ms) -> events. Opens nothing.

  STX  LF group CR  LF group CR … ETX        EOT instead of ETX: the open group is dropped, the checked ones stay

What real lines do, and survives here: cooked ttys turn CR into LF or back and may eat STX, ETX and EOT; a bit error
makes LF 0x0B, 0x0E or 0x0F and CR 0x0C; a known Linky sends 0x0E and 0x0F all the time. So any of these six ends a
group, and a frame ends at ETX, EOT, STX, or where a label comes for the second time.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

import msgspec

from hal.decode.teleinfo.groups import Group, Rejected, parse
from hal.decode.teleinfo.habits import Habits
from hal.decode.teleinfo.labels import Mode

STX: Final = 0x02
ETX: Final = 0x03
EOT: Final = 0x04
_BREAKS = bytes.maketrans(b"\x0b\x0c\x0d\x0e\x0f", b"\n" * 5)
_MARKS = re.compile(rb"[\x02\x03\x04]")
LONGEST_GROUP: Final = 140  # PJOURF+1 with its label is 109 bytes
MOST_REJECTED: Final = 128  # pure noise never ends a frame: its memory is bounded here
KNOWN_GROUPS: Final = 256  # groups whose bytes need no second look; a standard three-phase frame has 62

# Warnings that a meter slips in wherever it is: they may stand twice in one frame.
_ANYWHERE: Final = frozenset({"ADPS", "ADIR1", "ADIR2", "ADIR3"})


class FrameEnd(msgspec.Struct, frozen=True, gc=False):
    """All of one frame. `t_ms` is when its last byte arrived; `complete` = it stood between STX and ETX."""

    t_ms: float
    mode: Mode
    complete: bool
    groups: list[Group]
    rejected: list[Rejected]
    own: list[Rejected] = []
    """Refused as in the frames before: the meter's own, and no damage (`hal.decode.teleinfo.habits`)."""


Event = Group | Rejected | FrameEnd


class Decoder:
    """A meter's stream as events. Never raises on input, never stops: what is damaged is Rejected."""

    def __init__(self, byte_ms: float = 0.0) -> None:
        """`byte_ms` is a byte's time on the line: a chunk with several frames is then dated back from its end."""
        self.byte_ms = byte_ms
        self.bytes = 0
        self.frames_complete = 0
        self.groups_ok = 0
        self.groups_rejected: Counter[str] = Counter()
        self.groups_own = 0
        """Of them, those that are no damage."""
        self._tail = b""
        self._is_synced = False
        self._known: dict[bytes, Group] = {}  # identical bytes parse to the identical group
        self._mode: Mode = "historique"
        self._is_open = False  # STX seen
        self._groups: list[Group] = []
        self._rejected: list[Rejected] = []
        self._habits = Habits()
        self._seen: set[str] = set()
        self._last_ms = 0.0  # when the open frame last grew
        self._had = 0  # groups that it had before this chunk

    def feed(self, data: bytes, t_ms: float) -> list[Event]:
        """Return what these bytes complete; `t_ms` is when the last of them arrived (monotonic)."""
        self.bytes += len(data)
        events: list[Event] = []
        segments = (self._tail + data).translate(_BREAKS).split(b"\n")
        tail = segments.pop()
        self._tail = tail
        if not self._is_synced:
            self._synchronise(segments)
        self._had = len(self._groups)
        known = self._known
        seen = self._seen
        for place, segment in enumerate(segments):
            group = known.get(segment)
            if group is None:
                if segment == b"\x02" and not self._groups and not self._rejected:
                    self._is_open = True  # as nearly every frame begins
                elif segment:
                    self._unknown(segment, events, t_ms, segments, place)
                continue
            label = group.label
            if label in seen:
                self._repeated(label, events, t_ms, segments, place)
            seen.add(label)
            self._groups.append(group)
            events.append(group)
        if tail == b"\x03":  # as nearly every frame ends
            self._tail = b""
            self._is_synced = True
            self._close(events, t_ms, complete=self._is_open)
        elif ETX in tail or EOT in tail:
            # The frame is over now: don't wait for the next one to say so.
            end = max(tail.rfind(b"\x03"), tail.rfind(b"\x04")) + 1
            self._tail = tail[end:]
            self._is_synced = True
            self._marked(tail[:end], events, t_ms - len(self._tail) * self.byte_ms)
        elif len(tail) > LONGEST_GROUP:
            self._tail = b""
            self._reject(tail, "length", events)
        if len(self._groups) > self._had:
            self._last_ms = t_ms
        return events

    def finish(self) -> list[Event]:
        """Return what the end of the stream completes: an open frame; an open group is `cut`."""
        events: list[Event] = []
        if self._tail.strip(b"\x00\x02"):
            self._reject(self._tail, "cut", events)
        self._tail = b""
        self._close(events, self._last_ms, complete=False)
        return events

    def _synchronise(self, segments: list[bytes]) -> None:
        """Drop what comes before the first LF or STX: the middle of a group."""
        if not segments:
            self._tail = self._tail[-LONGEST_GROUP:]
            return
        self._is_synced = True
        mark = _MARKS.search(segments[0])
        segments[0] = segments[0][mark.start() :] if mark else b""

    def _unknown(self, segment: bytes, events: list[Event], t_ms: float, segments: list[bytes], place: int) -> None:
        if _MARKS.search(segment):
            self._marked(segment, events, self._instant(t_ms, segments, place))
        else:
            self._text(segment, events, self._instant(t_ms, segments, place))

    def _instant(self, t_ms: float, segments: list[bytes], place: int) -> float:
        """Return when the segment's last byte arrived, counted back from the end of the chunk."""
        if not self.byte_ms:
            return t_ms
        after = sum(map(len, segments[place + 1 :])) + len(segments) - place + len(self._tail)
        return t_ms - after * self.byte_ms

    def _marked(self, segment: bytes, events: list[Event], t_ms: float) -> None:
        """Take a segment with STX, ETX or EOT in it."""
        start = 0
        for found in _MARKS.finditer(segment):
            text = segment[start : found.start()]
            start = found.end()
            mark = segment[found.start()]
            mark_ms = t_ms - (len(segment) - start) * self.byte_ms
            if mark == ETX:
                self._text(text, events, mark_ms)
                self._close(events, mark_ms, complete=self._is_open)
            else:
                if text:
                    self._reject(text, "cut", events)
                self._close(events, mark_ms if mark == EOT else self._grown(mark_ms), complete=False)
            self._is_open = mark == STX
        self._text(segment[start:], events, t_ms)

    def _text(self, raw: bytes, events: list[Event], t_ms: float) -> None:
        """Take the bytes of one group that is not known by its bytes; an idle line's own (00, FF) are nobody's."""
        raw = raw.lstrip(b"\0")
        if not raw.strip(b"\xff\0"):
            return
        group = parse(raw)
        if isinstance(group, str):
            self._reject(raw, group, events)
            return
        if group.spec.mode != self._mode:
            if self._groups:
                self._close(events, self._grown(t_ms), complete=False)
            self._mode = group.spec.mode
            self._known.clear()
        elif group.label in self._seen and group.label not in _ANYWHERE:
            self._close(events, self._grown(t_ms), complete=False)
        self._known[raw] = group
        self._seen.add(group.label)
        self._groups.append(group)
        events.append(group)

    def _repeated(self, label: str, events: list[Event], t_ms: float, segments: list[bytes], place: int) -> None:
        """End the frame before a label that it already holds: STX and ETX were lost."""
        if label not in _ANYWHERE:
            self._close(events, self._grown(self._instant(t_ms, segments, place)), complete=False)

    def _grown(self, t_ms: float) -> float:
        """Return when the open frame last grew, for one that only its successor ends."""
        return t_ms if len(self._groups) > self._had else self._last_ms

    def _reject(self, raw: bytes, why: str, events: list[Event]) -> None:
        rejected = Rejected(raw, why)
        self.groups_rejected[why] += 1
        self._rejected.append(rejected)
        events.append(rejected)
        if len(self._rejected) >= MOST_REJECTED:
            self._close(events, self._last_ms, complete=False)

    def _close(self, events: list[Event], t_ms: float, *, complete: bool) -> None:
        self._is_open = False
        if not self._groups and not self._rejected:
            return
        damage, own = self._habits.split(self._rejected) if self._rejected else (self._rejected, [])
        events.append(FrameEnd(t_ms, self._mode, complete, self._groups, damage, own))
        self.frames_complete += complete
        self.groups_ok += len(self._groups)
        self.groups_own += len(own)
        self._groups = []
        self._rejected = []
        self._seen.clear()
        self._had = 0
        if len(self._known) > KNOWN_GROUPS:
            self._known.clear()

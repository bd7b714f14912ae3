"""The tags of a site: opened, closed and corrected by orders; each act is an event, and all are durable with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from edge.core.clock import Dating
from edge.core.commands import Command, Result
from edge.core.engine import Engine
from edge.core.equipment_list import EquipmentList
from edge.core.moments import MomentError, span
from edge.core.part import Part
from edge.core.tags import Instant, Tag, TagOrder, TagView, found, recalled, shown
from edge.core.text import Text
from edge.core.types import Event

KEPT: Final = 400
"""Tags that are remembered; beyond, the oldest closed ones go (their events stay in the journal)."""
OPEN_MOST: Final = 50
TOLD_MOST: Final = 8


class _RefusedError(ValueError):
    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.text = Text(key, values)


class TagList(Part):
    """The tags by number, oldest first."""

    def __init__(self, saved: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._last, tags = recalled((saved or {}).get("tags"))
        self.tags = {tag.id: tag for tag in tags}

    def attach(self, site: Engine) -> None:
        """Take orders; what was open before the start is open still."""
        self._site = site
        site.commands.on("tag", self._carry_out)

    def set_clock(self, now_ms: int) -> None:
        """Date what was said in this start before a clock could be trusted."""
        for tag in list(self.tags.values()):
            begin, end = self._dated(tag.begin), None if tag.end is None else self._dated(tag.end)
            if (begin, end) != (tag.begin, tag.end):
                self.tags[tag.id] = msgspec.structs.replace(tag, begin=begin, end=end)
                self.is_changed = True

    def _dated(self, at: Instant) -> Instant:
        if at.utc_ms is not None or at.boot != self._site.boot:
            return at
        return Instant(at.at_ms + self._site.utc_offset_ms)

    # -- orders

    def _carry_out(self, command: Command, args: TagOrder) -> Result:
        try:
            self._check_scope(args)
            act = {"start": self._start, "stop": self._stop, "correct": self._correct}[args.do]
            return act(command, args)
        except _RefusedError as exc:
            return Result(command.id, done=False, text=exc.text)
        except MomentError as exc:
            return Result(command.id, done=False, text=exc.text)

    def _check_scope(self, args: TagOrder) -> None:
        site = self._site
        if sum((bool(args.equipment), bool(args.points), args.everything)) > 1:
            raise _RefusedError("tag_scope")
        if args.equipment and args.equipment not in site.part(EquipmentList).specs:
            raise _RefusedError(
                "equipment_none", equipment=args.equipment, known=sorted(site.part(EquipmentList).specs)
            )
        unknown = [point for point in args.points if point not in site.points]
        if unknown:
            raise _RefusedError("tag_no_point", points=unknown[:TOLD_MOST])

    def _start(self, command: Command, args: TagOrder) -> Result:
        name = args.tag.strip()
        if not name:
            raise _RefusedError("tag_name")
        twin = next((tag for tag in self.tags.values() if tag.end is None and tag.name == name), None)
        if twin is not None:
            raise _RefusedError("tag_open_already", name=name, id=twin.id)
        if sum(tag.end is None for tag in self.tags.values()) >= OPEN_MOST:
            raise _RefusedError("tag_too_many", most=OPEN_MOST)
        begin = self._instant(args.begin) if args.begin else self._now()
        end = self._instant(args.end, is_end=True) if args.end else None
        made = Tag(self._last + 1, name, begin, end, args.equipment, tuple(args.points), command.author)
        self._check_order(made)
        self._last = made.id
        self.tags[made.id] = made
        self._tell("tag_open", msgspec.structs.replace(made, end=None), command)
        if end is not None:
            self._tell("tag_close", made, command)
        self._forget()
        return self._done(command, "tag_opened" if end is None else "tag_closed", made)

    def _stop(self, command: Command, args: TagOrder) -> Result:
        opened = [tag for tag in self.tags.values() if tag.end is None]
        wanted = found(opened, args.tag) if args.tag else opened
        if not opened or (args.tag and not wanted):
            raise _RefusedError("tag_none_open", **{"open": [tag.name for tag in opened[:TOLD_MOST]]} if opened else {})
        if len(wanted) > 1:
            raise _RefusedError("tag_which", open=[tag.name for tag in opened[:TOLD_MOST]])
        closed = msgspec.structs.replace(wanted[0], end=self._now())
        if args.end:
            closed = msgspec.structs.replace(closed, end=self._instant(args.end, is_end=True))
            self._check_order(closed)
        elif _is_backwards(closed):  # the clock was set back meanwhile: it can be closed all the same
            closed = msgspec.structs.replace(closed, end=closed.begin)
        self.tags[closed.id] = closed
        self._tell("tag_close", closed, command)
        return self._done(command, "tag_closed", closed)

    def _correct(self, command: Command, args: TagOrder) -> Result:
        wanted = found(self.tags.values(), args.tag)
        if not wanted:
            raise _RefusedError("tag_unknown", tag=args.tag)
        if len(wanted) > 1:
            raise _RefusedError("tag_several", name=args.tag, ids=[tag.id for tag in wanted[-TOLD_MOST:]])
        before = wanted[0]
        changes: dict[str, Any] = {}
        if args.name.strip():
            changes["name"] = args.name.strip()
        if args.begin:
            changes["begin"] = self._instant(args.begin)
        if args.end:
            changes["end"] = self._instant(args.end, is_end=True)
        if args.equipment or args.points or args.everything:
            changes |= {"equipment": args.equipment, "points": tuple(args.points)}
        after = msgspec.structs.replace(before, **changes)
        if after == before:
            raise _RefusedError("tag_same", name=before.name)
        self._check_order(after)
        self.tags[after.id] = after
        self._tell("tag_correct", after, command, was=before)
        return self._done(command, "tag_corrected", after)

    def _now(self) -> Instant:
        site = self._site
        return Instant(site.now_ms + site.utc_offset_ms) if site.is_dated else Instant(None, site.boot, site.now_ms)

    def _instant(self, words: str, *, is_end: bool = False) -> Instant:
        """Return what was written, which can't lie in the future. Raises _RefusedError, MomentError."""
        site = self._site
        if not site.is_dated:
            raise _RefusedError("tag_undated")
        now_ms = site.now_ms + site.utc_offset_ms
        meant = span(words, now_ms, site.zone)
        if meant.start_ms > now_ms:
            raise _RefusedError("tag_future", at=words)
        return Instant(min(meant.end_ms, now_ms) if is_end else meant.start_ms)  # today ends now

    def _check_order(self, tag: Tag) -> None:
        if tag.end == tag.begin or _is_backwards(tag):
            raise _RefusedError("tag_backwards", name=tag.name)

    def _done(self, command: Command, key: str, tag: Tag) -> Result:
        values = {"id": tag.id, "name": tag.name}
        return Result(command.id, done=True, text=Text(key, values), values=values)

    # -- what is told and durable

    def _tell(self, kind: str, tag: Tag, command: Command, was: Tag | None = None) -> None:
        values: dict[str, Any] = {"id": tag.id, "name": tag.name, **_facts(tag)}
        if was is not None:
            changed = {**dict.fromkeys(_facts(tag), ""), **_facts(was), "name": was.name}
            values |= {f"{key}_was": value for key, value in changed.items() if value != values.get(key, "")}
        values |= {"author": command.author, "channel": command.channel}
        self._site.emit(Event(kind, self._site.now_ms, "", values))
        self.is_changed = True

    def _forget(self) -> None:
        closed = [tag.id for tag in self.tags.values() if tag.end is not None]
        for number in closed[: max(0, len(self.tags) - KEPT)]:
            del self.tags[number]

    def views(self, dating: Dating) -> list[TagView]:
        """Return all tags, oldest first."""
        return [shown(tag, dating) for tag in self.tags.values()]

    def registers(self) -> dict[str, Any]:
        """Return all tags."""
        return {"tags": {"last": self._last, "tags": msgspec.to_builtins(list(self.tags.values()))}}


def _facts(tag: Tag) -> dict[str, Any]:
    """Return what an event says of a tag beside its name; an instant that is not dated is left out."""
    facts: dict[str, Any] = {}
    if tag.equipment:
        facts["equipment"] = tag.equipment
    if tag.points:
        facts["points"] = ",".join(tag.points)
    if tag.begin.utc_ms is not None:
        facts["begin_ms"] = tag.begin.utc_ms
    if tag.end is not None and tag.end.utc_ms is not None:
        facts["end_ms"] = tag.end.utc_ms
    return facts


def _is_backwards(tag: Tag) -> bool:
    """Return whether a tag ends before it begins, as far as its two instants can be compared."""
    begin, end = tag.begin, tag.end
    if end is None:
        return False
    if begin.utc_ms is not None and end.utc_ms is not None:
        return end.utc_ms < begin.utc_ms
    return begin.utc_ms is None and end.utc_ms is None and (end.boot, end.at_ms) < (begin.boot, begin.at_ms)

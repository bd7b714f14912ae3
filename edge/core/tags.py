"""Tags: "experiment 42" over a stretch of time, of all points, of a machine's, or of some that are named.

A tag is kept beside the records and changes none: who exports them gets it as it stands now, with all corrections. What
surprises: tags may overlap, and a row carries every tag whose time and its own period meet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from edge.core.clock import Dating
from edge.core.types import NEVER

NAME_PATTERN: Final = r"^[^\x00-\x1f;\x7f]*$"  # ; stands between the tags of a row
NAME_MAX: Final = 60
WHEN_MAX: Final = 40
BETWEEN: Final = "; "


class TagOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Open a tag, close it, or correct one: only what is given changes. `tag`: its name or number."""

    do: Literal["start", "stop", "correct"]
    tag: Annotated[
        str, Meta(max_length=NAME_MAX, pattern=NAME_PATTERN, description="name; to stop or correct, or number")
    ] = ""
    name: Annotated[str, Meta(max_length=NAME_MAX, pattern=NAME_PATTERN, description="to correct: its new name")] = ""
    equipment: Annotated[str, Meta(max_length=48, description="of this machine's points only")] = ""
    points: Annotated[list[str], Meta(max_length=200, description="of these points only")] = []
    everything: Annotated[bool, Meta(description="to correct: of all points")] = False
    begin: Annotated[str, Meta(max_length=WHEN_MAX, description='"2026-11-17 09:00", "tuesday 9:00", "-2h"')] = ""
    end: Annotated[str, Meta(max_length=WHEN_MAX, description="the same forms; where absent: now")] = ""


class Instant(msgspec.Struct, frozen=True):
    """UTC ms where it is known; else the monotonic ms of a start of the box, which a clock entry may date later."""

    utc_ms: int | None = None
    boot: int = 0
    at_ms: int = 0

    def dated(self, dating: Dating) -> int | None:
        """Return the UTC ms, None while nothing dates it."""
        return dating.utc_ms(self.boot, self.at_ms) if self.utc_ms is None else self.utc_ms


class Tag(msgspec.Struct, frozen=True):
    """One tag as it is kept; without `equipment` and `points` it is of all points, without `end` it is open."""

    id: int
    name: str
    begin: Instant
    end: Instant | None = None
    equipment: str = ""
    points: tuple[str, ...] = ()
    author: str = ""


class TagView(msgspec.Struct, frozen=True):
    """One tag with its time in UTC ms: what the API tells and exports are made with."""

    id: int
    name: str
    begin_ms: int | None
    end_ms: int | None = None
    is_open: bool = True
    equipment: str = ""
    points: tuple[str, ...] = ()
    author: str = ""

    def covers(self, point: str, equipment: str) -> bool:
        """Return whether it is of this point, which belongs to this machine."""
        if self.points:
            return point in self.points
        return not self.equipment or self.equipment == equipment

    def meets(self, from_ms: int, to_ms: int) -> bool:
        """Return whether it and [from_ms, to_ms[ have any time in common; a tag that nothing dates meets nothing."""
        if self.begin_ms is None or (self.end_ms is None and not self.is_open):
            return False
        end_ms = NEVER if self.end_ms is None else self.end_ms
        return self.begin_ms < to_ms and from_ms < end_ms


T = TypeVar("T", Tag, TagView)


def shown(tag: Tag, dating: Dating) -> TagView:
    """Return a tag with its times dated."""
    end_ms = None if tag.end is None else tag.end.dated(dating)
    begin_ms = tag.begin.dated(dating)
    return TagView(tag.id, tag.name, begin_ms, end_ms, tag.end is None, tag.equipment, tag.points, tag.author)


def recalled(register: Any) -> tuple[int, list[Tag]]:
    """Return the last number and the tags, oldest first, of what a log remembers; nothing of nothing.

    >>> recalled(None)
    (0, [])
    """
    return (register["last"], msgspec.convert(register["tags"], list[Tag])) if register else (0, [])


def found(tags: Iterable[T], wanted: str) -> list[T]:
    """Return the tags of this name, or the one of this number where none has it as its name."""
    every = list(tags)
    named = [tag for tag in every if tag.name == wanted.strip()]
    return named or [tag for tag in every if wanted.isdecimal() and tag.id == int(wanted)]


def names(tags: Iterable[TagView], from_ms: int, to_ms: int) -> list[str]:
    """Return the names of those that meet a period, oldest first.

    >>> names([TagView(1, "run 1", 0, 10, False), TagView(2, "run 2", 5), TagView(3, "run 1", 8)], 7, 9)
    ['run 1', 'run 2']
    """
    return list(dict.fromkeys(tag.name for tag in tags if tag.meets(from_ms, to_ms)))

"""Is a box that runs a new version as well as before it? Observations in, a verdict once it has held long enough.

Pure. What counts is what the box is there for: the station turns, points are read as many as before, what is read is
kept, indexes go on from where they were, and a link that was up is up. What was not so before is not asked for now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

RECENT_S: Final = 60.0
"""A point that had a value within this time is read: one bad answer of a probe is no reason to go back."""

Fault = Literal["no_answer", "not_turning", "not_kept", "points_lost", "index_back", "link_lost"]


class Before(msgspec.Struct, frozen=True):
    """How the box was when the new version was tried. `ran`: whether a station answered at all."""

    ran: bool = False
    points: int = 0
    links: tuple[str, ...] = ()
    """Those that were up."""
    is_kept: bool = False
    indexes: Mapping[str, float] = {}


class Observation(msgspec.Struct, frozen=True):
    """How the box is at monotonic `t_s`; what nobody answers is 0 and empty, and `answers` says so."""

    t_s: float
    answers: bool = False
    start: int = 0
    """The number of this start of the station: another one is a restart."""
    turned: int = 0
    """Readings taken since its start: they rise while the station turns."""
    read: frozenset[str] = frozenset()
    is_kept: bool = False
    indexes: Mapping[str, float] = {}
    links: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """`well` once nothing was wrong for long enough, `ill` when time is up; else `waiting`, with what is wrong now."""

    state: Literal["waiting", "well", "ill"]
    faults: tuple[Fault, ...] = ()
    held_s: float = 0.0


class Health:
    """Judges one try."""

    def __init__(self, before: Before, *, hold_s: float, within_s: float, began_s: float) -> None:
        """`began_s`: when the try began (monotonic); `hold_s`: for so long all must be well, within `within_s`."""
        self._before = before
        self._hold_s = hold_s
        self._end_s = began_s + within_s
        self._well_since_s: float | None = None
        self._recent: deque[Observation] = deque()
        self.last: tuple[Fault, ...] = ("no_answer",) if before.ran else ()
        """What was wrong at the last look that found something: why it goes back."""

    def judge(self, seen: Observation) -> Verdict:
        """Return the verdict after one more look."""
        was = self._recent[-1] if self._recent else None
        if was is not None and was.answers and seen.answers and was.start != seen.start:
            self._well_since_s = None  # it was restarted meanwhile: what it had held does not count
            self._recent.clear()
            was = None
        self._recent.append(seen)
        while self._recent[0].t_s < seen.t_s - RECENT_S:
            self._recent.popleft()
        faults = self._faults(seen, was)
        if faults:
            self.last, self._well_since_s = faults, None
        elif self._well_since_s is None:
            self._well_since_s = seen.t_s
        held_s = 0.0 if self._well_since_s is None else seen.t_s - self._well_since_s
        if not faults and held_s >= self._hold_s:
            return Verdict("well", (), held_s)
        if seen.t_s >= self._end_s:
            return Verdict("ill", self.last, held_s)
        return Verdict("waiting", faults, held_s)

    def _faults(self, seen: Observation, was: Observation | None) -> tuple[Fault, ...]:
        before = self._before
        if not before.ran:  # nothing measured here before: that the system itself holds is all that can be asked
            return ()
        if not seen.answers:
            return ("no_answer",)
        found: list[Fault] = []
        oldest = self._recent[0]
        if before.points and seen.t_s - oldest.t_s >= RECENT_S / 2 and seen.turned <= oldest.turned:
            found.append("not_turning")
        if before.is_kept and not seen.is_kept:
            found.append("not_kept")
        if len(frozenset().union(*(each.read for each in self._recent))) < before.points:
            found.append("points_lost")
        if any(seen.indexes.get(name, index) < index for name, index in before.indexes.items()):
            found.append("index_back")
        if not set(before.links) <= set(seen.links):
            found.append("link_lost")
        return tuple(found)


def observed(live: Mapping[str, Any], t_s: float) -> Observation:
    """Return what the local API's answer `live` says."""
    return Observation(
        t_s,
        answers=True,
        start=live["box"]["boot"],
        turned=live["box"]["readings"],
        read=frozenset(view["point"] for view in live["values"] if view["quality"] != "bad"),
        is_kept=not live["buffer"]["records"]["degraded"],
        indexes=indexes_of(live["values"]),
        links=_up(live),
    )


def before_of(live: Mapping[str, Any] | None) -> Before:
    """Return how a box is before a new version is tried, from its answer `live`; None: nobody answers."""
    if live is None:
        return Before()
    seen = observed(live, 0.0)
    return Before(ran=True, points=len(seen.read), links=seen.links, is_kept=seen.is_kept, indexes=seen.indexes)


def indexes_of(values: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the index of each counter that has one."""
    return {
        view["point"]: float(view["value"])
        for view in values
        if view["kind"] == "counter" and view["value"] is not None and not isinstance(view["value"], str)
    }


def _up(live: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name, link in live["buffer"].get("links", {}).items() if link["state"] == "up")

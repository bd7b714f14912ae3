"""What was answered to which order, remembered so that a repeat is harmless: bounded by count and by age.

A refusal changed nothing and is kept apart: however many bad orders come, they push no answer out.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge.core.commands import Result

DONE_MOST: Final = 256  # a day's orders of a busy site
REFUSED_MOST: Final = 32
KEPT_S: Final = 31 * 86_400  # no network keeps a message longer than that


class Kept(Result, frozen=True, omit_defaults=True):
    """An answer as it is remembered: with its UTC in seconds, 0 where nothing dated it."""

    t_s: int = 0


class Answers:
    """The newest answers by the order's id."""

    def __init__(self, saved: list[Any] | None = None) -> None:
        self._done: dict[str, Kept] = {}
        self._refused: dict[str, Kept] = {}
        for kept in msgspec.convert(saved or [], list[Kept]):
            (self._done if kept.done else self._refused)[kept.id] = kept

    def get(self, id_: str) -> Result | None:
        """Return the answer that this order had, None when it is not remembered."""
        kept = self._done.get(id_) or self._refused.get(id_)
        return None if kept is None else Result(kept.id, kept.done, kept.text, kept.values)

    def keep(self, result: Result, utc_s: int = 0) -> None:
        """Remember an answer, and forget what is too much or, by dates that both are known, too old."""
        kept = Kept(result.id, result.done, result.text, result.values, utc_s)
        known, most = (self._done, DONE_MOST) if result.done else (self._refused, REFUSED_MOST)
        known[result.id] = kept
        while len(known) > most:
            del known[next(iter(known))]
        if utc_s:
            for answers in (self._done, self._refused):
                for id_ in [one.id for one in answers.values() if one.t_s and one.t_s < utc_s - KEPT_S]:
                    del answers[id_]

    def register(self) -> list[Any]:
        """Return what must be durable."""
        return [msgspec.to_builtins(kept) for kept in (*self._done.values(), *self._refused.values())]

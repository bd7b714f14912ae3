"""Answers to orders: given once what an order changed is on the card, so that no power cut undoes what was answered.

A card that can't be written must not leave people without an answer: after a while it is given all the same, and says
that so far only the memory knows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from edge.core.commands import Result
from edge.core.text import Text
from edge.core.types import NEVER

WAIT_MS: Final = 1500  # who asks at the local API waits 2 s
KEPT: Final = "kept"
"""In the values of a result: False where it was not on the card when it was given."""


class _Answer:
    """One answer, given once: by the writer's thread or by the station's, whoever comes first."""

    __slots__ = ("_once", "_result")

    def __init__(self, reply: Callable[[Result], None], result: Result) -> None:
        self._once = [reply]
        self._result = result

    def give(self, *, is_kept: bool) -> None:
        try:
            reply = self._once.pop()  # one operation: two threads never both get it
        except IndexError:
            return
        result = self._result
        if not is_kept:
            text = Text("answer_not_kept", {"answer": result.text})
            result = msgspec.structs.replace(result, text=text, values={**result.values, KEPT: False})
        reply(result)


class _Batch:
    """The answers that wait for one batch."""

    __slots__ = ("answers", "is_durable", "until_ms")

    def __init__(self, until_ms: int, answers: list[_Answer]) -> None:
        self.until_ms = until_ms
        self.answers = answers
        self.is_durable = False

    def done(self) -> None:
        """Take note, on the writer's thread, that the batch is durable."""
        self.is_durable = True
        self.give(is_kept=True)

    def give(self, *, is_kept: bool) -> None:
        for answer in self.answers:
            answer.give(is_kept=is_kept)


class Answering:
    """The answers of a station; `due_ms` is when `step` has something to do."""

    def __init__(self) -> None:
        self.due_ms: float = NEVER
        self._new: list[_Answer] = []
        self._until_ms = 0
        self._batches: deque[_Batch] = deque()

    def add(self, reply: Callable[[Result], None], result: Result, now_ms: int) -> None:
        """Take an answer; what it rests on is handed over in this very step."""
        self._new.append(_Answer(reply, result))
        self._until_ms = now_ms + WAIT_MS

    @property
    def has_new(self) -> bool:
        """Whether orders were carried out in this step."""
        return bool(self._new)

    def sent(self) -> Callable[[], None] | None:
        """Return what the writer calls when the batch that is handed over now is durable, None: nobody waits."""
        if not self._new:
            return None
        batch = _Batch(self._until_ms, self._new)
        self._new = []
        self._batches.append(batch)
        return batch.done

    def step(self, now_ms: int) -> None:
        """Give what rests on nothing new, and what has waited long enough."""
        while self._batches and (self._batches[0].is_durable or now_ms >= self._batches[0].until_ms):
            self._batches.popleft().give(is_kept=False)
        if self._new and self._batches:  # a repeat of an order that is not on the card yet: with the newest
            last = self._batches[-1]
            last.answers += self._new
            if last.is_durable:
                last.give(is_kept=True)
        else:
            for answer in self._new:
                answer.give(is_kept=True)
        self._new = []
        self.due_ms = self._batches[0].until_ms if self._batches else NEVER

    def close(self) -> None:
        """Give all that is left: the station stops, and the writer writes what it has."""
        self._batches.append(_Batch(0, self._new))
        self._new = []
        for batch in self._batches:
            batch.give(is_kept=batch.is_durable)
        self._batches.clear()

"""What orders from afar changed and may have cut their senders off: taken back unless they say `keep` in time.

It survives a restart. What is on trial, what has been taken back and the event that says so become durable together, so
a power cut at any instant leaves one of two: it is still on trial, or it was taken back and that was told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from edge.core.commands import Command
from edge.core.types import NEVER, Event

KEEP_MS: Final = 900_000
"""How long what may cut the box off stands without a word from its sender; after a restart as long again."""
RESTARTS_MOST: Final = 2
"""After the next one nothing is waited for: it may be the change that has the box start again and again."""

Undo: TypeAlias = Callable[[Any], bool]
"""Takes back what orders changed, by what was noted of it; False where that is nothing any more."""


class Trial(msgspec.Struct):
    """A change that its sender has not kept yet. `noted`: plain JSON values by which it is taken back."""

    verb: str
    author: str
    channel: str
    noted: Any = None
    restarts: int = 0


class _Saved(msgspec.Struct):
    trials: dict[str, Trial] = {}
    """By the order's id; at most one of each verb."""
    back: dict[str, Any] = {}
    """By verb what was noted of a change that was taken back and would count again at a start."""


class OnTrial:
    """`due_ms` is when `step` has something to do; `changed` is called when that or `register` is another."""

    def __init__(self, saved: Any = None) -> None:
        try:
            kept = msgspec.convert(saved or {}, _Saved)
        except msgspec.ValidationError:  # of another version: what it was stands
            kept = _Saved()
        self._trials, self._back = kept.trials, kept.back
        self._until_ms: dict[str, float] = {}
        self._undo: dict[str, Undo] = {}
        self._to_take_back = dict(kept.back)
        for trial in self._trials.values():
            trial.restarts += 1
        self.changed: Callable[[], None] = _nobody
        self.due_ms: float = 0 if self._trials or self._back else NEVER

    def on(self, verb: str, undo: Undo) -> None:
        """Say who takes back what orders of this verb changed."""
        self._undo[verb] = undo

    def begin(self, command: Command, noted: Any, now_ms: int) -> Callable[[], None]:
        """Put on trial what an order is about to change, once `register` is durable; return what ends that again.

        `noted` is how it was before. What an order before it changed and nobody kept is no state to go back to: that
        one's notes stay, and its trial is part of this.
        """
        before = dict(self._trials), dict(self._back), dict(self._until_ms)
        for id_ in [id_ for id_, trial in self._trials.items() if trial.verb == command.verb]:
            noted = self._trials.pop(id_).noted
        self._back.pop(command.verb, None)
        self._trials[command.id] = Trial(command.verb, command.author, command.channel, noted)
        self._until_ms[command.id] = now_ms + KEEP_MS
        self._plan()

        def never_mind() -> None:
            self._trials, self._back, self._until_ms = before
            self._plan()

        return never_mind

    def keep(self, sender: tuple[str, str]) -> bool:
        """Let stand for good all that this author changed by this channel; False when nothing is on trial."""
        kept = [id_ for id_, trial in self._trials.items() if (trial.author, trial.channel) == sender]
        for id_ in kept:
            del self._trials[id_]
        self._plan()
        return bool(kept)

    def settle(self, verb: str) -> None:
        """Forget what was on trial or taken back: somebody on the spot has changed the same."""
        if any(trial.verb == verb for trial in self._trials.values()) or verb in self._back:
            self._trials = {id_: trial for id_, trial in self._trials.items() if trial.verb != verb}
            self._back.pop(verb, None)
            self._plan()

    def step(self, now_ms: int) -> list[Event]:
        """Take back what nobody kept; return what the journal hears."""
        if now_ms < self.due_ms:
            return []
        events = []
        for verb, noted in list(self._to_take_back.items()):  # told before this start
            if verb in self._undo:
                del self._to_take_back[verb]
                if not self._undo[verb](noted):
                    self._back.pop(verb, None)
        for id_, trial in list(self._trials.items()):
            until_ms = self._until_ms.setdefault(id_, now_ms + KEEP_MS if trial.restarts <= RESTARTS_MOST else now_ms)
            if now_ms >= until_ms and trial.verb in self._undo:
                del self._trials[id_]
                if self._undo[trial.verb](trial.noted):
                    self._back[trial.verb] = trial.noted
                    events.append(Event("command_undone", now_ms, "", {"id": id_}))
        self._plan()
        return events

    def _plan(self) -> None:
        self.due_ms = min((self._until_ms.get(id_, 0) for id_ in self._trials), default=NEVER)
        self.changed()

    def register(self) -> dict[str, Any]:
        """Return what must be durable."""
        return {name: value for name, value in msgspec.to_builtins(_Saved(self._trials, self._back)).items() if value}


def _nobody() -> None:
    pass

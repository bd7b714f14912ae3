"""Orders from people and servers: one table of verbs, one queue, exactly one result for each id.

Every channel (local API, later SMS and MQTT) makes a `Command`; the station carries it out between two cycles. An id
that was done before is answered again and not done again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from edge.core.text import Text

Right = Literal["read", "operate", "configure"]
REMEMBERED: Final = 256  # results kept for repeats: a day's orders of a busy site
WHY_MAX: Final = 200


class Command(msgspec.Struct, frozen=True):
    """One order: who asks by which channel, and an id chosen by the sender that makes a repeat harmless."""

    id: str
    verb: str
    args: dict[str, Any] = {}
    author: str = ""
    channel: str = ""


class Result(msgspec.Struct, frozen=True):
    """The one answer to a command: done or not, and a text for the person who asked."""

    id: str
    done: bool
    text: Text
    values: dict[str, Any] = {}


class Ack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Acknowledge one alarm by its number, or all that wait."""

    number: int | None = None


class Verb(msgspec.Struct, frozen=True):
    """What a verb takes and which right it asks for."""

    args: type[msgspec.Struct]
    right: Right


VERBS: Final[dict[str, Verb]] = {
    "ack": Verb(Ack, "operate"),
}


class Registry:
    """Check, carry out once, remember the answer."""

    def __init__(self, saved: list[Any] | None = None) -> None:
        self._handlers: dict[str, Callable[[Command, Any], Result]] = {}
        self._results: dict[str, Result] = {result.id: result for result in msgspec.convert(saved or [], list[Result])}

    def on(self, verb: str, handler: Callable[[Command, Any], Result]) -> None:
        """Say who carries out a verb of VERBS."""
        if verb not in VERBS:
            raise KeyError(verb)
        self._handlers[verb] = handler

    def carry_out(self, command: Command) -> tuple[Result, bool]:
        """Return the result, and whether it is new (False: a repeat, nothing was done)."""
        if command.id in self._results:
            return self._results[command.id], False
        result = self._result(command)
        self._results[command.id] = result
        while len(self._results) > REMEMBERED:
            del self._results[next(iter(self._results))]
        return result, True

    def _result(self, command: Command) -> Result:
        verb, handler = VERBS.get(command.verb), self._handlers.get(command.verb)
        if verb is None or handler is None:
            return Result(command.id, done=False, text=Text("command_unknown", {"verb": command.verb}))
        try:
            args = msgspec.convert(command.args, verb.args)
        except msgspec.ValidationError as exc:
            # it quotes what was sent, and is kept: a stranger's key may be as long as the message
            why = Text("command_bad_args", {"verb": command.verb, "why": str(exc)[:WHY_MAX]})
            return Result(command.id, done=False, text=why)
        return handler(command, args)

    def register(self) -> list[Any]:
        """Return what must be durable: the answers already given."""
        return [msgspec.to_builtins(result) for result in self._results.values()]

"""Orders from people and servers: one table of verbs, one queue, exactly one result for each id.

Every channel (local API, later SMS and MQTT) makes a `Command`; the station carries it out between two cycles. An id
that was done before is answered again and not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from edge.core.text import Text

Right = Literal["read", "operate", "configure"]
REMEMBERED: Final = 256  # results kept for repeats: a day's orders of a busy site
WHY_MAX: Final = 200
ARG_MAX: Final = 64
ARGS_MAX: Final = 300


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


class Verb(msgspec.Struct, frozen=True):
    """What a verb takes, which right it asks for, and what people call it."""

    args: type[msgspec.Struct]
    right: Right
    words: dict[str, tuple[str, ...]]
    """By language what people write for it; the first is the one that is told."""
    two_step: bool = False
    """Where anybody could have written it (SMS), it is done only when what would change was confirmed."""
    secret: frozenset[str] = frozenset()
    """Names of args that stand in no journal."""


def journaled(command: Command, result: Result, verbs: Mapping[str, Verb]) -> dict[str, Any]:
    """Return what the journal keeps of an order: who, by which way, what, and what came of it.

    A handler that knows what was and what is puts `before` and `after` into its result's values.
    """
    values: dict[str, Any] = {
        "id": command.id, "verb": command.verb, "author": command.author, "channel": command.channel,
        "done": result.done, "text": result.text.key,
    }  # fmt: skip
    args = told(command, verbs)
    if args:
        values["args"] = args
    return values | {name: result.values[name] for name in ("before", "after") if name in result.values}


def told(command: Command, verbs: Mapping[str, Verb]) -> str:
    """Return the args of an order as one text, bounded and without secrets.

    >>> told(Command("1", "ack", {"number": 12}), {}), told(Command("2", "ack"), {})
    ('number=***', '')
    """
    verb = verbs.get(command.verb)
    # nobody knows what an arg holds that no verb declares
    plain = frozenset() if verb is None else frozenset(verb.args.__struct_fields__) - verb.secret
    parts = []
    for name, value in command.args.items():
        shown = "***" if name not in plain else value if isinstance(value, str) else msgspec.json.encode(value).decode()
        parts.append(f"{name[:ARG_MAX]}={shown[:ARG_MAX]}")
    return " ".join(parts)[:ARGS_MAX]


class Registry:
    """Check, carry out once, remember the answer."""

    def __init__(self, verbs: Mapping[str, Verb], saved: list[Any] | None = None) -> None:
        self.verbs = verbs
        self._handlers: dict[str, Callable[[Command, Any], Result]] = {}
        self._results: dict[str, Result] = {result.id: result for result in msgspec.convert(saved or [], list[Result])}

    def on(self, verb: str, handler: Callable[[Command, Any], Result]) -> None:
        """Say who carries out a verb. Raises KeyError when the table has none of that name."""
        if verb not in self.verbs:
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
        verb, handler = self.verbs.get(command.verb), self._handlers.get(command.verb)
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

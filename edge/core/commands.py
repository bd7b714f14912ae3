"""Orders from people and servers: what a command, its result and a verb are, and what the journal keeps of them.

Every channel (local API, later SMS and MQTT) makes a `Command`; the station carries it out between two cycles through
the one registry (`edge.core.registry`), which gives exactly one result for each id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from edge.core.text import Text

Right = Literal["read", "operate", "configure"]
RIGHTS: Final[tuple[Right, ...]] = ("read", "operate", "configure")
"""From the least: who has one has those before it."""
OF_CHANNEL: Final[dict[str, Right]] = {"local": "configure"}
"""What a channel's senders may do where the command does not say: the group of the local socket, everything."""
AFAR: Final = frozenset({"sms", "mqtt"})
"""Channels whose senders a change may cut off: what can do that is taken back unless they keep it."""
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
    right: Right | None = None
    """What this sender may do, set by the channel that knows him, never by the sender; None: `OF_CHANNEL`, or read."""
    proposes: bool = False
    """Do nothing yet: say what would change, and with which code it is confirmed (for verbs of two steps)."""

    @property
    def granted(self) -> Right:
        """What this sender may do."""
        return self.right or OF_CHANNEL.get(self.channel, "read")

    def may(self, right: Right) -> bool:
        """Return whether that is enough for this."""
        return RIGHTS.index(self.granted) >= RIGHTS.index(right)


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

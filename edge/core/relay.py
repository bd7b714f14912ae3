"""Orders to outputs: what `relay` may do, what it does, and what it answers."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from edge.core.commands import Command, Result
from edge.core.output import Output, Override
from edge.core.outputs import OutputList
from edge.core.read_back import WORDS
from edge.core.text import Text

ORDER_MOST_S: Final = 366 * 86_400  # an order that ends by itself at all
ROUND_UP_MS: Final = 999  # durations are told in whole seconds: who comes back then is not sent away again


class Relay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Switch an output. `for_s` ends the order by itself; a pulse is on for so long, then as it was ordered before."""

    output: str
    to: Literal["on", "off", "toggle", "auto", "pulse"]
    for_s: Annotated[float, Meta(ge=0.1, le=ORDER_MOST_S, extra={"unit": "s"})] | None = None


def carry_out(outputs: OutputList, command: Command, args: Relay, now_ms: int, *, is_dry: bool = False) -> Result:
    """Carry out an order, or refuse it with why and, where it came too early, for how long; dry, change nothing."""
    output = outputs.by_id.get(args.output)
    if output is None:
        known = sorted(outputs.by_id)
        values = {"output": args.output, "known": known} if known else {"output": args.output}
        return Result(command.id, done=False, text=Text("relay_none", values))
    refusal = _refusal(outputs, args, output)
    if refusal is not None:
        return Result(command.id, done=False, text=refusal)
    wait_ms = output.wait_ms(now_ms)
    if wait_ms:
        text = Text("relay_too_often", {"output": args.output, "wait_ms": wait_ms + ROUND_UP_MS})
        return Result(command.id, done=False, text=text, values={"wait_ms": wait_ms})
    if is_dry:
        would: dict[str, Any] = {"output": args.output, "before": WORDS[output.wanted], "to": args.to}
        if args.for_s is not None:
            would["for_ms"] = round(args.for_s * 1000)
        return Result(command.id, done=True, text=Text("relay_would", would))
    before = _state(output)
    outputs.take(output, _override(outputs.boot, command, args, output, now_ms), now_ms)
    held_ms = output.held_ms(now_ms) if output.level != output.wanted else 0
    return Result(
        command.id, done=True, text=_answer(args, output, held_ms),
        values={"output": args.output, "before": before, "after": _state(output), "held_ms": held_ms},
    )  # fmt: skip


def _refusal(outputs: OutputList, args: Relay, output: Output) -> Text | None:
    values = {"output": args.output}
    if not output.spec.by_command:
        follows = output.spec.limit or output.spec.source
        return Text("relay_not_by_command", {**values, **({"limit": follows} if follows else {})})
    if args.to == "auto" and args.for_s is not None:
        return Text("relay_auto_for", values)
    if args.to == "pulse" and args.for_s is None:
        return Text("relay_pulse_for", values)
    return Text("relay_lost", values) if args.output in outputs.lost else None


def _override(boot: int, command: Command, args: Relay, output: Output, now_ms: int) -> Override | None:
    if args.to == "auto":
        return None
    then = None
    if args.to == "pulse" and output.order is not None:
        then = output.order if output.order.until_ms is None else output.order.then
    until_ms = None if args.for_s is None else now_ms + round(args.for_s * 1000)
    level = not output.wanted if args.to == "toggle" else args.to != "off"
    return Override(level, boot, now_ms, until_ms, command.author, command.channel, then)


def _answer(args: Relay, output: Output, held_ms: int) -> Text:
    """Return what stands now, until when, and that no limit moves it meanwhile."""
    values: dict[str, Any] = {"output": args.output, "level": WORDS[output.wanted]}
    if output.spec.limit:
        values["limit"] = output.spec.limit
    elif output.spec.source:
        values["source"] = output.spec.source
    if args.for_s is not None:
        values["for_ms"] = round(args.for_s * 1000)
    key = "relay_auto" if args.to == "auto" else "relay_ordered" if args.for_s is None else "relay_for"
    if not held_ms:
        return Text(key, values)
    held = {"ordered": Text(key, values), "now": WORDS[output.level], "wait_ms": held_ms + ROUND_UP_MS}
    return Text("relay_held", held)


def _state(output: Output) -> str:
    return f"{WORDS[output.level]} ({output.mode})"

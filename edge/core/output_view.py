"""What outputs show of themselves: real and wanted state, who decides, until when, and why one may not switch."""

from __future__ import annotations

import msgspec

from edge.core.engine import Engine
from edge.core.output import Output
from edge.core.reaction import Reactions
from edge.core.read_back import WORDS
from hal.sample import BAD, QUALITY_NAMES


class OutputView(msgspec.Struct, frozen=True):
    """One output as it stands. Durations count from now; null where there is none."""

    output: str
    state: str
    """What is read back: "off" or "on"; empty when the quality is bad."""
    quality: str
    reason: str
    driven: str
    """What the pin is driven to."""
    wanted: str
    """What counts now: other than `driven` only while a minimum time holds it."""
    mode: str
    """Who decides: auto, order, or max_on and link_lost, which force the safe state."""
    limit: str
    source: str
    """The program or thermostat that it follows in place of a limit."""
    rule: str
    """The rule that holds it on account of an alarm; empty while none does."""
    author: str
    channel: str
    """Of the order in force."""
    for_s: float
    """Since when it is driven so, as far as this start knows."""
    ends_s: float | None
    """When the order in force ends by itself."""
    held_s: float | None
    """For how long it may not switch to what is wanted: its minimum time on or off."""
    orders_s: float | None
    """For how long it takes no order: too many came."""
    safe: str
    by_command: bool
    name: dict[str, str]
    place: str


def outputs(engine: Engine, now_ms: int) -> list[OutputView]:
    """Return all outputs in the order of the site's file."""
    return [_view(engine, output, now_ms) for output in engine.outputs.by_id.values()]


def _view(engine: Engine, output: Output, now_ms: int) -> OutputView:
    spec, order = output.spec, output.order
    point = engine.points[spec.id]
    is_told = point.quality != BAD and isinstance(point.value, int)
    ends_ms = None if order is None or output.forced else order.until_ms
    wait_ms = output.wait_ms(now_ms)
    return OutputView(
        output=spec.id,
        state=WORDS[bool(point.value)] if is_told else "",
        quality=QUALITY_NAMES[point.quality],
        reason=point.reason,
        driven=WORDS[output.level],
        wanted=WORDS[output.wanted],
        mode=output.mode,
        limit=spec.limit,
        source=spec.source,
        rule=_rule(engine, output),
        author=order.author if order else "",
        channel=order.channel if order else "",
        for_s=_seconds(now_ms - output.since_ms),
        ends_s=None if ends_ms is None else _seconds(ends_ms - now_ms),
        held_s=_seconds(output.held_ms(now_ms)) if output.wanted != output.level else None,
        orders_s=_seconds(wait_ms) if wait_ms else None,
        safe=WORDS[spec.safe],
        by_command=spec.by_command,
        name=spec.point.name,
        place=spec.point.place,
    )


def _rule(engine: Engine, output: Output) -> str:
    return engine.part(Reactions).holding(output.spec.id) if output.acted is not None else ""


def _seconds(ms: float) -> float:
    return max(0.0, ms / 1000)

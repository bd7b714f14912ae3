"""A site that is given other settings while it runs: what did not change goes on as if nothing had happened.

An unchanged point keeps its open period, an unchanged limit its delays, a counter its index, an alarm its number. What
changed ends its period now and goes on from the same register; what is new begins now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.core.kinds import Counter
from edge.core.limit import Limit
from edge.core.making import make_point
from edge.core.other_units import in_new_units
from edge.core.output import OutputSpec
from edge.core.part import Part
from edge.core.point import Actions, Point
from edge.core.together import AlarmRules
from edge.core.types import LimitSpec, PointSpec

if TYPE_CHECKING:
    from edge.core.engine import Engine

WORDS: Final = ("name", "place", "equipment", "role", "properties")
"""Keys of a point that people read and no reading depends on."""


class Site(msgspec.Struct, frozen=True):
    """What a site is made of: the other settings, as the engine takes them."""

    points: Sequence[PointSpec]
    limits: Sequence[LimitSpec]
    outputs: Sequence[OutputSpec] = ()
    parts: Callable[[Mapping[str, Any], Mapping[str, Any]], Sequence[Part]] | None = None
    """(registers of the records, of the events) -> the parts; None: those that are there stay."""
    alarm_rules: AlarmRules | None = None
    """How its alarms are treated; None: as before."""
    reopened: Collection[str] = ()
    """Points and outputs whose device is opened anew: what counts since its opening counts from 0 again."""


def measures_alike(before: PointSpec, after: PointSpec) -> bool:
    """Return whether two specs differ at most in what people read.

    >>> at = PointSpec(id="t", kind="gauge", place="cellar")
    >>> measures_alike(at, msgspec.structs.replace(at, place="attic"))
    True
    """
    return msgspec.structs.replace(before, **{word: getattr(after, word) for word in WORDS}) == after


def replace(
    engine: Engine, site: Site, actions: Actions, saved: Mapping[str, Any], saved_events: Mapping[str, Any], now_ms: int
) -> None:
    """Let the engine go on as this site from now_ms on; what ends with it stands in its actions.

    `saved` and `saved_events` are the registers that the logs hold: where a counter of an earlier start goes on.
    """
    converted = in_new_units(saved, site.points, site.limits)  # of a point that left in an earlier start
    saved = {**saved, **converted}
    actions.registers.update(converted)
    registers = engine.parts.saved(in_records=True)  # first: a part may still count, into points that go
    event_registers = engine.parts.saved(in_records=False)
    limits = _limits(engine, site)
    points = {spec.id: _point(engine, spec, site, actions, saved, now_ms) for spec in site.points}
    for name, point in engine.points.items():
        if name not in points:
            _end(engine, point, actions, now_ms)
    by_point: dict[str, list[Limit]] = {}
    for limit in limits.values():
        by_point.setdefault(limit.spec.point, []).append(limit)
    for name, point in points.items():
        point.set_limits(by_point.get(name, []))
    engine.points, engine.limits = points, limits
    engine.outputs.replace(site.outputs, site.reopened, now_ms)
    for name in limits:
        alarm = engine.alarms.by_limit.get(name)
        engine.outputs.follow(name, now_ms, active=alarm is not None and alarm.active)
    if site.parts is not None:
        engine.replace_parts(site.parts({**saved, **registers}, {**saved_events, **event_registers}))


def _limits(engine: Engine, site: Site) -> dict[str, Limit]:
    """Return the limits: those that did not change as they are, the others with the alarm that they began.

    One whose value alone is another goes on too, by the file's: what a person set comes with the parts.
    """
    found = {}
    for spec in site.limits:
        before = engine.limits.get(spec.id)
        if before is not None and msgspec.structs.replace(before.spec, value=spec.value) == spec:
            if before.spec.value != spec.value:
                before.set_value(spec.value)
            found[spec.id] = before
        else:
            alarm = engine.alarms.by_limit.get(spec.id)
            found[spec.id] = Limit(spec, alarm if alarm and alarm.point == spec.point else None)
    return found


def _point(
    engine: Engine, spec: PointSpec, site: Site, actions: Actions, saved: Mapping[str, Any], now_ms: int
) -> Point:
    before = engine.points.get(spec.id)
    is_reopened = spec.id in site.reopened
    if before is not None and measures_alike(before.spec, spec):
        before.spec = spec
        if is_reopened and isinstance(before, Counter):
            before.register.count_anew()
        return before
    if before is not None:
        _end(engine, before, actions, now_ms)
    register = engine.left.pop(spec.id, None) or saved.get(f"counter/{spec.id}")
    point = make_point(spec, [], engine.period_end_ms, now_ms, register)
    if before is not None:
        point.go_on_from(before, is_open=not is_reopened)
    return point


def _end(engine: Engine, point: Point, actions: Actions, now_ms: int) -> None:
    """Close the open period of a point that goes; what it counted stands in the log, and here should it come back."""
    point.close(now_ms, actions)
    if isinstance(point, Counter):
        engine.left[point.id] = actions.registers[f"counter/{point.id}"] = point.register.saved()
    actions.moved.discard(point.id)

"""What the events of an alarm say: which, where, how much against what, how bad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge.core.alarm import Alarm
from edge.core.limit import Limit
from edge.core.measure import unit_of
from edge.core.point import Crossing


def facts_of(number: int, crossing: Crossing) -> dict[str, Any]:
    """Return id, limit, kind, prio, v (what was compared) with its unit u, at (with what), why and diagnosis."""
    spec, point = crossing.limit.spec, crossing.point.spec
    facts: dict[str, Any] = {"id": number, "limit": spec.id, "kind": spec.kind, "prio": spec.priority}
    value = crossing.value
    if value is not None:
        facts["v"] = value
    if point.words and value is not None and 0 <= value < len(point.words):
        facts["word"] = point.words[int(value)]
    if unit := unit_of(spec, point.unit):
        facts["u"] = unit
    bound = crossing.limit.bound
    if bound is not None:
        facts["at"] = bound
    facts.update(details_of(crossing.limit))
    if crossing.reason:
        facts["why"] = crossing.reason
    if spec.diagnosis:
        facts["diagnosis"] = spec.diagnosis
    return facts


def details_of(limit: Limit) -> dict[str, Any]:
    """Return what a limit says besides number, bound and unit: per what, of which point, for how long."""
    details = {} if limit.measure is None else limit.measure.facts()
    return {**details, "or_equal": True} if limit.spec.or_equal else details


def which(alarm: Alarm) -> dict[str, Any]:
    """Return which alarm an event is about."""
    return {"id": alarm.number, "limit": alarm.limit, "kind": alarm.kind, "prio": alarm.priority}


def by_time(crossings: Sequence[Crossing]) -> Sequence[Crossing]:
    """Return crossings by their instants; those of one limit keep their order, whatever instants they carry."""
    if len(crossings) == 1:
        return crossings
    last: dict[str, int] = {}
    at: list[tuple[int, int, Crossing]] = []
    for crossing in crossings:
        name = crossing.limit.spec.id
        last[name] = max(crossing.t_ms, last.get(name, crossing.t_ms))
        at.append((last[name], len(at), crossing))
    return [crossing for _t_ms, _place, crossing in sorted(at, key=lambda entry: entry[:2])]

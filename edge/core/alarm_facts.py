"""What the events of an alarm say: which, where, how much against what, how bad."""

from __future__ import annotations

from typing import Any

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

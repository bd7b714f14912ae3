"""From [[limit]] to LimitSpec: words to numbers, other units to the point's, what is left out filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from edge.core import expression
from edge.core.conversion import factor
from edge.core.diagnosis import diagnosis_of
from edge.core.types import Input, LimitSpec, PointSpec
from edge.settings.model_limits import DIFFERENCES, NEVER_ZERO_OVER_S, PER_WHERE_ABSENT, Limit
from edge.settings.subscribed import Tapped, phases_of, share_factor, told_by


def limit_specs(
    limits: Iterable[Limit], points: Mapping[str, PointSpec], taps: Mapping[str, Tapped]
) -> list[LimitSpec]:
    """Return the engine's view of limits that were checked, for these points; `taps` are those of meters."""
    return [_spec(limit, points, taps) for limit in limits]


def _spec(limit: Limit, points: Mapping[str, PointSpec], taps: Mapping[str, Tapped]) -> LimitSpec:
    inputs = _inputs(limit.expression, points)
    point = points[limit.point or next(iter(inputs))]
    times = 1.0
    if limit.unit is not None and limit.kind != "subscribed":
        times = factor(limit.unit, point.unit, is_difference=limit.kind in DIFFERENCES) or 1.0
    other, other_factor = _other(limit, points, taps) if limit.kind != "expression" else ("", 1.0)
    return LimitSpec(
        id=limit.id,
        point=point.id,
        kind=limit.kind,
        value=_number(limit.value, point.words) * times,
        deadband=limit.deadband * times,
        on_delay_ms=round(limit.on_delay_s * 1000),
        off_delay_ms=round(limit.off_delay_s * 1000),
        priority=limit.priority,
        diagnosis=limit.diagnosis or diagnosis_of(limit.kind, point.unit, limit.at),
        or_equal=limit.or_equal,
        latch=limit.latch,
        other=other,
        factor=other_factor,
        direction=limit.direction,
        over_ms=round((limit.over_s or (NEVER_ZERO_OVER_S if limit.kind == "never_zero" else 0)) * 1000),
        per=limit.per or PER_WHERE_ABSENT.get(limit.kind, ""),
        rest_ms=round(limit.rest_s * 1000),
        is_index=limit.kind in {"never_zero", "rate"} and point.kind == "counter",
        expression=limit.expression,
        inputs=inputs,
    )


def _inputs(text: str, points: Mapping[str, PointSpec]) -> dict[str, Input]:
    """Return the points that an expression names, in its order; none where there is no expression."""
    if not text:
        return {}
    names = expression.parse(text, {name: point.words for name, point in points.items()}).names
    return {name: Input(points[name].unit, points[name].words) for name in names}


def _number(value: float | str | None, words: Sequence[str]) -> float:
    """Return a limit's value as a number; a state's word is its place."""
    return float(words.index(value) if isinstance(value, str) else value or 0)


def _other(limit: Limit, points: Mapping[str, PointSpec], taps: Mapping[str, Tapped]) -> tuple[str, float]:
    """Return the other point that is looked at and the factor for its readings; "" where there is none."""
    own = points[limit.point]
    if limit.kind != "subscribed":
        other = limit.of or limit.at
        return other, (factor(points[other].unit, own.unit) or 1.0) if other else 1.0
    tap = taps.get(own.id, Tapped(own.id, own.unit))
    of = taps.get(limit.of, Tapped(limit.of, points[limit.of].unit)) if limit.of else told_by(tap, taps.values())
    if of is None:
        return "", 1.0
    return of.id, share_factor(tap, of, limit.phases or phases_of(tap, taps.values())) or 1.0

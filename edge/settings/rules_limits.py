"""Rules of [[limit]]: the keys that a kind has, points that exist and measure the right thing, units that convert."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from edge.core import expression, units
from edge.core.conversion import factor
from edge.settings.draft import Draft, PointRow, Row
from edge.settings.expect import expected
from edge.settings.faults import Faults
from edge.settings.hints import nearest
from edge.settings.model_limits import COMMON, DIFFERENCES, KEYS, ORDERED, PER, Limit
from edge.settings.rules_levels import check_levels, check_never
from edge.settings.rules_points import check_reference
from edge.settings.sources import sources, unit_of, words_of
from edge.settings.subscribed import Tapped, phases_of, share_factor, tapped, told_by
from hal.sample import Channel

NUMBERS: Final = frozenset({"gauge", "counter"})
POINT_KINDS: Final = {
    **dict.fromkeys(ORDERED, NUMBERS),
    "rate": NUMBERS,
    "deviation": NUMBERS,
    "consumption": frozenset({"counter"}),
    "never_zero": NUMBERS,
    "subscribed": frozenset({"gauge"}),
    "equal": NUMBERS | {"state"},
    "not_equal": NUMBERS | {"state"},
}
"""Kind of limit -> kinds of point that it makes sense for; the others take any."""


def check_limits(draft: Draft, faults: Faults) -> None:
    """Note what is wrong with limits by themselves, with the points that they name, and among those of one point."""
    points = sources(draft)
    for limit in draft.limits:
        kind = limit.good.get("kind")
        if kind is None:
            check_reference(limit, "point", points, faults)
            continue
        _check_keys(limit, kind, faults)
        _check_numbers(limit, kind, faults)
        if kind == "expression":
            _check_expression(limit, points, faults)
        elif "point" not in limit.raw:
            faults.missing(limit.path, "fault.missing_key", name="point", expected=expected(str))
        check_reference(limit, "point", points, faults)
        point = points.get(limit.good.get("point", ""))
        if point is not None and point.channel is not None:
            _check_with_point(limit, kind, point, points, faults)
    check_levels(draft, points, faults)


def _check_keys(limit: Row, kind: str, faults: Faults) -> None:
    """Note keys that the kind does not have, and those without which it says nothing."""
    has = KEYS[kind]
    for name in limit.raw:
        if name in Limit.__struct_fields__ and name not in COMMON and name not in has:
            faults.at_key(limit.key(name), "fault.not_with_kind", kind=kind)
    if "value" in has and kind != "never_zero" and "value" not in limit.raw and not ("at" in has and "at" in limit.raw):
        faults.missing(limit.path, "fault.limit_value", kind=kind)
    if "at" in has and "at" in limit.raw:
        for name in ("value", "unit"):
            if name in limit.raw:
                faults.at_key(limit.key(name), "fault.limit_at")
    needed = {"deviation": "of", "rate": "over_s", "expression": "expression"}.get(kind)
    if needed and needed not in limit.raw:
        faults.missing(limit.path, f"fault.limit_{needed}")


def _check_expression(limit: Row, points: dict[str, Row], faults: Faults) -> None:
    """Note an expression that can't be read, names no point, mixes units, or is not a condition."""
    text = limit.good.get("expression")
    if text is None or faults.is_partial:
        return
    known = {name: row for name, row in points.items() if row.channel and row.channel.kind in NUMBERS | {"state"}}
    try:
        parsed = expression.parse(text, {name: words_of(row) for name, row in known.items()})
        parsed.within({name: unit_of(known[name]) for name in parsed.names})
    except expression.ExpressionError as exc:
        faults.at_value(limit.key("expression"), exc.text.key, **exc.text.values)
        return
    if not parsed.is_truth:
        faults.at_value(limit.key("expression"), "fault.limit_condition")


def _check_numbers(limit: Row, kind: str, faults: Faults) -> None:
    """Note a word where a number is meant, a period that the kind does not have, and times that can't be."""
    good = limit.good
    if isinstance(good.get("value"), str) and kind not in {"equal", "not_equal"}:
        faults.at_value(limit.key("value"), "fault.limit_number")
    if kind in PER and good.get("per") not in {None, *PER[kind]}:
        faults.at_value(limit.key("per"), "fault.limit_per", kind=kind, known=PER[kind])
    if kind == "never_zero" and good.get("rest_s", 0.0) >= good.get("over_s", 86_400.0):
        faults.at_value(limit.key("rest_s"), "fault.limit_rest", over=good.get("over_s", 86_400.0))


def _check_with_point(limit: Row, kind: str, point: Row, points: dict[str, Row], faults: Faults) -> None:
    channel = point.channel
    if channel is None:
        return
    if channel.kind not in POINT_KINDS.get(kind, {channel.kind}):
        faults.at_value(limit.key("kind"), _wrong_point(kind, channel), kind=kind)
        return
    times = _unit_factor(limit, kind, unit_of(point), faults)
    _check_others(limit, kind, point, points, faults)
    if channel.kind == "state" and "value" in limit.good:
        _check_word(limit, limit.good["value"], words_of(point), faults)
    elif isinstance(limit.good.get("value"), str) and kind in {"equal", "not_equal"}:
        faults.at_value(limit.key("value"), "fault.limit_number")
    over_s, period_s = limit.good.get("over_s"), point.good.get("period_s", 1.0)
    if over_s is not None and over_s < period_s:
        faults.at_value(limit.key("over_s"), "fault.limit_over", period=period_s)
    if kind == "never_zero" and channel.kind == "counter" and not limit.good.get("rest_s"):
        faults.missing(limit.path, "fault.limit_rest_needed")
    if times is not None:
        check_never(limit, kind, point, times, faults)


def _wrong_point(kind: str, channel: Channel) -> str:
    if channel.kind == "text":
        return "fault.limit_kind_text"
    if channel.kind == "state":
        return "fault.limit_kind_state"
    return "fault.limit_kind_counter" if kind == "consumption" else "fault.limit_kind_gauge"


def _unit_factor(limit: Row, kind: str, own: str, faults: Faults) -> float | None:
    """Return by what the limit's value is multiplied for the point's unit; None after noting that nothing does."""
    unit = limit.good.get("unit")
    if unit is None or kind == "subscribed":
        return 1.0
    times = factor(unit, own, is_difference=kind in DIFFERENCES)
    meant = units.meant(unit)
    if not units.is_known(unit) and (meant is None or meant.factor != 1):
        faults.at_value(limit.key("unit"), "fault.unit")
    elif not units.is_known(unit) and meant is not None:
        faults.at_value(limit.key("unit"), "fault.unit_near", near=meant.unit)
    elif times is None:
        faults.at_value(limit.key("unit"), "fault.limit_unit", own=own or "-")
    return times


def _check_others(limit: Row, kind: str, point: Row, points: dict[str, Row], faults: Faults) -> None:
    """Note another point that does not exist, is the own one, is no number, or measures something else."""
    if kind == "subscribed":
        _check_subscribed(limit, point, points, faults)
        return
    for name in ("at", "of"):
        if name not in limit.good or name not in KEYS[kind]:
            continue
        _check_other(limit, name, points, faults, lambda of: factor(unit_of(of), unit_of(point)))


def _check_other(
    limit: Row, name: str, points: dict[str, Row], faults: Faults, factor_of: Callable[[Row], float | None]
) -> None:
    check_reference(limit, name, points, faults, what="point")
    other = points.get(limit.good[name])
    if other is None or other.channel is None:
        return
    if limit.good[name] == limit.good.get("point"):
        faults.at_value(limit.key(name), "fault.limit_itself")
    elif other.channel.kind not in NUMBERS:
        faults.at_value(limit.key(name), "fault.limit_no_number", kind=other.channel.kind)
    elif factor_of(other) is None:
        own = unit_of(points[limit.good["point"]])
        faults.at_value(limit.key(name), "fault.limit_other_unit", unit=unit_of(other) or "-", own=own or "-")


def _check_subscribed(limit: Row, point: Row, points: dict[str, Row], faults: Faults) -> None:
    """Note a power whose meter tells no subscribed power, or one that is no apparent power and no current."""
    taps = {name: _tap(name, row) for name, row in points.items()}
    own = taps[point.good["id"]]
    phases = limit.good.get("phases") or phases_of(own, taps.values())
    if "of" in limit.good:
        _check_other(limit, "of", points, faults, lambda of: share_factor(own, taps[of.good["id"]], phases))
        return
    of = told_by(own, taps.values())
    if of is None:
        faults.missing(limit.path, "fault.limit_subscribed")
    elif share_factor(own, of, phases) is None:
        faults.at_value(limit.key("point"), "fault.limit_apparent", unit=own.unit or "-")


def _tap(name: str, row: Row) -> Tapped:
    options = row.options if isinstance(row, PointRow) else None
    return tapped(name, unit_of(row), row.good.get("bus", ""), options)


def _check_word(limit: Row, value: Any, words: Iterable[str], faults: Faults) -> None:
    words = list(words)
    if isinstance(value, str):
        if value not in words:
            near = nearest(value, words)
            key = "fault.word_near" if near else "fault.word" if words else "fault.no_words"
            faults.at_value(limit.key("value"), key, near=near or "", known=words)
    elif value != int(value) or not 0 <= value < max(len(words), 2):
        faults.at_value(limit.key("value"), "fault.word_number", known=words, highest=max(len(words), 2) - 1)

"""Rules between tables, of calculated points: each expression can be read, its units fit, and none needs itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edge.core import units
from edge.core.calculated import CycleError, ordered
from edge.core.expression import Expression, ExpressionError, parse
from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults
from edge.settings.sources import sources, unit_of, words_of

PERIODS: Final = (("period_s", 5.0), ("record_s", 60.0))  # what holds where the file says nothing
NO_NAMES: Final = frozenset({"expression.name", "expression.name_near"})


def check_calculated(draft: Draft, faults: Faults) -> None:
    """Note what is wrong with [[calculated]] tables."""
    rows = draft.rows["calculated"]
    if not rows:
        return
    points = sources(draft)
    parsed: dict[str, Expression] = {}
    for row in rows:
        _check_keys(row, faults)
        found = _parsed(row, points, faults)
        if found is None:
            continue
        if "id" in row.good:
            parsed.setdefault(row.good["id"], found)
        if _inputs_fit(row, found, points, faults):
            _check_unit(row, found, points, faults)
    _check_cycles(rows, parsed, faults)


def _check_keys(row: Row, faults: Faults) -> None:
    kind, words = row.good.get("kind", "gauge"), row.good.get("words")
    unit = row.good.get("unit")
    if kind == "state":
        if "unit" in row.raw:
            faults.at_key(row.key("unit"), "fault.not_of_kind", kind=kind)
        if "words" not in row.raw:
            faults.missing(row.path, "fault.calculated_words")
        elif words is not None and (len(set(words)) < len(words) or len(words) < 2 or "" in words):
            faults.at_key(row.key("words"), "fault.words")
    else:
        if "words" in row.raw:
            faults.at_key(row.key("words"), "fault.words_of_no_state")
        if "unit" not in row.raw:
            faults.missing(row.path, "fault.calculated_unit")
        elif unit is not None:
            _check_known(row, unit, faults)
    for name in ("min", "max") if kind == "state" else ():
        if name in row.raw:
            faults.at_key(row.key(name), "fault.not_of_kind", kind=kind)
    low, high = row.good.get("min"), row.good.get("max")
    if low is not None and high is not None and low >= high:
        faults.at_value(row.key("max"), "fault.range_plain", low=low)
    period_ms, record_ms = (round(row.good.get(key, default) * 1000) for key, default in PERIODS)
    if record_ms % period_ms and ("record_s" in row.good or record_ms > period_ms):
        at = "record_s" if "record_s" in row.good else "period_s"
        faults.at_value(row.key(at), "fault.record_period", period=period_ms / 1000, record=record_ms / 1000)


def _check_known(row: Row, unit: str, faults: Faults) -> None:
    if units.is_known(unit):
        return
    meant = units.meant(unit)
    if meant is None:
        faults.at_value(row.key("unit"), "fault.unit")
    else:
        faults.at_value(row.key("unit"), "fault.unit_near", near=meant.unit)


def _parsed(row: Row, points: Mapping[str, Row], faults: Faults) -> Expression | None:
    text = row.good.get("expression")
    if text is None:
        return None
    try:
        return parse(text, {name: words_of(point) for name, point in points.items()}, remembers=True)
    except ExpressionError as exc:
        if not (faults.is_partial and exc.text.key in NO_NAMES):
            faults.at_value(row.key("expression"), exc.text.key, **exc.text.values)
        return None


def _inputs_fit(row: Row, found: Expression, points: Mapping[str, Row], faults: Faults) -> bool:
    """Note an input that is no number, and a part that is a sum of counters only where it must be one."""
    kinds = {name: point.channel.kind for name in found.names if (point := points[name]).channel is not None}
    if len(kinds) < len(found.names):
        return False  # a point that is wrong itself
    texts = [name for name, kind in kinds.items() if kind == "text"]
    counters = {name for name, kind in kinds.items() if kind == "counter"}
    where = row.key("expression")
    if texts:
        faults.at_value(where, "fault.calculated_text", point=texts[0])
    elif not all(memory.of.is_sum_of(counters) for memory in found.memories if memory.kind != "integral"):
        kind = next(memory.kind for memory in found.memories if memory.kind != "integral")
        faults.at_value(where, "fault.calculated_counters", part=f"{kind}(…)")
    elif row.good.get("kind") == "counter" and not (
        found.is_sum_of(counters) and all(memory.kind != "rate" for memory in found.memories)
    ):
        faults.at_value(where, "fault.calculated_meter")
    else:
        return True
    return False


def _check_unit(row: Row, found: Expression, points: Mapping[str, Row], faults: Faults) -> None:
    known = {name: unit_of(points[name]) for name in found.names}
    unit = row.good.get("unit", "") if row.good.get("kind") != "state" else ""
    if not all(units.is_known(name) for name in (*known.values(), unit)):
        return  # said at the point itself
    try:
        found.within(known, unit if "unit" in row.good else None)
    except ExpressionError as exc:
        at = "unit" if exc.text.key == "expression.unit_wanted" else "expression"
        faults.at_value(row.key(at), exc.text.key, **exc.text.values)


def _check_cycles(rows: list[Row], parsed: Mapping[str, Expression], faults: Faults) -> None:
    left = {name: found.names for name, found in parsed.items()}
    while left:
        try:
            ordered(left)
        except CycleError as exc:
            row = next(row for row in rows if row.good.get("id") == exc.path[0])
            faults.at_value(row.key("expression"), "fault.calculated_cycle", ring=" → ".join(exc.path))
            left = {name: names for name, names in left.items() if name not in exc.path}
        else:
            return

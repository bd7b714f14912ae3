"""Rules between tables, of points and limits: unique ids, units, periods, and limits that can be exceeded at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from edge.core import units
from edge.settings.convert import rules_of
from edge.settings.draft import Draft, PointRow, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.hints import nearest
from edge.settings.sources import MADE, all_points
from edge.settings.tables import SEVERAL
from hal.sample import Channel

RECORD_S = 60.0  # model.Point's own, when the file says nothing

# valid names of other units that were meant for the quantity at hand
_CONFUSED = {("Cel", "C"): "Cel", ("Cel", "F"): "Cel", ("%RH", "%"): "%RH", ("%RH", "/100"): "%RH"}


def check_points(draft: Draft, faults: Faults) -> None:
    """Note what is wrong between the keys of points, limits and outputs, and between these tables."""
    _check_ids(list(all_points(draft)), faults)
    for table in draft.rows.keys() - MADE.keys():
        if "id" in rules_of(SEVERAL[table]) and not hasattr(SEVERAL[table], "row_name"):
            _check_ids(draft.rows[table], faults)
    for row in draft.points:
        _check_unit(row, faults)
        _check_periods(row, faults)
        _check_range(row, faults)
        _check_scale(row, faults)
        _check_words(row, faults)
        _check_debounce(row, faults)
    outputs = {row.good["id"] for row in draft.outputs if "id" in row.good}
    limits = {row.good["id"]: row for row in draft.limits if "id" in row.good}
    for output in draft.outputs:
        check_reference(output, "limit", limits, faults)
        followed = limits.get(output.good.get("limit", ""))
        if followed is not None and followed.good.get("point") in outputs:  # two could switch each other for ever
            faults.at_value(output.key("limit"), "fault.limit_of_output", point=followed.good["point"])


def _check_ids(rows: Sequence[Row], faults: Faults) -> None:
    first: dict[str, Row] = {}
    for row in rows:
        name = row.good.get("id")
        if name is not None and first.setdefault(name, row) is not row:
            faults.at_value(row.key("id"), "fault.same_id", line=LineOf(first[name].key("id")))


def check_reference(row: Row, key: str, known: dict[str, Any], faults: Faults, what: str = "") -> None:
    """Note a point or limit (`what`; the key's own name where empty) that does not exist, with the nearest one."""
    name, what = row.good.get(key), what or key
    if name is None or name in known or faults.is_partial:
        return
    near = nearest(name, known)
    if near:
        faults.at_value(row.key(key), f"fault.no_{what}_near", near=near, line=LineOf(known[near].key("id")))
    elif known:
        faults.at_value(row.key(key), f"fault.no_{what}", known=sorted(known)[:8])
    else:
        faults.at_value(row.key(key), f"fault.no_{what}s")


def _check_unit(row: PointRow, faults: Faults) -> None:
    unit = row.good.get("unit")
    if unit is None:
        return
    own = row.channel.unit if row.channel else ""
    meant = units.meant(unit)
    if (own, unit) in _CONFUSED:
        faults.at_value(row.key("unit"), "fault.unit_near", near=_CONFUSED[own, unit])
    elif units.is_known(unit):
        return
    elif meant is None:
        faults.at_value(row.key("unit"), "fault.unit")
    elif meant.factor == 1:
        faults.at_value(row.key("unit"), "fault.unit_near", near=meant.unit)
    else:
        faults.at_value(row.key("unit"), "fault.unit_factor", near=meant.unit, factor=meant.factor)


def _check_periods(row: PointRow, faults: Faults) -> None:
    """Note a record that does not hold a whole number of readings.

    Where record_s is not written, a point slower than the default has records of one reading: no fault.
    """
    period_ms = round(row.good.get("period_s", 1.0) * 1000)
    record_ms = round(row.good.get("record_s", RECORD_S) * 1000)
    if "record_s" in row.raw and "record_s" not in row.good:
        return
    if ("record_s" in row.good or record_ms > period_ms) and record_ms % period_ms:
        key = "fault.record_period" if "record_s" in row.good else "fault.record_period_default"
        at = "record_s" if "record_s" in row.good else "period_s"
        faults.at_value(row.key(at), key, period=period_ms / 1000, record=record_ms / 1000)
    stale_s = row.good.get("stale_s")
    if stale_s is not None and round(stale_s * 1000) < period_ms:
        faults.at_value(row.key("stale_s"), "fault.stale_period", period=period_ms / 1000)


def _check_range(row: PointRow, faults: Faults) -> None:
    low, high = row.good.get("min"), row.good.get("max")
    if low is not None and high is not None and low >= high:
        faults.at_value(row.key("max"), "fault.range", low=low, line=LineOf(row.key("min")))


def _check_scale(row: PointRow, faults: Faults) -> None:
    """Note a scale that makes 0 of every reading, and keys that this kind of point would not look at."""
    scale, channel = row.good.get("scale"), row.channel
    if scale == 0:
        faults.at_value(row.key("scale"), "fault.scale_zero")
    _check_scale_points(row, faults)
    if channel is None:
        return
    if channel.kind == "counter" and scale is not None and scale < 0:
        faults.at_value(row.key("scale"), "fault.scale_negative")
    for name in _keys_without_effect(channel, channel.words or row.good.get("words")):
        if name in row.raw:
            faults.at_key(row.key(name), "fault.not_of_kind", kind=channel.kind)


def _check_scale_points(row: PointRow, faults: Faults) -> None:
    """Note two points that give no line, or a line beside the scale that it replaces."""
    points = row.good.get("scale_points")
    if points is None:
        return
    (raw, value), (other_raw, other_value) = points
    if raw == other_raw or value == other_value:
        faults.at_value(row.key("scale_points"), "fault.scale_points")
    for name in ("scale", "offset"):
        if name in row.raw:
            faults.at_key(row.key(name), "fault.scale_twice")


def _keys_without_effect(channel: Channel, words: Sequence[str] | None) -> tuple[str, ...]:
    """Return the keys that the engine does not look at for such a point; a state without words can be bounded."""
    if channel.kind == "gauge":
        return ()
    if channel.kind == "counter":
        return ("offset", "scale_points", "min", "max") if channel.volatile else ("offset", "scale_points")
    lines = ("scale", "offset", "scale_points")
    return lines if channel.kind == "state" and not words else (*lines, "min", "max")


def _check_words(row: PointRow, faults: Faults) -> None:
    words = row.good.get("words")
    if words is None or row.channel is None:
        return
    if row.channel.kind != "state":
        faults.at_key(row.key("words"), "fault.words_of_no_state")
    elif len(set(words)) < len(words) or len(words) < 2 or "" in words:
        faults.at_key(row.key("words"), "fault.words")
    elif len(words) < len(row.channel.words):
        faults.at_key(
            row.key("words"), "fault.words_missing", count=len(row.channel.words), known=list(row.channel.words)
        )


def _check_debounce(row: PointRow, faults: Faults) -> None:
    """Note a debounce that the meter's fastest pulses can't pass: a level would have to stay longer than it does."""
    fastest, debounce_ms = row.good.get("max_per_s"), getattr(row.options, "debounce_ms", None)
    if fastest is not None and debounce_ms is not None and debounce_ms > 500 / fastest:
        at = "debounce_ms" if "debounce_ms" in row.raw else "max_per_s"
        faults.at_value(row.key(at), "fault.debounce", debounce=debounce_ms, most=math.floor(5000 / fastest) / 10)

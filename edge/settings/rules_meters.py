"""Rules of meters: a point that counts, one table for each, a unit that can be reached, dates in their order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from edge.core import units
from edge.core.meter import unit_worth
from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.rules_points import check_reference
from edge.settings.sources import sources


def check_meters(draft: Draft, faults: Faults) -> None:
    """Note meters that could never count, or whose coefficients contradict each other."""
    points = sources(draft)
    first: dict[str, Row] = {}
    for row in draft.rows["meter"]:
        check_reference(row, "point", points, faults)
        name = row.good.get("point")
        if name is not None and first.setdefault(name, row) is not row:
            faults.at_value(row.key("point"), "fault.meter_twice", line=LineOf(first[name].key("point")))
        point = points.get(name or "")
        channel = point.channel if point is not None else None
        if channel is not None and channel.kind != "counter":
            faults.at_value(row.key("point"), "fault.meter_no_counter", kind=channel.kind)
        elif channel is not None and channel.volatile and "max_per_h" in row.raw:
            faults.at_key(row.key("max_per_h"), "fault.meter_max_per_h")
        _check_unit(row, None if point is None or channel is None else point.good.get("unit") or channel.unit, faults)
        _check_dates(row, faults)


def _check_unit(row: Row, unit: str | None, faults: Faults) -> None:
    wanted, coefficients = row.good.get("to_unit", ""), row.raw.get("coefficients")
    if not wanted:
        if coefficients:
            faults.at_key(row.key("coefficients"), "fault.pair", name="to_unit")
        return
    meant = units.meant(wanted)
    if not units.is_known(wanted):
        if meant is not None:
            faults.at_value(row.key("to_unit"), "fault.unit_near", near=meant.unit)
        else:
            faults.at_value(row.key("to_unit"), "fault.unit")
    elif unit is not None and not coefficients and unit_worth(unit, wanted) is None:
        faults.at_value(row.key("to_unit"), "fault.meter_coefficients", unit=unit, to_unit=wanted)


def _check_dates(row: Row, faults: Faults) -> None:
    found: list[Any] = row.good.get("coefficients", [])
    for number, (before, after) in enumerate(pairwise(found), start=1):
        if after.since <= before.since:
            place = (*row.path, "coefficients", number, "from")
            key = "fault.meter_same_date" if after.since == before.since else "fault.meter_dates"
            faults.at_value(place, key, before=before.since.isoformat())

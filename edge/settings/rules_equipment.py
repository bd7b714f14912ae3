"""Rules of machines: a point that can tell whether they run, and alarms of their own that make them faulty."""

from __future__ import annotations

from typing import Any

from edge.settings.draft import Draft, Row
from edge.settings.equipment import PRIORITIES, points_made
from edge.settings.faults import Faults
from edge.settings.hints import nearest
from edge.settings.rules_points import check_reference
from edge.settings.sources import all_points, sources


def check_equipment(draft: Draft, faults: Faults) -> None:
    """Note machines that could never do what is written of them."""
    points = sources(draft)
    of: dict[str, set[str]] = {}
    for point in all_points(draft):
        if point.good.get("equipment"):
            of.setdefault(point.good["equipment"], set()).add(point.good["id"])
    for row in draft.rows["equipment"]:
        _check_runs(row, points, faults)
        own = of.get(row.good.get("id", ""), set())
        limits = {
            limit.good["id"]: limit for limit in draft.limits if "id" in limit.good and limit.good.get("point") in own
        }
        _check_causes(row, limits, faults)


def _check_runs(row: Row, points: dict[str, Row], faults: Faults) -> None:
    for name in ("runs_above", "service_h"):
        if name in row.raw and "runs" not in row.raw:
            faults.at_key(row.key(name), "fault.pair", name="runs")
    check_reference(row, "runs", points, faults, what="point")
    point = points.get(row.good.get("runs", ""))
    if point is None or point.channel is None:
        return
    if "id" in row.good and row.good["runs"] in dict(points_made(row)):
        faults.at_value(row.key("runs"), "fault.runs_itself")
    elif point.channel.kind not in {"state", "gauge"}:
        faults.at_value(row.key("runs"), "fault.runs_kind", kind=point.channel.kind)
    elif point.channel.kind == "gauge" and "runs_above" not in row.raw:
        faults.missing(row.path, "fault.runs_above")


def _check_causes(row: Row, limits: dict[str, Any], faults: Faults) -> None:
    for place, cause in enumerate(row.good.get("faulty_by", ())):
        if cause in PRIORITIES or cause in limits or faults.is_partial:
            continue
        path = (*row.key("faulty_by"), place)
        known = [*PRIORITIES, *sorted(limits)]
        near = nearest(cause, known)
        if near:
            faults.at_value(path, "fault.faulty_by_near", near=near)
        else:
            faults.at_value(path, "fault.faulty_by", known=known)

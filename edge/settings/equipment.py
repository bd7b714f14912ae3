"""From `[[equipment]]`, and from the points that name a machine, to what the engine takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from edge.core.equipment import HOUR_MS, STATES, EquipmentSpec, hours_point, starts_point, state_point
from edge.core.types import PointSpec
from edge.settings.draft import Draft, Row
from edge.settings.model import Settings
from edge.settings.model_equipment import Equipment
from edge.settings.model_limits import Limit
from edge.settings.patterns import named
from hal.sample import Channel

PRIORITIES: Final = ("low", "medium", "high", "critical")


def implied_equipment(draft: Draft) -> Iterator[Row]:
    """Yield a row for each machine that points name and that has no table of its own, at the place of the first."""
    known = {row.good.get("id") for row in draft.rows["equipment"]}
    others = [row for table, rows in draft.rows.items() if table != "equipment" for row in rows]
    for row in [*draft.points, *others]:
        name = row.good.get("equipment")
        if name and name not in known:
            known.add(name)
            yield Row((*row.path, "equipment"), {}, {"id": name})


def points_made(row: Row) -> Iterator[tuple[str, Channel]]:
    """Yield the points of a machine: its state, its run hours and starts."""
    name = row.good["id"]
    yield state_point(name), Channel("state", words=STATES)
    if "runs" in row.good:
        yield hours_point(name), Channel("counter", "h", volatile=True)
        yield starts_point(name), Channel("counter", "count", volatile=True)


def equipment_specs(settings: Settings, points: Sequence[PointSpec]) -> list[EquipmentSpec]:
    """Return the machines of a site; `points` are those that can belong to one."""
    of: dict[str, set[str]] = {}
    for point in points:
        if point.equipment and point.role != "equipment":
            of.setdefault(point.equipment, set()).add(point.id)
    limits = settings.limits
    return [_spec(row, frozenset(of.get(row.id, ())), limits) for row in settings.of(Equipment)]


def _spec(row: Equipment, points: frozenset[str], limits: Sequence[Limit]) -> EquipmentSpec:
    counts = set(row.faulty_by) or set(PRIORITIES)
    return EquipmentSpec(
        id=row.id,
        points=points,
        limits=frozenset(limit.id for limit in limits if limit.point in points and {limit.id, limit.priority} & counts),
        when_clear=row.restore == "when_clear",
        runs=row.runs,
        runs_above=row.runs_above or 0.0,
        service_ms=round((row.service_h or 0.0) * HOUR_MS),
        name=named(row.name),
        place=row.place,
        kind=row.kind,
    )

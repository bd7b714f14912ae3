"""What the local API tells of the running engine beside its points: each view is one path, /v1/NAME.

A view is called between two cycles and returns plain structs, ready for JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from edge.core import acting_view, alarm_view, costs, equipment_view, meter_view, output_view, view
from edge.core.clock import Dating
from edge.core.engine import Engine
from edge.core.tag_list import TagList
from edge.core.trials import Trials

View: TypeAlias = Callable[[Engine, int, Dating], Any]
"""(engine, monotonic ms now, dating of the starts) -> what is told."""

VIEWS: Final[dict[str, View]] = {
    "values": lambda engine, now_ms, _dating: view.values(engine, now_ms),
    "alarms": lambda engine, _now_ms, dating: alarm_view.alarms(engine, dating),
    "silenced": lambda engine, _now_ms, dating: alarm_view.silenced(engine, dating),
    "costs": lambda engine, _now_ms, _dating: costs.costs(engine),
    "cost_lines": lambda engine, _now_ms, _dating: costs.cost_lines(engine),
    "tariffs": lambda engine, _now_ms, _dating: costs.tariffs(engine),
    "consumption": lambda engine, _now_ms, _dating: meter_view.consumption(engine),
    "peaks": lambda engine, _now_ms, _dating: meter_view.peaks(engine),
    "meters": lambda engine, _now_ms, dating: meter_view.meters(engine, dating),
    "outputs": lambda engine, now_ms, _dating: output_view.outputs(engine, now_ms),
    "setpoints": lambda engine, _now_ms, dating: acting_view.settings(engine, dating),
    "programs": lambda engine, _now_ms, _dating: acting_view.programs(engine),
    "tags": lambda engine, _now_ms, dating: engine.part(TagList).views(dating),
    "trial": lambda engine, now_ms, _dating: engine.part(Trials).view(now_ms),
    "equipment": lambda engine, _now_ms, dating: equipment_view.equipment(engine, dating),
}

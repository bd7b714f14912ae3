"""One definition repeated: the acceptance line of R7."""

from __future__ import annotations

from pathlib import Path

from edge.settings.load import load
from edge.settings.specs import specs

BUILDING = Path(__file__).parents[2] / "config/sites/building.toml"


def test_twelve_apartments_from_one_template_are_twelve_times_k_points() -> None:
    """R7: 12 apartments from one template → 12×k variables, each named, with its own pins and addresses."""
    settings = load(BUILDING)
    points, limits = specs(settings)
    own = [point for point in points if point.id.startswith("apt")]
    k = len({point.id.split(".", 1)[1] for point in own})
    assert k == 5
    assert len(own) == 12 * k
    assert len({point.name["fr"] for point in own}) == 12 * k
    assert len({limit.id for limit in limits}) == 24
    slaves = {
        (entry.point.bus, entry.options.slave) for entry in settings.points if entry.point.bus in {"power", "heat"}
    }
    assert len(slaves) == 24

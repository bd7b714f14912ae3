"""Which alarm stands for a point when several limits of it are exceeded at once (two stages: ISA-18.2 pre-alarm).

Each stage has its own alarm with its own begin and end. As long as `high_high` is active, the point's `high` alarm is
under it: one level is told, and the lower one again when the upper has ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from edge.core.limit import Limit

UPPER: Final = {"high": "high_high", "low": "low_low"}
"""A stage and the one beyond it."""


def above(limit: Limit, limits: Iterable[Limit]) -> Limit | None:
    """Return the active limit of the next stage, among those of the same point; None where this one stands."""
    upper = UPPER.get(limit.spec.kind)
    return next((other for other in limits if other.active and other.spec.kind == upper), None)

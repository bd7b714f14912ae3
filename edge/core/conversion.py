"""From one unit to another of the same quantity by a factor: kWh to Wh, l to m3, A never to VA."""

from __future__ import annotations

from edge.core.dimension import UNITS, rounded


def factor(unit: str, to: str) -> float | None:
    """Return by what a number in `unit` is multiplied for one in `to`; None where no factor leads there.

    >>> factor("l", "m3"), factor("kWh", "Wh"), factor("A", "VA"), factor("Cel", "K")
    (0.001, 1000.0, None, None)
    """
    if unit == to:
        return 1.0
    of, wanted = UNITS.get(unit), UNITS.get(to)
    if of is None or wanted is None or of.dimension != wanted.dimension or of.offset or wanted.offset:
        return None
    return rounded(of.factor / wanted.factor)

"""From one unit to another of the same quantity by a factor: kWh to Wh, l to m3, A never to VA."""

from __future__ import annotations

from edge.core.dimension import UNITS, rounded


def factor(unit: str, to: str, *, is_difference: bool = False) -> float | None:
    """Return by what a number in `unit` is multiplied for one in `to`; None where no factor leads there.

    A difference of temperatures is the same in K and °C, a temperature is not.

    >>> factor("l", "m3"), factor("kWh", "Wh"), factor("A", "VA"), factor("K", "Cel")
    (0.001, 1000.0, None, None)
    >>> factor("K", "Cel", is_difference=True)
    1.0
    """
    if unit == to:
        return 1.0
    of, wanted = UNITS.get(unit), UNITS.get(to)
    if of is None or wanted is None or of.dimension != wanted.dimension:
        return None
    if (of.offset or wanted.offset) and not is_difference:
        return None
    return rounded(of.factor / wanted.factor)

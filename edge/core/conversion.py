"""From one unit to another of the same quantity: kWh to Wh, l to m3, A never to VA."""

from __future__ import annotations

from typing import Final

from edge.core.units import FIELD, SECONDARY, Secondary

_LITRES: Final = {"l": Secondary("m3", 1e-3), "l/s": Secondary("m3/s", 1e-3), "g": Secondary("kg", 1e-3)}
DIGITS: Final = 12  # of a factor: two binary fractions divided must not show


def factor(unit: str, to: str) -> float | None:
    """Return by what a number in `unit` is multiplied for one in `to`; None where they measure different things.

    >>> factor("l", "m3"), factor("kWh", "Wh"), factor("A", "VA")
    (0.001, 1000.0, None)
    """
    if unit == to:
        return 1.0
    here, there = _base(unit), _base(to)
    if here.unit != there.unit or here.offset or there.offset:
        return None
    return float(f"{here.factor / there.factor:.{DIGITS}g}")


def _base(unit: str) -> Secondary:
    found = SECONDARY.get(unit) or FIELD.get(unit) or Secondary(unit, 1.0)
    litres = _LITRES.get(found.unit)
    return Secondary(litres.unit, found.factor * litres.factor) if litres else found

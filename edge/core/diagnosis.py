"""What is the matter when a limit is exceeded, where its settings do not say: from the quantity and the side."""

from __future__ import annotations

from typing import Final

ABOVE: Final = frozenset({"high", "high_high"})
BELOW: Final = frozenset({"low", "low_low"})
TEMPERATURES: Final = frozenset({"Cel"})  # what is in K is a difference of two
PRESSURES: Final = frozenset({"Pa", "hPa", "mbar", "bar"})
WATERS: Final = frozenset({"m3", "l", "m3/s", "l/s"})
DIAGNOSES: Final[tuple[tuple[frozenset[str], str, str], ...]] = (
    (TEMPERATURES, "overheating", "low_temperature"),
    (PRESSURES, "overpressure", "pressure_drop"),
    (frozenset({"W", "kW", "VA", "kVA", "A"}), "overload", ""),
    (frozenset({"V"}), "overvoltage", "undervoltage"),
    (frozenset({"%RH"}), "too_humid", "too_dry"),
)
"""(units, when above, when below): keys of [diagnosis] of the text catalogue."""


def diagnosis_of(kind: str, unit: str, at: str = "") -> str:
    """Return the diagnosis of a limit of this kind on a point of this unit; empty where nothing is sure.

    Below another point (`at`) a temperature is not yet a low one: the side alone says nothing there.

    >>> diagnosis_of("high_high", "Cel"), diagnosis_of("low", "bar"), diagnosis_of("never_zero", "m3/s")
    ('overheating', 'pressure_drop', 'leak')
    >>> diagnosis_of("low", "W"), diagnosis_of("fault", "Cel"), diagnosis_of("high", "")
    ('', '', '')
    >>> diagnosis_of("low", "Cel", at="room.setpoint")
    ''
    """
    if kind == "never_zero":
        return "leak" if unit in WATERS else ""
    if kind == "subscribed":
        return "overload"
    if at:
        return ""
    for units, above, below in DIAGNOSES:
        if unit in units:
            return above if kind in ABOVE else below if kind in BELOW else ""
    return ""

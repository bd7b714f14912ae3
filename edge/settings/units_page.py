"""The reference page of units, from the one table: `python -m edge.settings.units_page > docs/reference/units.md`."""

from __future__ import annotations

import sys
from typing import Final

from edge.core.dimension import UNITS, Dimension
from edge.core.expression_units import INTEGRALS, RATES
from edge.core.units import FIELD, PRIMARY, SECONDARY, shown

HEAD: Final = """\
# Units
Made by `python -m edge.settings.units_page` from the table that settings, conversions, screens and exports share.

A unit is a SenML name (RFC 8428 §12.1, RFC 8798) or one of the few of the field that no registry has; those leave in
the registered unit beside them wherever SenML is asked for. `unit = "…"` changes no value, as `scale` and `offset` do.
Units of one group are converted into each other in [calculated points](../calculated.md); those of different groups
never are: W, VA and var are three groups.

- **In base**: value × factor (+ offset) = value in the first unit of the group.
- **Screen**: what people read, where that differs.
- **Rate, sum**: the unit of `rate(…)` of an index and of `integral(…)` of a gauge.
"""


def page() -> str:
    """Return the page."""
    groups: dict[Dimension, list[str]] = {}
    for unit, known in UNITS.items():
        groups.setdefault(known.dimension, []).append(unit)
    lines = [HEAD, "| Unit | From | In base | Screen | Rate | Sum |", "|---|---|---|---|---|---|"]
    for units in groups.values():
        lines += [_row(unit, units[0]) for unit in units]
        lines.append("| | | | | | |")
    return "\n".join(lines[:-1]) + "\n"


def _row(unit: str, base: str) -> str:
    known, first = UNITS[unit], UNITS[base]
    factor, offset = known.factor / first.factor, (known.offset - first.offset) / first.factor
    source = "RFC 8428, 8798" if unit in PRIMARY else "RFC 8798 §3" if unit in SECONDARY else "field"
    to = {**SECONDARY, **FIELD}.get(unit)
    if unit in FIELD and to is not None:
        source += f", sent as `{to.unit}`"
    plus = f" {'+' if offset > 0 else '-'} {abs(offset):.12g}" if offset else ""
    amount = "" if unit == base else f"{factor:.12g}{plus} `{base}`"
    how = shown(unit)
    screen = "" if how == (unit, 1.0) else how.name or "no name" if how.factor == 1 else f"{how.factor:.12g} {how.name}"
    words = [f"`{unit}`", source, amount, screen, *(f"`{of[unit]}`" if unit in of else "" for of in (RATES, INTEGRALS))]
    return f"| {' | '.join(words)} |"


if __name__ == "__main__":
    sys.stdout.write(page())

"""The live table's line of meters, where nothing is priced: what each moved today and this month. Pure."""

from __future__ import annotations

from typing import Any, Final

from edge.cli.format import MISSING, amount, with_unit
from edge.cli.words import Words

GAP: Final = "   "


def line(found: Any, width: int, say: Words) -> str:
    """Return the meters as far as they fit, today before this month; nothing where there is none."""
    if not found:
        return ""
    parts = [f"{say('meter_table.today')} / {say('meter_table.month')}"]
    for view in found:
        today, month = (
            MISSING if view[name] is None else amount(float(view[name]), view["unit"], 200, say.point)
            for name in ("today", "month")
        )
        parts.append(f"{say.name(view) or view['point']} {today} / {with_unit(month, view['unit'])}")
    while len(parts) > 1 and len(GAP.join(parts)) > width:
        parts.pop()
    return GAP.join(parts) if len(parts) > 1 else ""

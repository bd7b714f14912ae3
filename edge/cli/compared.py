"""What a limit compares, said for people: 5.2 bar an hour > 3 bar, for 2 h, door == "open"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from edge.cli.format import amount, bound, with_unit
from edge.cli.words import Words
from edge.core.limit import sign

STATES: Final = ("equal", "not_equal")


def compared(kind: str, value: Any, at: float | None, unit: str, details: Mapping[str, Any], say: Words) -> str:
    """Return value, sign and limit, as far as they are known; of a leak how long it lasts, of a condition itself."""
    if "expression" in details:
        return str(details["expression"])
    if "for_ms" in details:
        return say("live.for", age=say.age(details["for_ms"] / 1000))
    if not isinstance(value, int | float) or kind in STATES:
        return ""
    parts = [with_unit(amount(value, unit, point=say.point), unit)]
    if "per" in details:
        parts.append(say.word("this" if kind == "consumption" else "per", details["per"]))
    if at is not None:
        between = sign(kind, value, at, or_equal=bool(details.get("or_equal")))
        of = f" ({details['of']})" if "of" in details else ""
        parts.append(f"{say.word('sign', between)} {bound(at, unit, say.point)}{of}")
    return " ".join(parts)

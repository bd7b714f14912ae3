"""Counters whose settings say another unit than before: what was counted so far is told in it.

Registers and sums are plain numbers: without this, 5,000 l would stand as 5,000 m³ from the next start on, and a month
begun in Wh would end in kWh. Only where the scale changed as well (10 l a pulse become 0.01 m³): a unit that changes
alone corrects a word and no figure. Sums of another quantity (count, then l) are no sums of this one: they begin anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from edge.core.counter import ROUND
from edge.core.dimension import convert
from edge.core.types import LimitSpec, PointSpec

SUMS: Final = ("totals/", "cost/")
"""Registers of sums, by point: every text in a list is an amount (`edge.core.sums`, `edge.core.meter_days`)."""
NANO: Final = Decimal("1e-9")
WAIT: Final = "wait"
"""Among them, what waits for a date: rows whose amount, in 10⁻⁹, comes fourth (`edge.core.moved.Waiting`)."""


def in_new_units(
    saved: Mapping[str, Any], points: Iterable[PointSpec], limits: Iterable[LimitSpec] = ()
) -> dict[str, Any]:
    """Return the registers of the records' log that change, by name: they must become durable in one commit."""
    found: dict[str, Any] = {}
    limits = list(limits)
    for spec in points:
        register = saved.get(f"counter/{spec.id}")
        if spec.kind != "counter" or not isinstance(register, dict):
            continue
        was, scale = register.get("unit", spec.unit), register.get("scale", 1.0)
        if spec.unit == was or spec.scale == scale:
            continue
        with suppress(ArithmeticError, AttributeError, LookupError, TypeError, ValueError):  # of another version
            found |= _of_point(saved, register, spec, _factor(was, spec.unit))
            found |= {f"limit/{limit.id}": {"kind": ""} for limit in limits if limit.point == spec.id}  # begins anew
    return found


def _of_point(
    saved: Mapping[str, Any], register: Mapping[str, Any], spec: PointSpec, factor: Decimal | None
) -> dict[str, Any]:
    """Return a counter's register and those of its sums."""
    found: dict[str, Any] = {f"counter/{spec.id}": _counter(register, spec, factor)}
    for name in (name for name in saved if _is_sum_of(name, spec.id)):
        found[name] = type(saved[name])() if factor is None else _sums(saved[name], factor, name.endswith(f"/{WAIT}"))
    return found


def _factor(was: str, unit: str) -> Decimal | None:
    try:
        return Decimal(repr(convert(1.0, was, unit)))
    except ValueError:
        return None


def _is_sum_of(name: str, point: str) -> bool:
    return any(name == kind + point or name.startswith(f"{kind}{point}/") for kind in SUMS)


def _counter(register: Mapping[str, Any], spec: PointSpec, factor: Decimal | None) -> dict[str, Any]:
    """Return a counter's register in the unit of the settings; of another quantity nothing waits for a record.

    What the meter keeps itself needs no more than its word: its index follows from the register (`counter.Kept`).
    """
    made = {**register, "unit": spec.unit}
    if "count" not in register:
        if spec.volatile:
            made["index"] = round(register["index"] * float(factor or 1), ROUND)
        return made
    index = register["base"] + register["count"] * register["scale"]
    pending = round(register.get("pending", 0) * float(factor or 0), ROUND)
    return {
        **made,
        "base": round(index * float(factor or 1), ROUND),
        "count": 0,
        "scale": spec.scale,
        "pending": pending,
    }


def _sums(value: Any, factor: Decimal, waits: bool = False) -> Any:  # noqa: FBT001, FBT002 - of the list at hand
    """Return a register of sums with every amount in the other unit; what is none stays as it is."""
    if isinstance(value, dict):
        return {key: _sums(each, factor, key == WAIT) for key, each in value.items()}
    if not isinstance(value, list):
        return value
    if waits:
        return [[*row[:3], None if row[3] is None else round(row[3] * factor), *row[4:]] for row in value]
    return [_amount(each, factor) if isinstance(each, str) else _sums(each, factor) for each in value]


def _amount(text: str, factor: Decimal) -> str:
    with suppress(ArithmeticError):
        return f"{(Decimal(text) * factor).quantize(NANO, ROUND_HALF_EVEN).normalize():f}"
    return text

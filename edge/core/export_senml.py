"""Rows of one point as a SenML pack (RFC 8428), JSON form.

The first record carries base name, base time and base unit; the others their seconds after that base time. A row
without value has no place in SenML and is left out: the caller counts and tells. Our own fields (`dt`, `mean`, `min`,
`max`, `inc`, `why` …) are those of `up/m` and are ignored by readers that do not know them (§4.4). A unit that is in
no registry (bar, m3/h, l/min) is converted to the one that is, decimal by decimal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from math import isfinite
from typing import Any, Final

import msgspec

from edge.core.batch import seconds, short
from edge.core.export_rows import Row
from edge.core.units import FIELD

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:./_-]*")  # RFC 8428 §4.5.1
_encode = msgspec.json.Encoder().encode


def is_name(text: str) -> bool:
    """Return whether a text may be a SenML name.

    >>> is_name("urn:dev:org:32473-b0042:boiler.flow"), is_name("NJOURF+1"), is_name("")
    (True, False, False)
    """
    return NAME.fullmatch(text) is not None


class Scale:
    """From a point's unit to one of the registries (RFC 8428 §12.1, RFC 8798)."""

    def __init__(self, unit: str) -> None:
        field = FIELD.get(unit)
        self.unit = unit if field is None else field.unit
        self._factor = None if field is None else Decimal(repr(field.factor))

    def __call__(self, value: float) -> int | float:
        """Return the value in that unit; 2.35 bar are 235000 Pa and not 235000.00000000003."""
        if self._factor is not None:
            value = float(Decimal(repr(value)) * self._factor)
        return short(value)


def pack_lines(rows: Iterable[Row], name: str, unit: str) -> Iterator[str]:
    """Yield the pack piece by piece, a record a line. Raises ValueError for a name that SenML does not allow."""
    if not is_name(name):
        raise ValueError(f"{name} can't be a SenML name: letters, digits and : . / _ - (RFC 8428 4.5.1)")
    scale = Scale(unit)
    base_ms: int | None = None
    for row in rows:
        record = entry(row, scale)
        if record is None:
            continue
        if base_ms is None:
            base_ms = row.t_ms
            head: dict[str, Any] = {"bn": name, "bt": seconds(base_ms)}
            if scale.unit and "v" in record:
                head["bu"] = scale.unit
            yield "[" + _encode({**head, **record}).decode()
        else:
            yield ",\n" + _encode({"t": seconds(row.t_ms - base_ms), **record}).decode()
    yield "]\n" if base_ms is not None else "[]\n"


def entry(row: Row, scale: Scale) -> dict[str, Any] | None:
    """Return a row as a record without name, time and unit; None when it has no value."""
    if row.value is None or (not isinstance(row.value, str) and not isfinite(row.value)):
        return None
    found: dict[str, Any] = {"vs": row.value} if isinstance(row.value, str) else {"v": scale(row.value)}
    found["dt"] = seconds(row.dt_ms)
    for key, number in (("mean", row.mean), ("min", row.low), ("max", row.high), ("inc", row.increment)):
        if number is not None and number != (row.value if key != "inc" else None):
            found[key] = scale(number)
    if row.on_ms is not None and row.on_ms != row.dt_ms:
        found["dur"] = seconds(row.on_ms)
    if row.changes:
        found["chg"] = row.changes
    if row.count > 1:
        found["cnt"] = row.count
    if row.quality != "good" or row.reason:
        found["why"] = row.reason or row.quality
    return found

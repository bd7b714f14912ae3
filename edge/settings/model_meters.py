"""The tables of meters: which energy a counter counts, and what a unit of it is worth (docs/meters.md)."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.core.meter import Energy, Role
from edge.core.units import KNOWN


class Coefficient(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"since": "from"}):
    """What a unit is worth from a local day on, until the next one."""

    since: Annotated[date, Meta(description="the first local day, such as 2026-11-01", extra={"expect": "date"})]
    factor: Annotated[float, Meta(gt=0, description="of to_unit for one unit of the point, such as 11.27 kWh per m3")]


class Meter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a counter is a meter of. A counter without one has its totals all the same."""

    point: Annotated[str, Meta(description="id of a point that counts")]
    energy: Annotated[Energy, Meta(description="what it counts; tariffs and reports go by it")]
    role: Annotated[Role, Meta(description="injection: what is fed into the grid")] = "consumption"
    to_unit: Annotated[
        str, Meta(description="totals are told in this unit too", extra_json_schema={"enum": ["", *sorted(KNOWN)]})
    ] = ""
    coefficients: Annotated[
        list[Coefficient],
        Meta(description="dated, oldest first; not needed from Wh to kWh. `vigie meter coefficient` adds to them"),
    ] = []
    max_per_h: (
        Annotated[
            float,
            Meta(
                gt=0,
                description="in the point's unit, where the meter keeps its register: more in an hour is another "
                "meter, and no consumption",
            ),
        ]
        | None
    ) = None

    @property
    def row_name(self) -> str:
        """What tells it from other meters."""
        return self.point

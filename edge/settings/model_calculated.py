"""The table of points that are calculated from others (docs/calculated.md)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.core.units import KNOWN
from edge.settings.patterns import ID_PATTERN


class Calculated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A point that is calculated from others: a sum, a difference, an efficiency, a virtual meter."""

    id: Annotated[str, Meta(pattern=ID_PATTERN, description="such as boiler.delta", extra={"expect": "id"})]
    expression: Annotated[
        str,
        Meta(min_length=1, max_length=500, description="over ids of points: boiler.flow - boiler.return"),
    ]
    kind: Annotated[
        Literal["gauge", "counter", "state"],
        Meta(description="counter: a virtual meter, whose index goes on by what the counters in it move"),
    ] = "gauge"
    unit: Annotated[
        str | None,
        Meta(
            description='SenML name of the result, checked against the expression; "" for a bare number',
            extra_json_schema={"enum": sorted({*KNOWN, ""})},
        ),
    ] = None
    words: Annotated[list[str] | None, Meta(description="a state's word for 0, 1, …")] = None
    period_s: Annotated[float, Meta(ge=0.1, le=86400, description="how often it is calculated")] = 5.0
    record_s: Annotated[float, Meta(ge=0.1, le=86400, description="what one record covers")] = 60.0
    deadband: Annotated[float, Meta(ge=0, description="save a record only when it moved this far …")] = 0.0
    heartbeat_s: Annotated[float, Meta(ge=0, description="… or is this old")] = 3600.0
    min: Annotated[float | None, Meta(description="results below are BAD out_of_range")] = None
    max: Annotated[float | None, Meta(description="results above are BAD out_of_range")] = None
    name: Annotated[str | dict[str, str], Meta(description='people\'s name, or { en = "…", fr = "…" }')] = ""
    place: Annotated[str, Meta(description="where on the site")] = ""
    equipment: Annotated[str, Meta(description="the machine that it belongs to")] = ""
    role: Annotated[str, Meta(description="what the figure is for, such as consumption")] = ""

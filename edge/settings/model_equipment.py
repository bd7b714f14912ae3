"""The keys of `[[equipment]]`: the machines of a site."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.settings.patterns import EQUIPMENT


class Equipment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A machine (docs/equipment.md). Points name it by `equipment`; one without a table of its own has these defaults.

    It is in service, faulty or in maintenance, which its point `ID.state` shows. An alarm of its points makes it
    faulty.
    """

    id: Annotated[str, EQUIPMENT, Meta(description="such as boiler; also of its points")]
    name: Annotated[str | dict[str, str], Meta(description='people\'s name, or { en = "…", fr = "…" }')] = ""
    place: Annotated[str, Meta(description="where on the site")] = ""
    kind: Annotated[str, Meta(description="what it is, such as boiler: for people")] = ""
    restore: Annotated[
        Literal["by_hand", "when_clear"],
        Meta(description="a faulty machine is in service again when a person says so, or when its last alarm ends"),
    ] = "by_hand"
    faulty_by: Annotated[
        list[str], Meta(description="priorities, or ids of limits, that make it faulty; all where it is empty")
    ] = []
    runs: Annotated[
        str, Meta(description="the point that tells whether it runs; then ID.hours and ID.starts count")
    ] = ""
    runs_above: Annotated[
        float | None, Meta(description="it runs while `runs` is above; of a state, where absent, while that is not 0")
    ] = None
    service_h: (
        Annotated[float, Meta(gt=0, le=1_000_000, description="run hours from one service to the next")] | None
    ) = None

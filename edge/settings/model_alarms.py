"""[alarms]: how a site treats its alarms and whom it lets rest."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Alarms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How alarms are told, repeated and silenced (docs/alarms.md)."""

    notify_from: Annotated[
        Literal["low", "medium", "high", "critical"], Meta(description="below it, alarms are journaled only")
    ] = "low"
    together_s: Annotated[
        float, Meta(ge=1, le=3600, description="alarms this close have come together, and are told as one")
    ] = 60.0
    most_per_hour: Annotated[
        int, Meta(ge=1, le=60, description="messages an hour on average; critical ones have as many of their own")
    ] = 6
    remind_critical_s: Annotated[
        float, Meta(ge=0, le=604_800, description="said again this often until acknowledged; 0: never")
    ] = 900.0
    remind_high_s: Annotated[float, Meta(ge=0, le=604_800, description="the same")] = 3600.0
    remind_medium_s: Annotated[float, Meta(ge=0, le=604_800, description="the same")] = 14_400.0
    remind_low_s: Annotated[float, Meta(ge=0, le=604_800, description="the same")] = 0.0
    reminders: Annotated[int, Meta(ge=0, le=20, description="how often at most")] = 3
    quiet: Annotated[
        str,
        Meta(
            pattern=r"^$|^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$",
            description='local hours in which alarms wait, such as "22:00-07:00"',
            extra={"expect": "hours"},
        ),
    ] = ""
    quiet_lets: Annotated[
        Literal["low", "medium", "high", "critical"], Meta(description="from which priority on they don't wait")
    ] = "critical"
    shelve_most_s: Annotated[
        float, Meta(ge=60, le=31_622_400, description="how long an alarm can be shelved at most")
    ] = 604_800.0
    chatter_begins: Annotated[int, Meta(ge=2, le=100, description="an alarm that begins so often …")] = 5
    chatter_s: Annotated[
        float, Meta(ge=1, le=86_400, description="… within this chatters: it is one, until it was quiet as long")
    ] = 600.0

"""The time of a French meter overseas: its local time has no offset, and the season's letter is mainland France's."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final

import msgspec

from hal.sample import Fix

ZONES: Final = frozenset({
    "America/Cayenne", "America/Guadeloupe", "America/Marigot", "America/Martinique", "America/Miquelon",
    "America/St_Barthelemy", "Indian/Mayotte", "Indian/Reunion", "Pacific/Noumea", "Pacific/Tahiti", "Pacific/Wallis",
})  # fmt: skip
"""Of sites whose meters keep another local time. A site in UTC, or over the border, may well have a mainland meter."""


def as_there(fix: Fix, zone: tzinfo) -> Fix:
    """Return what a meter told, read as local time of the site where that lies overseas.

    >>> from zoneinfo import ZoneInfo
    >>> noon = Fix("tic", 0, 1_768_474_800_000, 2000, 3_600_000)  # 12:00 by the meter in winter
    >>> datetime.fromtimestamp(as_there(noon, ZoneInfo("Indian/Reunion")).utc_ms / 1000, UTC).hour
    8
    """
    if not fix.taken_off_ms or str(zone) not in ZONES:
        return fix
    local = datetime.fromtimestamp((fix.utc_ms + fix.taken_off_ms) / 1000, UTC).replace(tzinfo=zone)
    return msgspec.structs.replace(fix, utc_ms=round(local.timestamp() * 1000), taken_off_ms=0)

"""What a link tells the station beside `hal.sample.Notice`."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from hal.sample import Fix


class Say(Protocol):
    """Tell the station that something happened: an event kind and its values."""

    def __call__(self, kind: str, **values: Any) -> None:
        """Hand it over; never blocks."""


class ClockWanted(msgspec.Struct, frozen=True):
    """Entries of start `boot` wait undated: write a durable clock entry for it with the best estimate there is.

    Asked for again each time until the entry is there. What it dates goes out UNCERTAIN `clock_unsynced` and stays so.
    """

    link: str
    boot: int


class TimeHeard(msgspec.Struct, frozen=True):
    """The time of day came over a link: an SMS's stamp, the network's own."""

    link: str
    fix: Fix

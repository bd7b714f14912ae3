"""What a link tells the station beside `hal.sample.Notice`."""

from __future__ import annotations

import msgspec


class ClockWanted(msgspec.Struct, frozen=True):
    """Entries of start `boot` wait undated: write a durable clock entry for it with the best estimate there is.

    Asked for again each time until the entry is there. What it dates goes out UNCERTAIN `clock_unsynced` and stays so.
    """

    link: str
    boot: int

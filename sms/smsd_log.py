"""The one thing that gammu-smsd tells in its log alone: that it can't read what lies on the SIM card.

It goes on sending, its heartbeat is fresh, and nothing is received any more, for ever. The log also has a line at every
look into the outbox ("DBI error -6", of libdbi's SQLite driver, and no fault): it is in RAM, and begun anew with the
daemon.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

LOG: Final = Path("/run/vigie-sms/smsd.log")
TAIL: Final = 8192
"""Octets: three minutes."""
SIGN: Final = b"Error getting SMS: "
LATE_LINES: Final = 10
"""Lines after the newest such error in which the daemon has looked again, and read."""


def unreadable(log: Path = LOG) -> int:
    """Return how often the daemon failed to read the SIM of late; 0 where it has read since, and without a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            lines = file.read(TAIL).splitlines()
    except OSError:
        return 0
    if not any(SIGN in line for line in lines[-LATE_LINES:]):
        return 0
    return sum(SIGN in line for line in lines)

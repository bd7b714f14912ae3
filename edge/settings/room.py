"""How long the buffer lasts without a link, and how large the events' log is.

A commit is one frame, in whole blocks of 4 KiB. 2,000 records of 200 points, each one every second, take 2,827 octets;
a frame of few records takes more a record, for the points' names.
"""

from __future__ import annotations

from typing import Final

from edge.settings.model import Settings

BLOCK: Final = 4096
HEAD_OCTETS: Final = 200  # head, cursors, and what a body costs however small it is
POINT_OCTETS: Final = 40  # its name once, its register where it counts
READING_OCTETS: Final = 2.0
MEAN_OCTETS: Final = 16.0  # a record of many readings: mean, lowest and highest too
DAY_S: Final = 86_400.0
EVENTS_SHARE: Final = 8  # of the records' buffer, but at least …
EVENTS_MB: Final = 16


def frame_octets(settings: Settings) -> int:
    """Return what a commit of this site writes, in octets: about, and rather too much."""
    commit_s = settings.box.commit_s
    octets: float = HEAD_OCTETS + POINT_OCTETS * len(settings.points)
    for entry in settings.points:
        is_reading = entry.point.record_s <= entry.point.period_s
        octets += max(1.0, commit_s / entry.point.record_s) * (READING_OCTETS if is_reading else MEAN_OCTETS)
    return -(-round(octets) // BLOCK) * BLOCK


def buffer_days(settings: Settings) -> float:
    """Return how many days of records the buffer holds."""
    return (settings.box.buffer_mb << 20) / frame_octets(settings) * settings.box.commit_s / DAY_S


def events_bytes(settings: Settings) -> int:
    """Return the size of the events' log: an eighth of the records', at least 16 MiB.

    An urgent event is a frame of its own: 128 MiB hold 32,768 of them, 1,092 a day for 30 days.
    """
    return max(settings.box.buffer_mb // EVENTS_SHARE, EVENTS_MB) << 20

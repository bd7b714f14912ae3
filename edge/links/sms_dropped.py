"""Values of sealed messages that don't go again as they were: where their periods lie, to be sealed anew.

A gateway that is away for weeks leaves a box with more messages than it holds. Their values stand in its history: when
the gateway says that it misses them they go as a backlog, and only then, as each costs. So do many messages of an hour
each that are held still: twenty of them fit one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from sms.wire import LOCAL_DAY, MESSAGE, STEPS, Type, WireError, header_of

KEPT: Final = 4096
"""Of a message an hour: 170 days."""
MANY: Final = 24
OF_VALUES: Final = frozenset({Type.REPORT, Type.BACKLOG, Type.DAILY})
DAY_MS: Final = 86_400_000
SLACK_MS: Final = 3_600_000 + 600_000
"""A local day may have 25 hours, and the base of a message lies up to ten minutes before its first."""

Dropped = tuple[int, int, int]
"""Counter, begin and end (UTC ms) of what a message told."""
Range = tuple[int, int]


def period_of(counter: int, octets: bytes) -> Dropped | None:
    """Return what to remember of a sealed message, by its head, which is in the clear; None of one without values.

    >>> period_of(7, b"")
    """
    try:
        header = header_of(octets)
    except WireError:
        return None
    if header.type not in OF_VALUES or not header.count:
        return None
    begin_ms = header.base_s * 1000
    if header.step == LOCAL_DAY:
        return counter, begin_ms, begin_ms + header.count * DAY_MS + SLACK_MS
    return (
        (counter, begin_ms, begin_ms + header.count * STEPS[header.step] * 1000) if header.step < len(STEPS) else None
    )


def are_sparse(messages: Collection[bytes]) -> bool:
    """Return whether they are so many and hold so little that the values cost far fewer messages together.

    >>> are_sparse([bytes(60)] * MANY), are_sparse([bytes(60)] * (MANY - 1)), are_sparse([bytes(130)] * MANY)
    (True, False, False)
    """
    return len(messages) >= MANY and 3 * sum(map(len, messages)) <= 2 * len(messages) * MESSAGE


def is_among(dropped: Iterable[Dropped], gone: Iterable[Range]) -> bool:
    """Return whether the counter of one of these is in a range of counters.

    >>> is_among([(4, 0, 60), (9, 90, 99)], [(5, 8)]), is_among([(5, 60, 90)], [(5, 8)])
    (False, True)
    """
    ranges = list(gone)
    return any(first <= counter <= last for counter, _, _ in dropped for first, last in ranges)


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Return the ranges in order, those that touch as one.

    >>> merged([(60, 90), (0, 60), (100, 120), (80, 95)])
    [(0, 95), (100, 120)]
    """
    found: list[Range] = []
    for begin, end in sorted(ranges):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found

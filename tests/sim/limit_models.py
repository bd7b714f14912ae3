"""What limits compare, in the slow and obvious way: each answer is worked out anew from all readings so far.

A reading is (t_ms, value); None is BAD. Nothing here is the product's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

Readings: TypeAlias = Sequence[tuple[int, float | None]]


def rate(readings: Readings, over_ms: int, span_ms: int) -> float | None:
    """Return the change per span between the last reading and the newest kept one that is `over_ms` old."""
    t_ms, value = readings[-1]
    if value is None:
        return None
    kept: list[tuple[int, float]] = []
    for at_ms, old in readings:
        if old is not None and (not kept or at_ms - kept[-1][0] >= over_ms / 60):
            kept.append((at_ms, old))
    bases = [(at_ms, old) for at_ms, old in kept if over_ms <= t_ms - at_ms]
    if not bases or t_ms - bases[-1][0] > 2 * over_ms:
        return None
    at_ms, old = bases[-1]
    return float(f"{(value - old) / (t_ms - at_ms) * span_ms:.6g}")


def never_zero(readings: Readings, rest_ms: int, *, is_index: bool) -> float | None:
    """Return the known seconds since the last rest of `rest_ms`: a flow moves above 0, an index when it changes."""
    if readings[-1][1] is None:
        return None
    known = [(t_ms, value) for t_ms, value in readings if value is not None]
    counted = [0] + [
        later[0] - earlier[0] if earlier[1] is not None and later[1] is not None else 0
        for earlier, later in pairwise(readings)
    ]
    elapsed = [part for part, (_, value) in zip(counted, readings, strict=True) if value is not None]
    moves = [
        index > 0 and value != known[index - 1][1] if is_index else value > 0 for index, (_, value) in enumerate(known)
    ]
    since = 0
    for index in range(len(known)):
        first = index  # of the readings at rest that end here
        while first > 0 and not moves[first - 1]:
            first -= 1
        if not moves[index] and sum(elapsed[first : index + 1]) >= rest_ms:
            since = index + 1
    return sum(elapsed[since:]) / 1000

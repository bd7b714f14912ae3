"""The high bits of indexes: a report has the 16 low ones of its first value, an earlier full value gives the rest.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sms.schema import Schema
from sms.wire import WireError

TURN: Final = 2**16


def lifted(
    schema: Schema,
    columns: Sequence[Sequence[int | None]],
    known: Mapping[int, int],
    later: Mapping[int, int] | None = None,
) -> list[list[int | None]]:
    """Return the columns with whole indexes, from full values of the same channels at an instant not after them.

    `known` and `later` go by the channel's number; `later` are full values from after the report (it came late) and
    tell apart what `known` alone can't: more than 65,535 units since. Raises WireError when no full value is known, or
    when more than one reading of the index is possible.

    >>> from sms.schema import Channel
    >>> schema = Schema("b1", "Etc/UTC", 3600, (Channel("m", "index", "Wh", 0),))
    >>> lifted(schema, [[10, None, 30]], {0: 131_070})
    [[131082, None, 131102]]
    """
    after = later or {}
    found: list[list[int | None]] = []
    for number, (channel, column) in enumerate(zip(schema.channels, columns, strict=True)):
        values = [value for value in column if value is not None]
        if channel.what != "index" or not values:
            found.append(list(column))
            continue
        where = f"channel {number} ({channel.point})"
        if values[0] >= TURN:
            raise WireError(f"{where}: {values[0]} is a whole index already")
        if number not in known:
            raise WireError(f"{where}: no full value of the index is known yet")
        # only upwards: an index never goes back, and a new base index is sent whole
        turns = -((values[0] - known[number]) // TURN)
        last = values[-1] + turns * TURN
        if number in after and not last <= after[number] < last + TURN:
            raise WireError(f"{where}: more than one index is possible between {known[number]} and {after[number]}")
        found.append([None if value is None else value + turns * TURN for value in column])
    return found

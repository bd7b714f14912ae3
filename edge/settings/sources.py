"""The points of a draft by id: those of [[point]], and those that other tables make, such as an output's.

Whatever names a point (a limit, an expression, a rule) finds it here, with what it is and where the file has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from edge.core.read_back import WORDS
from edge.settings.draft import Draft, Row
from edge.settings.equipment import points_made
from hal.sample import Channel

Made: TypeAlias = Callable[[Row], Iterable[tuple[str, Channel]]]
"""A row that has an id -> ids of the points that it makes, and what each is."""

OUTPUT: Final = Channel("state", words=WORDS)


def setpoint_channel(row: Row) -> Channel:
    """Return what the point of a setpoint is."""
    words = row.good.get("words")
    return Channel("state", words=tuple(words)) if words else Channel("gauge", unit=row.good.get("unit", ""))


def calculated_channel(row: Row) -> Channel:
    """Return what a calculated point is."""
    good = row.good
    return Channel(good.get("kind", "gauge"), good.get("unit") or "", words=tuple(good.get("words") or ()))


MADE: Final[dict[str, Made]] = {
    "output": lambda row: [(row.good["id"], OUTPUT)],
    "equipment": points_made,
    "setpoint": lambda row: [(row.good["id"], setpoint_channel(row))],
    "calculated": lambda row: [(row.good["id"], calculated_channel(row))],
}
"""By table; where two make a point of one id, that is a fault of `rules_points`."""


def all_points(draft: Draft) -> Iterator[Row]:
    """Yield a row for each point that has an id, in the order of [[point]] and MADE: `good["id"]`, `channel`."""
    for point in draft.points:
        if "id" in point.good:
            yield point
    for table, points_of in MADE.items():
        for row in draft.rows[table]:
            if "id" in row.good:
                for name, channel in points_of(row):
                    yield Row(row.path, row.raw, {**row.good, "id": name}, channel)


def sources(draft: Draft) -> dict[str, Row]:
    """Return the points of a draft by id; of several with one id the first."""
    found: dict[str, Row] = {}
    for row in all_points(draft):
        found.setdefault(row.good["id"], row)
    return found


def unit_of(row: Row) -> str:
    """Return the unit of a point: its own, else its driver's."""
    unit = row.good.get("unit")
    return unit if unit is not None else row.channel.unit if row.channel else ""


def words_of(row: Row) -> list[str]:
    """Return the words of a state: its own, else its driver's; none where it is no state."""
    if row.channel is None or row.channel.kind != "state":
        return []
    return list(row.good.get("words") or row.channel.words)

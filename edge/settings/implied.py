"""The limits that a file does not write: those of points that are there to raise an alarm (hal.driver.Guards)."""

from __future__ import annotations

from collections.abc import Iterator

from edge.settings.draft import Draft, PointRow, Row

SAME: frozenset[str] = frozenset({"equal", "not_equal"})


def implied_limits(draft: Draft) -> Iterator[Row]:
    """Yield a row for each guard, under its point's id and place; none where the file has a limit like it."""
    written = {row.good.get("point") for row in draft.limits if row.good.get("kind") in SAME}
    for row in draft.points:
        name = row.good.get("id")
        if name is not None and name not in written:
            yield from _guarding(row, name)


def _guarding(row: PointRow, name: str) -> Iterator[Row]:
    guard_of = getattr(row.driver, "guard", None)
    guard = None if guard_of is None or row.options is None else guard_of(row.options)
    if guard is not None:
        keys = {
            "id": name,
            "point": name,
            "kind": "equal",
            "value": guard.value,
            "priority": guard.priority,
            "diagnosis": guard.diagnosis,
            "on_delay_s": guard.on_delay_s,
            "off_delay_s": guard.off_delay_s,
        }
        yield Row(row.path, keys, keys)

"""A past in RAM for the tests of who asks it: `HistoryReader` over plain lists."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, tzinfo

import msgspec

from edge.core import aggregate
from edge.core.series import HistoryGap, HistoryRecord, JournalLine, Period, PeriodLength, PointInfo
from hal.sample import Kind


class MemoryHistory:
    """Records by point, in order of time. `asked` holds the sizes of the pages that were given."""

    def __init__(self, zone: tzinfo = UTC) -> None:
        self.zone = zone
        self.kinds: dict[str, tuple[Kind, str]] = {}
        self.held: dict[str, list[HistoryRecord]] = {}
        self.lost: list[HistoryGap] = []
        self.asked: list[int] = []
        self.split: list[PointInfo] = []
        """In place of what `points` would say, for a point whose unit changed."""

    def add(self, point: str, kind: Kind, unit: str, records: Iterable[HistoryRecord]) -> None:
        """Keep the records of a point."""
        self.kinds[point] = (kind, unit)
        self.held.setdefault(point, []).extend(records)

    def points(self) -> list[PointInfo]:
        """See HistoryReader."""
        if self.split:
            return self.split
        return [
            PointInfo(point, *self.kinds[point], records[0].t_ms, max(r.t_ms + r.dt_ms for r in records))
            for point, records in sorted(self.held.items())
            if records
        ]

    def records(self, point: str, from_ms: int, to_ms: int, limit: int) -> list[HistoryRecord]:
        """See HistoryReader."""
        found = [record for record in self.held[point] if from_ms <= record.t_ms < to_ms][:limit]
        self.asked.append(len(found))
        return [msgspec.structs.replace(record) for record in found]

    def periods(self, point: str, length: PeriodLength, from_ms: int, to_ms: int) -> list[Period]:
        """See HistoryReader."""
        found = aggregate.periods(self.held[point], self.kinds[point][0], length, self.zone)
        return [period for period in found if from_ms <= period.t_ms < to_ms]

    def gaps(self, from_ms: int, to_ms: int) -> list[HistoryGap]:
        """See HistoryReader."""
        return [
            gap
            for gap in self.lost
            if (gap.from_ms is None or gap.from_ms < to_ms) and (gap.to_ms is None or gap.to_ms > from_ms)
        ]

    def journal(self, before: int | None, limit: int, kinds: frozenset[str] = frozenset()) -> list[JournalLine]:
        """See HistoryReader."""
        return []

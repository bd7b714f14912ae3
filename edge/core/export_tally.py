"""What is said of a table as a whole, gathered while its rows pass: how many, how many without value, whose clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from edge.core.calendar import HOUR_MS
from edge.core.export_rows import Row


class TrustRange(msgspec.Struct, frozen=True):
    """From the first to the end of the last record that this word of `clock.TRUST` dated without another between."""

    trust: str
    from_ms: int
    to_ms: int


class Tally:
    """Counts the rows that pass; of a year it keeps an entry an hour."""

    def __init__(self) -> None:
        self.rows = 0
        self.without_value: Counter[str] = Counter()
        """By reason."""
        self._trust: dict[int, dict[str, tuple[int, int]]] = {}

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows as they are."""
        for row in rows:
            self.rows += 1
            if row.value is None:
                self.without_value[row.reason] += 1
            if row.trust:
                self._date(row)
            yield row

    def _date(self, row: Row) -> None:
        hour = self._trust.setdefault(row.t_ms // HOUR_MS, {})
        end_ms = row.t_ms + row.dt_ms
        first_ms, last_ms = hour.get(row.trust, (row.t_ms, end_ms))
        hour[row.trust] = (min(first_ms, row.t_ms), max(last_ms, end_ms))

    def trust(self) -> list[TrustRange]:
        """Return what dated the records, in order of time; an hour with several words has a range of each."""
        found: list[TrustRange] = []
        for hour in sorted(self._trust):
            words = self._trust[hour]
            for word, (from_ms, to_ms) in sorted(words.items(), key=lambda item: item[1]):
                if found and found[-1].trust == word:
                    found[-1] = TrustRange(word, found[-1].from_ms, max(found[-1].to_ms, to_ms))
                else:
                    found.append(TrustRange(word, from_ms, to_ms))
        return found

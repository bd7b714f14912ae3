"""Opening history's file: where it goes on, and how one that is missing or damaged is made again.

The log's cursor may be behind the file's, and a log cut short before it; a file that was set aside is carried over step
by step, up to where the log takes over.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.core.ports import Reader
from edge.store.history import CONSUMER, History
from edge.store.history_salvage import EVERYTHING, Salvage
from edge.store.history_slices import dated
from edge.store.history_write import get_cursor, put_cursor, store_points

log = logging.getLogger(__name__)
Tell = Callable[[str, dict[str, Any]], None]


class Opening:
    """Opens and closes the file of a history. `tell` hears history_rebuilt."""

    def __init__(self, history: History, tell: Tell) -> None:
        self.history = history
        self._tell = tell
        self._salvage: Salvage | None = None

    def open(self, why: str) -> bool:
        """Open or make the file and begin where it ends; return whether it is open.

        `why`: what is wrong with the file that was just set aside. Raises FormatError, sqlite3.Error, OSError.
        """
        history = self.history
        was_there = history.records_log.cursor(CONSUMER) > 0
        why = history.file.open() or why
        connection = history.file.connection
        if connection is None:
            return False
        history.known.load(connection)
        aside = history.file.aside
        is_empty = connection.execute("SELECT 1 FROM cursor").fetchone() is None
        if is_empty and aside is not None:
            self._note(f"it is damaged ({why or 'found at an earlier start'}); set aside as {aside.name}")
            self._begin_salvage(connection, aside)
        elif is_empty and was_there:
            self._rebuilt(f"{history.file.path.name} is missing", "missing")
        elif aside is not None:
            self._salvage = Salvage(connection, history.known, history.zone, aside)
            if not self._salvage.resume():
                self._salvage.close()
                self._salvage = None
                history.file.carried_over()
        self._begin_at_cursor(connection)
        return True

    def _begin_at_cursor(self, connection: sqlite3.Connection) -> None:
        """Take the file's cursors for what they are: the log's may be behind, and a log cut short before them."""
        logs: tuple[tuple[str, Reader[Any]], ...] = (
            ("records", self.history.records_log), ("events", self.history.events_log),
        )  # fmt: skip
        for name, reader in logs:
            cursor = get_cursor(connection, reader.stream, name)[0]
            if cursor >= reader.next_seq():
                self._note(
                    f"the {name} log ends at {reader.next_seq() - 1}, history at {cursor}: it goes on from there"
                )
                cursor = reader.next_seq() - 1
                put_cursor(connection, reader.stream, name, cursor, None)
            reader.acknowledge(CONSUMER, cursor)
            if name == "records":
                self.history.head.reset(cursor)
        store_points(connection, self.history.known.settled())

    def _note(self, note: str) -> None:
        self.history.notes.append(f"history: {note}")
        log.warning("history: %s", note)

    def _begin_salvage(self, connection: sqlite3.Connection, aside: Path) -> None:
        """Carry over what the file that was set aside still holds, up to where the log takes over."""
        history = self.history
        self._salvage = Salvage(connection, history.known, history.zone, aside)
        cursors = self._salvage.cursors()
        records, events = history.records_log, history.events_log
        known = cursors.pop((records.stream, "records"), records.first_seq())
        is_met = known >= records.first_seq()
        self._salvage.begin(self._first_end_ms() if is_met else EVERYTHING)
        put_cursor(connection, records.stream, "records", min(known, records.first_seq() - 1), None)
        known = cursors.pop((events.stream, "events"), 0)
        put_cursor(connection, events.stream, "events", min(known, events.first_seq() - 1), None)
        for (stream, name), seq in cursors.items():
            put_cursor(connection, stream, name, seq, None)

    def _first_end_ms(self) -> int:
        """Return when the first record that the log holds ends; what ends before it is in the log no more."""
        seq, records = self.history.records_log.first_seq(), self.history.records_log
        chunk = records.read(seq, 1)
        while chunk.gap is not None:
            chunk = records.read(chunk.gap.last + 1, 1)
        found = dated(chunk.entries, chunk.boot, self.history.head.dating)
        return found[0].t_ms + found[0].dt_ms if found else EVERYTHING

    def go_on(self) -> bool:
        """Carry over some more of a damaged file; return whether there was anything to do."""
        salvage = self._salvage
        if salvage is None:
            return False
        if not salvage.work():
            return True
        found = salvage.found
        self._salvage = None
        self._rebuilt(
            f"{found.blocks} hours of points, {found.sums} sums and {found.events} events were carried over, "
            f"{found.unreadable} places can't be read",
            "damaged",
            blocks=found.blocks, unreadable=found.unreadable,
        )  # fmt: skip
        self.history.file.carried_over()
        return True

    def _rebuilt(self, note: str, why: str, **words: int) -> None:
        first = self.history.records_log.first_seq()
        self._note(f"{note}; made again from the log, from {first} on")
        self._tell("history_rebuilt", {"why": why, "first": first, **words})

    def close(self) -> None:
        """Close the file, and the one that is being carried over; to be opened anew."""
        if self._salvage is not None:
            self._salvage.close()
            self._salvage = None
        self.history.file.close()

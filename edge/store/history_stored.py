"""The history of a box that does not run: answered from its file and its logs, with nothing written or made.

What the station had not yet put into the file is taken from the log, as it would be at the next start. A write-ahead
log that an unclean stop left is read too; without one the file can't change any more and is opened as such, so that no
file of ours lies beside it afterwards.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Final
from urllib.parse import quote

from edge.store.fs import FormatError
from edge.store.history import History
from edge.store.history_file import HistoryFile
from edge.store.history_schema import VERSION, unusable
from edge.store.history_write import get_cursor
from edge.store.offline import StoredLogs
from hal.sample import Kind

MOST_OCTETS: Final = 64 << 20  # of records packed in RAM, where there is no file: some 60 million


class _StoredFile(HistoryFile):
    """The file at rest: one connection, for one thread."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._index = self.path.with_name(f"{self.path.name}-shm")
        self._has_index = self._index.exists()

    def open_stored(self) -> sqlite3.Connection | None:
        """Return the connection, None where there is no file. Raises sqlite3.Error, FormatError."""
        if not self.path.exists():
            return None
        ahead = self.path.with_name(f"{self.path.name}-wal")
        is_final = not ahead.exists() or not ahead.stat().st_size
        made = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode=ro{'&immutable=1' if is_final else ''}", uri=True, isolation_level=None
        )
        self.connection = made
        version = int(made.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise FormatError(f"{self.path} is of version {version}, known is {VERSION}: written by a newer vigie")
        return made

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Give the connection within one read transaction."""
        connection = self.connection
        if connection is None:
            raise sqlite3.OperationalError("closed")
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close it, and remove the index of the write-ahead log if it was made for us."""
        super().close()
        if not self._has_index:
            with contextlib.suppress(OSError):
                self._index.unlink(missing_ok=True)


@contextmanager
def stored_history(
    state: Path, logs: StoredLogs, *, zone: tzinfo, points: Mapping[str, tuple[Kind, str]]
) -> Iterator[History]:
    """Give the history below a state folder while its logs are held. Raises StoreError that names the file."""
    boot = max(logs.records.boot, logs.events.boot)
    history = History(state, logs.records, logs.events, logs.dating, zone=zone, points=points, boot=boot)
    file = history.file = _StoredFile(state)
    try:
        try:
            connection = file.open_stored()
            if connection is not None:
                history.known.load(connection)
                history.head.reset(get_cursor(connection, logs.records.stream, "records")[0])
        except sqlite3.Error as exc:
            raise unusable(file.path, exc) from exc
        while history.head.octets < MOST_OCTETS and history.head.consume():
            pass
        yield history
    finally:
        file.close()

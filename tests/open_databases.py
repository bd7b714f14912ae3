"""Which SQLite connections a test has made and not closed: the interpreter tells of each one that is made."""

from __future__ import annotations

import sqlite3
import sys
import threading
from typing import Any

MOST = 64
"""As many as are held before those that were closed are let go."""
DEPTH = 6


class Databases:
    """The connections of this process, each with the places that made it."""

    def __init__(self) -> None:
        self._made: list[tuple[sqlite3.Connection, str]] = []
        self._lock = threading.Lock()
        sys.addaudithook(self._heard)  # none can be removed: one for all tests

    def _heard(self, event: str, words: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect/handle":
            with self._lock:
                if len(self._made) > MOST:
                    self._made = [(made, where) for made, where in self._made if is_open(made)]
                self._made.append((words[0], _places()))

    def begin(self) -> None:
        """Forget what is open now."""
        self._made = []

    def left_open(self) -> list[str]:
        """Return where each was made that is open still."""
        return [where for made, where in self._made if is_open(made)]


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.total_changes  # noqa: B018 - any thread may ask it this
    except sqlite3.ProgrammingError:
        return False
    return True


def _places() -> str:
    places = []
    frame = sys._getframe(2)
    while frame is not None and len(places) < DEPTH:
        places.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        frame = frame.f_back
    return " < ".join(places)

"""What a box keeps, in one folder: opened together, closed together.

records/, events/   the two logs
notebook.json       the box's small documents, with a copy of the logs' registers
history.db          records for months, sums, gaps and journal; beside it a reserve for a full card
"""

from __future__ import annotations

import errno
from collections.abc import Collection
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from edge.core.clock import Dating, entries_of
from edge.core.types import Event, Record
from edge.runtime.recalled import recalled
from edge.runtime.restore_signs import RESTORING
from edge.settings.model import Settings
from edge.settings.room import events_bytes
from edge.settings.specs import specs
from edge.store.fs import FormatError, Fs, RealFs, StoreError
from edge.store.history import CONSUMER, History
from edge.store.log import Log
from edge.store.notebook import Notebook
from edge.store.ring import LockedError

LINKS: Final = {"records": ("mqtt",), "events": ("mqtt", "sms")}
"""By log the links that move a cursor in it: by SMS go sums of history, no records."""
PEOPLE: Final = "people"
"""The consumer of the events that texts people (`edge.links.sms_people`)."""


class Stores:
    """The logs of a box. Raises OSError that names the folder and the cause when they can't be had."""

    def __init__(self, settings: Settings, state: Path, fs: Fs | None = None) -> None:
        """Open everything in the folder `state`, or on the disk `fs` in place of it."""
        try:
            _make(state)
            self.fs = fs or RealFs(state)
            if self.fs.exists(RESTORING):
                raise StoreError(errno.EBUSY, "a restore was cut short: run `vigie restore FILE` again, the same file")
            self.records: Log[Record] = Log(
                self.fs,
                "records",
                "records",
                capacity_bytes=settings.box.buffer_mb << 20,
                consumers=_consumers(settings, "records"),
            )
            try:
                self.events: Log[Event] = Log(
                    self.fs,
                    "events",
                    "events",
                    capacity_bytes=events_bytes(settings),
                    consumers=_consumers(settings, "events"),
                )
            except OSError:
                self.records.close()
                raise
        except OSError as exc:
            raise OSError(exc.errno or 0, refusal(state, exc)) from exc
        self._state = state
        self.history: History | None = None
        self.notebook = Notebook(self.fs)
        self.recalled = recalled(self.records, self.events, self.notebook.registers())

    @property
    def boot(self) -> int:
        """The number of the start that begins now: higher than any that is written down.

        A log may be lost, or begin anew: a clock entry must never come to date another start's records.
        """
        return max([self.recalled.boot, *(entry.boot for entry in self.dating().entries())]) + 1

    @property
    def was_cut(self) -> bool:
        """Whether the start before this one ended without its stop."""
        return bool(self.recalled.events.get("running"))

    def dating(self) -> Dating:
        """Return what the durable clock entries say of all starts so far."""
        dating = Dating()
        for entry in entries_of(self.recalled.events.get("clock")):
            dating.add(entry)
        return dating

    def open_history(self, settings: Settings, dating: Dating) -> History:
        """Return the history of this start; its historian opens the file, and may find that it can't."""
        points, _ = specs(settings)
        self.history = History(
            self._state, self.records, self.events, dating, zone=ZoneInfo(settings.site.tz),
            points={point.id: (point.kind, point.unit) for point in points}, boot=self.boot,
        )  # fmt: skip
        return self.history

    def waiting(self, links: Collection[str]) -> int:
        """Return how many entries of both logs are not yet acknowledged by the links that send them all."""
        return sum(
            log.next_seq() - 1 - log.cursor(link)
            for log in (self.records, self.events)
            for link in links
            if link in LINKS["records"]
        )

    def close(self) -> None:
        """Give everything back. Never raises; may be called twice."""
        if self.history is not None:
            self.history.file.close()
        self.records.close()
        self.events.close()


def _consumers(settings: Settings, log: str) -> list[str]:
    people = [PEOPLE] if log == "events" and settings.links.sms is not None else []
    return [CONSUMER, *people, *(name for name in LINKS[log] if getattr(settings.links, name) is not None)]


def _make(state: Path) -> None:
    """Make the state's folder, where the card lets us: a card that can only be read is a state, and no refusal."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        if exc.errno != errno.EROFS:
            raise


def refusal(state: Path, exc: OSError) -> str:
    """Return why a box can't work on this folder, and what to do."""
    if isinstance(exc, LockedError):
        return f"{state} is in use: {exc.strerror}; stop that one first, or give this one a --state of its own"
    if isinstance(exc, FormatError):
        return f"{state} can't be used: {exc}; install that version again, or move the folder away"
    if exc.errno in {errno.EACCES, errno.EPERM}:
        where = exc.filename or state
        return f"{state} can't be used: {where} belongs to another user; try: sudo chown -R vigie: {state}"
    if exc.errno in {errno.EEXIST, errno.ENOTDIR}:
        return f"{state} can't hold the box's state: it is no folder; move it away"
    return f"{state} can't hold the box's state: {exc.strerror or exc}"

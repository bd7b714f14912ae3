"""The worker that makes batches durable: what the station posts, in order, one write and one flush a batch.

A card that can't be written is a state, not a hang and not a loss: batches go on in RAM as packed frames, the oldest
records dropped beyond 16 MB, and are written when the card takes them again. Both ends of that are events. The writer
knows nothing of threads: the supervisor, or the simulator, calls `step`.
"""

from __future__ import annotations

import errno
import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from itertools import groupby
from typing import Any, Final

import msgspec

from edge.core.clock import Clock
from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.store.joining import joined
from edge.store.log import Log
from edge.store.mending import mended
from edge.store.packed import Packed
from edge.store.packing import PackingError, pack_registers, unpack_registers

QUEUE_ENTRIES: Final = 60_000  # not yet packed, while the card stalls: 60 s of 1,000 records a second
RAM_OCTETS: Final = 16 << 20  # packed, while the card can't be written
FRAME_OCTETS: Final = 512  # what a packed frame costs beside its octets
BACK_OFF_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
CURSORS_S: Final = 60.0
NUMBERS_S: Final = 600.0
STEP_S: Final = 10.0  # after so long in a step the queue is emptied again first: the card is slow

log = logging.getLogger(__name__)
Done = Callable[[], None]


class Degraded(msgspec.Struct, frozen=True):
    """Why the card can't be written, and since when (monotonic)."""

    why: str
    since_s: float


class Job(msgspec.Struct):
    """A batch as posted."""

    batch: RecordBatch | EventBatch
    done: Done | None


class Held(msgspec.Struct):
    """A packed batch that is not durable yet."""

    log: Log[Any]
    packed: Packed
    dones: list[Done]


class Writer:
    """Takes batches from the station by `post` and appends them to the two logs.

    `wake` is rung when something is posted; each of `on_commit` is called after a step that made something durable.
    """

    name = "writer"

    def __init__(self, records: Log[Record], events: Log[Event], clock: Clock | None = None) -> None:
        self.wake: Callable[[], None] = lambda: None
        self.on_commit: list[Callable[[], None]] = []
        self.degraded = ""
        """Empty, or why the card can't be written: the system's word such as EIO or ENOSPC, or "stalled"."""
        self.degraded_since_s: float | None = None
        self.lost_entries = 0
        """Entries that found no room in queue or RAM while the card could not be written; they have no seq."""
        self._records = records
        self._events = events
        self._logs: tuple[Log[Any], ...] = (records, events)
        self._clock = clock
        self._now_s = 0.0
        self._lock = threading.Lock()
        self._posted: deque[Job] = deque()
        self._posted_entries = 0
        self._waiting_since_s: float | None = None
        self._held: list[Held] = []
        self._failures = 0
        self._retry_s = 0.0
        self._told_lost = 0
        self._written_s = dict.fromkeys(("records", "events"), 0.0)
        began_s = 0.0 if clock is None else clock.monotonic_ns() / 1e9
        self._noted_s = dict.fromkeys(("records", "events"), began_s)

    # -- any thread

    def post(self, batch: RecordBatch | EventBatch, done: Done | None = None) -> None:
        """Hand over a batch; `done` is called on the writer's thread once it is durable. Never blocks."""
        with self._lock:
            self._posted.append(Job(batch, done))
            self._posted_entries += len(batch.entries)
            while self._posted_entries > QUEUE_ENTRIES and len(self._posted) > 1:
                self._shed()
            if self._waiting_since_s is None:
                self._waiting_since_s = self._monotonic_s()
        self.wake()

    def _shed(self) -> None:
        """Let go of the oldest records in the queue, or events when there are only those, but never of registers."""
        place = next((at for at, job in enumerate(self._posted) if isinstance(job.batch, RecordBatch)), 0)
        gone = self._posted[place].batch
        del self._posted[place]
        self._posted_entries -= len(gone.entries)
        self.lost_entries += len(gone.entries)
        heir = next((job for job in self._posted if type(job.batch) is type(gone)), None)
        if heir is not None:
            heir.batch = msgspec.structs.replace(heir.batch, registers={**gone.registers, **heir.batch.registers})
        else:
            self._posted.append(Job(msgspec.structs.replace(gone, entries=[]), None))

    @property
    def answered_s(self) -> float:
        """Monotonic instant up to which everything posted was answered: made durable, or found impossible."""
        waiting_since_s = self._waiting_since_s
        return self._monotonic_s() if waiting_since_s is None else waiting_since_s

    @property
    def held_octets(self) -> int:
        """What is kept in RAM because the card can't be written."""
        return sum(held.packed.size + FRAME_OCTETS for held in self._held)

    def _monotonic_s(self) -> float:
        return self._now_s if self._clock is None else self._clock.monotonic_ns() / 1e9

    def trouble(self) -> Degraded | None:
        """Return what is wrong with the card, None when nothing is. Any thread may ask."""
        why, since_s = self.degraded, self.degraded_since_s
        return Degraded(why, since_s) if why and since_s is not None else None

    # -- the writer's thread

    def filenos(self) -> list[int]:
        """No descriptor wakes it: `wake` does."""
        return []

    def step(self, now_s: float) -> float:
        """Make durable what was posted; return when to be called at the latest."""
        self._now_s = now_s
        self._take()
        if self._held and now_s >= self._retry_s:
            self._write()
            if self._held and not self.degraded:  # the event that says so
                self._write()
        self._save_cursors()
        with self._lock:
            self._waiting_since_s = self._monotonic_s() if self._posted else None
            is_more = bool(self._posted)
        if is_more:
            return now_s
        return min(self._retry_s, now_s + CURSORS_S) if self._held else now_s + CURSORS_S

    def _take(self) -> None:
        """Pack what was posted, in its order."""
        with self._lock:
            jobs, self._posted = self._posted, deque()
            self._posted_entries = 0
        # batches that waited together become one frame: a flush that takes longer than a period costs no backlog
        for _, together in groupby(jobs, key=lambda job: (type(job.batch), job.batch.boot)):
            run = list(together)
            target = self._logs[isinstance(run[0].batch, EventBatch)]
            *parts, last = self._packed(target, joined([job.batch for job in run]))
            self._held += [Held(target, part, []) for part in parts]
            self._held.append(Held(target, last, [job.done for job in run if job.done is not None]))
        if jobs and self.lost_entries > self._told_lost and not self.degraded:
            self._tell("store_degraded", jobs[-1].batch.boot, {"why": "stalled"})
            self.degraded, self.degraded_since_s = "stalled", self._now_s
        octets = self.held_octets if self.degraded else 0
        while octets > RAM_OCTETS and len(self._held) > 1:
            octets -= self._drop()

    @staticmethod
    def _packed(target: Log[Any], batch: RecordBatch | EventBatch) -> list[Packed]:
        try:
            return target.pack(batch)
        except PackingError:
            log.exception("a batch for %s can't be kept as it is", target.directory)
            return target.pack(mended(batch))

    def _drop(self) -> int:
        """Let go of the oldest frame of records, or of events when there are only those, but never of registers.

        Return how many octets are free now, about: registers that go on in the next frame are not looked at.
        """
        place = next((at for at, held in enumerate(self._held) if held.log is self._records), 0)
        gone = self._held.pop(place)
        self.lost_entries += gone.packed.count
        octets = gone.packed.size + FRAME_OCTETS
        if not gone.packed.registers:
            return octets
        heir = next((held for held in self._held if held.log is gone.log), None)
        if heir is None:
            self._held.append(Held(gone.log, msgspec.structs.replace(gone.packed, count=0, entries=b""), []))
            return octets
        registers = {**unpack_registers(gone.packed.registers), **unpack_registers(heir.packed.registers)}
        heir.packed = msgspec.structs.replace(heir.packed, registers=pack_registers(registers))
        return octets

    def _write(self, longest_s: float = STEP_S) -> None:
        """Append what is held, log by log in order; a log that fails keeps its frames, the other one goes on."""
        failed: dict[str, OSError] = {}
        rest: list[Held] = []
        finished: list[Done] = []
        boot = self._held[-1].packed.boot
        queue = deque(self._held)
        try:
            while queue and self._monotonic_s() - self._now_s < longest_s:
                held = queue[0]
                if held.log.kind not in failed and self._is_written(held, failed):
                    finished += held.dones
                else:
                    rest.append(held)
                queue.popleft()
        finally:  # also after a bug: what is durable must not be written a second time
            is_committed = len(rest) + len(queue) < len(self._held)
            self._held = [*rest, *queue]
        if failed:
            self._degrade(next(iter(failed.values())), boot)
        elif not self._held:
            self._restore(boot)
        for done in finished:
            done()
        if is_committed:
            for told in self.on_commit:
                told()

    def _is_written(self, held: Held, failed: dict[str, OSError]) -> bool:
        try:
            held.log.append(held.packed)
        except OSError as exc:
            failed[held.log.kind] = exc
            return False
        finally:
            self._answer()
        self._written_s[held.log.kind] = self._now_s
        return True

    def _answer(self) -> None:
        """Count from now how long what was posted waits: a card that is slow is no card that hangs."""
        with self._lock:
            if self._waiting_since_s is not None:
                self._waiting_since_s = self._monotonic_s()

    def _degrade(self, exc: OSError, boot: int) -> None:
        why = errno.errorcode.get(exc.errno or 0, "unknown")
        if not self.degraded:
            self.degraded_since_s = self._now_s
            log.error("store degraded: %s; records are kept in RAM", exc)
            self._tell("store_degraded", boot, {"why": why})
        self.degraded = why
        self._retry_s = self._now_s + BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1

    def _restore(self, boot: int) -> None:
        self._failures, self._retry_s = 0, 0.0
        if self.degraded_since_s is None:
            return
        lasted_s = round(self._now_s - self.degraded_since_s)
        lost, self._told_lost = self.lost_entries - self._told_lost, self.lost_entries
        log.warning("store back after %d s, %d entries lost", lasted_s, lost)
        self._tell("store_ok", boot, {"lasted_s": lasted_s, "lost": lost})
        self.degraded, self.degraded_since_s = "", None

    def _tell(self, kind: str, boot: int, values: dict[str, Any]) -> None:
        """Put an event at the end of what is to be written."""
        entries = [Event(kind, round(self._now_s * 1000), "", values)]
        self._held += [Held(self._events, packed, []) for packed in self._events.pack(EventBatch(boot, entries))]

    def _save_cursors(self) -> None:
        """Write the cursor file of a log that had no frame for a minute, as every frame carries the cursors anyway.

        Of each other log every ten minutes, so that it is known how far it went should its end be destroyed.
        """
        if self.degraded:  # the next frame that can be written carries them
            return
        for kept in self._logs:
            is_late = self._now_s - self._written_s[kept.kind] >= CURSORS_S and kept.has_unsaved_cursors
            if is_late or (self._now_s - self._noted_s[kept.kind] >= NUMBERS_S and kept.has_unsaved_numbers):
                self._written_s[kept.kind] = self._noted_s[kept.kind] = self._now_s
                try:
                    kept.save_cursors()
                except OSError as exc:
                    log.warning("the cursors of %s are not saved: %s", kept.directory, exc)

    def close(self) -> None:
        """Write what is left, once. The logs stay open: links may still acknowledge."""
        self._take()
        for _ in range(2):  # the second time for the event that says that all is well
            if self._held:
                self._write(math.inf)
        if self._held:
            left = sum(held.packed.count for held in self._held)
            log.error("%d entries are lost: %s", left, self.degraded)

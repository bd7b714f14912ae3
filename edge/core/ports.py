"""What the parts of the house ask of each other: the worker, and the log as a consumer sees it.

A link gets the log as a `Reader`; it never imports `edge.store`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from edge.core.types import Event, Record

Entry = TypeVar("Entry", bound=Record | Event, covariant=True)


class Worker(Protocol):
    """Anything that works by steps: the supervisor gives it a thread and real time, the simulator virtual time."""

    name: str

    def step(self, now_s: float) -> float:
        """Do what is due at monotonic `now_s` and return the instant of the next call (NEVER: only when woken)."""

    def filenos(self) -> list[int]:
        """Return the descriptors that should wake it when readable (a link's socket); usually none."""

    def close(self) -> None:
        """Finish: flush, say goodbye, give everything back. Called once, after the last step."""


class Gap(msgspec.Struct, frozen=True):
    """Entries `first`..`last` (inclusive) that no longer exist, and why: `dropped` (ring full) or `damaged`."""

    first: int
    last: int
    why: str


class Chunk(msgspec.Struct, Generic[Entry], frozen=True):
    """Entries `first`, first+1, … of one boot; or a gap that begins there and no entries; or neither: nothing yet."""

    first: int
    boot: int = 0
    entries: Sequence[Entry] = ()
    gap: Gap | None = None


class Reader(Protocol[Entry]):
    """One log as a consumer sees it: only what is durable, numbered from 1 without holes. Safe from any thread."""

    stream: str
    """Random id made with the log, 8 hex digits. (box, stream, seq) is an entry's identity everywhere."""

    def first_seq(self) -> int:
        """Return the oldest seq still held."""

    def next_seq(self) -> int:
        """Return the seq that the next durable entry will get."""

    def read(self, seq: int, limit: int) -> Chunk[Entry]:
        """Return at most `limit` entries from `seq` on, never across a boot; less is not the end: ask again."""

    def cursor(self, consumer: str) -> int:
        """Return the highest seq that this consumer has acknowledged; 0 when none."""

    def acknowledge(self, consumer: str, seq: int) -> None:
        """Move the cursor forward to `seq` (never back, never past next_seq - 1); the log may then forget."""

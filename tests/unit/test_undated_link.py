"""A link that waits for the time: it does not read the card over and over, and misses nothing when the time comes."""

from __future__ import annotations

from collections.abc import Sequence

from edge.core.batch import Cut, Origin
from edge.core.batch_forms import MAX_ENTRIES, GapRow
from edge.core.clock import ClockEntry, Dating
from edge.core.ports import Chunk
from edge.core.types import Record
from edge.links.cutter import Cutter
from edge.links.outbox import DRAINING_FROM, Outbox, Parcel
from tests.support_reader import MemoryLog

ORIGIN = Origin("b0042", "9f3c21aa", "0" * 8)


class CountedLog(MemoryLog[Record]):
    """A log that counts how often it is read."""

    reads = 0

    def read(self, seq: int, limit: int) -> Chunk[Record]:
        self.reads += 1
        return super().read(seq, limit)


def encoded(
    _origin: Origin, seq: int, _first: int, _entries: Sequence[Record], cut: Cut, _gap: Sequence[GapRow]
) -> bytes:
    return f"{seq} {cut.utc_ms[:1]}".encode()


class Rig:
    """An outbox on a log of two starts."""

    def __init__(self) -> None:
        self.log = CountedLog()
        self.dating = Dating()
        self.box = Outbox(
            "mqtt", "up/m", self.log, Cutter(self.log, lambda r: r.start_ms, encoded, self.dating, "json"),
            by_puback=False,
        )  # fmt: skip
        self.box.begin(2**28, 0.0)

    def append(self, boot: int, count: int) -> None:
        self.log.append([Record("p", 1000 * n, 1000, 1.0) for n in range(count)], boot)

    def next(self, now_s: float) -> Parcel | None:
        return self.box.next_parcel(ORIGIN, now_s, others_in_flight=False)


def test_an_undated_backlog_is_read_once_and_not_at_every_look() -> None:
    rig = Rig()
    rig.append(1, 2 * DRAINING_FROM)
    for second in range(1, 4):
        assert rig.next(second) is None
    read = rig.log.reads
    for second in range(4, 1000):
        assert rig.next(second) is None
        assert rig.box.undated_boot == 1
        rig.append(1, 1)
    assert rig.log.reads == read
    rig.dating.add(ClockEntry(1, 0, 1_795_166_000_000, "ntp"))
    newest, oldest = rig.next(1000.0), rig.next(1000.0)
    assert newest is not None
    assert oldest is not None
    assert (newest.shipment.last, oldest.shipment.first) == (rig.log.next_seq() - 1, 1)


def test_a_past_start_without_time_is_asked_for_while_the_newest_goes_out() -> None:
    rig = Rig()
    rig.append(1, DRAINING_FROM)
    rig.append(2, 2 * MAX_ENTRIES)
    rig.dating.add(ClockEntry(2, 0, 1_795_166_000_000, "ntp"))
    newest = rig.next(2.0)
    assert newest is not None
    assert newest.shipment.last == rig.log.next_seq() - 1
    assert rig.next(2.1) is None
    assert rig.box.undated_boot == 1, "this is the one that a guess is needed for"


def test_with_both_starts_undated_the_older_one_is_asked_for() -> None:
    rig = Rig()
    rig.append(1, DRAINING_FROM)
    rig.append(2, 2 * MAX_ENTRIES)
    for second in range(1, 10):
        assert rig.next(second) is None
        assert rig.box.undated_boot == 1


def test_what_the_ring_drops_meanwhile_is_declared() -> None:
    rig = Rig()
    rig.append(1, 300)
    assert rig.next(1.0) is None
    rig.log.drop_to(201)
    parcel = rig.next(2.0)
    assert parcel is not None
    assert (parcel.shipment.first, parcel.shipment.last) == (1, 200)

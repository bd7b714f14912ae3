"""Records and events as they go upstream: batches with their seq, their stamps and the declared gaps.

An entry's bytes depend on the log, the clock entries and the points only: sent again, it is the same. What differs
between two sendings is how the log is cut into batches, and `first`.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

import msgspec

from edge.core.batch_forms import NEXT, VERSION, ZLIB, Bad, Batch, Entry, EventPack, GapRow, Number
from edge.core.clock import DATED_FROM, TRUST, Dating
from edge.core.types import Event, Record
from hal.sample import BAD, GOOD

# Names that an event's own values cannot take: the envelope's, and those that SenML gives a meaning.
RESERVED: Final = frozenset({"i", "k", "n", "t", "vs", "vb", "vd", "s", "ut", "bn", "bt", "bu", "bv", "bs", "bver"})
RENAMED: Final = "x."
WHOLE: Final = 2**63
NO_POINT: Final = "box"
"""The SenML name of an event that concerns no point."""

_encode = msgspec.json.Encoder().encode


class Origin(msgspec.Struct, frozen=True):
    """What every batch of a stream says of itself: the box, the stream, the points' hash; and the points' units."""

    box: str
    stream: str
    pts: str
    units: Mapping[str, str] = {}
    is_terse: bool = False
    """Leave out each `i` that follows from the one before: zlib can't, and it is a quarter of what is left."""
    via: str = ""


class Cut(msgspec.Struct, frozen=True):
    """Entries that can go in one batch: how many of those offered, their UTC in ms and the clock's word."""

    utc_ms: list[int]
    trust: str


def dated(dating: Dating, boot: int, stamps_ms: Sequence[int]) -> Cut | None:
    """Return how far a batch reaches: up to where the clock's trust changes. None: the first entry has no date yet.

    `stamps_ms` are monotonic ms of the start `boot`, in any order.
    """
    early, late = dating.entry(boot, min(stamps_ms)), dating.entry(boot, max(stamps_ms))
    if early is None or late is None:
        return None
    if early is late:  # the usual case: a bisection per entry would cost more than the encoding
        offset_ms = early.utc_ms - early.at_ms
        return Cut([at_ms + offset_ms for at_ms in stamps_ms], early.source)
    trust = ""
    utc_ms: list[int] = []
    for at_ms in stamps_ms:
        entry = dating.entry(boot, at_ms)
        if entry is None or (trust and entry.source != trust):
            break
        trust = entry.source
        utc_ms.append(entry.utc_ms + at_ms - entry.at_ms)
    return Cut(utc_ms, trust)


def seconds(ms: int) -> Number:
    """Return seconds, as an integer where they are whole: two bytes less in each entry.

    >>> seconds(1795166000000), seconds(1795166000250)
    (1795166000, 1795166000.25)
    """
    return ms / 1000 if ms % 1000 else ms // 1000


def short(value: Number) -> Number:
    """Return a whole number as an integer: 20 for 20.0, two bytes less; as a float what 64 bits can't hold.

    No database takes longer integers, and a consumer must not stumble over one register of ones. A bool, which a driver
    may give for a number, is one.

    >>> short(20.0), short(20.5), short(1e300), short(2**64 - 1), short(True)
    (20, 20.5, 1e+300, 1.8446744073709552e+19, 1)
    """
    if value.__class__ is float:
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    return int(value) if -WHOLE <= value < WHOLE else float(value)


def is_unsynced(trust: str) -> bool:
    """Return whether stamps of this trust are only estimates: below `person`, or a word that is not known."""
    return trust not in TRUST or TRUST.index(trust) < DATED_FROM


def encode_records(
    origin: Origin, seq: int, first: int, records: Sequence[Record], cut: Cut, gap: Sequence[GapRow] = ()
) -> bytes:
    """Return the JSON of `up/m` for the first len(cut.utc_ms) records, numbered from `seq`."""
    count = len(cut.utc_ms)
    doubt = "clock_unsynced" if count and is_unsynced(cut.trust) else ""
    records = records[:count]
    dt_ms = _most_common([record.dt_ms for record in records])
    cnt = _most_common([record.count for record in records if record.value is not None]) or 1
    batch = Batch(
        v=VERSION, box=origin.box, stream=origin.stream, seq=seq, n=count, first=first, tq=cut.trust, pts=origin.pts,
        via=origin.via, gap=list(gap), dt=None if dt_ms is None else seconds(dt_ms), cnt=cnt,
    )  # fmt: skip
    entries, bad, units = batch.e, batch.bad, origin.units
    is_terse, next_good, next_bad = origin.is_terse, 0, 0
    t_ms, t = -1, 0.0
    for place, (record, at_ms) in enumerate(zip(records, cut.utc_ms, strict=True)):
        if at_ms != t_ms:
            t_ms, t = at_ms, seconds(at_ms)
        dt = None if record.dt_ms == dt_ms else seconds(record.dt_ms)
        value = record.value
        if value is None or record.quality == BAD or (not isinstance(value, str) and value - value != 0):
            i = NEXT if is_terse and place == next_bad else place
            why = "not_a_number" if value is not None and record.quality != BAD else record.reason or "suspect"
            bad.append(Bad(i, record.point, t, why, dt))  # JSON has no NaN and no infinities
            next_bad = place + 1
            continue
        i = NEXT if is_terse and place == next_good else place
        next_good = place + 1
        why = (record.reason or "suspect") if record.quality != GOOD else doubt
        many = None if record.count == cnt else record.count
        if isinstance(value, str):
            entries.append(Entry(i, record.point, "", t, dt, None, value, cnt=many, why=why))
        else:
            if type(value) is not float or value.is_integer():
                value = short(value)
            entry = Entry(i, record.point, units.get(record.point, ""), t, dt, value, None, cnt=many, why=why)
            if record.mean is not None or record.increment is not None or record.duration_ms is not None:
                _fill(entry, record, value)
            entries.append(entry)
    return _encode(batch)


def _fill(entry: Entry, record: Record, value: Number) -> None:
    """Add what a period of several readings has, where it says more than the value."""
    if record.mean is not None and record.mean != value and isfinite(record.mean):
        entry.mean = short(record.mean)
    if record.low is not None and record.low != value and isfinite(record.low):
        entry.min = short(record.low)
    if record.high is not None and record.high != value and isfinite(record.high):
        entry.max = short(record.high)
    if record.increment is not None and isfinite(record.increment):
        entry.inc = short(record.increment)
    if record.duration_ms is not None and record.duration_ms != record.dt_ms:
        entry.dur = seconds(record.duration_ms)
    entry.chg = record.changes or None


def _most_common(numbers: list[int]) -> int | None:
    return Counter(numbers).most_common(1)[0][0] if numbers else None


def encode_events(
    origin: Origin, seq: int, first: int, events: Sequence[Event], cut: Cut, gap: Sequence[GapRow] = ()
) -> bytes:
    """Return the JSON of `up/ev` for the first len(cut.utc_ms) events."""
    count = len(cut.utc_ms)
    pack = EventPack(
        v=VERSION, box=origin.box, stream=origin.stream, seq=seq, n=count, first=first, tq=cut.trust, pts=origin.pts,
        via=origin.via, gap=list(gap),
    )  # fmt: skip
    for i, (event, at_ms) in enumerate(zip(events[:count], cut.utc_ms, strict=True)):
        pack.e.append(event_entry(event, i, at_ms))
    return _encode(pack)


def event_entry(event: Event, i: int, utc_ms: int) -> dict[str, Any]:
    """Return an event's entry; a valid SenML record: without a number of its own its value is its kind.

    >>> event_entry(Event("start", 0, "", {"version": "1.0"}), 0, 1795166000000)
    {'i': 0, 'k': 'start', 'n': 'box', 't': 1795166000, 'vs': 'start', 'version': '1.0'}
    """
    entry: dict[str, Any] = {"i": i, "k": event.kind, "n": event.point or NO_POINT, "t": seconds(utc_ms)}
    measured = event.values.get("v")
    has_number = isinstance(measured, int | float) and not isinstance(measured, bool) and isfinite(measured)
    if not has_number:
        entry["vs"] = event.kind
    for name, value in event.values.items():
        if name in RESERVED or (name == "v" and not has_number) or name.startswith(RENAMED):
            entry[RENAMED + name] = value
        else:
            entry[name] = value
    return entry


def packed(body: bytes, encoding: str) -> tuple[bytes, str]:
    """Return payload and MQTT content type of a batch for the link's `encoding`: "json" or "json+zlib"."""
    return (zlib.compress(body, 6), ZLIB) if encoding == ZLIB else (body, "")

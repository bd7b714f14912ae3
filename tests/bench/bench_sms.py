"""How many readings a message of 140 octets holds, on measured channels, beside what others would send.

Second halves of each column, priors from the first halves; the 20 octets of head and tag are taken off for all.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from sms.adaptive import Track
from sms.arith import Counts, Recorder
from sms.codec import ADAPTIVE, RICE, decode, encode
from sms.lean import ANCHOR, leans, tokens_of
from sms.prior import Prior, train
from sms.schema import Schema
from sms.wire import COUNT_MAX, STEPS, Header, Type
from tests.bench.sms_formats import FORMATS, Row, readings_a_message
from tests.sms_columns import Columns, measured, slices
from tests.support import shared_data

TRAINED_OF = {"hourly": 8, "10min": 20, "daily": 6}
"""Intervals in a report that a prior is made from: what Rice codes hold in one."""
RICE_LEAST = {"hourly": 135.0}
ADAPTIVE_LEAST = {"hourly": 160.0, "10min": 300.0}
BITS_MOST = {"hourly": 5.95, "10min": 3.48}
CPU_MOST_MS = 5.0


@dataclass
class Sent:
    """What a whole trace came to."""

    values: list[int] = field(default_factory=list)
    """Of each message but the last, which is not full."""
    octets: list[int] = field(default_factory=list)
    encode_s: float = 0.0
    decode_s: float = 0.0

    @property
    def readings(self) -> float:
        """Values in a message."""
        return sum(self.values) / len(self.values)


def sent(schema: Schema, columns: Sequence[Row], prior: Prior | None, coders: tuple[int, ...]) -> Sent:
    """Send all, and read each message back to the bit."""
    found = Sent()
    at = 0
    while at < len(columns[0]):
        ahead = [column[at : at + COUNT_MAX] for column in columns]
        began = time.process_time()
        encoded = encode(schema, ahead, prior, coders=coders)
        between = time.process_time()
        step = STEPS.index(schema.step_s)
        header = Header(
            Type.REPORT, 1, 1, schema.id, encoded.prior, step=step, coder=encoded.coder, count=encoded.count
        )
        back = decode(schema, header, encoded.body, prior)
        found.encode_s += between - began
        found.decode_s += time.process_time() - between
        for channel, there, here in zip(schema.channels, back, ahead, strict=True):
            turns = 65_536 * (next((v for v in here if v is not None), 0) // 65_536) if channel.what == "index" else 0
            assert [v if v is None else v + turns for v in there] == list(here[: encoded.count])
        found.values.append(sum(value is not None for column in back for value in column))
        found.octets.append(len(encoded.body))
        at += encoded.count
    del found.values[-1], found.octets[-1]
    return found


def bits_without_anchors(schema: Schema, columns: Sequence[Row], prior: Prior, intervals: int) -> float:
    """Return the mean over the channels of bits a value that leans on another, in messages of so many intervals."""
    lean_by = leans(schema)
    bits, values = [0.0] * len(lean_by), [0] * len(lean_by)
    for at in range(0, len(columns[0]) - intervals + 1, intervals):
        rows = tokens_of(lean_by, [column[at : at + intervals] for column in columns], intervals)
        recorder = Recorder(Counts(prior.counts))
        tracks: list[Track] = []
        for number, (lean, row) in enumerate(zip(lean_by, rows, strict=True)):
            tracks.append(Track(number, lean, tracks))
            for when, token in enumerate(row):
                if token is None:
                    continue
                recorder.splits = []
                tracks[-1].code(recorder, when, token.kind, token.off, 16)
                if token.kind != ANCHOR:
                    values[number] += 1
                    bits[number] += sum(
                        math.log2(both / (both - zeros if bit else zeros)) if zeros else both
                        for zeros, both, bit in recorder.splits
                    )
    return sum(bit / count for bit, count in zip(bits, values, strict=True)) / len(bits)


def with_gaps(columns: Sequence[Sequence[int]], seed: int) -> Columns:
    """Return columns as a site has them: 0.5 % of values lost, each probe off once for long, the box now and then."""
    rng = random.Random(seed)
    found: Columns = [list(column) for column in columns]
    length = max(map(len, columns))
    for column in found:
        for at in range(len(column)):
            if rng.random() < 0.005:
                column[at] = None
        start = rng.randrange(length)
        column[start : start + length // 100] = [None] * len(column[start : start + length // 100])
    for _ in range(max(length // 100, 1)):
        start, off = rng.randrange(length), rng.randint(1, 5)
        for column in found:
            column[start : start + off] = [None] * len(column[start : start + off])
    return found


@pytest.mark.bench
@pytest.mark.parametrize("step", ["hourly", "10min", "daily"])
def test_readings_a_message(step: str) -> None:
    schema, first, second = measured(shared_data("sms"), step)
    whole = train(schema, slices(first, TRAINED_OF[step]))
    holed = train(schema, slices(with_gaps(first, 2), TRAINED_OF[step]))
    octets = len(whole.packed())
    print(f"\n{step}: {len(schema.channels)} channels, {len(second[0])} intervals; prior of {octets} octets")
    columns: Sequence[Row]
    for name, columns, prior in (("no gaps", second, whole), ("with gaps", with_gaps(second, 1), holed)):
        lost = sum(value is None for column in columns for value in column) / len(columns) / len(columns[0])
        print(f"  {name}: {lost:.1%} of the values missing; readings a message")
        for label, (writer, room) in FORMATS.items():
            print(f"    {label:<32}{readings_a_message(schema, columns, writer, room):8.1f}")
        rice = sent(schema, columns, None, (RICE,))
        flat = sent(schema, columns, None, (RICE, ADAPTIVE))
        best = sent(schema, columns, prior, (RICE, ADAPTIVE))
        print(f"    {'Rice':<32}{rice.readings:8.1f}\n    {'the better, without a prior':<32}{flat.readings:8.1f}")
        print(f"    {'the better, with the prior':<32}{best.readings:8.1f}")
        number = len(best.values) + 1
        encode_ms, decode_ms = best.encode_s / number * 1e3, best.decode_s / number * 1e3
        print(f"    CPU a message: {encode_ms:.2f} ms to encode, {decode_ms:.2f} ms to decode")
        assert encode_ms <= CPU_MOST_MS
        assert decode_ms <= CPU_MOST_MS
        if name == "no gaps":
            assert rice.readings >= RICE_LEAST.get(step, 0)
            assert best.readings >= ADAPTIVE_LEAST.get(step, 0)
    intervals = max(round(best.readings / len(schema.channels)), 2)
    bits = bits_without_anchors(schema, second, whole, intervals)
    print(f"  bits a value without anchors: {bits:.2f} in messages of {intervals} intervals")
    assert bits <= BITS_MOST.get(step, math.inf)

"""How many readings a message of 140 octets holds, on measured channels, beside what others would send.

Second halves of each column, priors from the first halves; the 20 octets of head and tag are taken off for all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from sms.adaptive import tracks_of
from sms.arith import Counts, Recorder
from sms.codec import ADAPTIVE, RICE
from sms.lean import ANCHOR, leans, tokens_of
from sms.prior import Prior, train
from sms.schema import Schema
from tests.bench.sms_formats import FORMATS, Row, readings_a_message
from tests.sms_columns import measured, slices
from tests.sms_sent import TRAINED_OF, sent, with_gaps
from tests.support import shared_data

RICE_LEAST = {"hourly": 135.0}
ADAPTIVE_LEAST = {"hourly": 160.0, "10min": 300.0}
BITS_MOST = {"hourly": 5.95, "10min": 3.48}
CPU_MOST_MS = 5.0


def bits_without_anchors(schema: Schema, columns: Sequence[Row], prior: Prior, intervals: int) -> float:
    """Return the mean over the channels of bits a value that leans on another, in messages of so many intervals."""
    lean_by = leans(schema)
    bits, values = [0.0] * len(lean_by), [0] * len(lean_by)
    for at in range(0, len(columns[0]) - intervals + 1, intervals):
        rows = tokens_of(lean_by, [column[at : at + intervals] for column in columns], intervals)
        recorder = Recorder(Counts(prior.counts))
        for number, (track, row) in enumerate(zip(tracks_of(lean_by), rows, strict=True)):
            for when, token in enumerate(row):
                if token is None:
                    continue
                recorder.splits = []
                track.code(recorder, when, token.kind, token.off, 16)
                if token.kind != ANCHOR:
                    values[number] += 1
                    bits[number] += sum(
                        math.log2(both / (both - zeros if bit else zeros)) if zeros else both
                        for zeros, both, bit in recorder.splits
                    )
    return sum(bit / count for bit, count in zip(bits, values, strict=True)) / len(bits)


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

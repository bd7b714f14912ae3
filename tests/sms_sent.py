"""A whole trace sent by SMS, message after message, each read back to the bit; and traces with holes."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sms.codec import decode, encode
from sms.prior import Prior
from sms.schema import Schema
from sms.wire import COUNT_MAX, STEPS, Header, Type
from tests.sms_columns import Columns

Row = Sequence[int | None]
TRAINED_OF = {"hourly": 8, "10min": 20, "daily": 6}
"""Intervals in a report that a prior is made from: what Rice codes hold in one."""


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

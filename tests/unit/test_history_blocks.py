"""A block gives back exactly the records that went in, and says when its octets are not those that were stored."""

from __future__ import annotations

import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.record_columns import columns_of
from edge.core.series import HistoryRecord
from edge.store.fs import FormatError
from edge.store.history_blocks import BlockPacker, DamagedError, hour_of, in_order, packed_columns, unpack_block
from hal.sample import BAD, UNCERTAIN

T0 = 1_795_165_200_000
FIXED = [
    HistoryRecord(T0, 1000, 20.0625, trust="ntp"),
    HistoryRecord(T0 + 1000, 1000, None, BAD, "no_answer", 0, trust="ntp"),
    HistoryRecord(T0 + 2000, 60_000, -40.5, UNCERTAIN, "partial", 60, -40.123456789, -55.0, 0.1, trust="tic"),
    HistoryRecord(T0 + 62_000, 60_000, 123_456_789.001, increment=0.001, trust="ntp"),
    HistoryRecord(T0 + 62_000, 60_000, 1, duration_ms=20, changes=2, trust="ntp"),
    HistoryRecord(T0 + 90_000, 1000, "HPJB", trust="floor"),
    HistoryRecord(T0 - 5000, 1000, 2**70, trust="ntp"),
]
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1)
RECORDS = st.lists(
    st.builds(
        HistoryRecord,
        t_ms=st.integers(T0 - 10**9, T0 + 10**9),
        dt_ms=st.integers(0, 90_000_000),
        value=st.none() | NUMBERS | st.text(max_size=8),
        quality=st.sampled_from([0, 1, 2]),
        reason=st.sampled_from(["", "no_answer", "partial"]),
        count=st.integers(0, 2**40),
        mean=st.none() | NUMBERS,
        low=st.none() | NUMBERS,
        high=st.none() | NUMBERS,
        increment=st.none() | NUMBERS,
        duration_ms=st.none() | st.integers(0, 2**40),
        changes=st.none() | st.integers(0, 2**40),
        trust=st.sampled_from(["ntp", "floor", ""]),
    ),
    min_size=1,
    max_size=20,
)


def packed(records: list[HistoryRecord]) -> bytes:
    """Return the block of these records, in order of time."""
    return BlockPacker().pack(columns_of(records), T0, "p")


def exact(records: list[HistoryRecord]) -> list[str]:
    """Return what tells 1 from 1.0 and 0.0 from -0.0."""
    return [repr(msgspec.structs.astuple(record)) for record in records]


@given(RECORDS)
@settings(max_examples=200, deadline=None)
def test_records_come_back_exactly(records: list[HistoryRecord]) -> None:
    records = in_order(records)
    body = packed(records)
    assert exact(unpack_block(body, T0, len(records)).records()) == exact(records)


def test_every_kind_of_record_comes_back_and_the_columns_are_as_drawn() -> None:
    records = in_order(FIXED)
    body = packed(records)
    assert exact(unpack_block(body, T0, len(records)).records()) == exact(records)
    assert body[0] == 1
    assert int.from_bytes(body[1:5], "little") == zlib.crc32(body[5:])
    columns = msgspec.msgpack.decode(zlib.decompress(body[5:], -15))
    assert len(columns) == 13
    assert packed_columns(body) == columns
    one = packed(FIXED[:1])
    assert msgspec.msgpack.decode(zlib.decompress(one[5:], -15))[1] == [0, 1000]


def test_records_of_one_instant_stay_in_the_order_in_which_they_came() -> None:
    records = [HistoryRecord(T0, 1000, float(value)) for value in (3, 1, 2)]
    assert in_order(records[:1], records[1:]) == records
    assert unpack_block(packed(records), T0, 3).records() == records


def test_each_bit_that_flips_is_seen() -> None:
    body = packed(FIXED[:2])
    for bit in range(8, 8 * len(body)):
        damaged = bytearray(body)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedError):
            unpack_block(bytes(damaged), T0, 2)


@pytest.mark.parametrize("body", [b"", b"\1", b"\1\0\0\0\0", bytes(100)])
def test_what_is_no_block_is_damage(body: bytes) -> None:
    with pytest.raises(DamagedError):
        unpack_block(body, T0, 1)


def test_a_block_of_a_later_version_is_refused_by_name() -> None:
    body = packed(FIXED[:1])
    with pytest.raises(FormatError, match="version 2, known is 1"):
        unpack_block(b"\2" + body[1:], T0, 1)


@pytest.mark.parametrize(("t_ms", "hour"), [(T0, T0), (T0 + 3_599_999, T0), (T0 - 1, T0 - 3_600_000), (-1, -3_600_000)])
def test_an_instant_has_its_hour_also_before_1970(t_ms: int, hour: int) -> None:
    assert hour_of(t_ms) == hour

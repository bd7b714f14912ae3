"""Packing: what comes back is what went in, to the last bit; what can't be kept exactly is refused by name."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.types import Event, Record
from edge.store.columns import STEPS, from_planes, planes, steps_of
from edge.store.fs import FormatError
from edge.store.packing import (
    ROWS,
    PackingError,
    RecordPacker,
    inflate,
    pack_events,
    pack_registers,
    unpack_events,
    unpack_records,
    unpack_registers,
)
from hal.sample import BAD, GOOD, UNCERTAIN

INTS = st.one_of(st.integers(-5, 5), st.integers(-(2**63), 2**64), st.integers())
FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1.7976931348623157e308, 2.0**53, 2.0**53 + 2, 0.1 + 0.2]),
    st.integers(-(10**7), 10**7).map(lambda steps: steps / 16),
    st.integers(-(10**7), 10**7).map(lambda steps: steps / 1000),
)
NUMBERS = st.one_of(st.none(), FLOATS, INTS)
RECORDS = st.builds(
    Record,
    point=st.one_of(st.sampled_from(["a", "b", "boiler.flow"]), st.text(max_size=5)),
    start_ms=st.one_of(st.integers(0, 100).map(lambda second: second * 1000), INTS),
    dt_ms=st.one_of(st.just(1000), INTS),
    value=st.one_of(NUMBERS, st.text(max_size=8)),
    quality=st.sampled_from([GOOD, UNCERTAIN, BAD]),
    reason=st.one_of(st.sampled_from(["", "no_answer", "crc"]), st.text(max_size=5)),
    count=st.one_of(st.just(1), INTS),
    mean=NUMBERS,
    low=NUMBERS,
    high=NUMBERS,
    increment=NUMBERS,
    duration_ms=st.one_of(st.none(), INTS),
    changes=st.one_of(st.none(), INTS),
)


def round_trip(entries: list[Record], rows: int = 0) -> list[Record]:
    return unpack_records(RecordPacker(rows).pack(entries))


def gauge(values: list[float | int | str | None]) -> list[Record]:
    return [Record("p", 1000 * place, 1000, value) for place, value in enumerate(values)]


@settings(max_examples=300, deadline=None)
@given(st.lists(RECORDS, max_size=30))
def test_any_records_come_back_to_the_last_bit(entries: list[Record]) -> None:
    # repr, not ==: 1 == 1.0 == True and 0.0 == -0.0
    assert repr(round_trip(entries)) == repr(entries)
    assert repr(round_trip(entries, rows=ROWS)) == repr(entries)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(RECORDS, min_size=1, max_size=8), min_size=2, max_size=5))
def test_a_packer_that_has_seen_other_batches_changes_nothing(batches: list[list[Record]]) -> None:
    packer = RecordPacker(rows=3)
    for entries in batches:
        assert repr(unpack_records(packer.pack(entries))) == repr(entries)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.builds(
            Event,
            kind=st.text(max_size=10),
            at_ms=INTS,
            point=st.text(max_size=10),
            values=st.dictionaries(
                st.text(max_size=5),
                st.recursive(
                    st.one_of(st.none(), st.booleans(), INTS, FLOATS, st.text(max_size=5)),
                    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner)),
                    max_leaves=6,
                ),
                max_size=4,
            ),
        ),
        max_size=10,
    )
)
def test_any_events_come_back_to_the_last_bit(entries: list[Event]) -> None:
    assert repr(unpack_events(pack_events(entries))) == repr(entries)


def test_nothing_packs_to_nothing() -> None:
    assert RecordPacker().pack([]) == b""
    assert unpack_records(b"") == []
    assert pack_events([]) == b""
    assert unpack_events(b"") == []
    assert pack_registers({}) == b""
    assert unpack_registers(b"") == {}


def test_zero_none_and_minus_zero_stay_apart() -> None:
    values: list[float | int | str | None] = [0, None, 0.0, -0.0, "", "0"]
    assert repr(round_trip(gauge(values))) == repr(gauge(values))


def test_a_bad_record_has_no_value_when_it_comes_back() -> None:
    entries = [*gauge([21.5, 21.5625, 21.5]), Record("p", 3000, 1000, None, BAD, "no_answer", 0)]
    (*_, last) = round_trip(entries)
    assert last.value is None
    assert (last.quality, last.reason, last.count) == (BAD, "no_answer", 0)


def test_points_that_come_in_any_order_keep_it() -> None:
    names = ["slow", "fast", "fast", "slow", "new", "fast"]
    entries = [Record(name, 1000 * place, 1000, float(place)) for place, name in enumerate(names)]
    assert round_trip(entries) == entries


@pytest.mark.parametrize(
    ("values", "octets"),
    [
        # ten readings of 1/16 °C: a first value and nine differences of an octet each, before deflating
        ([20 + steps / 16 for steps in (0, 1, 1, 2, 1, 0, -1, -1, 0, 1)], 8 + 9),
        ([230.1, 230.2, 230.4, 230.3], 8 + 3),
        ([12345.678, 12345.679, 12345.681], 8 + 2),
        ([math.pi, math.e, math.sqrt(2)], 24),
        ([7, 7, 7, 8, 2000], 8 + 2 * 4),
    ],
)
def test_values_of_a_known_step_are_kept_as_whole_numbers(values: list[float], octets: int) -> None:
    records = RecordPacker(0).pack(gauge([*values]))
    column = msgspec.msgpack.decode(inflate(msgspec.msgpack.decode(records)[2]))[3]
    assert sum(map(len, column[2:])) == octets


def test_a_value_that_never_changes_costs_no_differences() -> None:
    two_points = [Record(name, 0, 1000, value) for _ in range(50) for name, value in (("a", 1.5), ("b", 2.5))]
    column = msgspec.msgpack.decode(inflate(msgspec.msgpack.decode(RecordPacker(0).pack(two_points))[2]))[3]
    assert [len(octets) for octets in column[2:]] == [16, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("step", STEPS)
def test_every_step_finds_its_whole_numbers(step: float) -> None:
    whole = [0, 1, -1, 3, 1000, -12345]
    assert steps_of([number / step for number in whole], [step] * 6) == whole


def test_a_float_beyond_the_exact_integers_has_no_step() -> None:
    assert steps_of([2.0**53 + 2], [1.0]) is None
    assert steps_of([-0.0], [1.0]) is None


@pytest.mark.parametrize("field", ["value", "mean", "low", "high", "increment"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_with_the_points_name(field: str, bad: float) -> None:
    for others in ([], [None], [1.5]):
        entries = [Record("boiler.flow", 0, 1000, 1.0)]
        setattr(entries[0], field, bad)
        more = gauge([])
        for other in others:
            record = Record("boiler.flow", 1000, 1000, 1.0)
            setattr(record, field, other)
            more.append(record)
        for rows in (0, ROWS):
            with pytest.raises(PackingError, match="boiler"):
                RecordPacker(rows).pack(entries + more)


def test_what_is_no_json_value_is_refused() -> None:
    with pytest.raises(PackingError):
        pack_events([Event("fault", 0, values={"x": object()})])
    with pytest.raises(PackingError):
        pack_events([Event("fault", 0, values={"x": [{"deep": math.nan}]})])
    with pytest.raises(PackingError):
        pack_registers({"counter/x": {"raw": math.inf}})
    for rows in (0, ROWS):
        with pytest.raises(PackingError):
            RecordPacker(rows).pack(gauge([b"octets"]))  # type: ignore[list-item]


def test_a_newer_version_is_named_and_not_guessed_at() -> None:
    with pytest.raises(FormatError, match="version 2"):
        unpack_records(msgspec.msgpack.encode([2, b"", b""]))
    with pytest.raises(FormatError, match="version 9"):
        unpack_events(msgspec.msgpack.encode([9, b""]))


def test_registers_come_back_as_json_gives_them() -> None:
    registers = {
        "counter/e": {"base": 12345.678, "count": 17, "scale": 0.001},
        "device/tic": '{"adco":"0123"}',
        "n": None,
    }
    assert unpack_registers(pack_registers(registers)) == registers


@given(st.binary(max_size=64), st.sampled_from([1, 2, 4, 8]))
def test_planes_come_back(octets: bytes, width: int) -> None:
    whole = octets[: len(octets) // width * width]
    assert from_planes(planes(whole, width), width) == whole


def test_a_few_records_are_rows_and_many_or_long_ones_columns() -> None:
    few = gauge([1.5, None, 3])
    assert msgspec.msgpack.decode(RecordPacker().pack(few)) == [
        1,
        [["p", 1000 * place, 1000, value, 0, "", 1, *[None] * 6] for place, value in enumerate([1.5, None, 3])],
    ]
    assert len(msgspec.msgpack.decode(RecordPacker().pack(gauge([1.5] * (ROWS + 1))))) == 3
    assert len(msgspec.msgpack.decode(RecordPacker().pack(gauge(["x" * 3000])))) == 3
    assert round_trip(gauge([2**70, -(2**70)]), rows=ROWS) == gauge([2**70, -(2**70)])


def test_the_format_does_not_change_unseen() -> None:
    """A fixed vector: octets as `docs/reference/log-format.md` draws them."""
    entries = [Record("t", 0, 1000, 20.5), Record("e", 0, 1000, 7, increment=1), Record("t", 1000, 1000, 20.5625)]
    version, names, packed = msgspec.msgpack.decode(RecordPacker(0).pack(entries))
    assert version == 1
    assert msgspec.msgpack.decode(inflate(names)) == ["t", "e"]
    order, start, dt, value, quality, reason, count, mean, *_, increment, duration, changes = msgspec.msgpack.decode(
        inflate(packed)
    )
    # "t" is number 0, "e" number 1: 0, 1, 0 begins with 0 and differs by 1 and -1
    assert order == [3, [2, bytes([1, 1]), bytes(8), b"\x01\xff", b"", b"", b"", b"", b""]]
    # "t" begins at 0 and once more 1000 ms later, "e" at 0 only
    assert start == [2, bytes([1, 1, 2, 0]), bytes(16), b"", b"\xe8\x03", b"", b"", b"", b""]
    # "t": 328 / 16 and 329 / 16 (step number 5 of 1, 2, 4, 8, 10, 16), "e": the whole number 7
    assert value == [2, bytes([4 + 5, 1, 1, 0]), bytes([0x48, 7, 1, 0, *bytes(12)]), b"\x01", b"", b"", b"", b"", b""]
    assert increment == [2, bytes([0, 1, 0, 0]), bytes([1, *bytes(7)]), b"", b"", b"", b"", b"", b""]
    assert [dt, quality, reason, count] == [[0, 1000], [0, 0], [0, ""], [0, 1]]
    assert [mean, duration, changes] == [[0, None]] * 3

"""Records in columns are cut, chosen, joined and put in order as single records are, and sum up to the same."""

from __future__ import annotations

from array import array
from itertools import accumulate

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.aggregate import sum_of
from edge.core.column_sums import sum_of_columns
from edge.core.record_columns import Column, Columns, Same, Scaled, chained, columns_of, same
from edge.core.series import HistoryRecord
from hal.sample import BAD, GOOD, UNCERTAIN, Kind

T0 = 1_795_165_200_000
KINDS: tuple[Kind, ...] = ("gauge", "counter", "state", "text")
FLOATS = st.sampled_from([0.0, -0.0, 0.1, -0.1, 0.5, 20.0625, 1e-12, -1e-12, 999_999.999, 1e15, 1e300]) | st.floats(
    allow_nan=False, allow_infinity=False
)
NUMBERS = FLOATS | st.integers(-3, 3) | st.just(2**70)
MAYBE = st.none() | NUMBERS


def exact(found: object) -> str:
    """Return what tells 1 from 1.0 and 0.0 from -0.0."""
    return repr(msgspec.to_builtins(found)) if isinstance(found, msgspec.Struct) else repr(found)


@st.composite
def columns(draw: st.DrawFn) -> Columns:
    """Return records in order of time, each field the same for all, whole numbers by a step, floats, or anything."""
    n = draw(st.integers(1, 12))

    def any_of(values: st.SearchStrategy[object]) -> Column:
        return draw(st.lists(values, min_size=n, max_size=n))

    def figures(*, is_value: bool = False) -> Column:
        form = draw(st.sampled_from(["none", "whole", "scaled", "floats", "any"]))
        if form == "scaled":
            whole = draw(st.lists(st.integers(-(2**53), 2**53) | st.integers(-3, 3), min_size=n, max_size=n))
            return Scaled(array("q", whole), draw(st.sampled_from([1.0, 1000.0, 16.0])))
        if form == "floats":
            return array("d", draw(st.lists(FLOATS, min_size=n, max_size=n)))
        if form == "none":
            return same(None)
        if form == "whole":
            return same(draw(st.integers(-3, 3)))
        return any_of(MAYBE | st.sampled_from(["", "HC.."]) if is_value else MAYBE)

    steps_ms = draw(st.lists(st.sampled_from([0, 0, 1000, 60_000]), min_size=n, max_size=n))
    length_ms = st.sampled_from([0, 1000, 60_000])
    whole = st.integers(0, 70_000)
    return Columns(
        n,
        [
            list(accumulate(steps_ms, initial=T0))[1:],
            same(draw(length_ms)) if draw(st.booleans()) else any_of(length_ms),
            figures(is_value=True),
            same(draw(st.sampled_from([GOOD, UNCERTAIN])))
            if draw(st.booleans())
            else any_of(st.sampled_from([GOOD, UNCERTAIN, BAD])),
            same(""),
            same(1),
            figures(),
            figures(),
            figures(),
            figures(),
            same(draw(st.none() | whole)) if draw(st.booleans()) else any_of(st.none() | whole),
            same(draw(st.none() | whole)) if draw(st.booleans()) else any_of(st.none() | whole),
            same("ntp"),
        ],
    )


@given(columns(), st.sampled_from(KINDS))
@settings(max_examples=200, deadline=None)
def test_the_sum_of_columns_is_that_of_their_records_to_the_last_bit(made: Columns, kind: Kind) -> None:
    assert exact(sum_of_columns(made, kind)) == exact(sum_of(made.records(), kind))


@given(st.lists(columns(), min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_columns_joined_cut_and_ordered_are_those_of_the_records(parts: list[Columns]) -> None:
    records = [record for part in parts for record in part]
    made = chained(parts)
    assert exact(made.records()) == exact(records)
    assert made.end_ms == max(record.t_ms + record.dt_ms for record in records)
    assert exact(made.in_order().records()) == exact(sorted(records, key=lambda record: record.t_ms))
    half = made.n // 2
    assert exact(made.cut(0, half).records() + made.cut(half, made.n).records()) == exact(records)
    odd = [place % 2 == 1 for place in range(made.n)]
    assert exact(made.chosen(odd).records()) == exact(records[1::2])
    assert exact(columns_of(records).records()) == exact(records)


def test_what_is_the_same_for_all_stays_one_value_and_whole_numbers_stay_whole() -> None:
    part = Columns(2, [[T0, T0 + 1000], same(1000), Scaled(array("q", [320, 321]), 16.0), *[same(None)] * 10])
    made = chained([part, part])
    assert made.fields[1] == Same(1000)
    assert made.fields[2] == Scaled(array("q", [320, 321, 320, 321]), 16.0)
    assert [record.value for record in made] == [20.0, 20.0625, 20.0, 20.0625]
    other = Columns(2, [*part.fields[:2], Scaled(array("q", [1, 2]), 10.0), *part.fields[3:]])
    assert chained([part, other]).fields[2] == array("d", [20.0, 20.0625, 0.1, 0.2])


def test_a_point_that_was_bad_all_the_time_has_a_sum_without_figures() -> None:
    bad = [HistoryRecord(T0 + at * 1000, 1000, None, BAD, "no_answer", 0) for at in range(3)]
    made = sum_of_columns(columns_of(bad), "gauge")
    assert (made.records, made.bad_ms, made.covered_ms) == (3, 3000, 0)
    assert made.low is made.first is made.increment is None

"""Schemas: their messages, the id that stands in each header, and indexes with their high bits put back."""

from __future__ import annotations

import itertools
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms.indexes import lifted
from sms.schema import WHATS, Channel, Schema, SchemaParts, schema_bodies
from sms.squeeze import squeezed
from sms.wire import BODY, WireError

HOUSE = (
    Channel("tic.base", "index", "Wh", 0),
    Channel("tic.papp", "mean", "VA", 1, 0),
    Channel("tic.papp", "min", "VA", 1, 1),
    Channel("tic.papp", "max", "VA", 1, 1),
    Channel("t.cellar", "last", "Cel", -1),
)
SITE = Schema("b0117", "Europe/Paris", 3600, HOUSE)


def wide(channels: int) -> Schema:
    """A site whose names have nothing in common, so that it takes several messages."""
    names = [sha256(bytes((number,))).hexdigest()[:9] for number in range(channels)]
    return Schema("b0117", "Europe/Paris", 3600, tuple(Channel(f"t.{name}", "last", "Cel", -1) for name in names))


def test_a_house_fits_one_message() -> None:
    (body,) = schema_bodies(SITE)
    assert len(body) <= 100
    assert SchemaParts().add(body) == SITE


def test_parts_come_in_any_order_and_twice() -> None:
    schema = wide(40)
    bodies = schema_bodies(schema)
    assert len(bodies) >= 3
    assert all(len(body) <= BODY for body in bodies)
    for order in itertools.permutations(bodies[:3]):
        parts = SchemaParts()
        found = [parts.add(body) for body in (*order, order[0], *bodies[3:])]
        assert [one for one in found if one] == [schema]


def test_the_id_is_made_from_all_it_says() -> None:
    others = [
        replace(SITE, box="b0118"),
        replace(SITE, tz="Etc/UTC"),
        replace(SITE, step_s=600),
        replace(SITE, channels=HOUSE[:-1]),
        replace(SITE, channels=(*HOUSE[:-1], replace(HOUSE[-1], exponent=0))),
    ]
    assert 1 <= SITE.id <= 255
    assert len({schema.id for schema in (SITE, *others)}) == 6
    assert SITE.id == replace(SITE).id


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        ((), "1 to 64 channels, not 0"),
        ((HOUSE[0],) * 65, "not 65"),
        ((Channel("", "last", "", 0),), "a point has 1 to 64"),
        ((Channel("p" * 65, "last", "", 0),), "a point has 1 to 64"),
        ((Channel("p", "last", "u" * 17, 0),), "a unit at most 16"),
        ((Channel("p", "sum", "", 0),), "'sum' is none of index, mean"),  # type: ignore[arg-type]
        ((Channel("p", "last", "", 13),), "exponent 13"),
        ((Channel("p", "last", "", True),), "exponent True"),
        ((Channel("p", "last", "", 0, 0),), "not before it"),
        ((Channel("p", "last", "", 0, -2),), "not before it"),
        ((HOUSE[0], Channel("p", "max", "", 0, 0)), "only a mean leans on an index"),
        ((HOUSE[4], Channel("p", "index", "", 0, 0)), "an index on nothing"),
    ],
)
def test_channels_that_cannot_be_sent_are_refused(channels: tuple[Channel, ...], said: str) -> None:
    with pytest.raises(WireError, match=said):
        Schema("b1", "Etc/UTC", 3600, channels)


@pytest.mark.parametrize(
    ("box", "tz", "step_s"), [("b" * 33, "Etc/UTC", 60), ("b", "t" * 41, 60), ("b", "t", 0), ("b", "t", 86_401)]
)
def test_a_schema_that_cannot_be_sent_is_refused(box: str, tz: str, step_s: int) -> None:
    with pytest.raises(WireError):
        Schema(box, tz, step_s, HOUSE)


def test_a_damaged_part_is_refused_and_changes_nothing() -> None:
    bodies = schema_bodies(wide(18))
    parts = SchemaParts()
    parts.add(bodies[0])
    said = ["b0117", "Europe/Paris", 3600, 1, 0, [["p", "last", "Cel", -1, -1]]]
    bad = [
        b"",
        b"\x01\x00\x01",
        bytes((0, *bodies[1][1:])),
        bytes((bodies[1][0], 9, 2, *bodies[1][3:])),
        bodies[1][:-3],
    ]
    bad += [b"\x01\x00\x01" + squeezed(what, b"") for what in ([], said[:5], {"a": 1}, None)]
    for body in bad:
        with pytest.raises(WireError):
            parts.add(body)
    assert parts.add(bodies[1]) == wide(18)


def test_parts_of_two_schemas_never_make_one() -> None:
    parts = SchemaParts()
    one, other = schema_bodies(wide(18)), schema_bodies(replace(wide(18), tz="Etc/UTC"))
    assert parts.add(one[0]) is None
    assert parts.add(other[1]) is None
    assert parts.add(bytes((one[0][0],)) + other[1][1:]) is None
    assert parts.add(one[1]) == wide(18)


def test_a_schema_that_says_another_id_is_refused() -> None:
    (body,) = schema_bodies(SITE)
    with pytest.raises(WireError, match="parts of two schemas are mixed"):
        SchemaParts().add(bytes((body[0] ^ 1,)) + body[1:])


def test_parts_that_never_become_whole_are_forgotten() -> None:
    parts = SchemaParts()
    for number in range(50):
        parts.add(schema_bodies(replace(wide(18), step_s=60 + number))[0])
    assert parts.add(schema_bodies(replace(wide(18), step_s=60))[1]) is None
    assert parts.add(schema_bodies(replace(wide(18), step_s=109))[1]) == replace(wide(18), step_s=109)


channel = st.builds(
    Channel, st.text(min_size=1, max_size=20), st.sampled_from(WHATS), st.text(max_size=6), st.integers(-12, 12)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(channel, min_size=1, max_size=20), st.sampled_from([60, 600, 3600, 86_400]))
def test_any_schema_comes_back(channels: list[Channel], step_s: int) -> None:
    try:
        schema = Schema("b1", "Etc/UTC", step_s, tuple(channels))
        bodies = schema_bodies(schema)
    except WireError:
        return
    parts = SchemaParts()
    assert [found for body in reversed(bodies) if (found := parts.add(body))] == [schema]


INDEXES = Schema("b1", "Etc/UTC", 3600, (Channel("m", "index", "Wh", 0), Channel("t", "last", "Cel", -1)))


@pytest.mark.parametrize("whole", [0, 1, 65_535, 65_536, 131_072, 12_345_678, 2**32 - 100])
@pytest.mark.parametrize("since", [0, 1, 65_000])
def test_high_bits_come_back_from_an_earlier_value(whole: int, since: int) -> None:
    known = max(whole - since, 0)
    sent: list[list[int | None]] = [[None, whole % 65_536, None, whole % 65_536 + 70], [1, 2, None, -4]]
    assert lifted(INDEXES, sent, {0: known}) == [[None, whole, None, whole + 70], [1, 2, None, -4]]


def test_an_index_that_may_be_more_than_one_is_refused() -> None:
    sent: list[list[int | None]] = [[10, 30], [1, 2]]
    with pytest.raises(WireError, match=r"channel 0 \(m\): no full value"):
        lifted(INDEXES, sent, {})
    with pytest.raises(WireError, match="more than one index"):
        lifted(INDEXES, sent, {0: 5}, {0: 65_566})
    with pytest.raises(WireError, match="more than one index"):
        lifted(INDEXES, sent, {0: 5}, {0: 29})
    with pytest.raises(WireError, match="65536 is a whole index already"):
        lifted(INDEXES, [[65_536, 65_540], [1, 2]], {0: 5})
    assert lifted(INDEXES, sent, {0: 5}, {0: 65_565})[0] == [10, 30]
    assert lifted(INDEXES, [[None, None], [1, 2]], {}) == [[None, None], [1, 2]]

"""Bodies changed in every way before any seal is looked at: each is read or refused with WireError, and soon."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from sms.codec import ADAPTIVE, CARRIERS, RICE, decode, encode, is_full
from sms.forms import Ack, Answer, Event, Order, body, fitted, form_of
from sms.indexes import lifted
from sms.lean import INDEX_MAX
from sms.prior import Prior, prior_of, train
from sms.schema import Channel, Schema, SchemaParts, schema_bodies
from sms.wire import BODY, COUNT_MAX, HEAD, MESSAGE, STEPS, Header, Type, WireError, header_of
from tests.sms_columns import some_columns

SLOW_MS = 250.0
"""A body never takes longer, also the worst that is known: 64 channels, 63 intervals, all by adaptive coding."""


@dataclass(frozen=True)
class Site:
    """What a gateway knows of a box."""

    schema: Schema
    prior: Prior


def read(site: Site, octets: bytes) -> str:
    """Read a message without its tag as a gateway does; return what became of it. WireError is the only refusal."""
    try:
        header = header_of(octets)
        rest = octets[HEAD:]
        if header.type in CARRIERS:
            columns = decode(site.schema, header, rest, site.prior)
            assert len(columns) == len(site.schema.channels)
            assert {len(column) for column in columns} == {header.count}
            assert all(value is None or abs(value) <= 2 * INDEX_MAX for column in columns for value in column)
            if not is_full(rest):
                lifted(site.schema, columns, dict.fromkeys(range(len(columns)), 10**9))
        elif header.type is Type.SCHEMA:
            SchemaParts().add(rest)
        else:
            form_of(header.type, rest)
    except WireError as exc:
        return "refused" if str(exc) else "silent"
    return "read"


def some_site(rng: random.Random) -> tuple[Site, list[list[int | None]]]:
    schema, columns = some_columns(rng, channels=12, intervals=(1, 3, 12, 40))
    return Site(schema, train(schema, [columns])), columns


def honest(rng: random.Random, site: Site, columns: list[list[int | None]]) -> Iterator[bytes]:
    """Messages of every type without their tags."""
    step = STEPS.index(site.schema.step_s)
    for coder in (RICE, ADAPTIVE):
        try:
            made = encode(site.schema, columns, site.prior, full=rng.random() < 0.3, coders=(coder,))
        except WireError:
            continue
        kind = rng.choice(sorted(CARRIERS))
        head = Header(kind, 1, 1, site.schema.id, made.prior, step=step, coder=coder, count=made.count)
        yield head.packed() + made.body
    for part in schema_bodies(site.schema):
        yield Header(Type.SCHEMA, 1, 2).packed() + part
    events = [Event(rng.randint(-99, 99), "alarm_begin", "boiler.flow", 92.5, "Cel", {"id": 1}) for _ in range(3)]
    yield Header(Type.ALARM, 1, 3).packed() + body(fitted(events))
    missing = tuple(sorted({rng.randint(100, 999) for _ in range(20)}))
    yield Header(Type.ACK, 1, 4).packed() + body(Ack(50, missing, 1_795_165_500, is_test=True))
    yield Header(Type.COMMAND, 1, 5).packed() + body(Order("7f", "set", {"limit": "flow.high", "value": 90}, 0))
    yield Header(Type.REPLY, 1, 6).packed() + body(Answer(5, done=True, text="85 -> 90 Cel"))


def changed(octets: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return the message changed in one of nine ways, most of them in its body."""
    some = bytearray(octets)
    place = rng.randrange(HEAD, len(some)) if len(some) > HEAD else rng.randrange(HEAD)
    match rng.randrange(9):
        case 0:
            some[place] ^= 1 << rng.randrange(8)
        case 1:
            for _ in range(rng.randint(2, 12)):
                some[rng.randrange(HEAD, len(some)) if len(some) > HEAD else 0] = rng.randrange(256)
        case 2:
            return bytes(some[:place])
        case 3:
            return bytes(some) + rng.randbytes(rng.randint(1, MESSAGE - len(some) + 8))
        case 4:
            return octets[:HEAD] + other[HEAD:]
        case 5:
            return octets[:place] + other[place:]
        case 6:
            some[rng.choice((0, 6, 7, 10, 11))] ^= 1 << rng.randrange(8)
        case 7:
            return octets[:HEAD] + rng.randbytes(rng.randint(0, BODY))
        case 8:
            some[11] = some[11] & 0x80 | rng.randrange(128)  # coder and count
    return bytes(some)


def tried(many: int, rng: random.Random) -> tuple[Counter[str], float]:
    """Return what became of so many, and the longest that one took, in ms of CPU."""
    fates: Counter[str] = Counter()
    worst_ms = 0.0
    while fates.total() < many:
        site, columns = some_site(rng)
        messages = list(honest(rng, site, columns))
        for octets in messages:
            assert read(site, octets) == "read"
            for _ in range(12):
                found = changed(octets, rng.choice(messages), rng)
                start_s = time.process_time()
                fates[read(site, found)] += 1
                worst_ms = max(worst_ms, (time.process_time() - start_s) * 1e3)
    return fates, worst_ms


def test_two_thousand_changed_bodies_are_read_or_refused() -> None:
    fates, _ = tried(2000, random.Random(1))
    assert set(fates) == {"read", "refused"}
    assert fates["refused"] > 500


@pytest.mark.campaign("100,000 changed bodies take 2 minutes")
def test_a_hundred_thousand_changed_bodies_are_read_or_refused() -> None:
    fates, worst_ms = tried(100_000, random.Random(2))
    print(f"\n{fates.total()} changed bodies: {dict(fates)}; worst {worst_ms:.1f} ms CPU")
    assert set(fates) == {"read", "refused"}
    assert worst_ms < SLOW_MS


WIDE = Schema("b1", "Etc/UTC", 3600, tuple(Channel(f"p{n}", "mean", "W", 0, n - 1) for n in range(64)))


@pytest.mark.parametrize("coder", [RICE, ADAPTIVE])
def test_the_widest_report_from_hostile_octets_is_bounded(coder: int) -> None:
    """No octets make a reader work for more than 4,032 values; these took 10 ms at most."""
    rng = random.Random(coder)
    prior = train(WIDE, [[[0, 2**31 - 1, 0, -(2**31) + 1]] * 64])
    header = Header(Type.REPORT, 1, 1, WIDE.id, prior.id * coder, step=6, coder=coder, count=COUNT_MAX)
    hostile = [b"", b"\xff" * BODY, b"\x80" + b"\xff" * 119, b"\x7f" * BODY, b"\xaa" * BODY, b"\x01"]
    hostile += [rng.randbytes(BODY - 1) + b"\x01" for _ in range(6)]
    for octets in hostile:
        start_s = time.process_time()
        with contextlib.suppress(WireError):
            decode(WIDE, header, octets, prior)
        assert (time.process_time() - start_s) * 1e3 < SLOW_MS


def test_a_schema_and_a_prior_from_hostile_octets_are_read_or_refused() -> None:
    rng = random.Random(3)
    schema, columns = some_columns(rng, channels=12, intervals=(12,))
    packed = train(schema, [columns]).packed()
    makers: list[tuple[bytes, Callable[[bytes], object]]] = [(packed, prior_of), (packed, prior_of)]
    makers += [(part, SchemaParts().add) for part in schema_bodies(replace(schema))]
    refused = 0
    for octets, reader in makers:
        for _ in range(150):
            some = bytearray(octets)
            some[rng.randrange(len(some))] ^= 1 << rng.randrange(8)
            try:
                reader(bytes(some))
            except WireError:
                refused += 1
    assert refused > 150

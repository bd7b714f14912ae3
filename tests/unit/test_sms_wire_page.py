"""sms/WIRE.md, executed: vectors, dictionaries, and the decoder that another implementer would write from it."""

from __future__ import annotations

import json
import random
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pytest

from sms import words
from sms.codec import ADAPTIVE, RICE, decode, encode, is_full
from sms.forms import TYPE_OF, body, form_of
from sms.prior import Prior, prior_of, train
from sms.schema import Channel, Schema, SchemaParts, schema_bodies
from sms.wire import HEAD, STEPS, Type, WireError, header_of
from tests.sms_columns import some_columns
from tests.support import ROOT

PAGE = (ROOT / "sms/WIRE.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+ \w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
Decoder = Callable[[Sequence[tuple[str, str, int, int]], int, int, int, bytes, Mapping[int, tuple[int, int]]], Any]


def vectors(kind: str) -> list[dict[str, Any]]:
    found = [json.loads(text) for name, text in BLOCKS if name == f"vector {kind}"]
    assert found, f"sms/WIRE.md has no vector of kind {kind}"
    return found


def schema() -> Schema:
    (said,) = vectors("schema")
    channels = tuple(Channel(*row) for row in said["channels"])
    return Schema(said["box"], said["tz"], said["step_s"], channels)


def prior() -> Prior:
    (said,) = vectors("prior")
    return prior_of(zlib.compress(bytes.fromhex(said["plain"])))


def decoder() -> Decoder:
    (source,) = [text for name, text in BLOCKS if name == "python decoder"]
    assert "import" not in source
    names: dict[str, Any] = {}
    exec(compile(source, "sms/WIRE.md", "exec"), names)  # noqa: S102 our own page, to prove that it says everything
    found: Decoder = names["columns_of"]
    return found


def by_the_page(read: Decoder, of: Schema, coder: int, count: int, octets: bytes, counts: Prior | None) -> Any:
    channels = [(channel.what, channel.unit, channel.exponent, channel.ref) for channel in of.channels]
    return read(channels, of.step_s, count, coder, octets, counts.counts if counts else {})


def test_head() -> None:
    for said in vectors("head"):
        octets = bytes.fromhex(said.pop("octets"))
        head = header_of(octets)
        assert head.packed() == octets
        assert asdict(head) | {"version": 1} == said


def test_schema() -> None:
    (said,) = vectors("schema")
    assert schema().id == said["id"]
    parts = SchemaParts()
    assert [parts.add(bytes.fromhex(part)) for part in said["bodies"]][-1] == schema()
    assert len(schema_bodies(schema())) == len(said["bodies"])


def test_prior() -> None:
    (said,) = vectors("prior")
    assert prior().id == said["id"]
    assert prior().schema == said["schema"] == schema().id
    assert train(schema(), said["reports"]) == prior()
    assert train(schema(), reversed(said["reports"])).plain.hex() == said["plain"]


def test_reports() -> None:
    read = decoder()
    seen = set()
    for said in vectors("report"):
        octets = bytes.fromhex(said["octets"])
        head, plain = header_of(octets), octets[HEAD:]
        counts = prior() if head.prior else None
        assert decode(schema(), head, plain, counts) == said["columns"]
        assert by_the_page(read, schema(), head.coder, head.count, plain, counts) == said["columns"]
        again = encode(schema(), said["columns"], counts, full=is_full(plain), coders=(head.coder,))
        assert (again.body, again.count, again.prior) == (plain, head.count, head.prior)
        seen.add((head.coder, head.prior > 0, is_full(plain)))
    assert seen >= {(RICE, False, False), (RICE, False, True), (ADAPTIVE, False, False), (ADAPTIVE, True, True)}


def test_forms() -> None:
    seen = set()
    for said in vectors("form"):
        form = form_of(Type(said["type"]), bytes.fromhex(said["body"]))
        assert json.loads(json.dumps(asdict(form))) == said["form"]
        assert form_of(Type(said["type"]), body(form)) == form
        seen.add(type(form))
    assert seen == set(TYPE_OF)


def test_dictionaries() -> None:
    said = {name: text[:-1].encode() for name, text in BLOCKS if name.startswith("words ")}
    assert said == {"words schema": words.SCHEMA, "words forms": words.FORMS}


def test_what_is_to_be_refused() -> None:
    for said in vectors("refused"):
        octets = bytes.fromhex(said["octets"])
        with pytest.raises(WireError):
            decode(schema(), header_of(octets), octets[HEAD:], prior())


@pytest.mark.parametrize("seed", range(2))
def test_the_decoder_of_the_page_reads_any_report(seed: int) -> None:
    rng, read = random.Random(seed), decoder()
    for _ in range(60):
        of, columns = some_columns(rng, channels=6, intervals=(1, 2, 5, 12))
        counts = rng.choice((None, train(of, [columns])))
        full = rng.random() < 0.5
        for coder in (RICE, ADAPTIVE):
            try:
                sent = encode(of, columns, counts, full=full, coders=(coder,))
            except WireError:
                continue
            known = counts if sent.prior else None
            found = by_the_page(read, of, coder, sent.count, sent.body, known)
            assert list(found) == columns_as_sent(of, columns, sent.count, full=full)


def columns_as_sent(of: Schema, columns: list[list[int | None]], count: int, *, full: bool) -> list[list[int | None]]:
    found = []
    for channel, column in zip(of.channels, columns, strict=True):
        first = next((value for value in column[:count] if value is not None), 0)
        turned = 0 if full or channel.what != "index" else first - first % 65_536
        found.append([None if value is None else value - turned for value in column[:count]])
    return found


def test_the_page_names_every_step_and_type() -> None:
    assert ", ".join(map(str, STEPS[1:])) in PAGE
    for kind in Type:
        assert f"| {kind.value} | {kind.name.lower()} |" in PAGE

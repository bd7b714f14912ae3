"""`docs/reference/mqtt.md` is true: its schemas, its vectors, its lists of words."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from edge.core.batch import Cut, Origin, encode_events, encode_records
from edge.core.batch_forms import Batch, EventPack
from edge.core.batch_parse import BatchError, event_from, milliseconds, parse_ack, parse_events, parse_records
from edge.core.batch_points import SiteFacts, points_document
from edge.core.journal_words import KINDS
from edge.core.types import LimitSpec, PointSpec, Record
from edge.links.refusals import CODES
from edge.upstream.ledger import Ledger
from hal.sample import BAD, GOOD, QUALITY_NAMES, REASONS, UNCERTAIN
from tests.support import ROOT
from tests.support_broker import Bench, FakeConsumer

PAGE = (ROOT / "docs" / "reference" / "mqtt.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```json (.+?)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SCHEMAS = {name.removeprefix("schema "): json.loads(body) for name, body in BLOCKS if name.startswith("schema ")}
VECTORS = [(name.removeprefix("vector "), json.loads(body)) for name, body in BLOCKS if name.startswith("vector ")]
EXPECTED = [json.loads(body) for name, body in BLOCKS if name == "expected"]
REFUSED = [json.loads(body) for name, body in BLOCKS if name == "refused up/m"]
POINTS = next(form for name, form in VECTORS if name == "up/points")
UNITS = {point["n"]: point["u"] for point in POINTS["p"] if "u" in point}


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its first two lines."""
    part = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def valid(name: str, form: Any) -> None:
    jsonschema.validate(form, SCHEMAS[name], cls=jsonschema.Draft202012Validator)


def test_there_is_a_schema_for_every_form() -> None:
    assert set(SCHEMAS) == {
        "up/m", "up/ev", "up/points", "up/status", "up/alarm", "up/snapshot", "down/ack",
    }  # fmt: skip
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(("name", "form"), VECTORS)
def test_each_vector_follows_its_schema(name: str, form: dict[str, Any]) -> None:
    valid(name, form)


def test_a_consumer_answers_and_stores_what_the_vectors_say() -> None:
    ledger = Ledger(":memory:")
    with ledger:
        ledger.points("b0042", POINTS)
        filler = [Record("tic.papp", 0, 60_000, 1)] * 200
        for seq in range(12001, 12345, 172):
            body = encode_records(
                Origin("b0042", "9f3c21aa", "a0334367"), seq, 12001, filler[:172], Cut([0] * 172, "ntp")
            )
            ledger.records("b0042", parse_records(body), 0)
    assert ledger.settled("b0042", "9f3c21aa") == 12344
    batches = [(name, form) for name, form in VECTORS if name in {"up/m", "up/ev"}]
    assert len(batches) == len(EXPECTED) == 5
    for (name, form), expected in zip(batches, EXPECTED, strict=True):
        with ledger:
            if name == "up/m":
                kept = ledger.records("b0042", parse_records(json.dumps(form).encode()), 0)
                query = (
                    "SELECT r.seq, r.point, r.unit, r.t_ms / 1000.0, r.value, r.quality FROM records r"
                    " WHERE r.stream = ? ORDER BY r.seq"
                )
            else:
                kept = ledger.events("b0042", parse_events(json.dumps(form).encode()), 0)
                query = (
                    "SELECT e.seq, e.kind FROM event e JOIN stream s ON s.id = e.stream"
                    " WHERE s.stream = ? ORDER BY e.seq"
                )
        found = [list(row) for row in ledger._db.execute(query, (form["stream"],)) if row[0] in kept.new]
        assert found == expected["rows"]
        assert ledger.settled("b0042", form["stream"]) == expected["ack"]
        valid("down/ack", {"stream": form["stream"], "seq": expected["ack"]})
    ledger.close()


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_to_be_refused_is_refused(form: dict[str, Any]) -> None:
    with pytest.raises(BatchError):
        parse_records(json.dumps(form).encode())


def records_of(batch: Batch) -> tuple[list[Record], list[int]]:
    """Return the records that a batch came from, with their stamps: the encoder's input."""
    entries: dict[int, tuple[Record, int]] = {}
    for e in batch.e:
        dt_ms = milliseconds(e.dt if e.dt is not None else batch.dt or 0)
        count = batch.cnt if e.cnt is None else e.cnt
        value = e.v if e.vs is None else e.vs
        record = Record(
            e.n, 0, dt_ms, value, UNCERTAIN if e.why else GOOD, e.why, count, e.mean, e.min, e.max, e.inc,
            None if e.dur is None else milliseconds(e.dur), e.chg,
        )  # fmt: skip
        entries[e.i] = record, milliseconds(e.t)
    for b in batch.bad:
        dt_ms = milliseconds(b.dt if b.dt is not None else batch.dt or 0)
        entries[b.i] = Record(b.n, 0, dt_ms, None, BAD, b.why, 0), milliseconds(b.t)
    ordered = [entries[i] for i in range(batch.n)]
    return [record for record, _ in ordered], [stamp for _, stamp in ordered]


@pytest.mark.parametrize(("name", "form"), [vector for vector in VECTORS if vector[0] in {"up/m", "up/ev"}])
def test_the_boxs_encoder_gives_the_bytes_of_the_vectors(name: str, form: dict[str, Any]) -> None:
    compact = json.dumps(form, separators=(",", ":")).encode()
    batch: Batch | EventPack
    if name == "up/m":
        batch = parse_records(compact)
        records, stamps = records_of(batch)
        made = encode_records(
            Origin(batch.box, batch.stream, batch.pts, UNITS),
            batch.seq,
            batch.first,
            records,
            Cut(stamps, batch.tq),
            batch.gap,
        )
    else:
        batch = parse_events(compact)
        stamps = [milliseconds(entry["t"]) for entry in batch.e]
        events = [event_from(entry, 0) for entry in batch.e]
        made = encode_events(
            Origin(batch.box, batch.stream, batch.pts), batch.seq, batch.first, events, Cut(stamps, batch.tq)
        )
    assert made == compact


def test_the_boxs_points_document_is_the_vector() -> None:
    points = [
        PointSpec(
            "tic.papp", "gauge", "VA", name={"en": "Apparent power", "fr": "Puissance apparente"}, role="consumption"
        ),
        PointSpec("t.cellar", "gauge", "Cel", name={"en": "Cellar", "fr": "Cave"}),
        PointSpec("water.cold", "counter", "m3", name={"en": "Cold water", "fr": "Eau froide"}),
        PointSpec("door.north", "state", words=("shut", "open"), name={"en": "North door", "fr": "Porte nord"}),
    ]
    limits = [LimitSpec("papp.high", "tic.papp", "high", 9000)]
    made = points_document("b0042", SiteFacts("Gymnase Sud", "Europe/Paris", "fr"), points, limits)
    assert json.loads(made.body) == POINTS


def test_what_a_link_publishes_follows_the_schemas() -> None:
    bench = Bench()
    bench.broker.listener = FakeConsumer()
    bench.alarms["12"] = {"id": 12, "limit": "flow.high", "v": 92.5}
    bench.write(500)
    bench.records.damage(101, 110)
    bench.records.append([Record("t.cellar", 0, 1000, None, BAD, "crc", 0), Record("tarif", 0, 1000, "HP")])
    bench.happen("alarm_begin", id=12, v=92.5, u="Cel")
    bench.settle()
    seen = set()
    for topic, body, _ in bench.broker.published:
        leaf = topic.removeprefix("vigie/v1/b0042/")
        name = "up/alarm" if leaf.startswith("up/alarm/") else leaf
        seen.add(name)
        if name == "up/online":
            assert body in {b"true", b"false"}
        else:
            valid(name, json.loads(body))
    assert seen == {"up/m", "up/ev", "up/points", "up/status", "up/alarm", "up/snapshot", "up/online"}
    ack = FakeConsumer().ack("9f3c21aa")
    assert parse_ack(ack.payload).seq == 0
    valid("down/ack", json.loads(ack.payload))


# -- the lists of words


def test_every_reason_stands_in_the_page_with_its_quality_and_meaning() -> None:
    assert {row[0].strip("`"): row[2] for row in table("Reasons (`why`)")} == REASONS
    assert {row[1] for row in table("Reasons (`why`)")} == set(QUALITY_NAMES[1:])


def test_every_code_of_a_link_stands_in_the_page_with_its_meaning() -> None:
    told = {row[0].strip("`"): row[2] for row in table("Codes of a link")}
    assert told.items() >= CODES.items()
    assert set(told) - set(CODES) == {
        "undated", "unacknowledged", "duplicate_id", "document_too_large", "small_messages", "store_degraded",
        "mailbox", "modem", "unpaired", "consumer_ahead",
    }  # fmt: skip


def kinds_in_the_code() -> Iterator[str]:
    """Return the words given as kind to Event, Notice and what makes them, anywhere in the product."""
    makers = {"Event", "Notice", "_say", "_tell", "tell", "_notice"}
    for package in ("edge", "hal"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                    if name in makers and isinstance(node.args[0].value, str):
                        yield node.args[0].value


def test_every_event_kind_of_the_code_stands_in_the_page() -> None:
    told = {kind.strip(" `") for row in table("Event kinds") for kind in row[0].split(",")}
    used = set(kinds_in_the_code())
    assert used >= {"start", "alarm_begin", "link_up", "store_degraded", "device_lost", "meter_changed"}
    assert used <= told, f"not in docs/reference/mqtt.md: {sorted(used - told)}"


def test_the_words_of_each_event_kind_are_those_of_the_vocabulary() -> None:
    told: set[str] = set()
    for kinds, _what, words in table("Event kinds"):
        names = [kind.strip(" `") for kind in kinds.split(",")]
        told |= set(names)
        written = set(re.findall(r"`(\w+)`", words)) - {"limit_removed"}
        assert written == set().union(*(KINDS[name].known for name in names)), names
    assert told == KINDS.keys()


def test_the_topics_of_the_page_are_those_of_the_code() -> None:
    told = {row[0].strip("`") for row in table("Topics")}
    assert told == {
        "up/m", "up/ev", "up/points", "up/status", "up/online", "up/alarm/<id>", "up/snapshot", "down/ack",
    }  # fmt: skip

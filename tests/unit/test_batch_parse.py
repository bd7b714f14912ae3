"""The receiving side takes a batch whole or not at all, and says why not."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.batch_parse import MAX_UNPACKED, BatchError, parse_ack, parse_document, parse_events, parse_records

GOOD: dict[str, Any] = {
    "v": 1, "box": "b0042", "stream": "9f3c21aa", "seq": 12345, "n": 2, "first": 12001, "tq": "ntp", "pts": "7c1e0d44",
    "dt": 60,
    "e": [{"i": 0, "n": "tic.papp", "u": "VA", "t": 1795166000, "v": 1234}],
    "bad": [{"i": 1, "n": "t.cellar", "t": 1795166000, "why": "no_answer"}],
}  # fmt: skip


def with_entry(**fields: Any) -> dict[str, Any]:
    entry = {**GOOD["e"][0], **fields}
    return {**GOOD, "e": [{key: value for key, value in entry.items() if value is not None}]}


def test_a_batch_that_follows_the_contract_is_taken_and_unknown_fields_are_ignored() -> None:
    batch = parse_records(json.dumps({**with_entry(colour="green"), "via": "sms"}).encode())
    assert (batch.seq, batch.last, batch.e[0].v, batch.bad[0].why) == (12345, 12346, 1234, "no_answer")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({**GOOD, "v": 2}, "version 2 is not known"),
        ({**GOOD, "n": 3}, "n is 3, but 2 entries are there"),
        ({**GOOD, "n": -1}, "n"),
        ({**GOOD, "seq": 0}, "seq"),
        ({**GOOD, "box": "B 42"}, "box"),
        ({**GOOD, "stream": "xyz"}, "stream"),
        ({key: GOOD[key] for key in GOOD if key != "first"}, "first"),
        (with_entry(i=1), "i 1 is there twice"),
        (with_entry(i=2), "i is 2, outside 0..1"),
        (with_entry(v=None), "exactly one of v and vs"),
        (with_entry(vs="x"), "exactly one of v and vs"),
        (with_entry(v="12"), "v"),
        (with_entry(t=None), "t -1 is no time"),
        (with_entry(t=1e15), "is no time"),
        (with_entry(n=""), "n is empty"),
        ({**GOOD, "bad": [{"i": 1, "n": "a", "t": 1, "why": ""}]}, "why is empty"),
        ({**GOOD, "gap": [[5, 4, "dropped"]]}, "gap"),
        ({**GOOD, "gap": [[12000, 12345, "dropped"]]}, "does not lie before seq"),
        ({**GOOD, "gap": [[1, 2, ""]]}, "gap"),
        ([], "object"),
    ],
)  # fmt: skip
def test_a_fault_is_refused_with_the_field_that_has_it(form: Any, said: str) -> None:
    with pytest.raises(BatchError, match=said):
        parse_records(json.dumps(form).encode())


@pytest.mark.parametrize("payload", [b"", b"{", b"null", b"\x00" * 20, b'{"v":1e999}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_json_of_ours_is_refused(payload: bytes) -> None:
    for parse in (parse_records, parse_events, parse_ack, parse_document):
        with pytest.raises(BatchError):
            parse(payload)


def test_null_is_no_value() -> None:
    with pytest.raises(BatchError, match="exactly one of v and vs"):
        parse_records(json.dumps(GOOD).replace("1234,", "null,").replace('"v": 1234}', '"v": null}').encode())


def test_damaged_zlib_and_a_bomb_are_refused() -> None:
    whole = zlib.compress(json.dumps(GOOD).encode())
    assert parse_records(whole, "json+zlib").seq == 12345
    for payload in (whole[:-4], whole[:10], b"", b"\x78\x01" + b"x" * 30, whole[:20] + b"\x00" + whole[21:]):
        with pytest.raises(BatchError, match="zlib"):
            parse_records(payload, "json+zlib")
    with pytest.raises(BatchError, match="bytes after unpacking"):
        parse_records(zlib.compress(b" " * (MAX_UNPACKED + 1)), "json+zlib")
    with pytest.raises(BatchError, match="content type"):
        parse_records(json.dumps(GOOD).encode(), "text/csv")


def test_events_need_kind_name_and_time() -> None:
    event = {"i": 0, "k": "start", "n": "box", "t": 1795166000, "vs": "start"}
    form = {**{key: GOOD[key] for key in ("v", "box", "stream", "seq", "first", "tq")}, "n": 1, "e": [event]}
    assert parse_events(json.dumps(form).encode()).e == [event]
    for broken in ({"k": ""}, {"k": 3}, {"n": None}, {"t": "now"}, {"i": True}, {"t": True}, {"i": 1}):
        with pytest.raises(BatchError):
            parse_events(json.dumps({**form, "e": [{**event, **broken}]}).encode())


def test_an_ack_names_stream_and_seq() -> None:
    ack = parse_ack(b'{"stream":"9f3c21aa","seq":12346}')
    assert (ack.stream, ack.seq) == ("9f3c21aa", 12346)
    for payload in (b'{"stream":"9f3c21aa"}', b'{"stream":"9f3c21aa","seq":-1}', b'{"stream":"9f3c21aa","seq":"1"}'):
        with pytest.raises(BatchError):
            parse_ack(payload)


def test_a_document_of_another_version_is_refused() -> None:
    assert parse_document(b'{"v":1,"pts":"00"}')["pts"] == "00"
    with pytest.raises(BatchError, match="version None"):
        parse_document(b"{}")


@given(st.binary(max_size=300))
def test_no_bytes_bring_the_parsers_down(payload: bytes) -> None:
    for parse in (parse_records, parse_events):
        for content_type in ("", "json+zlib"):
            with pytest.raises(BatchError):
                parse(payload, content_type)


@given(st.integers(0, 400), st.integers(0, 255))
def test_one_changed_byte_is_refused_or_gives_a_whole_batch(place: int, value: int) -> None:
    payload = bytearray(json.dumps(GOOD).encode())
    payload[place % len(payload)] = value
    try:
        batch = parse_records(bytes(payload))
    except BatchError:
        return
    assert len(batch.e) + len(batch.bad) == batch.n

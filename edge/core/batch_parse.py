"""The receiving side of the batches: every fault of a payload has one clear sentence, and nothing is half accepted.

Fields that are not known are ignored (RFC 8428 §4.4 asks the same of SenML readers); a version that is not known is
refused.
"""

from __future__ import annotations

import zlib
from typing import Any, Final, TypeVar

import msgspec

from edge.core.batch import NO_POINT, RENAMED
from edge.core.batch_forms import NEXT, VERSION, ZLIB, Ack, Batch, EventPack, Number
from edge.core.types import Event

MAX_UNPACKED: Final = 4_000_000  # a compressed payload may not fill the memory of who opens it
_T_MAX: Final = 253_370_764_800  # year 9999: in no time zone is its first day the year 10000
_ENVELOPE: Final = frozenset({"i", "k", "n", "t", "vs"})

_batch = msgspec.json.Decoder(Batch)
_events = msgspec.json.Decoder(EventPack)
_ack = msgspec.json.Decoder(Ack)
_document = msgspec.json.Decoder(dict[str, Any])
Form = TypeVar("Form", Batch, EventPack, Ack, dict[str, Any])


class BatchError(ValueError):
    """A payload that can't be taken; the message says which field and why."""


def parse_records(payload: bytes, content_type: str = "") -> Batch:
    """Return a checked `up/m`. Raises BatchError."""
    batch = _decoded(_batch, payload, content_type)
    _check_header(batch, len(batch.e) + len(batch.bad))
    seen = bytearray(batch.n)
    following = 0
    for entry in batch.e:
        if entry.i == NEXT:
            entry.i = following
        following = entry.i + 1
        _check_place(entry.i, seen, entry.t)
        if (entry.v is None) == (entry.vs is None):
            raise BatchError(f"entry {entry.i} ({entry.n}): exactly one of v and vs is expected")
        if not entry.n:
            raise BatchError(f"entry {entry.i}: n is empty")
    following = 0
    for bad in batch.bad:
        if bad.i == NEXT:
            bad.i = following
        following = bad.i + 1
        _check_place(bad.i, seen, bad.t)
        if not bad.why or not bad.n:
            raise BatchError(f"bad entry {bad.i} ({bad.n}): n or why is empty")
    return batch


def parse_events(payload: bytes, content_type: str = "") -> EventPack:
    """Return a checked `up/ev`. Raises BatchError."""
    pack = _decoded(_events, payload, content_type)
    _check_header(pack, len(pack.e))
    seen = bytearray(pack.n)
    for entry in pack.e:
        i, t = entry.get("i"), entry.get("t")
        if type(i) is not int or not isinstance(t, int | float) or isinstance(t, bool):
            raise BatchError("an event needs the numbers i and t")
        _check_place(i, seen, t)
        if not isinstance(entry.get("k"), str) or not entry["k"] or not isinstance(entry.get("n"), str):
            raise BatchError(f"event {i}: k and n are words")
    return pack


def parse_ack(payload: bytes) -> Ack:
    """Return a `down/ack`. Raises BatchError."""
    return _decoded(_ack, payload, "")


def parse_document(payload: bytes) -> dict[str, Any]:
    """Return a retained document (points, status, snapshot, alarm) of a known version. Raises BatchError."""
    document = _decoded(_document, payload, "")
    if document.get("v") != VERSION:
        raise BatchError(f"version {document.get('v')!r} is not known, {VERSION} is expected")
    return document


def event_from(entry: dict[str, Any], utc_ms: int) -> Event:
    """Return the event of an entry, `at_ms` being its UTC: the inverse of `batch.event_entry`."""
    values = {
        name.removeprefix(RENAMED) if name.startswith(RENAMED) else name: value
        for name, value in entry.items()
        if name not in _ENVELOPE
    }
    return Event(entry["k"], utc_ms, "" if entry["n"] == NO_POINT else entry["n"], values)


def milliseconds(seconds: Number) -> int:
    """Return whole ms.

    >>> milliseconds(1795166000.25)
    1795166000250
    """
    return round(seconds * 1000)


def _decoded(decoder: msgspec.json.Decoder[Form], payload: bytes, content_type: str) -> Form:
    if content_type == ZLIB:
        payload = _unpacked(payload)
    elif content_type and not content_type.startswith("application/json"):
        raise BatchError(f"content type {content_type!r} is not known")
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise BatchError(f"not the form that is expected: {exc}") from exc


def _unpacked(payload: bytes) -> bytes:
    inflate = zlib.decompressobj()
    try:
        body = inflate.decompress(payload, MAX_UNPACKED)
    except zlib.error as exc:
        raise BatchError(f"damaged zlib: {exc}") from exc
    if inflate.unconsumed_tail:
        raise BatchError(f"more than {MAX_UNPACKED} bytes after unpacking")
    if not inflate.eof:
        raise BatchError("zlib ends too early")
    return body


def _check_header(batch: Batch | EventPack, entries: int) -> None:
    if batch.v != VERSION:
        raise BatchError(f"version {batch.v} is not known, {VERSION} is expected")
    if entries != batch.n:
        raise BatchError(f"n is {batch.n}, but {entries} entries are there")
    for first, last, why in batch.gap:
        if first > last or last >= batch.seq or not why:
            raise BatchError(f"gap [{first}, {last}, {why!r}] does not lie before seq {batch.seq}")


def _check_place(i: int, seen: bytearray, t: Number) -> None:
    if not 0 <= i < len(seen):
        raise BatchError(f"i is {i}, outside 0..{len(seen) - 1}")
    if seen[i]:
        raise BatchError(f"i {i} is there twice")
    seen[i] = 1
    if not 0 <= t < _T_MAX:
        raise BatchError(f"entry {i}: t {t} is no time")

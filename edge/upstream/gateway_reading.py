"""One message read by hand, as the gateway's file can: nothing of it is taken, nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from edge.upstream.gateway_priors import Priors
from edge.upstream.gateway_rows import number
from edge.upstream.gateway_schemas import Schemas
from edge.upstream.gateway_store import Box, GatewayStore
from sms import forms
from sms.codec import CARRIERS, decode, is_full
from sms.hello import WELCOME, is_refusal, welcome_of
from sms.keys import Identity, fingerprint
from sms.schema import SchemaParts
from sms.seal import SealError
from sms.session import Session, open_hello
from sms.wire import HEAD, LOCAL_DAY, STEPS, TAG, VERSION, Header, Type, WireError, header_of

UNTAKEN: Final = {"window": {"top": -1, "seen": "0"}, "restored": ""}
"""A session in this state opens what it took already."""


def read(octets: bytes, store: GatewayStore | None) -> dict[str, Any]:
    """Return head and, where the key is known, body of a message; `why`: why the body can't be read.

    Raises ValueError for what is no message.
    """
    header = header_of(octets)
    step: Any = "day" if header.step == LOCAL_DAY else STEPS[header.step] if header.step < len(STEPS) else header.step
    found: dict[str, Any] = {
        "head": {
            "version": VERSION, "type": header.type.name.lower(), "box": header.box, "counter": header.counter,
            "schema": header.schema, "prior": header.prior,
            "base": _utc(header.base_s), "step": step,
            "coder": header.coder, "count": header.count,
        },
        "octets": len(octets), "body": max(len(octets) - HEAD - TAG, 0),
    }  # fmt: skip
    if store is None:
        return found | {"why": "its body is sealed: --db names the gateway's file, which has the key"}
    try:
        return found | _opened(header, octets, store)
    except (SealError, WireError, ValueError) as exc:
        return found | {"why": str(exc)}


def _opened(header: Header, octets: bytes, store: GatewayStore) -> dict[str, Any]:
    identity = Identity.of(store.setting("identity") or {})
    if header.type is Type.HELLO and header.box == 0:
        if octets[HEAD : HEAD + 1] == bytes((WELCOME,)):
            welcome = welcome_of(octets)
            return {"form": {"welcome": welcome.number, "least_counter": welcome.floor}}
        if is_refusal(octets):
            return {"form": {"refused": octets[HEAD + 1 : -TAG].hex()}}
        said = open_hello(identity, octets)
        form = {"hello": said.box_id, "print": fingerprint(said.public), "version": said.version}
        return {"box": said.box_id, "form": form}
    box = store.box_of(header.box)
    if box is None or box.session is None:
        raise ValueError(f"box number {header.box} is not known here")
    saved = json.loads(box.session) | UNTAKEN
    session = Session("gateway", identity, box.public, box.id, saved, lambda _: None)
    try:
        body = session.open(octets).body
    except SealError:
        try:
            body = session.own(octets).body  # to the box
        except SealError:
            body = b""
        if not body:
            raise
    return {"box": box.id} | _said(header, body, box, store)


def _said(header: Header, body: bytes, box: Box, store: GatewayStore) -> dict[str, Any]:
    if header.type is Type.SCHEMA:
        schema = SchemaParts().add(body)
        part = {"schema": body[0], "part": body[1] + 1, "of": body[2]}
        points = [] if schema is None else [one.point for one in schema.channels]
        return {"form": part | ({"points": points} if points else {})}
    if header.type is Type.HELLO:
        return {"form": {"keys": body[:1].hex()}}
    if header.type not in CARRIERS:
        form = forms.form_of(header.type, body)
        return {"form": _plain(form)}
    schema = Schemas(store).schema(box.id, header.schema)
    if schema is None:
        raise ValueError(f"schema {header.schema} was not told yet")
    prior = Priors(store).prior(box.id, header.prior) if header.prior else None
    if header.prior and prior is None:
        raise ValueError(f"prior {header.prior} is not known")
    columns = decode(schema, header, body, prior)
    is_whole = is_full(body)
    return {
        "columns": [
            {
                "point": channel.point, "what": channel.what, "unit": channel.unit,
                "modulo": 65_536 if channel.what == "index" and not is_whole else None,
                "values": [None if value is None else number(value, channel.exponent) for value in column],
            }
            for channel, column in zip(schema.channels, columns, strict=True)
        ]
    }  # fmt: skip


def _plain(form: forms.Form) -> dict[str, Any]:
    if isinstance(form, forms.Events):
        events = [
            {"after_s": one.offset_s, "kind": one.kind, "point": one.point, "v": one.value, "u": one.unit, **one.words}
            for one in form.events
        ]
        return {"events": events, "is_test": form.is_test}
    if isinstance(form, forms.Answer):
        return {"answers": form.counter, "done": form.done, "text": form.text}
    if isinstance(form, forms.Order):
        return {"id": form.id, "verb": form.verb, "args": dict(form.args), "expires": _utc(form.expires_utc_s)}
    told: dict[str, Any] = {"settled": form.settled, "missing": _ranges(form.missing), "is_test": form.is_test}
    told |= {} if form.utc_s is None else {"at": _utc(form.utc_s)}
    return told | ({} if form.train is None else {"train": form.train.prior})


def _utc(utc_s: int) -> str:
    try:
        return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(utc_s)


def _ranges(counters: Sequence[int]) -> list[str]:
    """Return counters as ranges.

    >>> _ranges([3, 4, 5, 9])
    ['3-5', '9']
    """
    found: list[list[int]] = []
    for counter in counters:
        if found and found[-1][1] == counter - 1:
            found[-1][1] = counter
        else:
            found.append([counter, counter])
    return [str(first) if first == last else f"{first}-{last}" for first, last in found]

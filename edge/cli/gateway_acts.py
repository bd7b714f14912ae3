"""What the operator asks of the gateway's file, beside a gateway that runs or without one."""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
import time
from contextlib import closing
from datetime import datetime
from typing import Any, Final

import msgspec

from edge.cli import gateway_boxes
from edge.cli.format import number
from edge.cli.words import Words, own_words
from edge.core.bad_args import why
from edge.core.verbs import VERBS
from edge.settings import catalogue
from edge.settings.expect import expected
from edge.upstream import gateway_admin, gateway_orders
from edge.upstream.gateway_fleet import fleet
from edge.upstream.gateway_sessions import identity_of
from edge.upstream.gateway_store import GatewayStore, StoreError
from sms.keys import fingerprint

LOOK_S: Final = 1.0


def run(args: argparse.Namespace) -> int:
    """Do one act. Raises StoreError, ValueError."""
    say = own_words()
    if args.act == "restore":
        return _restore(args, say)
    if not args.state.exists() and args.act != "key":
        raise StoreError(say("gateway.no_state", file=str(args.state)))
    with closing(GatewayStore(args.state)) as store:
        if args.act == "order":
            return _order(store, args, say)
        return _ACTS[args.act](store, args, say)


def _boxes(store: GatewayStore, args: argparse.Namespace, say: Words) -> int:
    if args.month and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", args.month):
        raise ValueError(f"--month {args.month}: YYYY-MM is expected, such as 2026-11")
    found = fleet(store, int(time.time()), args.month)
    if args.json:
        print(msgspec.json.encode(found).decode())
    else:
        print("\n".join(gateway_boxes.lines(found, say, datetime.now().astimezone().tzinfo)))  # type: ignore[arg-type]
    return 0


def _key(store: GatewayStore, _args: argparse.Namespace, say: Words) -> int:
    identity = identity_of(store)
    print(f'gateway_key = "{identity.text}"')
    print(say("gateway.key", print=identity.fingerprint), file=sys.stderr)
    return 0


def _accept(store: GatewayStore, args: argparse.Namespace, say: Words) -> int:
    is_new = gateway_admin.accept(store, args.box, int(time.time()), args.site)
    box = store.box(args.box)
    shown = fingerprint(box.public) if box is not None else ""
    print(say("gateway.accepted" if is_new else "gateway.was_accepted", box=args.box, print=shown))
    return 0


def _revoke(store: GatewayStore, args: argparse.Namespace, say: Words) -> int:
    gateway_admin.revoke(store, args.box, int(time.time()))
    print(say("gateway.revoked_box", box=args.box))
    return 0


def _roll(store: GatewayStore, args: argparse.Namespace, say: Words) -> int:
    gateway_admin.roll(store, args.box, int(time.time()))
    print(say("gateway.rolled", box=args.box))
    return 0


def _resend(store: GatewayStore, args: argparse.Namespace, say: Words) -> int:
    count = gateway_admin.resend(store, args.box)
    print(say("gateway.resend_n", count=count) if count else say("gateway.resend_none", box=args.box))
    return 0


def _backup(store: GatewayStore, args: argparse.Namespace, say: Words) -> int:
    try:
        gateway_admin.backup(store, args.file)
    except OSError as exc:
        raise StoreError(f"{args.file}: {exc.strerror}") from exc
    print(say("gateway.backup", file=str(args.file), boxes=say.count("gateway.boxes", len(store.boxes()))))
    return 0


_ACTS: Final = {
    "boxes": _boxes, "key": _key, "accept": _accept, "revoke": _revoke, "roll": _roll, "resend": _resend,
    "backup": _backup,
}  # fmt: skip


def _restore(args: argparse.Namespace, say: Words) -> int:
    try:
        count = gateway_admin.restore(args.file, args.state)
    except OSError as exc:
        raise StoreError(f"{args.state}: {exc.strerror}") from exc
    print(say("gateway.restored_n", count=count))
    return 0


# -- orders


def value_of(text: str) -> Any:
    """Return the value behind k=: a number, true or false, a list in brackets, else the text.

    >>> value_of("21.5"), value_of("7"), value_of("true"), value_of("0:30"), value_of("-2,5")
    (21.5, 7, True, '0:30', '-2,5')
    """
    try:
        return json.loads(text)
    except ValueError:
        return text


def order_of(words: list[str]) -> tuple[str, dict[str, Any]]:
    """Return the verb and its arguments. Raises ValueError for a word that is none."""
    verb, *pairs = words
    args: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ValueError(f"{pair}: k=v is expected, such as value=21; `vigie help {verb}` lists what {verb} takes")
        args[name] = value_of(value)
    return verb, args


def check(verb: str, args: dict[str, Any], say: Words) -> None:
    """Raise ValueError for an order that every box would refuse: each would cost two messages."""
    known = VERBS.get(verb)
    if known is None:
        near = difflib.get_close_matches(verb, VERBS, 1) or VERBS
        raise ValueError(f"{verb}: no box knows this order; {', '.join(near)} there is (docs/reference/commands.md)")
    try:
        msgspec.convert(args, known.args)
    except msgspec.ValidationError as exc:
        said = why(str(exc), known.args, expected)
        shown = str(exc) if said is None else catalogue.render(say.lang, said.key, dict(said.values))
        raise ValueError(f"{verb}: {shown}") from exc


def _order(store: GatewayStore, args: argparse.Namespace, say: Words) -> int:
    accepted = [box.id for box in store.boxes() if box.state == "accepted"]
    boxes, words = (accepted, args.words) if args.all else (args.words[:1], args.words[1:])
    if not words:
        raise ValueError(f"{args.words[0]}: a verb is expected after it, such as: vigie gateway order b0042 test")
    for box in boxes:
        if box not in accepted:
            raise ValueError(say("gateway.unknown", box=box))
    if not boxes:
        print(say("gateway.no_box"))
        return 0
    if not 0 < args.valid_h <= 24 * 30:
        raise ValueError(f"--valid-h {args.valid_h:g}: more than 0, at most 720")
    verb, values = order_of(words)
    check(verb, values, say)
    if args.all and not args.yes and not _agreed(store, len(boxes), say):
        return 1
    now_s = int(time.time())
    ids = {gateway_orders.ask(store, box, verb, values, now_s, int(args.valid_h * 3600)): box for box in boxes}
    print(say("gateway.ordered_n", count=len(ids)))
    return _answers(store, ids, args.wait_s, say) if args.wait_s > 0 else 0


def _agreed(store: GatewayStore, boxes: int, say: Words) -> bool:
    price = store.setting("price")
    cost = {} if price is None else {"cost": number(2 * boxes * price, 2, say.point)}
    currency = store.setting("currency") or "EUR"
    print(say("gateway.price", boxes=boxes, sms=2 * boxes, currency=currency, **cost))
    try:
        answer = input(say("gateway.go_on") + " ")
    except EOFError:
        answer = ""
    return answer.strip().lower() in {"y", "yes", "o", "oui"}


def _answers(store: GatewayStore, ids: dict[int, str], wait_s: float, say: Words) -> int:
    """Print each answer as it comes; 0 when all came and none was refused."""
    end_s = time.monotonic() + wait_s
    is_good = True
    waiting = dict(ids)
    while waiting:
        for id_, box in list(waiting.items()):
            fate, text = store.db.execute("SELECT fate, text FROM asked WHERE id = ?", (id_,)).fetchone()
            if fate in {"done", "refused", "expired", "lost"}:
                print(f"{box}  {say.word('gateway_fate', fate)}  {text}".rstrip(), flush=True)
                is_good = is_good and fate == "done"
                del waiting[id_]
        if time.monotonic() >= end_s:
            break
        time.sleep(min(LOOK_S, max(0.0, end_s - time.monotonic())))
    for box in waiting.values():
        print(f"{box}  {say.word('gateway_fate', 'waits')}")
    return 0 if is_good and not waiting else 1

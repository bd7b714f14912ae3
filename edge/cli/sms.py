"""`vigie sms`: the SMS link of a running box, its pairing, and one message by hand.

Of a message `decode` tells the head always, the body where the gateway's file has the key.

Nothing is changed: what was taken already can be read as often as one likes. Exit codes: 0 read, 1 no key for its body,
2 no message, or a wrong file.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from edge.cli.client import DEFAULT_STATE, Client
from edge.cli.console import EXIT_BAD_INPUT, add_common, asked, complain, write_json, write_lines
from edge.cli.printed import links
from edge.cli.words import Words, own_words, zone_of

WIDTH: Final = 80
FILE_MOST: Final = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the acts."""
    acts = parser.add_subparsers(dest="act", metavar="ACT")
    decode = acts.add_parser("decode", help="what a message says", description="What a binary message says.")
    decode.add_argument("message", metavar="HEX|FILE", help="hexadecimal or base64, a file of them or of its octets, -")
    decode.add_argument("--db", type=Path, metavar="FILE", help="the gateway's file, which has the keys")
    decode.add_argument("--json", action="store_true", help="as JSON")
    status = acts.add_parser(
        "status", help="of a running box: what was sent and what it cost (default)", description="The link."
    )
    add_common(status, is_act=True)
    pair = acts.add_parser(
        "pair", help="of a running box: its fingerprint, and whether it is accepted", description="The pairing."
    )
    add_common(pair, is_act=True)
    forget = acts.add_parser(
        "forget", help="give up the keys shared with the gateway at the next start",
        description="After an image of its card was put back: the box pairs anew with the same print.",
    )  # fmt: skip
    forget.add_argument("--state", type=Path, default=DEFAULT_STATE, help="default /var/lib/vigie")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Decode one message, ask a running box for its link, or have the next start forget."""
    if args.act == "forget":
        return _forget(args.state)
    return _decode(args) if args.act == "decode" else asked(args, _pair if args.act == "pair" else _status)


def _link(client: Client) -> tuple[dict[str, Any] | None, Words, dict[str, Any]]:
    box = client.get("box")
    return client.get("buffer")["links"].get("sms"), Words(box["site"]["lang"]), box


def _status(client: Client, args: argparse.Namespace) -> int:
    link, say, box = _link(client)
    if link is None:
        complain(say("sms.none"))
        return EXIT_BAD_INPUT
    if args.json:
        write_json(link)
    else:
        write_lines(links({**client.get("buffer"), "links": {"sms": link}}, zone_of(box), box["utc_ms"], say))
    return 0


def _pair(client: Client, args: argparse.Namespace) -> int:
    link, say, box = _link(client)
    if link is None or "fingerprint" not in link:
        complain(say("sms.none" if link is None else "sms.no_gateway"))
        return EXIT_BAD_INPUT
    if args.json:
        write_json({name: link[name] for name in ("fingerprint", "paired", "number")})
    else:
        state = say("sms.paired", number=link["number"]) if link["paired"] else say("sms.unpaired", box=box["id"])
        write_lines([say("sms.print", print=link["fingerprint"]), say("sms.print_how"), state])
    return 0


def _forget(state: Path) -> int:
    from edge.runtime.sms_parts import FOLDER, ask_to_forget
    from edge.store.fs import RealFs

    say = own_words()
    if not (state / FOLDER).is_dir():
        complain(say("sms.no_state", state=state))
        return EXIT_BAD_INPUT
    try:
        ask_to_forget(RealFs(state))
    except OSError as exc:
        complain(str(exc))
        return EXIT_BAD_INPUT
    write_lines([say("sms.forgotten")])
    return 0


def _decode(args: argparse.Namespace) -> int:
    from edge.upstream.gateway_reading import read
    from edge.upstream.gateway_store import GatewayStore, StoreError

    say = own_words()
    try:
        octets = octets_of_argument(args.message)
        if args.db is None:
            found = read(octets, None)
        elif not args.db.exists():
            raise StoreError(say("gateway.no_state", file=str(args.db)))
        else:
            with closing(GatewayStore(args.db)) as store:
                found = read(octets, store)
    except (StoreError, ValueError, OSError) as exc:
        complain(f"{exc.filename}: {exc.strerror}" if isinstance(exc, OSError) and exc.filename else str(exc))
        return EXIT_BAD_INPUT
    print(json.dumps(found, ensure_ascii=False) if args.json else "\n".join(lines(found, say)))
    return 0 if "why" not in found else 1


def octets_of_argument(text: str) -> bytes:
    """Return the octets that an argument stands for. Raises ValueError, OSError."""
    from edge.upstream.gateway_jsonl import octets_of

    if text == "-":
        raw = sys.stdin.buffer.read(FILE_MOST)
    elif _is_file(text):
        with Path(text).open("rb") as file:
            raw = file.read(FILE_MOST)
    else:
        return octets_of(text)
    try:
        return octets_of(raw.decode("ascii"))
    except ValueError:
        return raw


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # the digits of a long message are more than a file's name has letters
        return False


def lines(found: dict[str, Any], say: Words) -> list[str]:
    """Return what `read` gave, for people."""
    head = found["head"]
    box = f"{head['box']} ({found['box']})" if found.get("box") else str(head["box"])
    shown = [say("sms_decode.head", type=head["type"], box=box, counter=head["counter"], version=head["version"])]
    if head["schema"]:
        coder = "Rice" if head["coder"] == 0 else "adaptive"
        shown.append(say("sms_decode.report", schema=head["schema"], prior=head["prior"], coder=coder))
    if head["count"]:
        shown.append(say("sms_decode.span", start=head["base"], count=head["count"], step=head["step"]))
    shown.append(say("sms_decode.octets", count=found["octets"], body=found["body"]))
    if "why" in found:
        shown.append(say("sms_decode.why", why=found["why"]))
    for column in found.get("columns", ()):
        text = "  ".join("-" if value is None else f"{value:.10g}" for value in column["values"])
        turns = f" mod {column['modulo']}" if column["modulo"] else ""
        title = f"{column['point']} {column['what']} [{column['unit']}]{turns}"
        shown += textwrap.wrap(f"{title}  {text}", WIDTH, subsequent_indent="    ", break_long_words=False)
    if "form" in found:
        shown += textwrap.wrap(json.dumps(found["form"], ensure_ascii=False), WIDTH, subsequent_indent="    ")
    return shown

"""The MQTT broker of a command of the server's side: its options, and what is connected to."""

from __future__ import annotations

import argparse
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edge.links.paho_connection import Target

MAX_PACKET: Final = 4_000_000


def add_broker_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how to log in at `--broker`."""
    parser.add_argument("--user", default="", help="user name at the broker")
    parser.add_argument("--password-file", default="", metavar="FILE", help="its first line is the password")
    parser.add_argument("--tls", action="store_true", help="use TLS; also when one of the next three is given")
    parser.add_argument("--ca", default="", metavar="FILE", help="authorities (PEM); the system's where absent")
    parser.add_argument("--cert", default="", metavar="FILE", help="our own certificate (PEM)")
    parser.add_argument("--key", default="", metavar="FILE", help="its key (PEM)")


def host_and_port(broker: str, default: int) -> tuple[str, int]:
    """Return both parts of HOST[:PORT]; an IPv6 address stands in brackets.

    >>> host_and_port("localhost", 1883), host_and_port("[::1]:8883", 1883)
    (('localhost', 1883), ('::1', 8883))
    """
    host, colon, port = broker.rpartition(":")
    if not colon or broker.endswith("]"):
        host, port = broker, str(default)
    if "/" in broker or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f"--broker {broker}: HOST or HOST:PORT is expected, without mqtt://")
    return host.strip("[]"), int(port)


def target(args: argparse.Namespace, client: str) -> Target:
    """Return what is connected to, under a name of its own that begins so. Raises ValueError."""
    from edge.links.dialling import Files
    from edge.links.paho_connection import Target

    tls = args.tls or bool(args.ca or args.cert)
    host, port = host_and_port(args.broker, 8883 if tls else 1883)
    return Target(
        host=host, port=port, client_id=f"{client}-{secrets.token_hex(4)}",
        tls=Files(args.ca, args.cert, args.key) if tls else None, username=args.user,
        password_file=args.password_file, max_packet=MAX_PACKET,
    )  # fmt: skip

"""The chapter on seal and keys of sms/WIRE.md: each of its octets is made anew from what it says, and read back."""

from __future__ import annotations

import re
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sms.hello import (
    HERE,
    ROLL,
    Hello,
    Welcome,
    hello_message,
    must_be_refused,
    must_be_tagged,
    open_hello,
    refused_message,
    session_keys,
    welcome_message,
    welcome_of,
)  # fmt: skip
from sms.keys import Identity
from sms.seal import DOWN, UP, cipher, nonce, seal, unsealed
from sms.wire import EPOCH_S, Header, Type, header_of
from tests.support import ROOT

CHAPTER: Final = (ROOT / "sms" / "WIRE.md").read_text("utf-8").partition("## Seal and keys\n")[2]
OCTETS: Final = {
    name: bytes.fromhex(octets) for name, octets in re.findall(r"^\| (.+?) \| `([0-9a-f]+)` \|$", CHAPTER, re.MULTILINE)
}


def identity(name: str) -> Identity:
    return Identity(X25519PrivateKey.from_private_bytes(OCTETS[f"private key of {name}"]))


BOX: Final = identity("the box")
GATEWAY: Final = identity("the gateway")
BOX_SALT: Final = OCTETS["fresh octets of the box"]
GATEWAY_SALT: Final = OCTETS["fresh octets of the gateway"]


def test_the_keys_follow_from_the_two_identities() -> None:
    assert len(OCTETS) == 20
    assert OCTETS["public key of the box"] == BOX.public
    assert OCTETS["public key of the gateway"] == GATEWAY.public
    assert OCTETS["secret of the two"] == BOX.agreed(GATEWAY.public) == GATEWAY.agreed(BOX.public)
    assert f"`{BOX.fingerprint}`" in CHAPTER
    assert f"`{BOX.text}`" in CHAPTER
    keys = session_keys(OCTETS["secret of the two"], BOX.public, GATEWAY.public, "b0117", BOX_SALT + GATEWAY_SALT)
    assert keys == (OCTETS["key up"], OCTETS["key down"], OCTETS["key of the welcome"])
    new_salt = unsealed(
        cipher(OCTETS["key down"]), DOWN, header_of(OCTETS["roll, counter 1051200"]), OCTETS["roll, counter 1051200"]
    )[1:]
    keys = session_keys(OCTETS["secret of the two"], BOX.public, GATEWAY.public, "b0117", BOX_SALT + new_salt)
    assert keys[:2] == (OCTETS["key up after the roll"], OCTETS["key down after the roll"])


def test_the_hello_and_the_welcome_are_as_written() -> None:
    assert hello_message(BOX, GATEWAY.public, "b0117", BOX_SALT, "1.0") == OCTETS["hello"]
    assert open_hello(GATEWAY, OCTETS["hello"]) == Hello(BOX.public, BOX_SALT, "b0117", "1.0")
    said = Welcome(7, 0, GATEWAY_SALT)
    assert welcome_message(said, OCTETS["key of the welcome"]) == OCTETS["welcome"]
    assert welcome_of(OCTETS["welcome"]) == said
    must_be_tagged(OCTETS["welcome"], OCTETS["key of the welcome"])
    hello = open_hello(GATEWAY, OCTETS["hello"])
    assert refused_message(GATEWAY, hello) == OCTETS["refused"]
    must_be_refused(BOX, GATEWAY.public, BOX_SALT, OCTETS["refused"])


@pytest.mark.parametrize(
    ("name", "key", "direction", "header", "body"),
    [
        ("here, counter 0", "key up", UP, Header(Type.HELLO, 7, 0), bytes((HERE,))),
        ("report, counter 1", "key up", UP, Header(Type.REPORT, 7, 1, 3, 0, EPOCH_S + 600, 6, 0, 4), b"\x2a\x2b\x2c"),
        ("roll, counter 1051200", "key down", DOWN, Header(Type.HELLO, 7, 1_051_200), bytes((ROLL, *range(32, 48)))),
        ("here, counter 2, after the roll", "key up after the roll", UP, Header(Type.HELLO, 7, 2), bytes((HERE,))),
    ],
)
def test_the_sealed_messages_are_as_written(name: str, key: str, direction: int, header: Header, body: bytes) -> None:
    assert seal(cipher(OCTETS[key]), direction, header, body) == OCTETS[name]
    assert header_of(OCTETS[name]) == header
    assert unsealed(cipher(OCTETS[key]), direction, header, OCTETS[name]) == body
    assert OCTETS["nonce of the report"] == nonce(UP, 7, 1)

"""The messages by which a box and a gateway find a key: their octets, and the tags of the two that come before it.

All are of type HELLO, and the first octet of the body says which (`sms/WIRE.md`). Hello, welcome and refused stand in
the clear under box number 0: only the owner of the private key who also knows the other's public key can make their
tag, and that proves who says it, and that it is meant for this gateway. Roll and here are sealed like any other one.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final

from sms.keys import PUBLIC, Identity, derived
from sms.seal import KEY, SealError
from sms.wire import BOX_MAX, HEAD, MESSAGE, TAG, Header, Type, WireError, header_of

HELLO: Final = 1
WELCOME: Final = 2
ROLL: Final = 3
HERE: Final = 4
REFUSED: Final = 5
SALT: Final = 16
"""Fresh octets of one side: keys are new when one of the two is."""
MARK: Final = 4
VERSION_MAX: Final = 24
BOX_ID: Final = re.compile(r"[a-z0-9-]{1,32}")

_HEAD: Final = Header(Type.HELLO, 0, 0)


@dataclass(frozen=True, slots=True)
class Hello:
    """A box that says who it is: its key is its own, its id only a claim until a person has compared the print."""

    public: bytes
    salt: bytes
    box_id: str
    version: str
    """Of the software."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The gateway's answer. `floor` is the least counter that the box may use from here on."""

    number: int
    floor: int
    salt: bytes
    former: bytes = bytes(MARK)
    """Mark of the newest keys that the gateway had from this box before; zeros: none."""


def hello_message(own: Identity, gateway_public: bytes, box_id: str, salt: bytes, version: str) -> bytes:
    """Return a box's first message; the same for the same salt. Raises ValueError for an id or a key that is none."""
    if not BOX_ID.fullmatch(box_id):
        raise ValueError(f"{box_id!r} is no box id: 1 to 32 of a-z, 0-9 and - are one")
    name, said = box_id.encode(), version.encode("ascii", "replace")[:VERSION_MAX]
    body = bytes((HELLO,)) + own.public + salt + bytes((len(name),)) + name + bytes((len(said),)) + said
    return _tagged(body, _hello_key(own, gateway_public, own.public, gateway_public))


def open_hello(own: Identity, octets: bytes) -> Hello:
    """Return what a box says, at its gateway. Raises SealError: unreadable, forged (another gateway's as well)."""
    body = _clear(octets, HELLO)
    public, rest = body[1 : 1 + PUBLIC], body[1 + PUBLIC :]
    salt, rest = rest[:SALT], rest[SALT:]
    name, rest = _counted(rest)
    said, rest = _counted(rest)
    box_id, version = name.decode("ascii", "replace"), said.decode("ascii", "replace")
    if rest or len(said) > VERSION_MAX or not version.isprintable() or not BOX_ID.fullmatch(box_id):
        raise SealError("unreadable", "a hello that is not laid out as one")
    try:
        key = _hello_key(own, public, public, own.public)
    except ValueError:
        raise SealError("forged", "its public key is none") from None
    _must_match(octets, key)
    return Hello(public, salt, box_id, version)


def session_keys(
    secret: bytes, box_public: bytes, gateway_public: bytes, box_id: str, salts: bytes
) -> tuple[bytes, bytes, bytes]:
    """Return the keys of one generation: up, down, of the tag of a welcome. `salts`: the box's and the gateway's."""
    octets = derived(secret, 2 * KEY + 32, b"session", box_public, gateway_public, box_id.encode(), salts)
    return octets[:KEY], octets[KEY : 2 * KEY], octets[2 * KEY :]


def welcome_message(welcome: Welcome, key: bytes) -> bytes:
    """Return the answer to a hello; `key` is the third of `session_keys`."""
    body = bytes((WELCOME,)) + welcome.number.to_bytes(2) + welcome.floor.to_bytes(3) + welcome.former + welcome.salt
    return _tagged(body, key)


def welcome_of(octets: bytes) -> Welcome:
    """Return what a welcome says, unproved: `must_be_tagged` with the key that follows from it proves it."""
    return welcome_said(_clear(octets, WELCOME))


def welcome_said(body: bytes) -> Welcome:
    """Return what the body of a welcome says. Raises SealError `unreadable`."""
    number = int.from_bytes(body[1:3])
    if len(body) != 6 + MARK + SALT or not 0 < number <= BOX_MAX:
        raise SealError("unreadable", "a welcome that is not laid out as one")
    return Welcome(number, int.from_bytes(body[3:6]), body[6 + MARK :], body[6 : 6 + MARK])


def refused_message(own: Identity, hello: Hello) -> bytes:
    """Return a gateway's word that the id of this hello belongs to another key here."""
    return _tagged(bytes((REFUSED,)) + hello.salt, _hello_key(own, hello.public, hello.public, own.public))


def must_be_refused(own: Identity, gateway_public: bytes, salt: bytes, octets: bytes) -> None:
    """Raise SealError for what is not the gateway's refusal of this box's hello with this salt."""
    if _clear(octets, REFUSED)[1:] != salt or not salt:
        raise SealError("old", "a refusal of another hello")
    _must_match(octets, _hello_key(own, gateway_public, own.public, gateway_public))


def is_refusal(octets: bytes) -> bool:
    """Return whether a message is in the clear and says that it is one: of a sealed one any octet may look so."""
    return is_in_the_clear(header_of(octets)) and octets[HEAD : HEAD + 1] == bytes((REFUSED,))


def must_be_tagged(octets: bytes, key: bytes) -> None:
    """Raise SealError `forged` when a message in the clear does not have the tag that this key makes."""
    _must_match(octets, key)


def is_in_the_clear(header: Header) -> bool:
    """Return whether it is a hello or a welcome, which no window and no sealed key know of."""
    return header.type is Type.HELLO and header.box == 0


def _hello_key(own: Identity, peer: bytes, box_public: bytes, gateway_public: bytes) -> bytes:
    return derived(own.agreed(peer), 32, b"hello", box_public, gateway_public)


def _tagged(body: bytes, key: bytes) -> bytes:
    octets = _HEAD.packed() + body
    return octets + _tag(octets, key)


def _tag(octets: bytes, key: bytes) -> bytes:
    # a code that needs no nonce: the same hello may be made twice, with another version behind the same salt
    return hmac.digest(key, octets, "sha256")[:TAG]


def _must_match(octets: bytes, key: bytes) -> None:
    if not hmac.compare_digest(octets[-TAG:], _tag(octets[:-TAG], key)):
        raise SealError("forged")


def _clear(octets: bytes, kind: int) -> bytes:
    try:
        header = header_of(octets)
    except WireError as exc:
        raise SealError("unreadable", str(exc)) from exc
    if not HEAD + TAG < len(octets) <= MESSAGE or header != _HEAD or octets[HEAD] != kind:
        raise SealError("unreadable", "a message in the clear of another kind")
    return octets[HEAD:-TAG]


def _counted(octets: bytes) -> tuple[bytes, bytes]:
    """Return the part that stands after its length, and what follows."""
    if not octets or len(octets) <= octets[0]:
        raise SealError("unreadable", "a hello that ends too soon")
    return octets[1 : 1 + octets[0]], octets[1 + octets[0] :]

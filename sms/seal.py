"""The seal on a message: AES-CCM with a tag of 8 octets (RFC 3610), the head authentic and in the clear.

```
head 12 (in the clear) | body, enciphered, as long as it was | tag 8
nonce 13: direction (0 up, 1 down) | number of the box 2 | counter 3 | zeros 7
```
A nonce must never come twice under one key: the counter of a direction is never used twice (`sms.session`), and each
direction has a key of its own. For this tag at most 2**14 failed openings a key are to be allowed, so that guessing
stays below 2**-50 (draft-ietf-core-oscore-key-limits).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from sms.wire import BODY, HEAD, TAG, Header, WireError

KEY: Final = 16
FAILED_MAX: Final = 1 << 14
UP: Final = 0
DOWN: Final = 1

Reason: TypeAlias = Literal[
    "forged", "repeat", "old", "foreign", "unreadable", "spent", "held", "unpaired", "exhausted"
]
"""forged: the tag is wrong. repeat: taken already. old: below the window. foreign: for another number, or another
conversation. unreadable: no message of ours. spent: the key met too many forged ones and opens nothing any more; a new
one is due. held: this side was restored and waits for the other; keep it and open it again. unpaired: there is no key
yet, or none that can be used: a hello is due. exhausted: the last counter was used."""

SAID: Final[dict[Reason, str]] = {
    "forged": "its tag is wrong: it was not sealed by the other side for this one",
    "repeat": "it was taken already",
    "old": "it lies below the window of what can still be told from a repeat",
    "foreign": "it is for another number or another conversation",
    "unreadable": "it is no message of ours",
    "spent": f"this key met {FAILED_MAX} forged messages and opens nothing any more; a new key is due",
    "held": "this side was restored from a backup; it can be opened when the other side has answered",
    "unpaired": "there is no key that can be used: a hello is due",
    "exhausted": "the last counter was used",
}


if TYPE_CHECKING:  # loaded where something is sealed: a box that texts nobody has no cryptography
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

Cipher: TypeAlias = "AESCCM"


class SealError(Exception):
    """A message can't be opened, or none can be sealed; `reason` is one word, the text says it with what is known."""

    def __init__(self, reason: Reason, more: str = "") -> None:
        super().__init__(f"{SAID[reason]}{f' ({more})' if more else ''}")
        self.reason: Reason = reason


def nonce(direction: int, box: int, counter: int) -> bytes:
    """Return the 13 octets that no two messages under one key share."""
    return bytes((direction,)) + box.to_bytes(2) + counter.to_bytes(3) + bytes(7)


def cipher(key: bytes) -> Cipher:
    """Return what `seal` and `unsealed` take. A key has 16 octets."""
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

    return AESCCM(key, tag_length=TAG)


def seal(key: Cipher, direction: int, header: Header, body: bytes) -> bytes:
    """Return the message. Raises WireError when it would be too long or the head does not hold its fields."""
    if len(body) > BODY:
        raise WireError(f"{len(body)} octets are too many for one message: {BODY} fit")
    head = header.packed()
    return head + key.encrypt(nonce(direction, header.box, header.counter), body, head)


def unsealed(key: Cipher, direction: int, header: Header, octets: bytes) -> bytes:
    """Return the body of a message whose head is read. Raises SealError `forged`."""
    from cryptography.exceptions import InvalidTag

    try:
        return key.decrypt(nonce(direction, header.box, header.counter), octets[HEAD:], octets[:HEAD])
    except InvalidTag:
        raise SealError("forged") from None

"""Who a box and a gateway are: an X25519 key each, the print that people compare, and what two of them derive.

The identity is the key, not the telephone number: a replaced SIM changes nothing here. Keys of a conversation come from
the secret that both have (RFC 7748, §6.1) by HKDF-SHA256 (RFC 5869), with everything that tells it from another in
the context: version, purpose, both public keys, the box's id, the fresh octets that each side gave.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:  # loaded where a key is made or used: a box that texts nobody has no cryptography
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

PUBLIC: Final = 32
LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No 0, 1, I, L, O, U: read aloud, or from a label, none is taken for another."""
PRINT: Final = 8
ROUNDS: Final = 1 << 15
"""Of PBKDF2 under a print: 30⁸ prints are soon searched through for one that looks the same, if each costs nothing."""


class Kept(Protocol):
    """A small file that survives a power cut, such as `edge.store.kept_file.KeptFile`."""

    is_older: bool
    """Whether `load` had to take its backup."""

    def load(self) -> dict[str, Any] | None:
        """Return what was last saved, None when nothing was."""

    def save(self, document: dict[str, Any]) -> None:
        """Return when it is durable."""


class Identity:
    """A private key. It never leaves the machine that made it."""

    __slots__ = ("_private", "public")

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private
        self.public: bytes = private.public_key().public_bytes_raw()
        """32 octets, for anybody to know."""

    @classmethod
    def new(cls) -> Identity:
        """Make one."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        return cls(X25519PrivateKey.generate())

    @classmethod
    def of(cls, saved: dict[str, Any]) -> Identity:
        """Return what was saved. Raises ValueError for anything else."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        try:
            return cls(X25519PrivateKey.from_private_bytes(bytes.fromhex(saved["private"])))
        except (KeyError, TypeError, ValueError) as exc:
            raise ValueError("this is no saved key: 64 hexadecimal digits under `private` are one") from exc

    @classmethod
    def kept(cls, file: Kept) -> Identity:
        """Return the one of this file, made the first time. Written twice then, so that its backup holds it as well."""
        saved = file.load()
        if saved is None:
            saved = cls.new().saved()
            file.save(saved)
            file.save(saved)
        elif file.is_older:
            file.save(saved)
        return cls.of(saved)

    def saved(self) -> dict[str, Any]:
        """Return what `of` takes. A secret: mode 0600, no backup that leaves the machine."""
        return {"private": self._private.private_bytes_raw().hex()}

    @property
    def text(self) -> str:
        """The public key as settings hold it: 43 letters."""
        return text_of(self.public)

    @property
    def fingerprint(self) -> str:
        """The public key as people compare it."""
        return fingerprint(self.public)

    def agreed(self, peer_public: bytes) -> bytes:
        """Return the secret that only the two owners can compute. Raises ValueError for what is no public key."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

        try:
            return self._private.exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError as exc:
            raise ValueError(
                f"{text_of(peer_public)!r} is nobody's public key: take it from vigie gateway key"
            ) from exc


def text_of(public: bytes) -> str:
    """Return 32 octets as 43 letters, base64url without padding (RFC 4648, §5)."""
    return base64.urlsafe_b64encode(public).decode("ascii").rstrip("=")


def public_of(text: str) -> bytes:
    """Return the 32 octets of 43 letters. Raises ValueError for anything else.

    >>> public_of(text_of(bytes(range(32)))) == bytes(range(32))
    True
    """
    try:
        public = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except ValueError as exc:
        raise ValueError(f"{text!r} is no public key: 43 letters, digits, - and _ are one") from exc
    if len(public) != PUBLIC or text_of(public) != text:
        raise ValueError(f"{text!r} is no public key: 43 letters, digits, - and _ are one")
    return public


@lru_cache(maxsize=4096)
def fingerprint(public: bytes) -> str:
    """Return the eight letters that a label and the gateway show of a public key; some milliseconds, once.

    >>> fingerprint(bytes(32))
    'R56K-M8Z2'
    """
    number = int.from_bytes(hashlib.pbkdf2_hmac("sha256", public, b"vigie fingerprint 1", ROUNDS))
    letters = ""
    for _ in range(PRINT):
        number, place = divmod(number, len(LETTERS))
        letters = LETTERS[place] + letters
    return f"{letters[:4]}-{letters[4:]}"


def derived(secret: bytes, size: int, *context: bytes) -> bytes:
    """Return `size` octets for this context, whose parts are at most 255 octets each; each stands after its length."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = b"".join(bytes((len(part),)) + part for part in (b"vigie sms 1", *context))
    return HKDF(SHA256(), size, None, info).derive(secret)

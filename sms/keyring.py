"""The keys that one pair of box and gateway knows: which one seals, which ones still open, and which are still to come.

Each generation follows from fresh octets of both sides. A newer one is agreed on while the older one still brings what
is under way; once something came under the newer one, the older opens only what was sealed before.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any, Final, Literal

from sms.hello import MARK, SALT, session_keys
from sms.keys import Identity
from sms.seal import FAILED_MAX, Cipher, SealError, cipher, unsealed
from sms.window import WIDTH
from sms.wire import Header

FAILED_BLOCK: Final = 64
"""Failed openings are written down in advance, as many at a time: a power cut makes them more, never fewer."""
PENDING_MAX: Final = 4
"""Generations that nobody used yet: a stranger's repetition of old hellos must not push out the one that is due."""
RETIRED_MAX: Final = 16


class Generation:
    """Keys up, down and of the tag of a welcome, and what became of them."""

    __slots__ = ("box", "down", "failed", "failed_kept", "gateway", "is_agreed", "since", "up", "welcome")

    def __init__(self, box: bytes, gateway: bytes, keys: tuple[bytes, bytes, bytes]) -> None:
        self.up: Cipher = cipher(keys[0])
        self.down: Cipher = cipher(keys[1])
        self.welcome = keys[2]
        self.box = box
        """The box's fresh octets."""
        self.gateway = gateway
        self.is_agreed = False
        """Whether the other side is known to have it."""
        self.since: int | None = None
        """The least counter that came under it."""
        self.failed = 0
        self.failed_kept = 0
        """So many are known to be written down."""

    def saved(self) -> dict[str, Any]:
        """Return it without its keys, which follow from it."""
        return {
            "box": self.box.hex(), "gateway": self.gateway.hex(), "agreed": self.is_agreed, "since": self.since,
            "failed": self.failed_ahead,
        }  # fmt: skip

    @property
    def failed_ahead(self) -> int:
        """What is written down of `failed`: no less, whatever is cut when."""
        return -(-self.failed // FAILED_BLOCK) * FAILED_BLOCK

    @property
    def mark(self) -> bytes:
        """What tells it from others, without saying anything of its keys."""
        return hashlib.sha256(self.box + self.gateway).digest()[:MARK]

    @property
    def is_spent(self) -> bool:
        """Whether it met so many forged messages that guessing could begin to pay."""
        return self.failed >= FAILED_MAX


class Keyring:
    """All generations, the newest last. `fresh` holds those made since a gateway was restored and not answered yet."""

    def __init__(
        self, role: Literal["box", "gateway"], own: Identity, peer_public: bytes, box_id: str, saved: dict[str, Any]
    ) -> None:
        """Raises KeyError, TypeError, ValueError, AttributeError for what `saved` never gave, or for no public key."""
        self._secret = own.agreed(peer_public)
        self._publics = (own.public, peer_public) if role == "box" else (peer_public, own.public)
        self._role = role
        self._box_id = box_id
        self.keys = [self._restored(entry) for entry in saved["keys"]]
        self._retired = [str(salt) for salt in saved["retired"]]
        self.fresh = [bytes.fromhex(salt) for salt in saved["restored"].split()]

    def _restored(self, saved: dict[str, Any]) -> Generation:
        key = self.made(bytes.fromhex(saved["box"]), bytes.fromhex(saved["gateway"]))
        if len(key.box) != SALT or len(key.gateway) != SALT:
            raise ValueError(f"{SALT} octets of each side are a generation of keys")
        key.is_agreed = bool(saved["agreed"])
        key.since = None if saved["since"] is None else int(saved["since"])
        key.failed = key.failed_kept = int(saved["failed"])
        return key

    def saved(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        return {
            "keys": [key.saved() for key in self.keys], "retired": self._retired,
            "restored": " ".join(salt.hex() for salt in self.fresh),
        }  # fmt: skip

    def made(self, box: bytes, gateway: bytes) -> Generation:
        """Return the generation of these fresh octets; it joins nothing."""
        return Generation(box, gateway, session_keys(self._secret, *self._publics, self._box_id, box + gateway))

    @property
    def sending(self) -> Generation | None:
        """The newest one that the other side has; a gateway's first one it may not have yet."""
        agreed = [key for key in self.keys if key.is_agreed]
        if not agreed and self._role == "gateway":
            agreed = self.keys
        return agreed[-1] if agreed else None

    def know(self, box: bytes, gateway: bytes) -> None:
        """Have this generation, known to both sides, as the newest one."""
        if all((key.box, key.gateway) != (box, gateway) for key in self.keys):
            key = self.made(box, gateway)
            key.is_agreed = True
            self.keys.append(key)

    def begin(self, box: bytes) -> Generation:
        """Make one that the other side does not have yet; of those the oldest are forgotten."""
        pending = [key for key in self.keys if not key.is_agreed]
        dropped = pending[: max(len(pending) + 1 - PENDING_MAX, 0)]
        key = self.made(box, os.urandom(SALT))
        self.keys = [*(found for found in self.keys if found not in dropped), key]
        if self.fresh:
            self.fresh.append(key.gateway)
        return key

    def pending(self, box: bytes) -> Generation | None:
        """Return the newest one with these octets of the box that the other side does not have yet."""
        found = [key for key in self.keys if key.box == box and not key.is_agreed]
        if self.fresh:  # what was begun before the backup may have been used since
            found = [key for key in found if key.gateway in self.fresh]
        return found[-1] if found else None

    def was_used(self, box: bytes) -> bool:
        """Return whether something came under keys with these octets of the box."""
        return box.hex() in self._retired or any(key.box == box and key.since is not None for key in self.keys)

    def opened(self, direction: int, header: Header, octets: bytes) -> tuple[bytes, Generation]:
        """Return a message's body and what opened it. Raises SealError: forged, spent, held.

        The newest is tried first; what lies below one in use was sealed before it, or is refused.
        """
        tried = []
        for key in reversed(self.keys):
            if not key.is_spent:
                tried.append(key)
                try:
                    body = unsealed(key.down if direction else key.up, direction, header, octets)
                except SealError:
                    pass
                else:
                    if self.fresh and key.gateway not in self.fresh:
                        raise SealError("held")
                    return body, key
            if key.since is not None and header.counter >= key.since:
                break
        for key in tried:
            key.failed += 1
        raise SealError("forged" if tried else "spent")

    def own(self, direction: int, header: Header, octets: bytes) -> bytes:
        """Return the body of a message that this side sealed. Raises SealError `forged` for any other."""
        for key in reversed(self.keys):
            try:
                return unsealed(key.down if direction else key.up, direction, header, octets)
            except SealError:
                continue
        raise SealError("forged")

    @property
    def unkept(self) -> list[Generation]:
        """The keys that met more forged messages than are written down."""
        return [key for key in self.keys if key.failed > key.failed_kept]

    def take(self, key: Generation, counter: int, top: int) -> bool:
        """Mark what came under a key; `top` is the highest counter taken. True: a restored side is answered."""
        key.is_agreed = True
        key.since = counter if key.since is None else min(counter, key.since)
        is_settled = key.gateway in self.fresh
        if is_settled:
            self.fresh = []
        self._retire(top)
        return is_settled

    def _retire(self, top: int) -> None:
        """Forget the keys before one in use once nothing that was sealed under them could be taken any more."""
        past = [n for n, key in enumerate(self.keys) if key.since is not None and top >= key.since + WIDTH]
        if past:
            gone, self.keys = self.keys[: past[-1]], self.keys[past[-1] :]
            salts = dict.fromkeys(key.box.hex() for key in gone if key.box != self.keys[0].box)
            self._retired = [*self._retired, *salts][-RETIRED_MAX:]

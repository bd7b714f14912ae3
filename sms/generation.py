"""One generation of keys between a box and its gateway: made of fresh octets from both, used until a newer one is.

Several may be known at a time: a newer one is agreed on while the older one still brings what is under way.
"""

from __future__ import annotations

from typing import Any, Final

from sms.hello import SALT, session_keys
from sms.keys import Identity
from sms.seal import FAILED_MAX, Cipher, SealError, cipher, unsealed
from sms.wire import Header

FAILED_BLOCK: Final = 64
"""Failed openings are written down in advance, as many at a time: a power cut makes them more, never fewer."""


class Generation:
    """Keys up, down and of the welcome, and what became of them."""

    __slots__ = ("box", "down", "failed", "failed_kept", "gateway", "is_agreed", "since", "up", "welcome")

    def __init__(self, own: Identity, peer_public: bytes, box_id: str, role: str, box: bytes, gateway: bytes) -> None:
        """Derive the keys from the fresh octets of the box and of the gateway."""
        box_public, gateway_public = (own.public, peer_public) if role == "box" else (peer_public, own.public)
        up, down, self.welcome = session_keys(
            own.agreed(peer_public), box_public, gateway_public, box_id, box + gateway
        )
        self.up: Cipher = cipher(up)
        self.down: Cipher = cipher(down)
        self.box = box
        self.gateway = gateway
        self.is_agreed = False
        """Whether the other side is known to have it."""
        self.since: int | None = None
        """The least counter that came under it: from there on no older one is used."""
        self.failed = 0
        self.failed_kept = 0
        """As many failed openings are written down."""

    def saved(self) -> dict[str, Any]:
        """Return it without its keys, which follow from it."""
        return {
            "box": self.box.hex(), "gateway": self.gateway.hex(), "agreed": self.is_agreed, "since": self.since,
            "failed": self.failed_kept,
        }  # fmt: skip

    def restore(self, saved: dict[str, Any]) -> Generation:
        """Take what `saved` gave."""
        self.is_agreed = bool(saved["agreed"])
        self.since = None if saved["since"] is None else int(saved["since"])
        self.failed = self.failed_kept = int(saved["failed"])
        return self

    @property
    def is_spent(self) -> bool:
        """Whether it met so many forged messages that guessing could begin to pay."""
        return self.failed >= FAILED_MAX

    def opened(self, direction: int, header: Header, octets: bytes) -> bytes | None:
        """Return the body, None when the tag is wrong under this key."""
        try:
            return unsealed(self.down if direction else self.up, direction, header, octets)
        except SealError:
            return None


def salts_of(saved: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return the fresh octets of a saved generation. Raises ValueError when they are none."""
    box, gateway = bytes.fromhex(saved["box"]), bytes.fromhex(saved["gateway"])
    if len(box) != SALT or len(gateway) != SALT:
        raise ValueError(f"{SALT} octets of each side are a generation of keys")
    return box, gateway

"""The secret of this box behind the reply codes of alarms: made here once, kept, and never told to anybody."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from edge.core.reply_codes import SECRET_OCTETS
from edge.links.sms_entry import Kept

MAGIC: Final = "vigie-sms-codes"
PATH: Final = "sms/codes"


def secret_of(kept: Kept, octets: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """Return the secret, durable before its first use: a code that was sent must be good after a power cut.

    One that is damaged is made anew: the codes sent until then are worth nothing any more, reminders bring new ones.
    Raises OSError when the card can't be read or written.
    """
    found = (kept.load() or {}).get("secret", "")
    try:
        secret = bytes.fromhex(found)
    except (TypeError, ValueError):
        secret = b""
    if len(secret) != SECRET_OCTETS:
        secret = octets(SECRET_OCTETS)
        kept.save({"secret": secret.hex()})
    return secret

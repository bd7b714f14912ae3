"""People's words as a key with named values; they become a sentence outside the core, in the reader's language."""

from __future__ import annotations

from typing import Any

import msgspec


class Text(msgspec.Struct, frozen=True):
    """A key of the text catalogue and the values that its sentence needs."""

    key: str
    values: dict[str, Any] = {}

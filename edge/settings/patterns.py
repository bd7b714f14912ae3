"""The forms of names in a site's file."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Meta

ID_PATTERN: Final = r"^[a-z0-9][a-z0-9_.-]{0,47}$"
BUS_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,31}$"
EQUIPMENT: Final = Meta(  # `ID.starts` is the id of a point
    pattern=r"^[a-z0-9][a-z0-9_.-]{0,40}$", extra={"expect": "equipment"}
)


def named(name: Any) -> dict[str, str]:
    """Return people's name by language, from one text or one a language."""
    return name if isinstance(name, dict) else {"en": name, "fr": name} if name else {}

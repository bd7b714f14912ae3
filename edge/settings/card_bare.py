"""The settings of a box that was given none: it reads itself, has no link, and publishes nothing."""

from __future__ import annotations

import secrets
from typing import Any, Final

MARK: Final = "# made by the box itself: there was no vigie.toml on the card"
ZONE: Final = "Europe/Paris"
_LETTERS: Final = "abcdefghjkmnpqrstvwxyz23456789"


def new_id() -> str:
    """Return an id that no other box has: random, and of nothing that the machine is known by."""
    return "vigie-" + "".join(secrets.choice(_LETTERS) for _ in range(6))


def bare_settings(box: str) -> str:
    """Return the text of settings without site, inputs and links.

    >>> is_bare(bare_settings("vigie-abc234")), is_bare("[box]")
    (True, False)
    """
    return f'{MARK}\n[box]\nid = "{box}"\n\n[site]\nname = "{box}"\n\n[bus.box]\nkind = "box"\n'


def is_bare(text: str) -> bool:
    """Return whether these settings are the box's own."""
    return text.startswith(MARK)


def id_of(text: str) -> str:
    """Return the box id that stands in a settings text; empty where it has none."""
    return str(table_in(text, "box").get("id", ""))


def zone_of(text: str) -> str:
    """Return the time zone that stands in a settings text, else the one that holds where none is written."""
    return str(table_in(text, "site").get("tz", "")) or ZONE


def table_in(text: str, name: str) -> dict[str, Any]:
    """Return a table of a settings text, empty where it has none or is no TOML. Nothing of it is checked."""
    import tomllib

    try:
        found = tomllib.loads(text).get(name, {})
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

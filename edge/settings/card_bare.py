"""The settings of a box that was given none: it reads itself, has no link, and publishes nothing."""

from __future__ import annotations

import re
import secrets
from typing import Final

MARK: Final = "# made by the box itself: there was no vigie.toml on the card"
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
    """Return the box id that stands in such settings; empty where it can't be found."""
    found = re.search(r'^id = "([a-z0-9-]{1,32})"', text, re.MULTILINE)
    return found[1] if found else ""

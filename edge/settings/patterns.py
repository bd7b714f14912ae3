"""The forms of names in a site's file."""

from __future__ import annotations

from typing import Final

ID_PATTERN: Final = r"^[a-z0-9][a-z0-9_.-]{0,47}$"
BUS_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,31}$"

"""What a site's numbers are usually like: counts from reports that both sides have, so that both can make it alone.

Standard library only, integers only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prior:
    """Counts by context."""

    id: int
    """1 to 255."""

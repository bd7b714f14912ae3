"""Which bundle of a USB stick is taken: the newest that is newer than what is here.

Pure. Anybody may have put anything there: a name tells nothing but that a file may be a bundle; versions come from
bundles whose signature was checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final, TypeVar

from edge.core.release import Version

ENDING: Final = ".raucb"
MOST_NAMES: Final = 1000
"""So many names of a folder are looked at."""
MOST_BUNDLES: Final = 8
"""So many bundles of a stick are opened."""

Where = TypeVar("Where")


def candidates(names: Iterable[str]) -> list[str]:
    """Return the names that may be bundles, the highest first, of at most MOST_NAMES: not hidden, ending .raucb."""
    looked = [name for name, _ in zip(names, range(MOST_NAMES), strict=False)]
    found = [name for name in looked if name.lower().endswith(ENDING) and not name.startswith(".")]
    return sorted(found, reverse=True)[:MOST_BUNDLES]


def newest(
    found: Sequence[tuple[Where, Version]], least: Version, but: Collection[str] = ()
) -> tuple[Where, Version] | None:
    """Return the newest of these that is newer than `least` and none of `but`, None where none is."""
    newer = [each for each in found if each[1] > least and str(each[1]) not in but]
    return max(newer, key=lambda each: each[1], default=None)

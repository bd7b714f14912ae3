"""Which system this is and which one a bundle brings: VERSION+BUILD, and their order.

`/etc/vigie-release` stands in every system that is made as a card; on another installation there is none, and nothing
here is updated by bundles.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

_VERSION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9}){0,7})(?:\+(\d{1,18}))?", re.ASCII)


class Version(msgspec.Struct, frozen=True, order=True):
    """A version: its numbers first, then when it was built (seconds since 1970)."""

    numbers: tuple[int, ...]
    build: int = 0

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers)) + (f"+{self.build}" if self.build else "")


class Release(msgspec.Struct, frozen=True):
    """What a system says of itself."""

    version: Version
    compatible: str


def version_of(text: str) -> Version:
    """Return the version; 0.1 and 0.1.0 are the same. Raises ValueError for anything else.

    >>> version_of("0.10.0+5") > version_of("0.9.1+7")
    True
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no version such as 0.1.0+1795166000")
    numbers = [int(number) for number in found[1].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    numbers += [0] * (3 - len(numbers))
    return Version(tuple(numbers), int(found[2] or 0))


def release_of(text: str) -> Release:
    """Return what /etc/vigie-release says. Raises ValueError, naming what is missing."""
    words = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    try:
        return Release(version_of(f"{words['VERSION']}+{words['BUILD']}"), words["COMPATIBLE"])
    except KeyError as exc:
        raise ValueError(f"/etc/vigie-release has no line {exc.args[0]}=") from None

"""The lines of strace as calls: name, arguments as it writes them, result."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

LINE: Final = re.compile(r"\d+ +(\w+)\((.*)\) += (-?(?:0x)?[0-9a-f]+)(?: .*)?\n")
IGNORED: Final = re.compile(r"\d+ +(?:\+\+\+|---) ")
TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class RecorderError(Exception):
    """A call that can't be followed; a recording without it would prove nothing."""


class SystemCall(msgspec.Struct, frozen=True):
    """One call that returned."""

    name: str
    arguments: list[str]
    result: int

    def number(self, place: int) -> int:
        """Return an argument that is a number."""
        return int(self.arguments[place], 0)


def system_calls(lines: Iterable[str]) -> Iterator[SystemCall]:
    """Give the calls that succeeded, in order."""
    for line in lines:
        if IGNORED.match(line):
            continue
        matched = LINE.fullmatch(line)
        if matched is None:  # threads that interleave; texts cut short
            raise RecorderError(f"strace wrote what is not one whole call: {line[:200]!r}")
        result = int(matched[3], 0)
        if result >= 0:
            yield SystemCall(matched[1], matched[2].split(", "), result)


def text(argument: str) -> bytes:
    """Return the octets of a text argument, all of them."""
    matched = TEXT.fullmatch(argument)
    if matched is None:
        raise RecorderError(f"not a whole text: {argument[:200]!r}")
    return bytes.fromhex(matched[1].replace("\\x", ""))

"""A recording without the numbers by which a household can be found. Pure: bytes in, bytes out, as many of them.

The meter's number (ADCO, ADSC, ADS) and the delivery point (PRM) are personal data. Each gets another one, with a right
check character, so that a recording still decodes; the same number always gets the same other one, two different ones
stay different. Of groups that are damaged, every run of ten digits and more becomes zeros: they stay damaged.
"""

from __future__ import annotations

import re
from typing import Final

from hal.decode.teleinfo.groups import Group, parse, spaced_group, tabbed_group

_ENDS: Final = re.compile(rb"[\x02-\x04\n-\r\x0e\x0f]")
_LONG: Final = re.compile(rb"[0-9]{10,}")
LONGEST: Final = 256
KIND: Final = 6  # a meter's number begins with maker, year and type


class Anonymiser:
    """Goes through one stream."""

    def __init__(self) -> None:
        self._rest = b""
        self._others: dict[str, str] = {}

    def feed(self, seen: bytes) -> bytes:
        """Return what is complete of the stream so far."""
        waiting = self._rest + seen
        made = bytearray()
        start = 0
        for end in _ENDS.finditer(waiting):
            made += self._without(waiting[start : end.start()]) + end[0]
            start = end.end()
        self._rest = waiting[start:]
        if len(self._rest) > LONGEST:  # noise without any line end
            made += self.finish()
        return bytes(made)

    def finish(self) -> bytes:
        """Return the rest, at the end of the stream."""
        rest, self._rest = self._rest, b""
        return self._without(rest)

    def _without(self, raw: bytes) -> bytes:
        if not raw:
            return raw
        group = parse(raw)
        if not isinstance(group, Group):
            return _LONG.sub(lambda found: b"0" * len(found[0]), raw)
        if group.spec.role != "id":
            return raw
        compose = tabbed_group if group.spec.mode == "standard" else spaced_group
        return compose(group.label, self._other(str(group.value)))

    def _other(self, number: str) -> str:
        if number not in self._others:
            keep = number[:KIND] if len(number) == 12 else ""
            self._others[number] = keep + f"{len(self._others) + 1:0{len(number) - len(keep)}}"
        return self._others[number]

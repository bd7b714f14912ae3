"""The 12 octets at the head of every binary message, and what types there are. `sms/WIRE.md` is the contract.

```
octet 0      version (4 bits), type (4 bits)
      1–2    number of the box at its gateway; 0 until it was accepted
      3–5    counter: one for each direction, never used twice; the nonce, and what tells a repeat
      6      schema id        7  prior id        (0: none)
      8–11   base time 21 bits (10 min since 2024-01-01T00:00Z), step code 4, coder 1, count 6
```
Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

VERSION: Final = 1
HEAD: Final = 12
TAG: Final = 8
MESSAGE: Final = 140
BODY: Final = MESSAGE - HEAD - TAG
"""Octets for what is said: 120."""
EPOCH_S: Final = 1_704_067_200
"""2024-01-01T00:00:00Z, in Unix seconds."""
UNIT_S: Final = 600
COUNTER_MAX: Final = 2**24 - 1
BOX_MAX: Final = 2**16 - 1
BASE_MAX: Final = 2**21 - 1
COUNT_MAX: Final = 63
LOCAL_DAY: Final = 15
"""Step code: one local day of the site each, of 23, 24 or 25 hours."""
STEPS: Final = (0, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
"""Step in s by code; 0: the message has no intervals."""


class WireError(ValueError):
    """A message that can't be read: says what is wrong with it; it is never guessed."""


class Type(IntEnum):
    """What a message is. Up: from the box; down: to it."""

    REPORT = 1
    BACKLOG = 2
    DAILY = 3
    ALARM = 4
    SCHEMA = 5
    ACK = 6
    COMMAND = 7
    REPLY = 8
    HELLO = 9


@dataclass(frozen=True, slots=True)
class Header:
    """The head of a message. `base_s` is in Unix seconds, a multiple of 600."""

    type: Type
    box: int
    counter: int
    schema: int = 0
    prior: int = 0
    base_s: int = EPOCH_S
    step: int = 0
    """Step code."""
    coder: int = 0
    """0 Rice, 1 adaptive arithmetic coding."""
    count: int = 0

    def packed(self) -> bytes:
        """Return the 12 octets. Raises WireError when a field does not fit."""
        units, rest = divmod(self.base_s - EPOCH_S, UNIT_S)
        fields = (
            ("box", self.box, BOX_MAX), ("counter", self.counter, COUNTER_MAX), ("schema", self.schema, 255),
            ("prior", self.prior, 255), ("base", units, BASE_MAX), ("step", self.step, 15), ("coder", self.coder, 1),
            ("count", self.count, COUNT_MAX), ("base remainder", rest, 0),
        )  # fmt: skip
        for name, value, most in fields:
            if not 0 <= value <= most:
                raise WireError(f"{name} {value} does not fit the header: 0 to {most}")
        last = units << 11 | self.step << 7 | self.coder << 6 | self.count
        return (
            bytes((VERSION << 4 | self.type,)) + self.box.to_bytes(2) + self.counter.to_bytes(3)
            + bytes((self.schema, self.prior)) + last.to_bytes(4)
        )  # fmt: skip


def header_of(octets: bytes) -> Header:
    """Return the head of a message. Raises WireError for what is too short, of another version or an unknown type."""
    if len(octets) < HEAD:
        raise WireError(f"{len(octets)} octets are no message: the head alone has {HEAD}")
    version, kind = octets[0] >> 4, octets[0] & 15
    if version != VERSION:
        raise WireError(f"version {version} is not known here: version {VERSION} is")
    try:
        found = Type(kind)
    except ValueError:
        raise WireError(f"type {kind} is not known here") from None
    last = int.from_bytes(octets[8:12])
    return Header(
        found, int.from_bytes(octets[1:3]), int.from_bytes(octets[3:6]), octets[6], octets[7],
        EPOCH_S + (last >> 11) * UNIT_S, last >> 7 & 15, last >> 6 & 1, last & 63,
    )  # fmt: skip

"""The forms that leave the box under `vigie/v1/<box>/up/` and the one that comes back, as typed structs.

`docs/reference/mqtt.md` is their contract. `e` of `up/m` is a resolved SenML pack (RFC 8428 §4.6): `n`, `u`, `t`, `v`
and `vs` are SenML's; the other fields are ours and ignored by its readers.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

VERSION: Final = 1
ROOT: Final = "vigie/v1"
MAX_ENTRIES: Final = 200
MAX_BYTES: Final = 16_000  # of JSON, before any compression

ZLIB: Final = "json+zlib"
"""MQTT 5 content type of a compressed batch; plain JSON has none."""

BOX_PATTERN: Final = r"^[a-z0-9-]{1,32}$"
Number: TypeAlias = int | float
Seq: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
Stream: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}$")]
GapRow: TypeAlias = tuple[Annotated[int, Meta(ge=1)], Annotated[int, Meta(ge=1)], str]
"""A lost range, both ends included, and why: `dropped`, `damaged`, `parked` or `too_large`."""


NEXT: Final = -1
"""An absent `i`: one more than that of the entry before it in the same list, the first 0."""


class Entry(msgspec.Struct, omit_defaults=True, gc=False):
    """A record with a value. `why` makes it UNCERTAIN; `dt` and `cnt` are those of the batch where absent."""

    i: Annotated[int, Meta(ge=-1)] = NEXT
    n: str = ""
    u: str = ""
    t: Number = -1
    dt: Number | None = None
    v: Number | None = None
    vs: str | None = None
    mean: Number | None = None
    min: Number | None = None
    max: Number | None = None
    cnt: int | None = None
    inc: Number | None = None
    dur: Number | None = None
    chg: int | None = None
    why: str = ""


class Bad(msgspec.Struct, omit_defaults=True, gc=False):
    """A record without a value: the period had no usable reading, `why` says the reason."""

    i: Annotated[int, Meta(ge=-1)] = NEXT
    n: str = ""
    t: Number = -1
    why: str = ""
    dt: Number | None = None


class _Header(msgspec.Struct, omit_defaults=True, kw_only=True):
    v: int
    box: Annotated[str, Meta(pattern=BOX_PATTERN)]
    stream: Stream
    seq: Annotated[int, Meta(ge=1, le=2**62)]
    n: Annotated[int, Meta(ge=0, le=10_000)]
    first: Annotated[int, Meta(ge=1, le=2**62)]
    tq: str
    pts: str = ""
    via: str = ""
    """How it came to whoever publishes it: "sms" through a gateway. Absent: from the box itself."""
    gap: list[GapRow] = []

    @property
    def last(self) -> int:
        """The seq of the last entry; the one before `seq` when the batch only declares a gap."""
        return self.seq + self.n - 1


class Batch(_Header, omit_defaults=True, kw_only=True):
    """`up/m`: the records seq … seq + n - 1 of one stream, those with a value in `e`, the others in `bad`."""

    dt: Number | None = None
    cnt: int = 1
    e: list[Entry] = []
    bad: list[Bad] = []


class EventPack(_Header, omit_defaults=True, kw_only=True):
    """`up/ev`: the events seq … seq + n - 1; an entry holds i, k, n, t and the event's own numbers and words."""

    e: list[dict[str, Any]] = []


class Ack(msgspec.Struct):
    """`down/ack`: up to and including `seq` everything was stored, lies below `first` or was declared a gap."""

    stream: Stream
    seq: Seq


class Topics:
    """The topics of one box."""

    def __init__(self, box: str) -> None:
        self.root = f"{ROOT}/{box}"
        self.points = f"{self.root}/up/points"
        self.records = f"{self.root}/up/m"
        self.events = f"{self.root}/up/ev"
        self.status = f"{self.root}/up/status"
        self.online = f"{self.root}/up/online"
        self.snapshot = f"{self.root}/up/snapshot"
        self.alarms = f"{self.root}/up/alarm/+"
        self.ack = f"{self.root}/down/ack"

    def alarm(self, alarm_id: str) -> str:
        """Return the topic of one alarm, retained while it is active."""
        return f"{self.root}/up/alarm/{alarm_id}"


def box_and_leaf(topic: str) -> tuple[str, str] | None:
    """Return the box and what follows it, or None when the topic is not of this root.

    >>> box_and_leaf("vigie/v1/b0042/up/alarm/12")
    ('b0042', 'up/alarm/12')
    """
    parts = topic.split("/", 3)
    if len(parts) < 4 or "/".join(parts[:2]) != ROOT:
        return None
    return parts[2], parts[3]

"""The words of the data flow: what a point is, what is kept of it, what happened.

Reading -> Record -> log -> link. A record covers the period [start, start + dt[ of one point and is what leaves the
box; an event is something that happened at an instant. Both are numbered by the log, not here.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from hal.sample import GOOD, Kind, Quality, Value

NEVER: Final = float("inf")  # a worker's next_due when nothing is scheduled


class PointSpec(msgspec.Struct, frozen=True):
    """One point as the engine needs it, composed by the settings from the site's file and the driver's Channel."""

    id: str
    kind: Kind
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    wrap: int = 0
    volatile: bool = False
    words: tuple[str, ...] = ()
    max_per_h: float = NEVER
    """A counter that the meter keeps: more than this in an hour (in `unit`) is another meter, and no consumption."""
    past: bool = False
    """A gauge whose samples bring the period of their record: `edge.core.curve`."""
    low: float = -NEVER
    high: float = NEVER
    """Readings outside [low, high] (after scaling) are BAD `out_of_range`."""
    period_ms: int = 1000
    record_ms: int = 60_000
    deadband: float = 0.0
    heartbeat_ms: int = 0
    """With a deadband: a record is saved when it moved that far from the last saved one, or this old."""
    stale_ms: int = 5000
    """No sample for this long: BAD `stale`."""
    name: dict[str, str] = {}
    place: str = ""
    equipment: str = ""
    role: str = ""
    properties: dict[str, str] = {}
    """What else there is to know of it, in the installer's own words."""
    is_told: bool = True
    """Each edge of a state is an event of its own; False where what changes it journals that already."""


LimitKind = Literal[
    "high", "high_high", "low", "low_low", "equal", "not_equal", "rate", "deviation", "consumption", "never_zero",
    "subscribed", "expression", "fault", "stale",
]  # fmt: skip


Per: TypeAlias = Literal["", "second", "minute", "hour", "day", "week", "month"]


class Input(msgspec.Struct, frozen=True):
    """A point that an expression names."""

    unit: str = ""
    words: tuple[str, ...] = ()


class LimitSpec(msgspec.Struct, frozen=True):
    """One limit of one point (seuil). Delays in ms; `deadband` in the unit of `value`, on the way back only.

    `value` is in the point's unit (`rate`: per `per`), in percent for `subscribed`; `edge.core.measure` has the kinds.
    """

    id: str
    point: str
    kind: LimitKind
    value: float = 0.0
    deadband: Annotated[float, Meta(ge=0)] = 0.0
    on_delay_ms: Annotated[int, Meta(ge=0)] = 0
    off_delay_ms: Annotated[int, Meta(ge=0)] = 0
    priority: Literal["low", "medium", "high", "critical"] = "medium"
    diagnosis: str = ""
    """Key of the text catalogue such as "overheating"; empty when the limit says enough."""
    or_equal: bool = False
    """The value itself is beyond already: ≥ and ≤ in place of > and <."""
    latch: bool = False
    """The alarm stands until it was acknowledged, though the value is back."""
    other: str = ""
    """The point that is the limit (`high`, `low` …), that a deviation is from, or that holds the subscribed power."""
    factor: float = 1.0
    """A reading of `other` times this is in the unit of the point."""
    direction: Literal["both", "up", "down"] = "both"
    over_ms: int = 0
    """`rate`: between which two readings; `never_zero`: how long without a rest."""
    per: Per = ""
    rest_ms: int = 0
    """`never_zero`: how long a rest is at least."""
    is_index: bool = False
    """`never_zero`, `rate` of a counter, which rests while its index stays as it is, and never goes back."""
    expression: str = ""
    inputs: dict[str, Input] = {}
    """The points that an expression names."""


class Record(msgspec.Struct, gc=False):
    """What is kept of one point for one period. `value` None = BAD: the period had no usable reading.

    gauge: value last, mean, low, high, count. counter: value index, increment. state: value = number of the last word,
    duration_ms in it, changes. text: value last. Fields that equal `value` (a period of one reading) stay None.
    """

    point: str
    start_ms: int
    """Monotonic ms of this boot at which the period began."""
    dt_ms: int
    value: Value | None
    quality: Quality = GOOD
    reason: str = ""
    count: int = 1
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    increment: float | None = None
    duration_ms: int | None = None
    changes: int | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that happened, kept in order: start, stop, alarm_begin, alarm_end, alarm_ack, clock and so on.

    `at_ms` is monotonic within the boot it was written in. `values` holds numbers and words only; people's words
    are made from `kind` and `values` by the text catalogue.
    """

    kind: str
    at_ms: int
    point: str = ""
    values: dict[str, Any] = {}


class RecordBatch(msgspec.Struct, frozen=True):
    """What the station hands to the log's writer at once: all of it becomes durable together, or none."""

    boot: int
    entries: list[Record]
    registers: dict[str, Any] = {}
    """State that must be right after a power cut, by name: counters, meters' memory. Any JSON value."""


class EventBatch(msgspec.Struct, frozen=True):
    """The same for events; registers: alarm states, clock entries, the command ids already done."""

    boot: int
    entries: list[Event]
    registers: dict[str, Any] = {}

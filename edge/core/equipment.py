"""Equipment (machines): in service, faulty or in maintenance, and what leads from one to another. docs/equipment.md.

An alarm of its points makes a machine faulty; that the alarm is over does not mean that somebody has looked at it, so
a person restores it, unless the site says otherwise.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import msgspec

from edge.core.types import PointSpec

State: TypeAlias = Literal["in_service", "faulty", "maintenance"]
Happening: TypeAlias = Literal[
    "alarm", "clear", "clear_restores", "restore", "restore_in_alarm", "fault", "start", "end", "end_in_alarm"
]
STATES: Final[tuple[State, ...]] = get_args(State)
"""The words of a machine's state, by number."""

TRANSITIONS: Final[dict[Happening, dict[State, State | None]]] = {
    # it is                    in service                   faulty                   in maintenance
    "alarm":            {"in_service": "faulty",      "faulty": "faulty",      "maintenance": "maintenance"},
    "clear":            {"in_service": "in_service",  "faulty": "faulty",      "maintenance": "maintenance"},
    "clear_restores":   {"in_service": "in_service",  "faulty": "in_service",  "maintenance": "maintenance"},
    "restore":          {"in_service": None,          "faulty": "in_service",  "maintenance": None},
    "restore_in_alarm": {"in_service": None,          "faulty": None,          "maintenance": None},
    "fault":            {"in_service": "faulty",      "faulty": "faulty",      "maintenance": None},
    "start":            {"in_service": "maintenance", "faulty": "maintenance", "maintenance": None},
    "end":              {"in_service": None,          "faulty": None,          "maintenance": "in_service"},
    "end_in_alarm":     {"in_service": None,          "faulty": None,          "maintenance": "faulty"},
}  # fmt: skip
"""What each happening makes of each state; None: refused.

alarm: an alarm of its points begins. clear: the last one ended; clear_restores: so, and the site says that this is
enough (`restore = "when_clear"`) and no person called it faulty. restore, fault: a person says so. start, end: of a
maintenance. …_in_alarm: while an alarm of its points is active.
"""

Work: TypeAlias = Literal["work", "service", "repair"]
"""What a maintenance is; from the end of a service on the run time to the next one counts."""

HOUR_MS: Final = 3_600_000
FED_MS: Final = 60_000  # a machine's points are fed when they change, and so often
COUNTED_MS: Final = 900_000  # what a record of run hours and starts covers
HEARTBEAT_MS: Final = 3_600_000


class EquipmentSpec(msgspec.Struct, frozen=True):
    """One machine as the engine needs it, composed by the settings."""

    id: str
    points: frozenset[str] = frozenset()
    """Its points; the alarms of all of them are held back while it is in maintenance."""
    limits: frozenset[str] = frozenset()
    """The limits whose alarms make it faulty."""
    when_clear: bool = False
    """It is restored when the last of these alarms ends."""
    runs: str = ""
    """The point that tells whether it runs: that is above `runs_above`."""
    runs_above: float = 0.0
    service_ms: int = 0
    """Run time between two services; 0: none is due, ever."""
    name: dict[str, str] = {}
    place: str = ""
    kind: str = ""


def state_point(machine: str) -> str:
    """Return the id of the point that shows a machine's state."""
    return f"{machine}.state"


def hours_point(machine: str) -> str:
    """Return the id of the counter of a machine's run hours."""
    return f"{machine}.hours"


def starts_point(machine: str) -> str:
    """Return the id of the counter of a machine's starts."""
    return f"{machine}.starts"


def point_specs(spec: EquipmentSpec) -> list[PointSpec]:
    """Return the points that a machine itself has: its state and, where it is known when it runs, hours and starts."""
    state = PointSpec(
        id=state_point(spec.id), kind="state", words=STATES, is_told=False, name=spec.name, place=spec.place,
        equipment=spec.id, role="equipment", period_ms=FED_MS, record_ms=FED_MS, deadband=0.5,
        heartbeat_ms=HEARTBEAT_MS, stale_ms=3 * FED_MS,
    )  # fmt: skip
    counter = msgspec.structs.replace(
        state, kind="counter", words=(), is_told=True, volatile=True, record_ms=COUNTED_MS
    )
    hours = {"id": hours_point(spec.id), "unit": "h", "scale": 1 / HOUR_MS, "deadband": 0.5 / HOUR_MS}
    starts = {"id": starts_point(spec.id), "unit": "count"}
    replace = msgspec.structs.replace
    return [state, replace(counter, **hours), replace(counter, **starts)] if spec.runs else [state]


class Plan(msgspec.Struct):
    """What is done in a maintenance, and until when."""

    work: Work
    until_utc_ms: int
    remind_utc_ms: int | None
    """When its end is told beforehand; None once that was done."""
    undated_boot: int = 0
    """The start of the box that no clock vouched for yet when these two were said; 0: one did."""


class Cause(msgspec.Struct, frozen=True):
    """What made a machine what it is: an alarm, or a person with a reason, or time."""

    word: Literal["alarm", "clear", "restored", "by_hand", "maintenance", "ended", "time"]
    alarm: int | None = None
    limit: str = ""
    author: str = ""
    channel: str = ""
    reason: str = ""


class Machine(msgspec.Struct):
    """A machine's state, since when, and by whom or what: what is durable of it."""

    state: State = "in_service"
    boot: int = 0
    since_ms: int = 0
    """Monotonic ms of start `boot`."""
    cause: Cause | None = None
    """What led here; None: it was never otherwise."""
    plan: Plan | None = None
    """Of the maintenance that it is in."""
    serviced_ms: int = 0
    """Its run time at the end of the last service."""
    is_due: bool = False
    """Whether it was told that the next service is due."""

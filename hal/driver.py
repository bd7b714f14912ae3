"""The Driver contract: what a device's file must hold so that the station can read it.

A driver never decides when it is read and never starts a thread: its bus calls it on the bus's own thread. It may raise
anything from `open` and `read`: the bus turns that into BAD samples of its points and tries again with back-off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import msgspec

from hal.sample import Channel, Fix, Guard, Notice, Sample, Value


class DriverError(OSError):
    """A device could not be opened or read. The message names device, address, cause and what to look at."""

    def __init__(self, message: str, reason: str = "no_answer") -> None:
        super().__init__(message)
        self.reason = reason


class Driver(Protocol):
    """One device on one bus, serving one or more points.

    Points whose `device(options)` is equal share one instance; it is built with the options of all of them.
    """

    bus_kind: ClassVar[str]
    """The kind of bus it lives on: a key of `hal.buses.KINDS`."""
    Options: ClassVar[type[msgspec.Struct]]
    """The keys a point may hold beside the common ones; units and limits in `msgspec.Meta`."""

    @staticmethod
    def device(options: Any) -> str:
        """Return what names the device on its bus, such as "0x44" or "28-3c01f0950a21" or "GPIO17"."""

    @staticmethod
    def channel(options: Any) -> Channel:
        """Return kind, unit, scale and register rules of the point that these options describe."""

    def __init__(self, bus: Any, points: Mapping[str, Any]) -> None:
        """Keep the open bus handle and the options per point id; touch nothing yet."""

    def open(self) -> None:
        """Open the device. Raises DriverError (or OSError); called again with back-off until it succeeds."""

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return samples of the points that are due, and of any others that have news (edges).

        Each due point gets at least one sample, BAD with its reason when there is no value. Never sleeps longer than
        a conversion; raises DriverError when the device as a whole does not answer.
        """

    def close(self) -> None:
        """Give everything back. Never raises, may be called twice and without open."""


class Speaks(Protocol):
    """Optional: a driver that has more to say than samples."""

    def notices(self) -> list[Notice]:
        """Return and forget what happened since the last call."""


class TellsTime(Protocol):
    """Optional: a driver whose device tells the time of day."""

    def fix(self) -> Fix | None:
        """Return and forget the latest time that the device told and that can be believed."""


class TakesTime(Protocol):
    """Optional: a driver whose device keeps the time of day and can be set."""

    def take_time(self, now_ns: int, utc_ms: int) -> None:
        """Take what a better source than a battery clock says: at monotonic `now_ns` it was `utc_ms`.

        Called before a read, each `edge.runtime.bus.TIME_EACH_S`, while such a source is believed; touches no device.
        """


class Remembers(Protocol):
    """Optional: a driver with state that must survive a restart (a meter's identity and last indexes)."""

    def state(self) -> str | None:
        """Return the state as JSON text when it changed since the last call, else None."""

    def restore(self, state: str) -> None:
        """Take back what `state` gave before; called once, before `open`. Damaged text is ignored."""


class Ticks(Protocol):
    """Optional: a driver of edges, which must be taken more often than its points are due."""

    tick_s: ClassVar[float]
    """How often `read` is called at least, then with no point due."""


class Occupies(Protocol):
    """Optional: a driver whose reading holds its bus for long, so that settings can be refused that ask too much."""

    @staticmethod
    def busy_s(options: Any) -> float:
        """Return the seconds for which one reading of this point keeps every other device of its bus waiting."""

    @staticmethod
    def measurement(options: Any) -> str:
        """Optional: return what names the measurement, on its device, that serves this point and others alike."""


class Guards(Protocol):
    """Optional: a driver whose points may be there to raise an alarm (an enclosure's switch, the mains)."""

    @staticmethod
    def guard(options: Any) -> Guard | None:
        """Return the alarm of the point that these options describe; None where it is for its limits alone to say."""


class Shares(Protocol):
    """Optional: one of those whose devices wait together for a part of the time (see `Gathers`)."""

    @staticmethod
    def shared_s(options: Any) -> float:
        """Return the seconds that a tick takes beside all `busy_s`, once for however many points are due."""


class OfTheDevice(Protocol):
    """Optional: a driver some of whose options are its device's and not the point's."""

    one_each: ClassVar[tuple[str, ...]]
    """Their names: settings in which two points of a device say different things are refused."""


class Shows(Protocol):
    """Optional: a driver that can show what it read last, for `vigie explain`."""

    def raw(self, point: str) -> str:
        """Return the last raw bytes or level of the point as text; called on another thread: touches no device."""


class Traces(Protocol):
    """Optional: a driver that hands over what the wire brought, for the flight recorder of its bus."""

    def trace(self) -> bytes:
        """Return and forget the bytes that came since the last call, as they stood on the wire; b"" for none.

        Asked after each `read`, also after one that raised. Never raises and touches no device.
        """


class HasCondition(Protocol):
    """Optional: a driver that can say how its device does, beside values: pulses counted, the mode that is heard.

    A bus's handle may have it too.
    """

    def condition(self) -> dict[str, Value]:
        """Return figures and words by name, for `vigie doctor`; called on another thread: touches no device."""


class Gathers(Protocol):
    """Optional, of a bus's handle: one act serves all devices that are read at a tick."""

    def begin(self, due: Sequence[str]) -> None:
        """Do it for these devices, by name; called before they are read. Raises no OSError."""

    def notices(self) -> list[Notice]:
        """Return and forget what is to be said of the bus."""


class Found(msgspec.Struct, frozen=True):
    """A device that is plugged in, by its name on the bus."""

    device: str
    driver: str
    """The name of the driver that reads it."""
    options: dict[str, Value]
    """What a point of the settings writes to name it."""
    unit: str = ""
    """SenML name of what a glance at it is in."""


class Looks(Protocol):
    """Optional, of a bus's handle: it can tell what is plugged in, without disturbing anything (LOOK_S)."""

    def present(self) -> list[Found]:
        """Return what is plugged in. Raises OSError."""

    def glance(self, devices: Sequence[str]) -> list[Sample]:
        """Return what some of these devices measure now, each as a sample under the device's name. Raises OSError."""

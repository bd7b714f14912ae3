"""A contact on a GPIO pin (door, float, fault relay): its state, and each change with its own time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from hal.decode.contact import WORDS, ContactState
from hal.driver import DriverError
from hal.drivers.pin_edges import LATE_NS, PinEdges, PinOptions, shared_options
from hal.sample import GOOD, UNCERTAIN, Channel, Sample


class ContactOptions(PinOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a contact's point; `words` (a key of every point) renames 0, open, and 1, closed, in this order."""


class Contact:
    """One contact on one pin. 0 is open, 1 is closed."""

    bus_kind: ClassVar[str] = "gpio"
    tick_s: ClassVar[float] = 1.0  # edges are taken this often, also when no point is due
    Options: ClassVar[type[msgspec.Struct]] = ContactOptions

    @staticmethod
    def device(options: ContactOptions) -> str:
        """Return the pin's name, such as GPIO17."""
        return f"GPIO{options.pin}"

    @staticmethod
    def channel(options: ContactOptions) -> Channel:
        """Return a state with the words open (0) and closed (1)."""
        return Channel(kind="state", words=WORDS)

    def __init__(self, bus: object, points: Mapping[str, ContactOptions]) -> None:
        """Keep the pin factory (None: gpiozero's default) and the points; touch nothing yet."""
        self._points = dict(points)
        self._edges = PinEdges(bus, next(iter(points.values())))
        self._contact: ContactState | None = None
        self._tainted: set[str] = set()  # points that have not yet said that edges were lost

    def open(self) -> None:
        """Claim the pin; the state is that of the line now, and no change."""
        options = shared_options(self._points)
        self._edges.open()
        self._contact = ContactState(
            debounce_ns=round(options.debounce_ms * 1e6),
            closed_level=options.active_level,
            level=self._edges.level(),
        )

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return a sample for each change since the last read, at its time, then the state now of the due points."""
        contact = self._contact
        if contact is None:
            raise DriverError(f"GPIO{next(iter(self._points.values())).pin}: not open", "not_open")
        samples: list[Sample] = []
        edges = self._edges.drain()
        for t_ns, level in edges:
            if level is None:
                contact.forget()
            else:
                self._say(contact.accept(t_ns, level=level), contact, samples)
        if not edges:
            contact.observe(now_ns, level=self._edges.level())
        self._say(contact.flush(now_ns - LATE_NS), contact, samples)
        if self._edges.has_lost():
            self._tainted.update(self._points)
        samples.extend(self._now(point, contact.state, now_ns) for point in due)
        return samples

    def _say(self, changed_ns: int | None, contact: ContactState, samples: list[Sample]) -> None:
        if changed_ns is not None:
            samples.extend(Sample(point, changed_ns, contact.state, GOOD) for point in self._points)

    def _now(self, point: str, state: int, now_ns: int) -> Sample:
        if point in self._tainted:
            self._tainted.discard(point)
            return Sample(point, now_ns, state, UNCERTAIN, "lost_edges")
        return Sample(point, now_ns, state, GOOD)

    def raw(self, point: str) -> str:
        """Return the pin's last level, for a person who asks why."""
        return "" if self._contact is None else self._edges.word()

    def close(self) -> None:
        """Give the pin back."""
        self._contact = None
        self._edges.close()

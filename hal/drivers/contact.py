"""A contact on a GPIO pin (door, float, fault relay): its state, and each change with its own time.

What guards something is wired closed at rest: a switch closed by the cover, a relay held by the mains. Then a cut wire
reads like the trouble itself, never like peace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode.contact import WORDS, ContactState
from hal.driver import DriverError
from hal.drivers.pin_edges import LATE_NS, PinEdges, PinOptions, shared_options
from hal.sample import GOOD, UNCERTAIN, Channel, Guard, Sample

MAINS_S: Final = 5.0
"""What the mains may be away without an alarm: a dip, the network's own reclosing. The state shows it all the same."""


class Use(msgspec.Struct, frozen=True):
    """What an input is for: its words, 0 (open) and 1 (closed), and its alarm."""

    words: tuple[str, str]
    guard: Guard | None = None


USES: Final = {
    "contact": Use(WORDS),
    "tamper": Use(("tampered", "intact"), Guard(0, "tampered")),
    "mains": Use(("lost", "present"), Guard(0, "mains_lost", on_delay_s=MAINS_S, off_delay_s=2 * MAINS_S)),
}


class ContactOptions(PinOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a contact's point; `words` (a key of every point) renames 0, open, and 1, closed, in this order.

    `tamper` and `mains` are closed while all is well, so that a cut wire is an alarm. They bring that alarm along, with
    the point's id and priority high; a [[limit]] of kind equal or not_equal for the point replaces it.
    """

    use: Annotated[
        Literal["contact", "tamper", "mains"],
        Meta(
            description="tamper: a cover's switch, open is an alarm; mains: a relay on the mains, 5 s open is an alarm"
        ),
    ] = "contact"


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
        """Return a state with the words of open (0) and closed (1)."""
        return Channel(kind="state", words=USES[options.use].words)

    @staticmethod
    def guard(options: ContactOptions) -> Guard | None:
        """Return the alarm of an input that guards something."""
        return USES[options.use].guard

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
        samples.extend(self._now(point, contact, now_ns) for point in due)
        return samples

    def _say(self, changed_ns: int | None, contact: ContactState, samples: list[Sample]) -> None:
        if changed_ns is not None:
            samples.extend(Sample(point, changed_ns, contact.state, GOOD) for point in self._points)

    def _now(self, point: str, contact: ContactState, now_ns: int) -> Sample:
        if point in self._tainted:
            self._tainted.discard(point)
            return Sample(point, now_ns, contact.state, UNCERTAIN, "lost_edges")
        if contact.is_chattering:
            return Sample(point, now_ns, contact.state, UNCERTAIN, "suspect")
        return Sample(point, now_ns, contact.state, GOOD)

    def raw(self, point: str) -> str:
        """Return the pin's last level, for a person who asks why, and whether the contact chatters."""
        contact = self._contact
        if contact is None:
            return ""
        return f"{self._edges.word()}, chatters" if contact.is_chattering else self._edges.word()

    def close(self) -> None:
        """Give the pin back."""
        self._contact = None
        self._edges.close()

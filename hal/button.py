"""A push button between a GPIO pin and 0 V: held long enough it says so, once each time. It has no points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from hal.decode.contact import ContactState
from hal.drivers.pin_edges import LATE_NS, PinEdges, PinOptions
from hal.sample import Notice, Sample

TICK_S: Final = 0.5
DEBOUNCE_MS: Final = 30.0


class Button:
    """The driver. `pin`, `held_s` and `word` (the kind of its notice) are those of the class made by `button`."""

    bus_kind: ClassVar[str] = "gpio"
    tick_s: ClassVar[float] = TICK_S
    Options: ClassVar[type[msgspec.Struct]] = PinOptions
    pin: ClassVar[int] = 0
    held_s: ClassVar[float] = 3.0
    word: ClassVar[str] = "button"

    def __init__(self, bus: Any, points: Mapping[str, Any]) -> None:
        """Keep the pin factory; touch nothing yet."""
        self._edges = PinEdges(bus, PinOptions(pin=self.pin, debounce_ms=DEBOUNCE_MS))
        self._contact: ContactState | None = None
        self._pressed_ns: int | None = None
        self._notices: list[Notice] = []

    def open(self) -> None:
        """Claim the pin. A button that is down already was not pressed on us: it counts when it was let go."""
        self._edges.open()
        level = self._edges.level()
        self._contact = ContactState(debounce_ns=round(DEBOUNCE_MS * 1e6), closed_level=False, level=level)
        self._pressed_ns = None

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Follow the button; there are no samples."""
        contact = self._contact
        if contact is None:
            return []
        edges = self._edges.drain()
        for t_ns, level in edges:
            if level is None:
                contact.forget()
            else:
                self._follow(contact, contact.accept(t_ns, level=level))
        if not edges:
            contact.observe(now_ns, level=self._edges.level())
        self._follow(contact, contact.flush(now_ns - LATE_NS))
        if self._pressed_ns is not None and now_ns - self._pressed_ns >= self.held_s * 1e9:
            self._tell(now_ns)
        return []

    def _follow(self, contact: ContactState, changed_ns: int | None) -> None:
        if changed_ns is None:
            return
        if contact.state:
            self._pressed_ns = changed_ns
        else:
            if self._pressed_ns is not None and changed_ns - self._pressed_ns >= self.held_s * 1e9:
                self._tell(changed_ns)  # held and let go between two looks
            self._pressed_ns = None

    def _tell(self, t_ns: int) -> None:
        self._notices.append(Notice(self.word, t_ns, {}))
        self._pressed_ns = None

    def notices(self) -> list[Notice]:
        """Return and forget that it was held."""
        told, self._notices = self._notices, []
        return told

    def close(self) -> None:
        """Give the pin back."""
        self._contact = None
        self._edges.close()


def button(pin: int, word: str, held_s: float = 3.0) -> type[Button]:
    """Return the driver of a button on this GPIO (BCM), for its bus."""
    return type("Button", (Button,), {"pin": pin, "word": word, "held_s": held_s})

"""GPIO pins without a board: meters that pulse and contacts that move, on gpiozero's MockFactory.

Everything happens by `step(now)`: at the same instants the same edges, with their own times, whether the clock is the
machine's or a virtual one. No thread.
"""

from __future__ import annotations

from typing import Any, Final

NEVER: Final = float("inf")
BOUNCE_NS: Final = 1_000_000  # between two edges of a bounce
SECOND_NS: Final = 1_000_000_000
PINS: Final = range(28)  # on the header, by their BCM numbers


class PulseTrain:
    """A meter's output on one pin: `per_second` pulses, each closed for `width_ns`, each edge with bounces before it.

    `per_second` may be changed at any time and counts from the next pulse on; 0 stops the meter. `sent` is the truth to
    compare with.
    """

    def __init__(self, first_ns: int, per_second: float, *, width_ns: int, bounces: int, closed_level: bool) -> None:
        self.per_second = per_second
        self.sent = 0
        self._width_ns = width_ns
        self._bounces = bounces
        self._closed_level = closed_level
        self._at_ns = first_ns
        self._is_closing = True

    def next_ns(self) -> int | None:
        """Return when the next edge is due; None while the meter stands still."""
        return self._at_ns if not self._is_closing or self.per_second > 0 else None

    def edges(self) -> list[tuple[int, bool]]:
        """Return the edges of the next movement, the last one to stay, and prepare the one after."""
        start_ns = self._at_ns
        level = self._closed_level if self._is_closing else not self._closed_level
        found = bouncing(start_ns, level=level, bounces=self._bounces)
        if self._is_closing:
            self.sent += 1
            self._at_ns = start_ns + self._width_ns
        else:
            period_ns = round(SECOND_NS / self.per_second) if self.per_second > 0 else 0
            self._at_ns = max(start_ns - self._width_ns + period_ns, start_ns + self._width_ns)
        self._is_closing = not self._is_closing
        return found

    def rest(self, now_ns: int) -> None:
        """Let a meter that stands still now begin again no earlier than now."""
        if self._is_closing and self.per_second <= 0:
            self._at_ns = max(self._at_ns, now_ns)


def bouncing(at_ns: int, *, level: bool, bounces: int) -> list[tuple[int, bool]]:
    """Return the edges of one movement to `level` that bounces so many times before it stays."""
    edges = [(at_ns, level)]
    for bounce in range(bounces):
        back_ns = at_ns + (2 * bounce + 1) * BOUNCE_NS
        edges += [(back_ns, not level), (back_ns + BOUNCE_NS, level)]
    return edges


class FakeGpio:
    """The pins of a board that is not there. `factory` is what the drivers of a gpio bus get as their bus."""

    name = "fake gpio"

    def __init__(self) -> None:
        from gpiozero.pins.mock import MockFactory, MockPin

        class Pin(MockPin):  # type: ignore[misc] # gpiozero has no types
            """A pin whose edges carry the time they are given, and which does not keep them all for ever."""

            _state: bool
            _driven: bool | None = None
            _stuck: bool | None = None
            _meant = False

            def _set_pull(self, value: str) -> None:
                super()._set_pull(value)
                if self._driven is not None:  # what is wired to the pin is stronger than its resistor
                    self._state = self._driven

            def _change_state(self, value: bool) -> bool:  # noqa: FBT001 - as MockPin declares it
                self._meant = value
                if self._stuck is not None:
                    value = self._stuck
                is_change = self._state != value
                self._state = value
                return is_change

            def hold(self, level: bool | None) -> None:  # noqa: FBT001 - a level, None to let go
                self._stuck = level
                self._state = self._meant if level is None else level

            def drive(self, t_ns: int, *, level: bool) -> None:
                self._driven = level
                listener = self.when_changed  # once: the driver may close the pin on its own thread
                if self._change_state(level) and listener is not None:
                    listener(t_ns / SECOND_NS, level)

        self.factory: Any = MockFactory(pin_class=Pin)
        # All at once: two threads that ask the factory for a new pin can get one each.
        self._lines = {pin: self.factory.pin(pin) for pin in PINS}
        self._trains: dict[int, PulseTrain] = {}

    def drive(self, pin: int, t_ns: int, *, level: bool, bounces: int = 0) -> None:
        """Bring a pin to this level at this time, True for high."""
        line = self._lines[pin]
        for at_ns, at_level in bouncing(t_ns, level=level, bounces=bounces):
            line.drive(at_ns, level=at_level)

    def hold(self, pin: int, level: bool | None) -> None:  # noqa: FBT001 - a level, None to let go
        """Keep a pin at this level against whoever drives it, as a short circuit does; None lets go."""
        self._lines[pin].hold(level)

    def contact(self, pin: int, t_ns: int, *, closed: bool, bounces: int = 0) -> None:
        """Open or close a contact to ground, as it is wired with a pull-up."""
        self.drive(pin, t_ns, level=not closed, bounces=bounces)

    def meter(
        self,
        pin: int,
        first_ns: int,
        per_second: float,
        *,
        width_ms: float = 30,
        bounces: int = 0,
        to_ground: bool = True,
    ) -> PulseTrain:
        """Put a pulse meter on a pin and return it, to change its rate and to know what it sent."""
        train = PulseTrain(
            first_ns, per_second, width_ns=round(width_ms * 1e6), bounces=bounces, closed_level=not to_ground
        )
        self._trains[pin] = train
        return train

    def step(self, now_s: float) -> float:
        """Send every edge that is due, pin by pin in the order of time; return when the next one is (monotonic s)."""
        now_ns = round(now_s * SECOND_NS)
        next_ns: int | None = None
        for pin, train in self._trains.items():
            line = self._lines[pin]
            while (due_ns := train.next_ns()) is not None and due_ns <= now_ns:
                for at_ns, level in train.edges():
                    line.drive(at_ns, level=level)
            train.rest(now_ns)
            if due_ns is not None:
                next_ns = due_ns if next_ns is None else min(next_ns, due_ns)
        return NEVER if next_ns is None else next_ns / SECOND_NS

    def filenos(self) -> list[int]:
        """Return no descriptor: only time wakes it."""
        return []

    def close(self) -> None:
        """Forget the meters and give the pins back."""
        self._trains.clear()
        self.factory.close()

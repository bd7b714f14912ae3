"""The edges of one GPIO input as (t_ns, level), through gpiozero: what pulse meters and contacts are read from.

Three things to know of gpiozero 2.0 here. `when_changed` keeps only a weak reference, so the callback is a method of an
object that lives as long as the pin. Ticks are seconds as a float: our gpiod factory and lgpio (0.2.2, kernel 5.10 and
later) hand over the kernel's own time stamp of the edge, in ns of CLOCK_MONOTONIC, divided by 10⁹; MockFactory the
`time.monotonic()` of the call; a float is exact to 2 ns after 100 days. And `bounce_time` would move the kernel's stamp
to the end of the bounce and drop the edges that our debounce needs: it stays unset.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from hal.driver import DriverError

MAX_EDGES: Final = 8192
"""Edges kept between two reads: 16 s of a bouncing S0 meter at full rate; noise beyond it is cut and said."""
LATE_NS: Final = 20_000_000
"""How late a callback may come on a busy machine: silence shorter than debounce + this proves nothing yet."""


class PinOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every input pin can hold."""

    pin: Annotated[int, Meta(ge=0, le=27, description="GPIO number (BCM), not the pin of the header")]
    pull: Annotated[
        Literal["up", "down", "none"],
        Meta(description="the board's own resistor: up for a contact to ground, none where a module has its own"),
    ] = "up"
    active_low: Annotated[
        bool | None,
        Meta(description="the closed contact reads low; where absent: yes, except with pull = down"),
    ] = None
    debounce_ms: Annotated[
        float,
        Meta(ge=0, le=1000, description="a level must stay this long to count: S0 5 to 20, reed 50 to 100, gas to 500"),
    ] = 20.0

    @property
    def active_level(self) -> bool:
        """The level of the closed contact, True for high."""
        return self.pull == "down" if self.active_low is None else not self.active_low


class PinEdges:
    """One pin, open, with the edges that came since the last `drain`. No thread of its own, none per pin."""

    def __init__(self, factory: Any, options: PinOptions) -> None:
        """Keep what is needed to open; `factory` None is gpiozero's default one."""
        self._factory = factory
        self._options = options
        self.count = 0
        """How many edges were handed over since `open`, bounces and noise included."""
        self._edges: deque[tuple[float, bool | None]] = deque()
        self._has_lost = False
        self._lost_before = 0
        self._seen = False
        self._is_full = False
        self._device: Any = None
        self._pin: Any = None
        self._deliver: Callable[[], None] = _nothing_waits

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`."""
        return self._device is not None

    def open(self) -> None:
        """Claim the pin and begin to keep its edges. Raises DriverError `not_open` that names the pin and the cause."""
        from gpiozero import DigitalInputDevice, GPIOZeroError

        self.close()
        self.count = 0
        options = self._options
        pull_up = {"up": True, "down": False, "none": None}[options.pull]
        active_state = options.active_level if pull_up is None else None
        lgpio = sys.modules.get("lgpio")  # its error is an Exception of its own; it is there only when it is in use
        failures = (GPIOZeroError, OSError) if lgpio is None else (GPIOZeroError, OSError, lgpio.error)
        try:
            self._device = DigitalInputDevice(
                options.pin, pull_up=pull_up, active_state=active_state, pin_factory=self._factory
            )
        except failures as exc:
            cure = "check that no other program or point holds it, and that the user is in group gpio"
            raise DriverError(f"GPIO{options.pin}: {exc}; {cure}", "not_open") from exc
        self._pin = self._device.pin
        self._lost_before = getattr(self._pin, "lost_edges", 0)
        self._deliver = getattr(self._pin, "deliver", _nothing_waits)
        self._pin.when_changed = self._keep

    def level(self) -> bool:
        """Return the level of the line now, True for high."""
        self._seen = bool(self._device.pin.state)
        return self._seen

    def word(self) -> str:
        """Return the pin and the level seen last in words, such as "GPIO17 low"; touches no pin."""
        return f"GPIO{self._options.pin} {'high' if self._seen else 'low'}"

    def drain(self) -> list[tuple[int, bool | None]]:
        """Return and forget the edges so far as (t_ns, level), oldest first; level None: edges are missing here."""
        self._deliver()
        edges = self._edges
        found: list[tuple[int, bool | None]] = []
        for _ in range(len(edges)):
            ticks, level = edges.popleft()
            if level is not None:
                level = self._seen = bool(level)
            found.append((round(ticks * 1e9), level))
        self.count += sum(level is not None for _, level in found)
        if (
            self._is_full and found
        ):  # asked after the edges were taken: one may be cut meanwhile on the factory's thread
            self._is_full = False
            found.append((found[-1][0], None))
        return found

    def has_lost(self) -> bool:
        """Return True once when edges were cut since the last call, here or in the kernel's queue.

        What the kernel's queue loses is seen with our gpiod factory only: lgpio does not hand over sequence numbers.
        """
        lost, self._has_lost = self._has_lost, False
        return lost

    def close(self) -> None:
        """Give the pin back; may be called twice and without open."""
        device, self._device = self._device, None
        if device is not None:
            device.close()
        self._deliver = _nothing_waits
        self._edges.clear()
        self._has_lost = self._is_full = False

    def _keep(self, ticks: float, level: bool) -> None:  # noqa: FBT001 - gpiozero calls it with these two
        # On the factory's thread, for all pins: little more than the append.
        lost = getattr(self._pin, "lost_edges", 0)
        has_gap = lost != self._lost_before or self._is_full
        self._lost_before = lost
        if len(self._edges) >= MAX_EDGES:
            self._is_full = self._has_lost = True
            return
        if has_gap:
            self._is_full, self._has_lost = False, True
            self._edges.append((ticks, None))
        self._edges.append((ticks, level))


def _nothing_waits() -> None:
    """Do nothing: other factories hand over every edge by themselves."""


def shared_options(points: Mapping[str, PinOptions]) -> PinOptions:
    """Return the options of the pin that these points share; raises DriverError when they do not agree on them."""
    first = next(iter(points.values()))
    for point, options in points.items():
        for key in ("pull", "active_low", "debounce_ms"):
            if getattr(options, key) != getattr(first, key):
                raise DriverError(f"GPIO{first.pin}: {point} and another of its points differ in {key}", "driver_error")
    return first

"""gpiozero's pin factory on gpiod 2: pins by the kernel's own interface, edges with the kernel's time stamps.

`gpiod_factory()` makes it; gpiozero finds it as `GPIOZERO_PIN_FACTORY=gpiod`. Ticks are seconds of CLOCK_MONOTONIC as
a float, as with gpiozero's lgpio factory: the kernel's stamp in ns divided by 10⁹. Two things go beyond gpiozero: a
pin's `lost_edges` counts what the kernel's queue lost, and its `deliver()` hands over at once, on the caller's thread,
the edges that wait in the kernel.

The classes are put together when a factory is made, since they derive from gpiozero's, which a box without GPIO never
loads. A line is asked for when a device gives its pin a function, not before: an output starts at its level.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from hal.gpiod_lines import Chip, Line, LineSetup, device_paths, open_chip
from hal.gpiod_reader import EdgeReader

HEADER_40_PINS: Final = 0xA02082  # revision code of a Pi 3B: the header that every Pi since 2014 has
LONGEST_BOUNCE_S: Final = 4294.0  # debounce_period_us is a __u32
JOIN_S: Final = 2.0


def gpiod_factory(
    chip: str = "",
    *,
    gather_s: float = 0.0,
    paths: Callable[[], Sequence[str]] = device_paths,
    open_device: Callable[[str], Any] | None = None,
) -> Any:
    """Return a gpiozero factory of the board's pins. Raises GpioError when the chip is missing or may not be opened.

    `chip` is a path, name or label; where empty it is the header of the Raspberry Pi. `gather_s`: see EdgeReader.
    `paths` and `open_device` are the seam: what finds the chips, and gpiod's Chip or one like it.
    """
    if open_device is None:
        import gpiod

        open_device = gpiod.Chip
    return _classes()(open_chip(chip, paths(), open_device), EdgeReader(gather_s), chip)


@lru_cache(maxsize=1)
def _classes() -> Any:
    from gpiozero.pins.local import LocalPiFactory, LocalPiPin

    class GpiodPin(_Pin, LocalPiPin):  # type: ignore[misc] # gpiozero has no types
        """One pin of the header."""

        def __init__(self, factory: Any, info: Any) -> None:
            super().__init__(factory, info)
            self._set_out()

    class GpiodFactory(_Factory, LocalPiFactory):  # type: ignore[misc] # gpiozero has no types
        """The pins of one chip."""

        def __init__(self, chip: Chip, reader: EdgeReader, wanted: str) -> None:
            super().__init__()
            # LocalPiFactory shares these three between all factories of a process; here the kernel guards the lines.
            self.pins: dict[Any, Any] = {}
            self._reservations: dict[Any, list[Any]] = defaultdict(list)
            self._res_lock = threading.Lock()
            self.pin_class = GpiodPin
            self.chip, self.reader, self.wanted = chip, reader, wanted
            self._pin_lock = threading.Lock()

    return GpiodFactory


class _Factory:
    """What a factory on gpiod does beside gpiozero's LocalPiFactory."""

    chip: Chip
    reader: EdgeReader
    _pin_lock: threading.Lock

    def pin(self, name: Any) -> Any:
        """Return the pin of this name or number, the same object each time, also to two threads at once."""
        with self._pin_lock:
            return super().pin(name)  # type: ignore[misc] # LocalPiFactory's

    def close(self) -> None:
        """Give all lines and the chip back; the reader's thread has then ended. May be called twice."""
        super().close()  # type: ignore[misc] # LocalPiFactory's
        self.reader.join(JOIN_S)
        self.chip.close()

    def _get_revision(self) -> int:
        from gpiozero import PinUnknownPi

        try:
            return int(super()._get_revision())  # type: ignore[misc] # LocalPiFactory's
        except (PinUnknownPi, OSError):  # a chip of a Pi's header was found all the same, or one was named by its owner
            return HEADER_40_PINS


class _Pin:
    """What a pin on gpiod does beside gpiozero's LocalPiPin."""

    _factory: Any
    _info: Any
    _number: int
    _when_changed: Any

    def _set_out(self) -> None:
        self._line = Line(self._factory.chip, self._number, self._edge)
        self._setup = LineSetup(pull=self._info.pull or "floating")
        self._edges = "both"
        self._is_listening = False

    # -- beyond gpiozero

    @property
    def lost_edges(self) -> int:
        """How many edges the kernel's queue lost so far, those before the edge that is being handed over included."""
        return self._line.lost_edges

    def deliver(self) -> None:
        """Hand over the edges that wait in the kernel, on this thread, before returning."""
        self._factory.reader.deliver(self._line)

    @property
    def stays_driven(self) -> bool:
        """Whether closing an output leaves it as it is driven, as far as the kernel lets it."""
        return self._line.stays_driven

    @stays_driven.setter
    def stays_driven(self, stays: bool) -> None:
        self._line.stays_driven = stays

    # -- what gpiozero calls

    def close(self) -> None:
        """Give the line back; the pin can be set up again. Never raises, may be called twice."""
        self._factory.reader.release(self._line)
        self._when_changed = None
        self._set_out()

    def output_with_state(self, state: Any) -> None:
        """Make it an output that begins at this level, in one call to the kernel."""
        self._change(direction="output", level=bool(state))

    def input_with_pull(self, pull: str) -> None:
        """Make it an input with this pull, in one call to the kernel."""
        self._check_pull(pull)
        self._change(direction="input", pull=pull)

    def _get_function(self) -> str:
        return self._setup.direction or self._line.direction

    def _set_function(self, value: str) -> None:
        from gpiozero import PinInvalidFunction

        if value not in {"input", "output"}:
            raise PinInvalidFunction(f'invalid function "{value}" for pin {self!r}')
        level = self._get_state() if value == "output" else False  # gpiozero: an output begins as it was found
        self._change(direction=value, level=level)

    def _get_state(self) -> bool:
        if not self._line.is_held:
            self._change()
        return self._line.level()

    def _set_state(self, value: Any) -> None:
        from gpiozero import PinSetInput

        if self._get_function() != "output":
            raise PinSetInput(f"cannot set state of pin {self!r}")
        self._line.drive(bool(value))

    def _get_pull(self) -> str:
        return self._setup.pull

    def _set_pull(self, value: str) -> None:
        from gpiozero import PinFixedPull

        if self._get_function() != "input":
            raise PinFixedPull(f"cannot set pull on non-input pin {self!r}")
        self._check_pull(value)
        self._change(direction="input", pull=value)

    def _check_pull(self, value: str) -> None:
        from gpiozero import PinFixedPull, PinInvalidPull

        if value not in {"up", "down", "floating"}:
            raise PinInvalidPull(f'invalid pull "{value}" for pin {self!r}')
        if self._info.pull not in {value, ""}:
            raise PinFixedPull(f"{self!r} has a physical pull-{self._info.pull} resistor")

    def _get_bounce(self) -> float | None:
        return self._setup.debounce_us / 1e6 or None

    def _set_bounce(self, value: float | None) -> None:
        from gpiozero import PinInvalidBounce

        if not 0 <= (value or 0) <= LONGEST_BOUNCE_S:
            raise PinInvalidBounce(f"bounce must be 0 to {LONGEST_BOUNCE_S:g} s")
        self._change_if_held(debounce_us=round((value or 0) * 1e6))

    def _get_edges(self) -> str:
        return self._edges

    def _set_edges(self, value: str) -> None:
        from gpiozero import PinInvalidEdges

        if value not in {"both", "rising", "falling", "none"}:
            raise PinInvalidEdges(f'invalid edge specification "{value}" for pin {self!r}')
        self._edges = value
        if self._is_listening:
            self._change(edges=value)

    def _enable_event_detect(self) -> None:
        self._change(direction="input", edges=self._edges)
        self._is_listening = True
        self._factory.reader.watch(self._line)

    def _disable_event_detect(self) -> None:
        self._factory.reader.forget(self._line)
        self._is_listening = False
        self._change_if_held(edges="none")

    def _edge(self, t_ns: int, level: bool) -> None:  # noqa: FBT001 - the line calls it with these two
        self._call_when_changed(t_ns / 1e9, level)

    def _call_when_changed(self, ticks: float, state: bool) -> None:  # noqa: FBT001 - as gpiozero declares it
        # Not PiPin's: it takes the pin's lock when the listener is gone, while we hold the reader's.
        weak = self._when_changed
        listener = None if weak is None else weak()
        if listener is not None:
            listener(ticks, state)

    def _change(self, **changes: Any) -> None:
        """Ask the kernel for the set-up with these changes; it is kept only when the kernel grants it."""
        setup = msgspec.structs.replace(self._setup, **changes)
        if setup.direction == "output" and self._is_listening:
            self._factory.reader.forget(self._line)
            self._is_listening, self._when_changed = False, None
            setup = msgspec.structs.replace(setup, edges="none")
        if not self._line.is_held or setup != self._setup:
            self._line.setup(setup)
        self._setup = setup

    def _change_if_held(self, **changes: Any) -> None:
        if self._line.is_held:
            self._change(**changes)
        else:
            self._setup = msgspec.structs.replace(self._setup, **changes)

"""A GPIO controller as gpiod shows it: lines with pulls, a queue of edges each that overflows, holders and refusals.

`FakeChip.open` stands in for gpiod's Chip. It keeps the kernel's rules that matter here: a line has one holder; each
request has its own queue, whose oldest edges go when it is full while their numbers are used up; its descriptor is
readable while the queue holds edges, and reading an empty queue waits unless the descriptor is non-blocking.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from typing import Any, Final

import msgspec

from hal.fake.gpio import PINS, FakeGpio
from hal.gpiod_factory import gpiod_factory
from hal.gpiod_lines import SEQNO_WRAP

DEFAULT_QUEUE: Final = 16  # edges; the kernel's for a request of one line


class ChipFacts(msgspec.Struct, frozen=True):
    """What gpiod's ChipInfo says."""

    name: str
    label: str
    num_lines: int


class FakeRequest:
    """One line in somebody's hands; the methods of gpiod's LineRequest that the factory uses."""

    def __init__(self, line: FakeLine, settings: Any, consumer: str, queue: int) -> None:
        self.consumer = consumer
        self.settings = settings
        self.queue_size = queue or DEFAULT_QUEUE
        self.fd, self._bell = os.pipe()  # readable while the queue holds edges
        self._line = line
        self._edges: deque[Any] = deque()
        self._lock = threading.Lock()
        self._seqno = 0

    def put(self, t_ns: int, *, rising: bool) -> None:
        """Queue an edge; when the queue is full its oldest goes."""
        from gpiod import EdgeEvent

        kind = EdgeEvent.Type.RISING_EDGE if rising else EdgeEvent.Type.FALLING_EDGE
        with self._lock:
            if self._bell < 0:  # given back, or gone with the chip
                return
            self._seqno = (self._seqno + 1) % SEQNO_WRAP
            if len(self._edges) >= self.queue_size:
                self._edges.popleft()
            elif not self._edges:
                os.write(self._bell, b"!")
            self._edges.append(EdgeEvent(kind.value, t_ns, self._line.offset, self._seqno, self._seqno))

    def skip(self, edges: int) -> None:
        """Use up so many numbers without an edge, as if the queue had overflowed."""
        self._seqno = (self._seqno + edges) % SEQNO_WRAP

    def read_edge_events(self, max_events: int | None = None) -> list[Any]:
        """Return the oldest edges. Raises BlockingIOError when there is none and the descriptor does not block."""
        self._line.check()
        os.read(self.fd, 1)
        with self._lock:
            found = [self._edges.popleft() for _ in range(min(len(self._edges), max_events or 64))]
            if self._edges and self._bell >= 0:
                os.write(self._bell, b"!")
        return found

    def get_value(self, offset: int) -> Any:
        """Return the level of the line as gpiod's Value."""
        from gpiod.line import Value

        self._line.check()
        return Value.ACTIVE if self._line.level else Value.INACTIVE

    def set_value(self, offset: int, value: Any) -> None:
        """Drive an output. Raises EPERM on an input, as the kernel does."""
        self._line.check()
        if self.settings.direction.name != "OUTPUT":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        self._line.output(bool(value))

    def reconfigure_lines(self, config: dict[int, Any]) -> None:
        """Take over new settings; edges that wait are kept."""
        self._line.check()
        self.settings = config[self._line.offset]
        self._line.configured(self.settings)

    def release(self) -> None:
        """Give the line back."""
        self._line.request = None
        self.hang_up()
        os.close(self.fd)

    def hang_up(self) -> None:
        """End the descriptor's other side, as the kernel does when the chip goes."""
        with self._lock:
            bell, self._bell = self._bell, -1
            if bell >= 0:
                os.close(bell)


class FakeLine:
    """One line of the chip, seen from outside."""

    def __init__(self, chip: FakeChip, offset: int) -> None:
        self.offset = offset
        self.level = False
        self.held_by = ""
        """The consumer that holds it, such as "spi0 CS0"; empty: nobody else."""
        self.request: FakeRequest | None = None
        self.outputs: list[bool] = []
        """Every level that it was driven to as an output."""
        self.directions: list[str] = []
        """Every direction that it was given."""
        self._chip = chip
        self._driven: bool | None = None
        self._stuck: bool | None = None

    def drive(self, t_ns: int, *, level: bool) -> None:
        """Bring the line to this level from outside, at this time."""
        self._driven = level
        has_moved = level != self.level
        self.level = level
        request = self.request
        if has_moved and request is not None:
            wanted = request.settings.edge_detection.name
            if wanted in {"BOTH", "RISING" if level else "FALLING"}:
                request.put(t_ns, rising=level)

    def configured(self, settings: Any) -> None:
        """Take what a request asks of the line."""
        direction, bias = settings.direction.name, settings.bias.name
        self.directions.append(direction)
        if direction == "OUTPUT":
            self.output(bool(settings.output_value))
        elif direction == "INPUT":
            self.level = bias == "PULL_UP" if self._driven is None else self._driven

    def output(self, level: bool) -> None:  # noqa: FBT001 - a level is a boolean
        """Take the level that we drive it to."""
        self.level = level if self._stuck is None else self._stuck
        self.outputs.append(level)

    def hold(self, level: bool | None) -> None:  # noqa: FBT001 - a level, None to let go
        """Keep the line at this level against whoever drives it; None lets go."""
        self._stuck = level
        self.level = self.outputs[-1] if level is None and self.outputs else bool(level)

    def check(self) -> None:
        """Raise ENODEV once the chip has gone."""
        if self._chip.is_gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    # what gpiod's LineInfo says

    @property
    def consumer(self) -> str:
        """Who holds it."""
        return self.held_by or ("" if self.request is None else self.request.consumer)

    @property
    def direction(self) -> Any:
        """The direction as gpiod says it."""
        from gpiod.line import Direction

        is_output = bool(self.directions) and self.directions[-1] == "OUTPUT"
        return Direction.OUTPUT if is_output else Direction.INPUT


class FakeChip:
    """A chip; the methods of gpiod's Chip that the factory uses, and those that plant a fault."""

    def __init__(self, name: str = "gpiochip0", label: str = "pinctrl-bcm2711", num_lines: int = 58) -> None:
        self.path = f"/dev/{name}"
        self.facts = ChipFacts(name, label, num_lines)
        self.lines = [FakeLine(self, offset) for offset in range(num_lines)]
        self.is_gone = False
        self.refusal = 0
        """The errno with which it refuses to be opened."""
        self.line_refusal = 0
        """The errno with which it refuses every line."""
        self.open_count = 0

    def open(self, path: str) -> FakeChip:
        """Return itself, open, as `gpiod.Chip(path)` does."""
        if self.refusal or path != self.path or self.is_gone:
            number = self.refusal or errno.ENOENT
            raise OSError(number, os.strerror(number))
        self.open_count += 1
        return self

    def unplug(self) -> None:
        """Take the chip away: every call fails with ENODEV, every descriptor hangs up."""
        self.is_gone = True
        for line in self.lines:
            if line.request is not None:
                line.request.hang_up()

    def close(self) -> None:
        """Close it once."""
        self.open_count -= 1

    def get_info(self) -> ChipFacts:
        """Return name, label and number of lines."""
        return self.facts

    def get_line_info(self, offset: int) -> FakeLine:
        """Return what is known of a line."""
        self.lines[offset].check()
        return self.lines[offset]

    def request_lines(
        self, config: dict[int, Any], consumer: str | None = None, event_buffer_size: int | None = None
    ) -> FakeRequest:
        """Return the request of one line. Raises EBUSY when it is held, or what `line_refusal` says."""
        ((offset, settings),) = config.items()
        line = self.lines[offset]
        line.check()
        number = self.line_refusal or (errno.EBUSY if line.consumer else 0)
        if number:
            raise OSError(number, os.strerror(number))
        line.request = FakeRequest(line, settings, consumer or "?", event_buffer_size or 0)
        line.configured(settings)
        return line.request


class ChipGpio(FakeGpio):
    """The pins of `FakeGpio`, behind a fake chip and the real gpiod factory."""

    name = "fake gpio on gpiod"

    def __init__(self, gather_s: float = 0.0) -> None:
        super().__init__()
        self.factory.close()
        self.chip = FakeChip()
        self.factory = gpiod_factory(gather_s=gather_s, paths=lambda: [self.chip.path], open_device=self.chip.open)
        self._lines = {pin: self.chip.lines[pin] for pin in PINS}

"""The lines of the board's GPIO controller through the kernel (gpiod 2): which chip, what is asked of it, what it says.

Each line is a request of its own, so that one can be given back without the others, and has its own queue of edges in
the kernel: 1,024 of them, the most it grants. When the queue overflows the kernel drops the *oldest*, and says so only
by a hole in the line's sequence numbers (include/uapi/linux/gpio.h, gpio_v2_line_event).

Two things surprise. A line's number on the chip is its BCM number on every Raspberry Pi, but the chip's own number is
not: the header is gpiochip0 or gpiochip4 by kernel and board, so the chip is found by its label. And an edge that is
lost before the kernel's interrupt thread ran has no number, so no hole tells of it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

HEADER_LABELS: Final = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")
"""The controllers of the 40-pin header: up to the Pi 3 and Zero 2, the Pi 4, the Pi 5."""
EVENT_BUFFER: Final = 1024  # edges; GPIO_V2_LINES_MAX × 16 is the most that the kernel gives a request
SEQNO_WRAP: Final = 1 << 32  # line_seqno is a __u32
CONSUMER: Final = "vigie"
HEADER_CURE: Final = 'check that this is a Raspberry Pi, or name the chip (`chip = "gpiochip0"` of the bus)'
GROUP_CURE: Final = "add the user to group gpio"

Pull = Literal["up", "down", "floating"]
Direction = Literal["input", "output"]
Edges = Literal["both", "rising", "falling", "none"]


class GpioError(OSError):
    """A chip or a line can't be had. The message names the chip, the line, who holds it, and the cause."""

    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(message)
        self.errno = number


class LineSetup(msgspec.Struct, frozen=True):
    """What is asked of a line. Without a direction it stays as it is found."""

    direction: Direction | None = None
    pull: Pull = "floating"
    edges: Edges = "none"
    debounce_us: int = 0
    level: bool = False
    """The first level of an output: set in the same call, so that a relay does not click."""


class Chip:
    """The open chip of the header. `name` is what people see, such as `gpiochip0 (pinctrl-bcm2711)`."""

    def __init__(self, device: Any) -> None:
        info = device.get_info()
        self.name = f"{info.name} ({info.label})"
        self.num_lines: int = info.num_lines
        self._device = device

    def request(self, offset: int, setup: LineSetup) -> Any:
        """Return the kernel's request of one line. Raises GpioError with the line's holder where there is one."""
        where = f"line {offset} of {self.name}"
        if not 0 <= offset < self.num_lines:
            raise GpioError(f"{self.name} has {self.num_lines} lines, so no line {offset}", errno.EINVAL)
        try:
            return self._device.request_lines(
                {offset: line_settings(setup)}, consumer=CONSUMER, event_buffer_size=EVENT_BUFFER
            )
        except OSError as exc:
            if exc.errno == errno.EBUSY:
                holder = self._info(offset, "consumer") or "the kernel"
                raise GpioError(f"{where} is held by {holder}", exc.errno) from exc
            raise GpioError(f"{where}: {exc.strerror or exc} (errno {exc.errno})", exc.errno) from exc

    def direction(self, offset: int) -> Direction:
        """Return the direction of a line that we don't hold."""
        found = self._info(offset, "direction")
        return "output" if getattr(found, "name", "") == "OUTPUT" else "input"

    def _info(self, offset: int, what: str) -> Any:
        try:
            return getattr(self._device.get_line_info(offset), what)
        except OSError:  # the chip has gone: nothing more is known
            return None

    def close(self) -> None:
        """Give the chip back; lines that are held stay held."""
        self._device.close()


def line_settings(setup: LineSetup) -> Any:
    """Return gpiod's LineSettings of a set-up; edges carry CLOCK_MONOTONIC."""
    import gpiod

    line = gpiod.line
    if setup.direction == "output":
        value = line.Value.ACTIVE if setup.level else line.Value.INACTIVE
        return gpiod.LineSettings(direction=line.Direction.OUTPUT, output_value=value)
    if setup.direction is None:
        return gpiod.LineSettings()
    biases = {"up": line.Bias.PULL_UP, "down": line.Bias.PULL_DOWN, "floating": line.Bias.DISABLED}
    return gpiod.LineSettings(
        direction=line.Direction.INPUT,
        bias=biases[setup.pull],
        edge_detection=line.Edge[setup.edges.upper()],
        debounce_period=timedelta(microseconds=setup.debounce_us),
        event_clock=line.Clock.MONOTONIC,
    )


class Line:
    """One line: not ours until `setup`, and no longer after `release`. Edges go to `on_edge`, see `take`."""

    def __init__(self, chip: Chip, offset: int, on_edge: Callable[[int, bool], None]) -> None:
        self.name = f"line {offset} of {chip.name}"
        self.lost_edges = 0
        """How many edges the kernel's queue lost since the line was made."""
        self.stays_driven = False
        """Whether an output that is given back stays as it is driven, as far as the kernel lets it."""
        self._chip = chip
        self._offset = offset
        self._on_edge = on_edge
        self._request: Any = None
        self._is_output = False
        self._seqno = 0

    @property
    def is_held(self) -> bool:
        """True between `setup` and `release`."""
        return self._request is not None

    @property
    def direction(self) -> Direction:
        """The direction of a line that we don't hold, as the kernel sees it."""
        return self._chip.direction(self._offset)

    def fileno(self) -> int:
        """Return the descriptor that is readable while the kernel's queue holds edges of this line."""
        return int(self._request.fd)

    def setup(self, setup: LineSetup) -> None:
        """Ask for the line, or change what is asked of it; edges that wait in the kernel are kept. Raises GpioError."""
        if self._request is None:
            self._request = self._chip.request(self._offset, setup)
            self._seqno = 0
            os.set_blocking(self.fileno(), False)  # the kernel's read would wait for an edge
        else:
            self._try(lambda request: request.reconfigure_lines({self._offset: line_settings(setup)}))
        self._is_output = setup.direction == "output"

    def level(self) -> bool:
        """Return the level now, True for high. Raises GpioError."""
        return bool(self._try(lambda request: request.get_value(self._offset)))

    def drive(self, level: bool) -> None:  # noqa: FBT001 - a level is a boolean, as everywhere in gpiozero
        """Bring an output to this level. Raises GpioError."""
        from gpiod.line import Value

        value = Value.ACTIVE if level else Value.INACTIVE
        self._try(lambda request: request.set_value(self._offset, value))

    def take(self) -> bool:
        """Hand over the edges that wait in the kernel, oldest first, with their times; never waits. Raises GpioError.

        `lost_edges` has grown by those missing before an edge when that edge is handed over. Returns whether the queue
        was full and had lost some: the line is noisier than a queue between two calls can hold.
        """
        try:
            events = self._try(lambda request: request.read_edge_events(EVENT_BUFFER))
        except BlockingIOError:
            return False
        lost_before = self.lost_edges
        for event in events:
            missing = (event.line_seqno - self._seqno - 1) % SEQNO_WRAP
            if missing < SEQNO_WRAP // 2:  # more than that is a number that went back
                self.lost_edges += missing
            self._seqno = event.line_seqno
            self._on_edge(event.timestamp_ns, event.event_type.name == "RISING_EDGE")
        return len(events) >= EVENT_BUFFER and self.lost_edges != lost_before

    def release(self) -> None:
        """Give the line back; an output is made an input first, since some kernels would leave it driving.

        With `stays_driven` it is not: on those kernels the level then stays.
        """
        request, self._request = self._request, None
        if request is None:
            return
        try:
            if self._is_output and not self.stays_driven:
                request.reconfigure_lines({self._offset: line_settings(LineSetup("input"))})
        except OSError:  # the chip has gone, and the line with it
            return
        finally:
            request.release()

    def _try(self, action: Callable[[Any], Any]) -> Any:
        request = self._request
        if request is None:
            raise GpioError(f"{self.name} is not held", errno.EBADF)
        try:
            return action(request)
        except BlockingIOError:
            raise
        except OSError as exc:
            raise GpioError(f"{self.name}: {exc.strerror or exc} (errno {exc.errno})", exc.errno) from exc


def device_paths() -> list[str]:
    """Return the machine's GPIO chips, by number."""
    return sorted(map(str, Path("/dev").glob("gpiochip*")), key=lambda path: int(re.sub(r"\D", "", path) or 0))


def open_chip(wanted: str, paths: Sequence[str], open_device: Callable[[str], Any]) -> Chip:
    """Return the chip of this path, name or label; where empty, that of a Raspberry Pi's header. Raises GpioError."""
    labels = {wanted, Path(wanted).name} if wanted else set(HEADER_LABELS)
    found: list[str] = []
    refused: list[str] = []
    for path in paths:
        try:
            device = open_device(path)
        except PermissionError:
            refused.append(path)
            continue
        except OSError as exc:  # it went away since the folder was read, or is no chip
            found.append(f"{path}: {exc.strerror or exc}")
            continue
        info = device.get_info()
        if labels & {info.label, info.name, path}:
            return Chip(device)
        found.append(f"{info.name} ({info.label})")
        device.close()
    if refused:
        raise GpioError(f"no right to {', '.join(refused)}; {GROUP_CURE}", errno.EACCES)
    what = f'no GPIO chip is named "{wanted}"' if wanted else "no GPIO controller of a Raspberry Pi's header"
    here = f"here are {', '.join(found)}" if found else "there is no /dev/gpiochip*"
    raise GpioError(f"{what}: {here}; {HEADER_CURE}", errno.ENODEV)

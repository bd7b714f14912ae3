"""One lamp that tells how the box is: a LED of the board through the kernel, or a pin.

The kernel's pattern trigger (ledtrig-pattern, Documentation/ABI/testing/sysfs-class-led-trigger-pattern) blinks by
itself, so that nobody wakes up for it. It is given a number of repeats and never for ever: a lamp that goes on saying
"all well" after its program died would be worse than none. Its files come with the trigger and belong to root until the
udev rule has run, so the first writes may be refused.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

BOARD_LEDS: Final = ("ACT", "led0")
"""The green LED of a Raspberry Pi: by its name since kernel 5.10, and before."""
TRIES: Final = 3
CURE: Final = "add the user to group gpio and let udev apply 60-vigie.rules"

Played: TypeAlias = Literal["playing", "soon", "never"]

log = logging.getLogger(__name__)


class LampError(OSError):
    """There is no such lamp, or it may not be switched. The message says which, and what to do."""


class Lamp(Protocol):
    """What can be lit."""

    def light(self, *, on: bool) -> None:
        """Light it or put it out. Raises OSError."""

    def play(self, pattern_ms: Sequence[int], lasts_s: float) -> Played:
        """Let it blink by itself for so long; "soon": ask again in a second; "never": it must be lit each time."""

    def close(self) -> None:
        """Put it out and give it back. Never raises."""


class BoardLamp:
    """A LED in /sys/class/leds."""

    def __init__(self, folder: Path) -> None:
        """Take the LED over from its trigger, dark. Raises LampError where it may not be written."""
        self._folder = folder
        self._tries = TRIES
        self._trigger = ""
        try:
            self._full = (folder / "max_brightness").read_text("ascii").strip()
            self._has_pattern = "pattern" in (folder / "trigger").read_text("ascii").replace("[", " ").split()
            self.light(on=False)
        except PermissionError as exc:
            raise LampError(f"status LED {folder}: no right to switch it; {CURE}") from exc
        except OSError as exc:
            raise LampError(f"status LED {folder}: {exc.strerror or exc}") from exc

    def light(self, *, on: bool) -> None:
        """Light it or put it out, taking it from the pattern first. Raises OSError."""
        if self._trigger != "none":
            self._write("trigger", "none")
            self._trigger = "none"
        self._write("brightness", self._full if on else "0")

    def play(self, pattern_ms: Sequence[int], lasts_s: float) -> Played:
        """Hand the pattern to the kernel, as often as fits into that time."""
        if not self._has_pattern or not pattern_ms:
            return "never"
        levels = [self._full if n % 2 == 0 else "0" for n in range(len(pattern_ms))]
        steps = " ".join(f"{level} {ms} {level} 0" for level, ms in zip(levels, pattern_ms, strict=True))
        try:
            if self._trigger != "pattern":
                self._write("trigger", "pattern")
                self._trigger = "pattern"
            self._write("pattern", steps)
            self._write("repeat", str(max(1, round(lasts_s * 1000 / sum(pattern_ms)))))
        except OSError as exc:
            self._tries -= 1
            if self._tries:
                return "soon"
            self._has_pattern = False
            log.info("status LED %s: the kernel can't blink it (%s): it is lit each time", self._folder, exc)
            return "never"
        self._tries = TRIES
        return "playing"

    def close(self) -> None:
        """Leave it dark: no lamp, no service."""
        try:
            self.light(on=False)
        except OSError as exc:
            log.info("status LED %s stays as it is: %s", self._folder, exc)

    def _write(self, name: str, text: str) -> None:
        number = os.open(self._folder / name, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(number, text.encode("ascii"))
        finally:
            os.close(number)


class PinLamp:
    """A LED on a pin, by gpiozero."""

    def __init__(self, pin: int, factory: Any, *, active_high: bool) -> None:
        """Claim the pin, dark. Raises LampError that names the pin; `factory` None is gpiozero's default one."""
        from gpiozero import DigitalOutputDevice, GPIOZeroError

        try:
            self._device = DigitalOutputDevice(pin, active_high=active_high, initial_value=False, pin_factory=factory)
        except (GPIOZeroError, OSError) as exc:
            raise LampError(f"status LED on GPIO{pin}: {exc}; check that nothing else holds the pin") from exc

    def light(self, *, on: bool) -> None:
        """Light it or put it out."""
        self._device.value = on

    def play(self, pattern_ms: Sequence[int], lasts_s: float) -> Played:
        """A pin has nobody in the kernel who blinks it."""
        return "never"

    def close(self) -> None:
        """Put it out and give the pin back."""
        self._device.close()


def has_board_led(leds: Path) -> bool:
    """Return whether this machine has a LED of its own; one that has none at the start gets none."""
    return any((leds / known).is_dir() for known in BOARD_LEDS)


def board_lamp(leds: Path, name: str = "") -> BoardLamp:
    """Return the LED of this name, or the board's own. Raises LampError when there is none."""
    for known in (name,) if name else BOARD_LEDS:
        if (leds / known).is_dir():
            return BoardLamp(leds / known)
    here = sorted(path.name for path in leds.iterdir()) if leds.is_dir() else []
    there = f"there are: {', '.join(here) or 'none'}"
    if name:
        raise LampError(f'status LED: no LED is named "{name}"; {there}')
    raise LampError(f"status LED: this board has no LED of its own (ACT); {there}")

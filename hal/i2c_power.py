"""A GPIO pin that powers the devices of an I2C bus, so that one that holds the bus can be made to let go.

The pin stays claimed from the first opening on, as gpiozero's factory does: given back, it would float, and the devices
with it. It is switched off when a stuck bus is closed, and on again, not before its time, when the bus is next opened.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from hal.pace import MACHINE, Pace

SETTLES_S: Final = 0.05
"""From power to the first transfer; the slowest sensors ask for more, and are tried again by their bus."""

_LOCK: Final = threading.Lock()
_SWITCHES: Final[dict[int, BusPower]] = {}


class BusPower:
    """The switch of one bus's devices; on from the start."""

    def __init__(self, pin: int, *, active_high: bool, off_s: float, factory: Any = None, pace: Pace = MACHINE) -> None:
        """Claim the pin and switch on. Raises what gpiozero raises when it can't be had."""
        from gpiozero import DigitalOutputDevice

        self.off_s = off_s
        self._pace = pace
        self._output = DigitalOutputDevice(pin, active_high=active_high, initial_value=True, pin_factory=factory)
        self._off_at_s: float | None = None

    @property
    def is_on(self) -> bool:
        """Whether the devices have power."""
        return self._off_at_s is None

    def switch_off(self) -> None:
        """Take the power away."""
        self._output.off()
        self._off_at_s = self._pace.monotonic_s()

    def switch_on(self) -> float:
        """Give the power back and wait until it has settled; return the seconds still to wait where it is too early."""
        if self._off_at_s is None:
            return 0.0
        left_s = self._off_at_s + self.off_s - self._pace.monotonic_s()
        if left_s > 0:
            return left_s
        self._off_at_s = None
        self._output.on()
        self._pace.sleep(SETTLES_S)
        return 0.0

    def close(self) -> None:
        """Give the pin back."""
        self._output.close()


def bus_power(pin: int, *, active_high: bool, off_s: float) -> BusPower:
    """Return the switch on this pin, one for the life of the process. Raises what gpiozero raises."""
    with _LOCK:
        if pin not in _SWITCHES:
            _SWITCHES[pin] = BusPower(pin, active_high=active_high, off_s=off_s)
        return _SWITCHES[pin]

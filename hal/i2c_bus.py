"""An I2C adapter that ends every transfer in time, counts what goes wrong, and can take the power off a stuck bus.

The deadline is the kernel's own (`I2C_TIMEOUT`, linux/i2c-dev.h), for nothing in this process can end a call that
hangs in it. It tries again after a lost arbitration (`I2C_RETRIES`) and after nothing else. A device that holds SDA low
can't be freed from here by any call: it takes nine clocks, which only the adapter's driver can make, or no power.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Sequence
from fcntl import ioctl
from typing import Any, Final

from hal.pace import MACHINE, Pace

I2C_RETRIES: Final = 0x0701
I2C_TIMEOUT: Final = 0x0702
TIMEOUT_UNIT_MS: Final = 10
RETRIES: Final = 2
STUCK_AFTER: Final = 3
"""So many transfers in a row that ended late or broken: the bus is stuck, not a device absent (that is a NACK)."""

_NAMES: Final = {
    errno.EREMOTEIO: "no_answer",
    errno.ENXIO: "no_answer",
    errno.ETIMEDOUT: "timeout",
    errno.EIO: "failed",
    errno.EAGAIN: "arbitration",
    errno.ENODEV: "unplugged",
}
_STUCK: Final = frozenset({errno.ETIMEDOUT, errno.EIO})


class I2cBus:
    """The methods of smbus2's SMBus that drivers use, on one adapter; `name` stands in the drivers' messages."""

    pace: Pace = MACHINE

    def __init__(
        self,
        name: str,
        adapter: Any,
        *,
        timeout_ms: int = 100,
        switch_off: Callable[[], None] | None = None,
        ioctl: Callable[[int, int, int], Any] = ioctl,
    ) -> None:
        """Take an open adapter; `switch_off` takes the power off its devices, where that is wired.

        Raises OSError where the adapter takes no deadline.
        """
        self.name = name
        self.transfers = 0
        self.errors: dict[str, int] = {}
        """How many transfers failed, by what happened."""
        self._adapter = adapter
        self._switch_off = switch_off
        self._in_a_row = 0
        descriptor = getattr(adapter, "fd", None)
        if descriptor is not None:
            ioctl(descriptor, I2C_TIMEOUT, math.ceil(timeout_ms / TIMEOUT_UNIT_MS))
            ioctl(descriptor, I2C_RETRIES, RETRIES)

    @property
    def is_stuck(self) -> bool:
        """Whether the last transfers all ended late or broken, which no absent device does."""
        return self._in_a_row >= STUCK_AFTER

    def counts(self) -> dict[str, int]:
        """Return the transfers since opening and the failed ones by what happened. Any thread may ask."""
        return {"transfers": self.transfers, **self.errors}

    def close(self) -> None:
        """Close the adapter; where the bus is stuck and its power can be switched, take it off. May be called twice."""
        is_stuck, self._in_a_row = self.is_stuck, 0
        try:
            if self._switch_off is not None and is_stuck:
                self._switch_off()
        finally:
            self._adapter.close()

    # what smbus2.SMBus has

    def write_byte(self, i2c_addr: int, value: int) -> None:
        """Send one byte."""
        self._do(self._adapter.write_byte, i2c_addr, value)

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        """Send the register's number and the bytes."""
        self._do(self._adapter.write_i2c_block_data, i2c_addr, register, data)

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        """Send the register's number, then read."""
        octets: list[int] = self._do(self._adapter.read_i2c_block_data, i2c_addr, register, length)
        return octets

    def i2c_rdwr(self, *i2c_msgs: Any) -> None:
        """Do the transfers of smbus2's i2c_msg objects, in order."""
        self._do(self._adapter.i2c_rdwr, *i2c_msgs)

    def _do(self, transfer: Callable[..., Any], *what: Any) -> Any:
        self.transfers += 1
        try:
            result = transfer(*what)
        except OSError as exc:
            number = exc.errno or 0
            name = _NAMES.get(number, f"errno_{number}")
            self.errors[name] = self.errors.get(name, 0) + 1
            self._in_a_row = self._in_a_row + 1 if number in _STUCK else 0
            raise
        self._in_a_row = 0
        return result

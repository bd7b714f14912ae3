"""One chip at its address: its transfers, their errors in words, and what came over the wire.

Registers go by the SMBus calls of smbus2, which every adapter has; what is read without a register, by a message of
its own. Whatever smbus2 raises leaves here as a DriverError that names chip, address, bus, cause and cure.
"""

from __future__ import annotations

from typing import Any, Final

from hal.driver import DriverError
from hal.drivers.i2c_fault import i2c_fault
from hal.pace import pace_of

TRACE_MAX: Final = 4096
"""Bytes kept for the flight recorder when nobody fetches them."""


class I2cChip:
    """A chip by its name and address; `pace` is the time by which one waits for it."""

    def __init__(self, name: str, bus: Any, address: int) -> None:
        """Keep what names it; touch nothing yet."""
        self.name = f"{name} at 0x{address:02x}"
        self.pace = pace_of(bus)
        self._bus = bus
        self._address = address
        self._came = bytearray()

    def register(self, number: int, length: int) -> bytes:
        """Return the bytes of a register, or of several that follow each other. Raises DriverError."""
        try:
            octets = bytes(self._bus.read_i2c_block_data(self._address, number, length))
        except OSError as exc:
            raise i2c_fault(self.name, self._bus, exc) from exc
        self._keep(octets)
        if len(octets) != length:  # the kernel gives what its adapter says that came
            raise self.error(f"{len(octets)} bytes instead of {length}; check wiring and pull-ups", "bus_error")
        return octets

    def set_register(self, number: int, octets: bytes) -> None:
        """Write a register; a command of two bytes is a register and its byte. Raises DriverError."""
        try:
            self._bus.write_i2c_block_data(self._address, number, list(octets))
        except OSError as exc:
            raise i2c_fault(self.name, self._bus, exc) from exc

    def command(self, octet: int) -> None:
        """Send one byte. Raises DriverError."""
        try:
            self._bus.write_byte(self._address, octet)
        except OSError as exc:
            raise i2c_fault(self.name, self._bus, exc) from exc

    def receive(self, length: int) -> bytes:
        """Return so many bytes as the chip sends them by itself. Raises DriverError."""
        from smbus2 import i2c_msg

        message = i2c_msg.read(self._address, length)
        try:
            self._bus.i2c_rdwr(message)
        except OSError as exc:
            raise i2c_fault(self.name, self._bus, exc) from exc
        return self._keep(bytes(message))

    def error(self, cause: str, reason: str = "no_answer") -> DriverError:
        """Return a DriverError that names the chip and its bus; `cause` holds what to look at, after a semicolon."""
        return DriverError(f"{self.name} on {getattr(self._bus, 'name', 'i2c')}: {cause}", reason)

    def trace(self) -> bytes:
        """Return and forget the bytes that came since the last call; b"" for none."""
        came = bytes(self._came)
        self._came.clear()
        return came

    def _keep(self, octets: bytes) -> bytes:
        if len(self._came) < TRACE_MAX:
            self._came += octets
        return octets

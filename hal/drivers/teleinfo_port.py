"""A serial port set as a meter's line needs it: raw, 7 data bits, even parity, bytes of wrong parity marked.

With INPCK and PARMRK the kernel puts FF 00 before a byte whose parity is wrong. No byte of seven bits looks like that,
so the decoder rejects the group as `parity`. A pseudo-terminal has no parity and refuses these settings (EINVAL):
there, and on an adapter that can do nothing else, the port is 8N1 and bytes with bit 7 set are rejected instead.
"""

from __future__ import annotations

import contextlib
import termios
from typing import TYPE_CHECKING, Final

from hal.driver import DriverError

if TYPE_CHECKING:
    import serial

CHUNK: Final = 4096  # what the kernel keeps of a terminal's input
MOST_CHUNKS: Final = 4


class TicPort:
    """One open port. Every failure is a DriverError: the port has gone, or may not be used."""

    def __init__(self, name: str, baud: int) -> None:
        """Open it. Raises DriverError with what to look at."""
        self.name = name
        self.has_parity = True
        self._serial: serial.Serial | None = None
        try:
            self._serial = self._opened(name, baud)
            self._mark_parity()
        except (OSError, termios.error) as exc:  # unplugged between the two: nothing may stay open
            self.close()
            raise self._error(exc) from exc

    def _opened(self, name: str, baud: int) -> serial.Serial:
        import serial

        try:
            return serial.Serial(
                name, baud, bytesize=serial.SEVENBITS, parity=serial.PARITY_EVEN, timeout=0, exclusive=True
            )
        except (termios.error, ValueError):
            self.has_parity = False
            try:
                return serial.Serial(name, baud, timeout=0, exclusive=True)
            except termios.error as exc:
                raise OSError(exc.args[0], f"cannot be set to {baud} Bd") from exc

    def _mark_parity(self) -> None:
        if self._serial is None or not self.has_parity:
            return
        attributes = termios.tcgetattr(self._serial.fd)
        attributes[0] = (attributes[0] | termios.INPCK | termios.PARMRK) & ~(termios.IGNPAR | termios.ISTRIP)
        termios.tcsetattr(self._serial.fd, termios.TCSANOW, attributes)

    def set_baud(self, baud: int) -> None:
        """Change the speed and forget what was read at the old one. Raises DriverError."""
        if self._serial is None:
            return
        try:
            self._serial.baudrate = baud
            self._mark_parity()
            self._serial.reset_input_buffer()
        except (OSError, termios.error) as exc:
            raise self._error(exc) from exc

    def read(self) -> bytes:
        """Return what waits, without waiting for more. Raises DriverError when the port has gone."""
        if self._serial is None:
            raise DriverError(f"Téléinfo on {self.name}: not open", "not_open")
        data = b""
        try:
            for _ in range(MOST_CHUNKS):
                chunk = self._serial.read(CHUNK)
                data += chunk
                if len(chunk) < CHUNK:
                    break
        except (OSError, termios.error) as exc:
            raise self._error(exc) from exc
        return data

    def close(self) -> None:
        """Give it back. Never raises."""
        port, self._serial = self._serial, None
        if port is not None:
            with contextlib.suppress(OSError, termios.error):  # it may have gone already
                port.close()

    def _error(self, exc: BaseException) -> DriverError:
        number = exc.args[0] if isinstance(exc, termios.error) else getattr(exc, "errno", None)
        if number in (13, 1):
            return DriverError(f"Téléinfo on {self.name}: no permission; is the user in group dialout?", "bus_error")
        if number in (11, 16):
            return DriverError(f"Téléinfo on {self.name}: another program holds it", "bus_error")
        return DriverError(
            f"Téléinfo on {self.name}: {exc}; check the plug, and the name under /dev/serial/by-id", "unplugged"
        )

"""A serial port set as a meter's line needs it: raw, 7 data bits, even parity, bytes of wrong parity marked.

With INPCK and PARMRK the kernel puts FF 00 before a byte whose parity is wrong. No byte of seven bits looks like that,
so the decoder rejects the group as `parity`. Two kinds of port are 8N1 instead:
- a pseudo-terminal has no parity and refuses these settings (EINVAL): bytes with bit 7 set are rejected;
- a Raspberry Pi's mini UART takes them and knows no parity all the same. Of eight data bits the last is then the line's
  parity bit: it is checked and taken off here. The same is done for an adapter that refuses seven bits.
"""

from __future__ import annotations

import contextlib
import termios
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hal import serial_facts
from hal.decode.teleinfo.groups import PARITY_MARK
from hal.driver import DriverError

if TYPE_CHECKING:
    import serial

CHUNK: Final = 4096  # what the kernel keeps of a terminal's input
MOST_CHUNKS: Final = 4
NO_PARITY: Final = "serial_no_parity"


def _seven_bits() -> list[bytes]:
    return [
        bytes((byte & 0x7F,)) if byte.bit_count() % 2 == 0 else PARITY_MARK + bytes((byte & 0x7F,))
        for byte in range(256)
    ]


_SEVEN_BITS: Final = _seven_bits()


def without_parity(seen: bytes) -> bytes:
    r"""Return the seven data bits of bytes whose bit 7 is the line's even parity, a wrong one marked FF 00.

    >>> without_parity(bytes((0x41, 0xC3, 0x43)))
    b'AC\xff\x00C'
    """
    return b"".join([_SEVEN_BITS[byte] for byte in seen])


class TicPort:
    """One open port. Every failure is a DriverError: the port has gone, or may not be used."""

    def __init__(self, name: str, baud: int, proc: Path = serial_facts.PROC, sys: Path = serial_facts.SYS) -> None:
        """Open it. Raises DriverError with what to look at."""
        self.name = name
        self.has_parity = True
        self._proc, self._sys = proc, sys
        self._is_folded = False  # bit 7 of each byte is the line's parity
        self._warnings: list[str] = []
        self._serial: serial.Serial | None = None
        if serial_facts.is_console(name, proc, sys):
            # Its login would take half of the bytes, and the kernel's words would go out on the line.
            raise DriverError(f"Téléinfo on {name}: {serial_facts.CONSOLE_CURE}", "not_open")
        if serial_facts.is_mini_uart(name, sys):
            self.has_parity = False
            self._warnings.append(NO_PARITY)
        try:
            self._serial = self._opened(name, baud)
            self._mark_parity()
        except (OSError, termios.error) as exc:  # unplugged between the two: nothing may stay open
            self.close()
            raise self._error(exc) from exc

    def _opened(self, name: str, baud: int) -> serial.Serial:
        import serial

        try:
            if self.has_parity:
                return serial.Serial(
                    name, baud, bytesize=serial.SEVENBITS, parity=serial.PARITY_EVEN, timeout=0, exclusive=True
                )
        except (termios.error, ValueError):
            self.has_parity = False
        self._is_folded = not serial_facts.node(name).startswith("pts/") or bool(self._warnings)
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

    def warnings(self) -> list[str]:
        """Return and forget what is to be said of this port: `serial_no_parity` of a mini UART."""
        told, self._warnings = self._warnings, []
        return told

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
        seen = b""
        try:
            for _ in range(MOST_CHUNKS):
                chunk = self._serial.read(CHUNK)
                seen += chunk
                if len(chunk) < CHUNK:
                    break
        except (OSError, termios.error) as exc:
            raise self._error(exc) from exc
        return without_parity(seen) if self._is_folded else seen

    def close(self) -> None:
        """Give it back. Never raises."""
        port, self._serial = self._serial, None
        if port is not None:
            with contextlib.suppress(OSError, termios.error):  # it may have gone already
                port.close()

    def _error(self, exc: BaseException) -> DriverError:
        return serial_facts.fault("Téléinfo", self.name, exc, self._proc, self._sys)

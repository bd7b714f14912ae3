"""A simulated meter on a pseudo-terminal that takes the place of its serial port, at its true bit rate.

Nothing is paced by sleeping: `step(now_s)` writes what the line would have carried until now. The reader's own speed
is looked at, and a reader at the wrong speed gets what a UART would make of the signal.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import termios
from pathlib import Path
from typing import Final

from hal.fake.adapters import PtyPort
from hal.fake.meter_frames import BAUD, EVERY_S, GAP_MS, Meter, Mode

__all__ = ["Meter", "Mode", "PtyMeter", "Recording", "read_at_wrong_speed"]

CHUNK_S: Final = 0.2  # the line is looked after this often
MOST_BEHIND_S: Final = 3.0  # what the kernel would have kept of a line that nobody read
BITS_PER_CHARACTER: Final = 10  # start, seven data, parity, stop
_SPEEDS: Final = {1200: termios.B1200, 9600: termios.B9600}


def read_at_wrong_speed(sent: bytes, sent_baud: int, read_baud: int) -> bytes:
    """Return what a receiver at `read_baud` makes of characters sent at `sent_baud`: garbage, but the true one."""
    levels = [level for byte in sent for level in _levels(byte)] + [1] * BITS_PER_CHARACTER
    step = sent_baud / read_baud
    read = bytearray()
    at = 0.0
    while True:
        while int(at) < len(levels) and levels[int(at)]:
            at = float(int(at) + 1)
        if int(at + 9.5 * step) >= len(levels):
            return bytes(read)
        bits = [levels[int(at + (1.5 + bit) * step)] for bit in range(7)]
        read.append(sum(level << bit for bit, level in enumerate(bits)))
        at += 9.5 * step


def _levels(byte: int) -> list[int]:
    data = [byte >> bit & 1 for bit in range(7)]
    return [0, *data, sum(data) & 1, 1]


class Recording:
    """A captured stream in the place of a meter: played once, or so many times, at its line's bit rate."""

    def __init__(self, data: bytes, mode: Mode, times: int = 1) -> None:
        self.data = data
        self.mode: Mode = mode
        self.left = times

    @property
    def baud(self) -> int:
        """The line's speed in this mode."""
        return BAUD[self.mode]

    def frame(self, t_ms: float) -> bytes:
        """Return the whole stream, or nothing when it was played often enough."""
        self.left -= 1
        return self.data if self.left >= 0 else b""


class PtyMeter(PtyPort):
    """A meter behind `port`, a link that stays the same when the meter is unplugged and plugged in again."""

    def __init__(self, meter: Meter | Recording, port: Path) -> None:
        self.meter = meter
        self.bytes_sent = 0
        self._began_s: float | None = None
        self._at_s = 0.0  # the line is written up to here
        self._frame_s = 0.0
        self._rest = b""
        super().__init__(port)

    def step(self, now_s: float) -> float:
        """Write what the line carried until `now_s`; return when to be called again."""
        if self._began_s is None:
            self._began_s = self._at_s = now_s
        if now_s - self._at_s > MOST_BEHIND_S:
            self._at_s = now_s - MOST_BEHIND_S
            self._rest = b""
        while self._at_s < now_s:
            if not self._rest:
                self._frame_s = self._at_s
                self._rest = self.meter.frame((self._at_s - self._began_s) * 1000)
                if not self._rest:
                    self._at_s = now_s
                    break
            byte_s = BITS_PER_CHARACTER / self.meter.baud
            count = int((now_s - self._at_s) / byte_s + 1e-6)
            if not count:
                break
            self._write(self._rest[:count])
            self._at_s += min(count, len(self._rest)) * byte_s
            self._rest = self._rest[count:]
            if not self._rest:
                self._at_s += GAP_MS / 1000
                if isinstance(self.meter, Meter):
                    self._at_s = max(self._at_s, self._frame_s + EVERY_S[self.meter.mode])
        return now_s + CHUNK_S

    def send(self, data: bytes) -> None:
        """Write bytes at once: a capture that is played, or noise."""
        self._write(data)

    def _write(self, data: bytes) -> None:
        if self._master is None:
            return
        speed = termios.tcgetattr(self._master)[4]
        for baud, constant in _SPEEDS.items():
            if speed == constant and baud != self.meter.baud:
                data = read_at_wrong_speed(data, self.meter.baud, baud)
        with contextlib.suppress(BlockingIOError):  # nobody reads: a line keeps nothing
            self.bytes_sent += os.write(self._master, data)

    def lose_unread(self, most: int) -> None:
        """Drop what lies in the port unread when it is more than so many octets, as a closed UART drops all of it.

        For a reader that has the port open for somebody else: an emulated board takes nothing while its port is closed.
        """
        if self._slave is not None and self.waiting() > most:
            termios.tcflush(self._slave, termios.TCIFLUSH)

    def waiting(self) -> int:
        """Return how many bytes lie in the port unread: the kernel hands over what was written when it gets to it."""
        if self._slave is None:
            return 0
        return int.from_bytes(fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)), sys.byteorder)

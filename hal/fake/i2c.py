"""An I2C bus without one: an object with the methods of smbus2's SMBus that drivers use, and chips to put on it.

As on a real bus an absent address is OSError 121 and a stuck one makes the call hang.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Sequence
from typing import Any, Protocol

from hal.decode import ads1115, sht3x
from hal.fake.pace import VirtualPace
from hal.pace import MACHINE, Pace

OCTET_S = 9 / 100_000  # eight bits and the acknowledge at 100 kHz


class Chip(Protocol):
    """What answers at an address: bytes written to it, and bytes read from it."""

    def write(self, octets: bytes) -> None:
        """Take what the master sends; raise OSError to refuse."""

    def read(self, length: int) -> bytes:
        """Return what the master reads; raise OSError to refuse."""


def refusal(number: int) -> OSError:
    """Return the error that a transfer ends with, as smbus2 raises it."""
    return OSError(number, os.strerror(number))


class FakeI2c:
    """A bus with chips by address. Safe to break and mend from another thread while a driver uses it.

    With a `pace` of its own its transfers take their time by that clock, at 100 kHz.
    """

    def __init__(
        self, chips: dict[int, Chip] | None = None, name: str = "i2c-1", pace: VirtualPace | None = None
    ) -> None:
        self.name = name
        self.pace: Pace = pace or MACHINE
        self._virtual = pace
        self.chips: dict[int, Chip] = dict(chips or {})
        self._unplugged: dict[int, Chip] = {}
        self._errno = 0
        self._is_free = threading.Event()
        self._is_free.set()
        self._is_closed = False

    def unplug(self, address: int) -> None:
        """Take a chip off: no answer (errno 121) from now on."""
        self._unplugged[address] = self.chips.pop(address)

    def replug(self, address: int) -> None:
        """Put it back."""
        self.chips[address] = self._unplugged.pop(address)

    def fail(self, number: int) -> None:
        """Answer every transfer with this errno; 0 ends it."""
        self._errno = number

    def block(self) -> None:
        """Make each transfer hang, as a line held low can, until `release` or `close`."""
        self._is_free.clear()

    def release(self) -> None:
        """End `block`: the calls that hang go on."""
        self._is_free.set()

    def close(self) -> None:
        """Close the bus; a call that hangs returns with errno 110. May be called twice."""
        self._is_closed = True
        self._is_free.set()

    # what smbus2.SMBus has

    def write_byte(self, i2c_addr: int, value: int) -> None:
        """Send one byte."""
        self._chip(i2c_addr, 1).write(bytes((value,)))

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        """Send the register's number and the bytes."""
        self._chip(i2c_addr, 1 + len(data)).write(bytes((register, *data)))

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        """Send the register's number, then read."""
        chip = self._chip(i2c_addr, 2 + length)
        chip.write(bytes((register,)))
        return list(chip.read(length))

    def i2c_rdwr(self, *i2c_msgs: Any) -> None:
        """Do the transfers of smbus2's i2c_msg objects, in order."""
        for message in i2c_msgs:
            chip = self._chip(message.addr, message.len)
            if message.flags & 1:  # I2C_M_RD
                for place, octet in enumerate(chip.read(message.len)):
                    message.buf[place] = octet
            elif message.len:  # without a byte the address is only called
                chip.write(bytes(message))

    def _chip(self, address: int, length: int) -> Chip:
        if self._virtual is not None:
            self._virtual.now_s += (1 + length) * OCTET_S
        if not self._is_free.is_set():
            self._is_free.wait()
        if self._is_closed:
            raise refusal(errno.ETIMEDOUT)
        if self._errno:
            raise refusal(self._errno)
        chip = self.chips.get(address)
        if chip is None:
            raise refusal(errno.EREMOTEIO)
        return chip


class Sht3xChip:
    """An SHT3x with settable air. It is ready at once, or after so many refused reads."""

    def __init__(self, temperature_c: float = 20.0, humidity: float = 50.0, *, refused_reads: int = 0) -> None:
        self.temperature_c = temperature_c
        self.humidity = humidity
        self.refused_reads = refused_reads
        self.corrupt_at: int | None = None
        """Place, 0 to 5, of a byte that arrives damaged; 0 to 2 is the temperature."""
        self._frame: bytes | None = None
        self._to_refuse = 0

    def write(self, octets: bytes) -> None:
        """Take the single-shot command or that of the serial number; refuse any other."""
        if octets == sht3x.READ_SERIAL:
            self._frame, self._to_refuse = sht3x.words_with_crc(0x0E1D, 0x5A3B), 0
            return
        if octets != bytes(sht3x.SINGLE_SHOT):
            raise refusal(errno.EREMOTEIO)
        self._frame = sht3x.frame_from(self.temperature_c, self.humidity)
        self._to_refuse = self.refused_reads

    def read(self, length: int) -> bytes:
        """Return the six bytes once a measurement; refused while there is none."""
        if self._frame is None or self._to_refuse > 0:
            self._to_refuse -= 1
            raise refusal(errno.EREMOTEIO)
        frame = bytearray(self._frame)
        self._frame = None
        if self.corrupt_at is not None:
            frame[self.corrupt_at] ^= 0x10
        return bytes(frame[:length])


class Ads1115Chip:
    """An ADS1115 with a settable voltage on each input. A conversion is done at once, or after so many looks."""

    def __init__(
        self, *volts: float, busy_reads: int = 0, pace: Pace | None = None, slowness: float = ads1115.SLOWEST
    ) -> None:
        """With a `pace` a conversion takes its time by that clock, `slowness` times what the rate's name says."""
        self.volts = [*volts, 0.0, 0.0, 0.0, 0.0][:4]
        self.busy_reads = busy_reads
        """How often the chip says that it still converts; a large number: the conversion never ends."""
        self._pointer = 0
        self._config = 0x8583  # data sheet: value after reset
        self._conversion = bytes(2)
        self._busy = 0
        self._pace = pace
        self._slowness = slowness
        self._idle_s = 0.0

    def write(self, octets: bytes) -> None:
        """Take the register's number and, for the configuration, its word."""
        self._pointer = octets[0]
        if self._pointer == ads1115.CONFIG_REGISTER and len(octets) == 3:
            self._config = int.from_bytes(octets[1:], "big")
            if self._config & ads1115.IDLE:
                self._busy = self.busy_reads
                if self._pace is not None:
                    per_s = ads1115.RATES_PER_S[self._config >> 5 & 7]
                    self._idle_s = self._pace.monotonic_s() + self._slowness / per_s
                self._convert()

    def read(self, length: int) -> bytes:
        """Return the register that was named last."""
        if self._pointer == ads1115.CONVERSION_REGISTER:
            return self._conversion[:length]
        word = self._config | ads1115.IDLE
        if self._busy > 0:
            self._busy -= 1
            word &= ~ads1115.IDLE
        if self._pace is not None and self._pace.monotonic_s() < self._idle_s:
            word &= ~ads1115.IDLE
        return word.to_bytes(2, "big")[:length]

    def _convert(self) -> None:
        ends = ads1115.INPUTS[self._config >> 12 & 7].split("-")
        level = [self.volts[int(end.removeprefix("AIN"))] for end in ends]
        volt = level[0] - (level[1] if len(level) == 2 else 0.0)
        self._conversion = ads1115.register_from_volts(volt, ads1115.FULL_SCALES_MV[min(self._config >> 9 & 7, 5)])

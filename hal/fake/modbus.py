"""Simulated Modbus slaves: RTU behind a pseudo-terminal that takes the place of their serial port, or TCP on loopback.

`step(now_s)` answers what was asked until now; a slow slave's answer leaves when it is due. A slave knows only what the
protocol shows of it: registers by address, the exceptions it gives, and the ways in which it fails.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from hal.decode.modbus import MOST_REGISTERS, Register, Table, words_of
from hal.fake.adapters import PtyPort, TcpDoor
from hal.sample import Value

IDLE_S: Final = 0.2
REQUEST: Final = 8
MBAP: Final = 7  # transaction, protocol, length, unit
NOBODY: Final = -1
TABLES: Final[dict[int, Table]] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}


def crc16(data: bytes) -> bytes:
    """Return the CRC that ends an RTU frame, low byte first (Modbus over Serial Line V1.02, appendix B).

    >>> crc16(bytes.fromhex("02 07")).hex()
    '4112'
    """
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


class FakeSlave(msgspec.Struct):
    """One slave: what its registers hold, and how it fails."""

    words: dict[tuple[Table, int], int] = {}
    """Table and address -> word, or bit. What is not there is exception 2."""
    most: int = MOST_REGISTERS
    """Longer requests are exception 3."""
    is_silent: bool = False
    has_wrong_crc: bool = False
    exception: int = 0
    """Answers everything with this."""
    delay_s: float = 0.0
    garbage: bytes = b""
    """Comes before each answer."""
    instead: bytes = b""
    """RTU: comes in the place of each answer."""
    asked: list[tuple[Table, int, int]] = []
    """Every request that reached it."""

    def set(self, register: Register, value: Value) -> None:
        """Put a raw value into its registers. Raises struct.error when it does not fit."""
        for offset, word in enumerate(words_of(register, value)):
            self.words[register.table, register.address + offset] = word

    def answer(self, pdu: bytes) -> bytes:
        """Return the answer to a request, both without address and CRC."""
        table = TABLES.get(pdu[0])
        if self.exception or table is None or len(pdu) != 5:
            return bytes((pdu[0] | 0x80, self.exception or 1))
        start, count = struct.unpack(">HH", pdu[1:])
        self.asked.append((table, start, count))
        if not 1 <= count <= (self.most if pdu[0] > 2 else 2000):
            return bytes((pdu[0] | 0x80, 3))
        found = [self.words.get((table, address)) for address in range(start, start + count)]
        words = [word for word in found if word is not None]
        if len(words) < count:
            return bytes((pdu[0] | 0x80, 2))
        if pdu[0] > 2:
            return struct.pack(f">BB{count}H", pdu[0], 2 * count, *words)
        octets = (count + 7) // 8
        bits = sum(bool(bit) << place for place, bit in enumerate(words))
        return bytes((pdu[0], octets)) + bits.to_bytes(octets, "little")


def slave_of(registers: Iterable[Register], values: Mapping[str, Value]) -> FakeSlave:
    """Return a slave that holds these raw values, by the names of its registers."""
    slave = FakeSlave()
    for register in registers:
        if register.name in values:
            slave.set(register, values[register.name])
    return slave


class _Slaves:
    """Slaves on one line."""

    def __init__(self, slaves: Mapping[int, FakeSlave]) -> None:
        self.slaves = dict(slaves)
        self._leaving: list[tuple[float, int, bytes]] = []
        """Answers on their way: when they leave, on which descriptor, and what."""

    def _answer(self, number: int, pdu: bytes, now_s: float, descriptor: int, head: bytes) -> None:
        slave = self.slaves.get(number)
        if slave is None or slave.is_silent:
            return
        answer = bytes((number,)) + slave.answer(pdu)
        if head:
            frame = head + struct.pack(">H", len(answer)) + answer
        else:
            crc = crc16(answer)
            frame = slave.instead or answer + (bytes((crc[0] ^ 0xFF, crc[1])) if slave.has_wrong_crc else crc)
        self._leaving.append((now_s + slave.delay_s, descriptor, slave.garbage + frame))

    def _leave(self, now_s: float) -> float:
        """Send what is due; return when to be called again."""
        due = [one for one in self._leaving if one[0] <= now_s]
        self._leaving = [one for one in self._leaving if one[0] > now_s]
        for _, descriptor, frame in due:
            with contextlib.suppress(OSError):  # whoever asked has gone
                os.write(descriptor, frame)
        return min((one[0] for one in self._leaving), default=now_s + IDLE_S)


class RtuSlaves(_Slaves, PtyPort):
    """Slaves behind `port`, a link that stays the same when the adapter is unplugged and plugged in again."""

    def __init__(self, slaves: Mapping[int, FakeSlave], port: Path) -> None:
        _Slaves.__init__(self, slaves)
        PtyPort.__init__(self, port)
        self.has_echo = False
        """Whether the line brings back what was sent, as an adapter does that hears itself."""
        self._heard = b""

    def filenos(self) -> list[int]:
        """Return what wakes it."""
        return [] if self._master is None else [self._master]

    def step(self, now_s: float) -> float:
        """Answer what was asked; return when to be called again."""
        if self._master is None:
            return now_s + IDLE_S
        with contextlib.suppress(OSError):
            came = os.read(self._master, 4096)
            self._heard += came
            if self.has_echo:
                os.write(self._master, came)
        while len(self._heard) >= REQUEST:
            frame = self._heard[:REQUEST]
            if crc16(frame[:-2]) != frame[-2:]:
                self._heard = self._heard[1:]
                continue
            self._heard = self._heard[REQUEST:]
            self._answer(frame[0], frame[1:-2], now_s, self._master, b"")
        return self._leave(now_s)

    def send(self, data: bytes) -> None:
        """Put bytes on the line that nobody asked for: noise."""
        if self._master is not None:
            os.write(self._master, data)

    def unplug(self) -> None:
        """Take the port away, with the answers that were on their way."""
        super().unplug()
        self._leaving.clear()


class TcpSlaves(_Slaves, TcpDoor):
    """Slaves behind a gateway on 127.0.0.1:`port`."""

    def __init__(self, slaves: Mapping[int, FakeSlave]) -> None:
        _Slaves.__init__(self, slaves)
        TcpDoor.__init__(self)
        self.hands_on = False
        """Whether an answer whose guest has gone is given to the next one, as by a gateway with one queue for all."""

    def step(self, now_s: float) -> float:
        """Let guests in and answer what was asked; return when to be called again."""
        self._let_in()
        if self._guests:
            self._readdress(NOBODY, max(self._guests))
        for descriptor in list(self._guests):
            self._hear(descriptor, now_s)
        return self._leave(now_s)

    def _hear(self, descriptor: int, now_s: float) -> None:
        guest, heard = self._guests[descriptor]
        came = self._came(descriptor)
        if came is None:
            return
        if not came:
            self._let_go(descriptor)
            return
        heard += came
        while len(heard) >= MBAP and len(heard) >= 6 + (length := int.from_bytes(heard[4:6], "big")):
            frame, heard = heard[: 6 + length], heard[6 + length :]
            self._answer(frame[6], frame[MBAP:], now_s, descriptor, frame[:4])
        self._guests[descriptor] = (guest, heard)

    def _let_go(self, descriptor: int) -> None:
        super()._let_go(descriptor)  # the kernel gives the next guest the same number
        self._readdress(descriptor, NOBODY)
        if not self.hands_on:
            self._leaving = [one for one in self._leaving if one[1] != NOBODY]

    def _readdress(self, old: int, new: int) -> None:
        """Let what was for one guest be for another."""
        self._leaving = [(due_s, new if to == old else to, frame) for due_s, to, frame in self._leaving]

    def unplug(self) -> None:
        """Close door and connections, with the answers that were on their way."""
        super().unplug()
        self._leaving.clear()

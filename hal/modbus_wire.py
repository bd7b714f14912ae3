"""The wire under a Modbus line: a serial port for RTU, a connection for TCP, each with pymodbus' sync client on it.

pymodbus' RTU client looks at the port each few milliseconds while it waits, 240 times a second at 9600 Bd. Here the
kernel wakes us when bytes come, and the rest of an answer, whose length its head tells, is slept through.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import socket
import termios
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from hal import serial_facts
from hal.driver import DriverError

if TYPE_CHECKING:
    from pymodbus.client.base import ModbusBaseSyncClient

HEAD: Final = 5  # octets of an exception's answer, the shortest one: slave, function, code, CRC
REQUEST: Final = 8
LONGEST: Final = 256
READ: Final = 512
QUIET_CHARACTERS: Final = 3.5  # Modbus over Serial Line V1.02, §2.5.1.1
FAST_QUIET_S: Final = 0.00175  # the same, above 19200 Bd
NUMBERS: Final = 65_000  # of requests over TCP, in pymodbus
STRAY_CHARACTERS: Final = 20  # a pause this long ends what a slave had left to say; adapters hand bytes on in lumps

Hear = Callable[[bytes], None]


class RtuWire:
    """A serial port."""

    def __init__(
        self,
        port: str,
        baud: int,
        parity: str,
        stop_bits: int,
        *,
        timeout_s: float,
        gap_s: float = 0.0,
        has_echo: bool = False,
    ) -> None:
        """Keep what the port is; `gap_s` is left before each request, `has_echo` where the adapter hears itself."""
        self.name = port
        self.cure = "check its power, A and B (try them swapped), speed, parity and the slave id"
        self.gone = "check the adapter's plug"
        self.damaged = (
            "check termination and shield of the cable, speed and parity, and that each slave id is used once"
        )
        self._settings = (port, baud, parity, stop_bits)
        self._timeout_s = timeout_s
        self._byte_s = (10 + (parity != "N") + (stop_bits - 1)) / baud
        self._quiet_s = max(gap_s, FAST_QUIET_S if baud > 19200 else QUIET_CHARACTERS * 11 / baud)
        self._has_echo = has_echo
        self._port: Any = None
        self._last_s = 0.0  # when the last byte came or went

    def open(self, hear: Hear) -> ModbusBaseSyncClient:
        """Return a client on the open port; what comes is told to `hear`. Raises DriverError."""
        import serial
        from pymodbus.client import ModbusSerialClient

        class Client(ModbusSerialClient):
            """Waits in the kernel instead of looking at the port again and again."""

            def recv(self, size: int | None) -> bytes:
                return take(hear)

        take = self._take
        port, baud, parity, stop_bits = self._settings
        try:
            self._port = serial.Serial(
                port,
                baud,
                parity=parity,
                stopbits=stop_bits,
                timeout=0,
                write_timeout=1 + self._timeout_s,
                exclusive=True,
            )
        except (OSError, termios.error, ValueError) as exc:
            raise _no_port(port, baud, parity, exc) from exc
        client = Client(
            port, baudrate=baud, parity=parity, stopbits=stop_bits, timeout=self._longest_s(), retries=0,
            handle_local_echo=self._has_echo,
        )  # fmt: skip
        client.socket = self._port
        _quieten()
        return client

    def settle(self, hear: Hear, *, is_awaited: bool) -> None:
        """Leave the silence that ends a frame; hear out an answer that did not come in time."""
        if is_awaited:
            last_s = end_s = time.monotonic() + self._timeout_s
            with contextlib.suppress(OSError):  # the request that follows will say it
                while (left_s := end_s - time.monotonic()) > 0 and select.select([self._port.fd], [], [], left_s)[0]:
                    hear(self._read())
                    end_s = min(last_s, time.monotonic() + max(self._quiet_s, STRAY_CHARACTERS * self._byte_s))
            self._last_s = time.monotonic()
        early_s = self._last_s + self._quiet_s - time.monotonic()
        if early_s > 0:
            time.sleep(early_s)

    def _read(self) -> bytes:
        """Return what is there. Raises OSError when the port has gone."""
        try:
            part = os.read(self._port.fd, READ)
        except BlockingIOError:  # woken for nothing
            return b""
        if not part:
            raise OSError(errno.EIO, "the port hung up")
        return part

    def _longest_s(self) -> float:
        """Return how long a request and its answer can take at most."""
        return self._timeout_s + (LONGEST + REQUEST) * self._byte_s

    def _take(self, hear: Hear) -> bytes:
        """Return an answer's octets as they come, at least one; none when the time is over."""
        now_s = time.monotonic()
        end_s = now_s + self._timeout_s + REQUEST * self._byte_s
        data = b""
        wanted = HEAD
        while len(data) < wanted:
            left_s = end_s - time.monotonic()
            if left_s <= 0 or not select.select([self._port.fd], [], [], left_s)[0]:
                break
            part = self._read()
            data += part
            hear(part)
            if len(data) >= 3:
                wanted = HEAD if data[1] & 0x80 else HEAD + data[2]
            missing = wanted - len(data)
            if missing > 0:
                end_s = max(end_s, now_s + self._longest_s())
                time.sleep(max(0.0, missing - 1) * self._byte_s)
        self._last_s = time.monotonic()
        return data


class TcpWire:
    """A connection to a device or gateway."""

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        self.name = f"{host}:{port}"
        self.cure = "check its power and the slave id"
        self.gone = "check the network and the device's power"
        self.damaged = "check that it speaks Modbus TCP, not RTU over TCP, and that it has this slave id"
        self._target = (host, port)
        self._timeout_s = timeout_s
        self._client: ModbusBaseSyncClient | None = None

    def open(self, hear: Hear) -> ModbusBaseSyncClient:
        """Return a connected client; what comes is told to `hear`. Raises DriverError.

        Its requests are numbered on from those of the connection before, and of the process before: some gateways hand
        a late answer to whoever is connected by then, and pymodbus begins with 1 each time.
        """
        from pymodbus.client import ModbusTcpClient

        class Client(ModbusTcpClient):
            """Shows what comes."""

            def recv(self, size: int | None) -> bytes:
                data = super().recv(size)
                hear(data)
                return data

        host, port = self._target
        client = Client(host, port=port, timeout=self._timeout_s, retries=0)
        try:
            client.socket = socket.create_connection(self._target, timeout=max(1.0, self._timeout_s))
        except OSError as exc:
            raise _no_connection(host, port, exc) from exc
        before = self._client
        client.transaction.next_tid = (
            before.transaction.next_tid if before is not None else time.monotonic_ns() // 1_000_000 % NUMBERS
        )
        self._client = client
        _quieten()
        return client

    def settle(self, hear: Hear, *, is_awaited: bool) -> None:
        """Nothing: a late answer carries its request's number."""


def _quieten() -> None:
    """Keep pymodbus from logging each miss; what fails is said once, by whom it concerns."""
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL + 1)


def _no_port(port: str, baud: int, parity: str, exc: BaseException) -> DriverError:
    number = exc.args[0] if isinstance(exc, termios.error) else getattr(exc, "errno", None)
    if number in serial_facts.KNOWN:
        return serial_facts.fault("Modbus", port, exc)
    return DriverError(
        f"Modbus on {port}: cannot be set to {baud} Bd, parity {parity} ({exc}); check the adapter", "bus_error"
    )


def _no_connection(host: str, tcp_port: int, exc: OSError) -> DriverError:
    where = f"Modbus TCP {host}:{tcp_port}"
    if isinstance(exc, ConnectionRefusedError):
        return DriverError(
            f"{where}: refused; is Modbus TCP switched on in the device, and is this its port?", "no_answer"
        )
    if isinstance(exc, socket.gaierror):
        return DriverError(f"{where}: no such name; write the address in numbers, or check the DNS", "no_answer")
    return DriverError(f"{where}: {exc}; check the address, the network and the device's power", "no_answer")

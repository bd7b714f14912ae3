"""A Modbus line, RTU on a serial port or TCP, through pymodbus' sync client: one request at a time, each bounded.

What pymodbus leaves to its user and is settled here:
- a wrong CRC looks to it like no answer: whether bytes came tells the two apart;
- an RTU answer does not say what it answers. One that comes late would be taken for that of the next request: after a
  missed answer the line is listened to until it is quiet.
"""

from __future__ import annotations

import contextlib
import termios
import time
from typing import TYPE_CHECKING, Any, Final

from hal.decode.modbus import BIT_TABLES, Table
from hal.driver import DriverError
from hal.modbus_wire import RtuWire, TcpWire

if TYPE_CHECKING:
    from pymodbus.client.base import ModbusBaseSyncClient
    from pymodbus.pdu import ModbusPDU

    from hal.buses import Modbus

TCP_PORT: Final = 502
KEPT: Final = 4096
REOPEN_EACH_S: Final = 1.0
FUNCTIONS: Final[dict[Table, int]] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
GATEWAY: Final = (10, 11)  # exceptions of a gateway that has no path to the slave, or no answer from it
EXCEPTIONS: Final[dict[int, str]] = {  # Modbus Application Protocol V1.1b3, §7
    1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "server device failure",
    5: "acknowledge", 6: "server device busy", 8: "memory parity error", 10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}  # fmt: skip


class Refused(Exception):  # noqa: N818 - the device answers: this is no error of the line
    """The device answered with an exception."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code} ({EXCEPTIONS.get(code, 'unknown')})")
        self.code = code


def open_line(options: Modbus) -> ModbusLine:
    """Return the open line of a bus. Raises OSError with what to look at; a DriverError tells the reason."""
    try:
        import pymodbus  # noqa: F401 - asked for here, so that what is missing is said by its name
    except ImportError as exc:
        cure = "install vigie[modbus] (install.sh --modbus)"
        raise DriverError(f"modbus: the library pymodbus is missing; {cure}", "not_open") from exc
    wire: RtuWire | TcpWire
    if options.host:
        wire = TcpWire(options.host, int(options.port or TCP_PORT), timeout_s=options.timeout_s)
    else:
        wire = RtuWire(
            str(options.port), options.baud, options.parity, options.stop_bits,
            timeout_s=options.timeout_s, gap_s=options.gap_ms / 1000, has_echo=options.echo,
        )  # fmt: skip
    line = ModbusLine(wire, timeout_s=options.timeout_s, retries=options.retries)
    line.open()
    return line


class ModbusLine:
    """One line and its devices. Its thread alone may use it."""

    def __init__(self, wire: RtuWire | TcpWire, *, timeout_s: float = 0.5, retries: int = 1) -> None:
        """Keep what the line is; `timeout_s` is how long an answer may take to begin. Nothing is opened yet."""
        self.name = wire.name
        self.requests = 0
        """How many requests were sent since the start, repeated ones too."""
        self._failed: dict[str, int] = {}
        self._wire = wire
        self._timeout_s, self._retries = timeout_s, retries
        self._client: ModbusBaseSyncClient | None = None
        self._closed_s = float("-inf")
        self._why: DriverError | None = None
        self._missed: int | None = None  # the slave whose answer may still come
        self._came = bytearray()  # of the request at work
        self._kept = bytearray()  # since the last `trace`

    def open(self) -> None:
        """Open port or connection, unless it is. Raises DriverError with what to look at; the same for a second."""
        if self._client is not None:
            return
        if self._why is not None and time.monotonic() - self._closed_s < REOPEN_EACH_S:
            raise self._why
        try:
            self._client = self._wire.open(self._heard)
            self._why = None
        except DriverError as exc:
            self._why, self._closed_s = exc, time.monotonic()
            raise

    def read(self, slave: int, table: Table, start: int, count: int, *, retries: int | None = None) -> list[int]:
        """Return the words, or bits, from `start` on. Raises Refused, or DriverError (no_answer, crc, unplugged …)."""
        fault: DriverError | None = None
        for _ in range(1 + (self._retries if retries is None else retries)):
            self.open()
            is_awaited, self._missed = self._missed == slave, None
            self._wire.settle(self._heard, is_awaited=is_awaited)
            self.requests += 1
            try:
                found = self._asked(slave, table, start, count)
            except DriverError as exc:
                fault = exc
                self._count(exc.reason)
                continue
            except Refused:
                self._count("refused")
                raise
            if len(found) == count:
                return found
            self._count("crc")
            fault = DriverError(
                self._said(slave, f"{len(found)} values instead of {count}; is the slave id used twice?"), "crc"
            )
            self._missed = slave
        raise fault or DriverError(self._said(slave, "was not asked; set retries to 0 or more"))

    def counts(self) -> dict[str, int]:
        """Return the requests since opening and the failed ones by what happened. Any thread may ask."""
        return {"transfers": self.requests, **self._failed}

    def _count(self, what: str) -> None:
        self._failed = {
            **self._failed,
            what: self._failed.get(what, 0) + 1,
        }  # whoever reads it meanwhile has a whole one

    def trace(self) -> bytes:
        """Return and forget the bytes that came since the last call."""
        came = bytes(self._kept)
        self._kept.clear()
        return came

    def close(self) -> None:
        """Give port or connection back. Never raises, may be called twice; the next `read` opens it again."""
        client: Any = self._client  # its close is not typed
        self._client = self._why = None
        if client is not None:
            with contextlib.suppress(OSError, termios.error):  # it may have gone already
                client.close()

    def _asked(self, slave: int, table: Table, start: int, count: int) -> list[int]:
        """Return what one request brings; the line is closed when it has gone."""
        from pymodbus.exceptions import ConnectionException, ModbusException

        client = self._client
        if client is None:
            raise DriverError(self._said(slave, "the line is not open; this is a fault of the program"), "not_open")
        self._came.clear()
        try:
            answer = self._sent(client, slave, table, start, count)
        except ConnectionException as exc:
            raise self._gone(exc.__context__ or exc) from exc
        except ModbusException as exc:
            raise self._unanswered(slave) from exc
        except (OSError, termios.error) as exc:
            raise self._gone(exc) from exc
        if answer.isError():
            code = int(getattr(answer, "exception_code", 0))
            if code in GATEWAY:
                raise DriverError(
                    self._said(slave, f"{Refused(code)}; check the slave behind the gateway and its wiring")
                )
            raise Refused(code)
        if answer.function_code != FUNCTIONS[table]:  # a late answer to a question about another table
            raise self._unanswered(slave)
        self._missed = None
        if table in BIT_TABLES:
            return [int(bit) for bit in answer.bits[:count]]
        return list(answer.registers)

    @staticmethod
    def _sent(client: ModbusBaseSyncClient, slave: int, table: Table, start: int, count: int) -> ModbusPDU:
        if table == "input":
            return client.read_input_registers(start, count=count, device_id=slave)
        if table == "holding":
            return client.read_holding_registers(start, count=count, device_id=slave)
        if table == "coil":
            return client.read_coils(start, count=count, device_id=slave)
        return client.read_discrete_inputs(start, count=count, device_id=slave)

    def _unanswered(self, slave: int) -> DriverError:
        """Return the error of a request that brought nothing that can be used."""
        self._missed = slave
        if self._came:
            shown = bytes(self._came[:16]).hex(" ")
            return DriverError(self._said(slave, f"a damaged answer ({shown}); {self._wire.damaged}"), "crc")
        if isinstance(self._wire, TcpWire):
            self.close()  # the other side may have gone without a word
        return DriverError(self._said(slave, f"no answer within {self._timeout_s:g} s; {self._wire.cure}"))

    def _said(self, slave: int, what: str) -> str:
        return f"Modbus slave {slave} on {self.name}: {what}"

    def _gone(self, exc: BaseException) -> DriverError:
        self.close()
        return DriverError(f"Modbus on {self.name}: the line has gone ({exc}); {self._wire.gone}", "unplugged")

    def _heard(self, part: bytes) -> None:
        self._came += part
        self._kept += part
        del self._kept[:-KEPT]

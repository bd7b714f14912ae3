"""Which Modbus slaves answer on a line, at which speed, and what they probably are. Only reads are sent.

A slave that has what it is asked for answers, one that has not says so by an exception: both are there. Ids that people
give come first at every speed, so that a search that is cut short has found most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from hal import modbus_maps
from hal.decode import modbus
from hal.decode.modbus import Block, Register
from hal.driver import DriverError
from hal.modbus_line import ModbusLine, Refused
from hal.modbus_maps import RegisterMap
from hal.modbus_wire import RtuWire, TcpWire

USUAL: Final = range(1, 17)
ALL: Final = range(1, 248)
BAUDS: Final = (9600, 19200, 2400, 4800, 38400, 115200)
ANSWER_S: Final = 0.2
WITHIN_S: Final = 600.0
PATIENCE: Final = 4  # a late answer disturbs the next question: both are asked again with more time
MAINS_HZ: Final = (45.0, 65.0)


class Answer(msgspec.Struct, frozen=True):
    """One slave that is there."""

    slave: int
    baud: int
    """0 for TCP."""
    parity: str
    map: str = ""
    """The register map that fits, "" where none is known."""
    is_sure: bool = False
    """Whether it told its model; else its values merely look right."""


class Search:
    """A search of one line; `run` gives what it finds as it finds it."""

    def __init__(
        self,
        open_line: Callable[[int, str, float], ModbusLine],
        speeds: Sequence[tuple[int, str]],
        *,
        slaves: Sequence[int],
        answer_s: float,
        within_s: float,
    ) -> None:
        """Keep what to do. `open_line(baud, parity, answer_s)` gives a line that is not open yet."""
        self._open_line = open_line
        self._slaves = slaves
        self._speeds = speeds
        self._answer_s, self._within_s = answer_s, within_s
        self.asked = 0
        self.left = len(slaves) * len(speeds)
        """How many ids, at how many speeds, were not asked when time was over."""

    def run(self) -> Iterator[Answer]:
        """Give each slave that answers. Raises DriverError when the line can't be opened."""
        end_s = time.monotonic() + self._within_s
        known = {name: modbus_maps.load(name) for name in modbus_maps.names()}
        found: set[int] = set()
        usual = [slave for slave in self._slaves if slave in USUAL]
        others = [slave for slave in self._slaves if slave not in USUAL]
        for slaves in (usual, others):
            for baud, parity in self._speeds if slaves else ():
                line = self._open_line(baud, parity, self._answer_s)
                try:
                    line.open()
                    for slave in slaves:
                        if time.monotonic() >= end_s:
                            return
                        self.asked, self.left = self.asked + 1, self.left - 1
                        for there in self._there(line, slave, slaves, baud, parity):
                            if there not in found:
                                found.add(there)
                                yield _described(line, there, baud, parity, known)
                finally:
                    line.close()

    def _there(self, line: ModbusLine, slave: int, slaves: Sequence[int], baud: int, parity: str) -> list[int]:
        """Return which slaves answer now: this one, or the one before it where its answer came late."""
        try:
            return [slave] if _answers(line, slave) else []
        except DriverError as exc:
            if exc.reason != "crc":
                raise
        line.close()
        place = slaves.index(slave)
        patient = self._open_line(baud, parity, PATIENCE * self._answer_s)
        try:
            return [one for one in slaves[max(0, place - 1) : place + 1] if _answers_whole(patient, one)]
        finally:
            patient.close()


def search_port(
    port: str,
    *,
    bauds: Sequence[int] = BAUDS,
    parities: str = "N",
    slaves: Sequence[int] = ALL,
    answer_s: float = ANSWER_S,
    within_s: float = WITHIN_S,
) -> Search:
    """Return the search of a serial port."""

    def line(baud: int, parity: str, answer_s: float) -> ModbusLine:
        wire = RtuWire(port, baud, parity, 1, timeout_s=answer_s, gap_s=0.0)
        return ModbusLine(wire, timeout_s=answer_s, retries=0)

    speeds = [(baud, parity) for baud in bauds for parity in parities]
    return Search(line, speeds, slaves=slaves, answer_s=answer_s, within_s=within_s)


def search_host(
    host: str,
    port: int = 502,
    *,
    slaves: Sequence[int] = ALL,
    answer_s: float = ANSWER_S,
    within_s: float = WITHIN_S,
) -> Search:
    """Return the search of a TCP device or gateway."""

    def line(_baud: int, _parity: str, answer_s: float) -> ModbusLine:
        return ModbusLine(TcpWire(host, port, timeout_s=answer_s), timeout_s=answer_s, retries=0)

    return Search(line, [(0, "")], slaves=slaves, answer_s=answer_s, within_s=within_s)


def _answers(line: ModbusLine, slave: int) -> bool:
    """Return whether a slave says anything at all. Raises DriverError when the line has gone or a word was damaged."""
    try:
        line.read(slave, "input", 0, 2)
    except Refused:
        return True
    except DriverError as exc:
        if exc.reason != "no_answer":
            raise
        return False
    return True


def _answers_whole(line: ModbusLine, slave: int) -> bool:
    """Return whether a slave says something whole."""
    try:
        return _answers(line, slave)
    except DriverError as exc:
        if exc.reason != "crc":
            raise
        return False


def _described(line: ModbusLine, slave: int, baud: int, parity: str, known: dict[str, RegisterMap]) -> Answer:
    """Return what is known of a slave: its map by its model, else by values that fit."""
    codes: dict[int, int | None] = {}
    for name, one in known.items():
        if one.code:
            address = one.code["address"]
            if address not in codes:
                codes[address] = _word(line, slave, address)
            if codes[address] == one.code["value"]:
                return Answer(slave, baud, parity, name, is_sure=True)
    fitting = [name for name, one in known.items() if not one.code and _fits(line, slave, one)]
    return Answer(slave, baud, parity, fitting[0] if len(fitting) == 1 else "")


def _word(line: ModbusLine, slave: int, address: int) -> int | None:
    try:
        return line.read(slave, "holding", address, 1)[0]
    except (Refused, DriverError):
        return None


def _fits(line: ModbusLine, slave: int, one: RegisterMap) -> bool:
    """Return whether a slave has all registers of a map that tells the mains' frequency, and that looks right."""
    frequency = one.registers.get("frequency")
    if frequency is None:
        return False
    try:
        for block in modbus.plan(one.registers.values(), most=one.most, gap=one.gap):
            if block.holds(frequency):
                return _is_mains(frequency, block, line.read(slave, *block))
            line.read(slave, *block)
    except (Refused, DriverError):
        return False
    return False


def _is_mains(frequency: Register, block: Block, words: list[int]) -> bool:
    at = frequency.address - block.start
    value, _ = modbus.value_of(frequency, words[at : at + frequency.count])
    return isinstance(value, int | float) and MAINS_HZ[0] <= value * frequency.scale <= MAINS_HZ[1]

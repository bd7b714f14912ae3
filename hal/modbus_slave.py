"""Which requests a Modbus slave takes: found out as it refuses some, and remembered.

Neighbouring registers share a request, also over a gap that nobody asked for. A slave that refuses such a request is
asked in smaller ones from then on; a single register that it refuses is left out, and asked for again each hour.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import Final, Protocol

import msgspec

from hal.decode import modbus
from hal.decode.modbus import Block, Register, Table
from hal.driver import DriverError
from hal.modbus_line import Refused

ASK_AGAIN_NS: Final = 3_600_000_000_000
SPLITS_A_READ: Final = 8  # a slave that refuses much is learnt over several reads: others wait for the line
MISSES: Final = 2  # requests in a row without an answer, after which the rest of the slave waits for its next turn
SPLITTING: Final = (2, 3)  # illegal data address; some say illegal data value of a request that is too long
NEVER: Final = (1, *SPLITTING)

log = logging.getLogger(__name__)


class Line(Protocol):
    """What reads: `hal.modbus_line.ModbusLine`."""

    name: str

    def read(self, slave: int, table: Table, start: int, count: int, *, retries: int | None = None) -> list[int]:
        """Return the words, or bits, from `start` on."""


class Found(msgspec.Struct):
    """What one reading brought: the words of each block that came, of the others the reason and what was said."""

    words: dict[Block, list[int]] = {}
    reasons: dict[Block, tuple[str, str]] = {}

    def of(self, register: Register) -> list[int] | None:
        """Return the words of a register, None where they did not come."""
        for block, words in self.words.items():
            if block.holds(register):
                at = register.address - block.start
                return words[at : at + register.count]
        return None

    def why(self, register: Register) -> tuple[str, str]:
        """Return why a register did not come: a reason, and what was said."""
        return next(
            (why for block, why in self.reasons.items() if block.holds(register)), ("no_answer", "not asked yet")
        )


class Slave:
    """One slave and the registers that are wanted of it."""

    def __init__(self, line: Line, number: int, most: int, gap: int) -> None:
        """Keep what it is; `most` words a request, over at most `gap` that nobody asked for."""
        self.number = number
        self._line = line
        self._most, self._gap = most, gap
        self.cuts: set[tuple[Table, int]] = set()
        """Addresses into which no request reads on."""
        self._refused: dict[Register, tuple[int, str]] = {}
        self._plans: dict[frozenset[Register], list[Block]] = {}
        self._now_ns = 0

    def ask_once(self, registers: Iterable[Register]) -> None:
        """Ask for one block, not again: an absent slave costs the others one time-out. Raises DriverError."""
        block = self._plan(frozenset(registers))[0]
        try:
            self._line.read(self.number, *block, retries=0)
        except Refused:
            return  # it is there; `fetch` finds out what it has

    def fetch(self, registers: Collection[Register], now_ns: int) -> Found:
        """Return what came of these registers. Raises DriverError when the slave does not answer at all."""
        self._now_ns = now_ns
        for register in [one for one, (again_ns, _) in self._refused.items() if now_ns >= again_ns]:
            del self._refused[register]
            self._plans.clear()
        wanted = frozenset(registers)
        found = Found()
        misses = splits = 0
        todo = list(self._plan(wanted))
        while todo:
            block = todo.pop(0)
            if misses >= MISSES:
                found.reasons[block] = ("no_answer", "the requests before it had no answer")
                continue
            try:
                found.words[block] = self._line.read(self.number, *block)
                misses = 0
            except Refused as exc:
                misses, splits = 0, splits + 1
                smaller = self._smaller(block, wanted, exc)
                if splits <= SPLITS_A_READ:
                    todo[:0] = smaller
                if splits > SPLITS_A_READ or not smaller:
                    found.reasons[block] = ("not_sent" if exc.code in NEVER else "bus_error", str(exc))
            except DriverError as exc:
                if exc.reason == "unplugged" or not (found.words or splits):
                    raise
                misses += 1
                found.reasons[block] = (exc.reason, str(exc))
        for register in wanted & self._refused.keys():
            block = Block(register.table, register.address, register.count)
            found.reasons[block] = ("not_sent", self._refused[register][1])
        return found

    def _plan(self, registers: frozenset[Register]) -> list[Block]:
        """Return the requests for these registers; worked out once."""
        plan = self._plans.get(registers)
        if plan is None:
            wanted = registers - self._refused.keys()
            plan = modbus.plan(wanted, most=self._most, gap=self._gap, cuts=self.cuts)
            self._plans[registers] = plan
        return plan

    def _smaller(self, block: Block, wanted: Iterable[Register], exc: Refused) -> list[Block]:
        """Return what to ask instead of a refused request, and remember it; nothing for a single register."""
        if exc.code not in NEVER:
            return []
        self._plans.clear()
        inside = [register for register in wanted if block.holds(register)]
        cuts = modbus.cuts_for(block, inside) if exc.code in SPLITTING else set()
        if cuts:
            self.cuts |= cuts
            return modbus.plan(inside, most=self._most, gap=self._gap, cuts=self.cuts)
        for register in inside:
            what = f"{register.table} register 0x{register.address:04x} ({register.name})"
            cure = f"correct the map {register.map}" if register.map else "correct the point"
            said = f"{exc}: it has no {what}; {cure}"
            self._refused[register] = (self._now_ns + ASK_AGAIN_NS, said)
            log.warning("Modbus slave %d on %s: %s", self.number, self._line.name, said)
        return []

"""Modbus meters, RTU or TCP: one device a slave id, its registers read with as few requests as it allows.

Which requests those are stands in `hal/modbus_slave.py`, what the words mean in a map (`hal/modbus_maps.py`) or in the
point itself. A counter that goes back is not believed at once (`hal/decode/register_guard.py`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal import modbus_maps
from hal.decode import modbus
from hal.decode.modbus import Register, Table
from hal.decode.register_guard import RegisterGuard
from hal.modbus_slave import Slave
from hal.sample import BAD, GOOD, UNCERTAIN, Channel, Sample

REMEMBER_EACH_NS: Final = 900_000_000_000  # registers are kept to know how low they can't be: now and then is enough
BITS_A_WORD: Final = 22  # two characters of 8N1 and a bit of the frame around them


class ModbusOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on a Modbus device: `map` and the register's name in it, or an address and its own keys."""

    slave: Annotated[
        int, Meta(ge=1, le=255, description="the device's id on the line: 1 to 247; 255 for some TCP devices")
    ]
    map: Annotated[str, Meta(description="a register map: sdm120, sdm630, pzem016, itron_cf51, or one of your own")] = (
        ""
    )
    register: Annotated[str | int, Meta(description="a name in the map; without a map the address, from 0: 30 or 0x1e")]
    table: Annotated[
        Literal["", "holding", "input", "coil", "discrete"], Meta(description="without a map: holding where absent")
    ] = ""
    type: Annotated[
        Literal["", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bits", "string"],
        Meta(description="without a map: uint16 where absent"),
    ] = ""
    count: Annotated[int, Meta(ge=1, le=125, description="without a map: registers of a string")] | None = None
    word_order: Annotated[
        Literal["", "big", "little"], Meta(description="without a map: which word comes first; big where absent")
    ] = ""
    byte_order: Annotated[
        Literal["", "big", "little"], Meta(description="without a map: big where absent, as Modbus has it")
    ] = ""
    kind: Annotated[
        Literal["", "gauge", "counter", "state"],
        Meta(description="without a map: gauge where absent; bits are a state"),
    ] = ""
    missing: Annotated[
        list[Annotated[int, Meta(ge=0)]], Meta(description="without a map: raw numbers that say: no value (0x8000)")
    ] = []
    bit: Annotated[int, Meta(ge=0, le=15, description="without a map: the bit of type bits")] | None = None

    def __post_init__(self) -> None:
        """Refuse a register that the map does not have, and keys that go against it. Raises ValueError."""
        register_of(self)


def register_of(options: ModbusOptions) -> Register:
    """Return the register of a point. Raises ValueError with what to write."""
    own = {key: value for key in _OWN if (value := getattr(options, key)) not in (None, "", [])}
    if not options.map:
        if isinstance(options.register, str):
            raise ValueError(f"{options.register!r} is a name: write the `map` that has it, or the address as a number")
        row = msgspec.convert({"address": options.register, **own}, modbus_maps.Row)
        return modbus_maps.register_of(f"register {options.register}", row)
    if own:
        raise ValueError(f"`{next(iter(own))}` stands in the map {options.map!r}: leave it out here")
    known = modbus_maps.load(options.map).registers
    if options.register not in known:
        near = difflib.get_close_matches(str(options.register), known, n=1)
        words = f"is it {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise ValueError(f"the map {options.map} has no register {options.register!r}: {words}")
    return known[str(options.register)]


_OWN: Final = ("table", "type", "count", "word_order", "byte_order", "kind", "missing", "bit")


class _Remembered(msgspec.Struct, frozen=True):
    """What outlives a restart: the last believed register of each counter, and where requests are cut."""

    registers: dict[str, float] = {}
    cuts: list[tuple[Table, int]] = []


class Modbus:
    """One slave."""

    bus_kind: ClassVar[str] = "modbus"
    Options: ClassVar[type[msgspec.Struct]] = ModbusOptions

    @staticmethod
    def device(options: ModbusOptions) -> str:
        """Return its slave id, such as slave 1."""
        return f"slave {options.slave}"

    @staticmethod
    def channel(options: ModbusOptions) -> Channel:
        """Return what the register is."""
        register = register_of(options)
        return Channel(register.kind, register.unit, register.scale, register.wrap, words=register.words)

    @staticmethod
    def busy_s(options: ModbusOptions) -> float:
        """Return what the words of one point take on a line of 9600 Bd: the least, as most share their requests."""
        register = register_of(options)
        return (1 if register.table in modbus.BIT_TABLES else register.count) * BITS_A_WORD / 9600

    @staticmethod
    def measurement(options: ModbusOptions) -> str:
        """Return the register's place: the bits of one word are read together."""
        register = register_of(options)
        return f"{register.table} {register.address}"

    def __init__(self, bus: Any, points: Mapping[str, ModbusOptions]) -> None:
        """Keep the line and the points; ask nothing yet."""
        self._line = bus
        self._points = dict(points)
        self._registers = {point: register_of(options) for point, options in points.items()}
        maps = [modbus_maps.load(name) for name in dict.fromkeys(options.map for options in points.values()) if name]
        most = min((one.most for one in maps), default=modbus.MOST_REGISTERS)
        gap = min((one.gap for one in maps), default=0)
        self._slave = Slave(bus, next(iter(points.values())).slave, most, gap)
        self._shown: dict[str, str | list[int]] = {}
        self._guard = RegisterGuard()
        self._kept = _Remembered()
        self._kept_ns = 0
        self._now_ns = 0

    def open(self) -> None:
        """Ask for one block, once, so that an absent device is named. Raises DriverError."""
        self._slave.ask_once(self._registers.values())

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the due points' samples. Raises DriverError when the device does not answer at all."""
        if not due:
            return []
        self._now_ns = now_ns
        found = self._slave.fetch({self._registers[point] for point in due}, now_ns)
        samples = []
        for point in due:
            register = self._registers[point]
            words = found.of(register)
            if words is None:
                reason, self._shown[point] = found.why(register)
                samples.append(Sample(point, now_ns, None, BAD, reason))
            else:
                samples.append(self._sample(point, register, words, now_ns))
        return samples

    def state(self) -> str | None:
        """Return the counters' registers and the cuts as JSON: new ones at once, else each 15 minutes."""
        now = _Remembered(self._guard.last, sorted(self._slave.cuts))
        is_new = now.registers.keys() != self._kept.registers.keys() or now.cuts != self._kept.cuts
        if now == self._kept or not (is_new or self._now_ns - self._kept_ns >= REMEMBER_EACH_NS):
            return None
        self._kept, self._kept_ns = _Remembered(dict(now.registers), now.cuts), self._now_ns
        return msgspec.json.encode(self._kept).decode()

    def restore(self, state: str) -> None:
        """Take back what `state` gave; damaged text is ignored."""
        try:
            kept = msgspec.json.decode(state, type=_Remembered)
        except (msgspec.DecodeError, UnicodeError):
            return
        self._guard.last = {point: raw for point, raw in kept.registers.items() if point in self._points}
        self._slave.cuts = set(kept.cuts)

    def raw(self, point: str) -> str:
        """Return the point's words as they came, or what the device said instead."""
        shown = self._shown.get(point, "")
        if isinstance(shown, str):
            return shown
        register = self._registers[point]
        where = f"slave {self._slave.number} {register.table} 0x{register.address:04x}"
        return f"{where}: {' '.join(f'{word:04x}' for word in shown)}"

    def trace(self) -> bytes:
        """Return and forget what came on the line."""
        return bytes(self._line.trace()) if self._line is not None else b""

    def close(self) -> None:
        """Nothing to give back: the line belongs to all."""

    def _sample(self, point: str, register: Register, words: list[int], now_ns: int) -> Sample:
        value, reason = modbus.value_of(register, words)
        self._shown[point] = words
        if value is None:
            return Sample(point, now_ns, None, BAD, reason)
        if register.kind == "counter" and not isinstance(value, str):
            doubt = self._guard.judge(point, value, now_ns / 1e6, register.wrap)
            if doubt:
                return Sample(point, now_ns, value, UNCERTAIN, doubt)
        return Sample(point, now_ns, value, GOOD)

"""INA219 current, voltage and power of a supply, on I2C through smbus2.

Each reading is a measurement of its own with its own settings, so that a chip that lost its supply in between, and with
it its settings, measures as before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode import ina219
from hal.drivers.i2c_chip import I2cChip
from hal.sample import Channel, Sample

UNITS: Final = {"voltage": "V", "current": "A", "power": "W"}
TRANSFERS_S: Final = 0.0023  # start, one look, both registers at 100 kHz, and waking up
SPARE_S: Final = 0.020
INA226: Final = ((0xFE, b"\x54\x49"), (0xFF, b"\x22\x60"))  # registers that only the INA226 has: maker and chip


class Ina219Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on an INA219; three points give its voltage, current and power."""

    address: Annotated[int, Meta(ge=0x40, le=0x4F, description="0x40 to 0x4f, by its pins A0 and A1")] = 0x40
    channel: Annotated[
        Literal["voltage", "current", "power"],
        Meta(description="V of the load's side, A with its sign (negative: into the supply), W"),
    ]
    shunt_ohm: Annotated[
        float, Meta(gt=0, le=100, description="resistor between V+ and V-: 0.1 on the usual module")
    ] = 0.1
    range_mv: Annotated[
        Literal[40, 80, 160, 320],
        Meta(description="most across the shunt, plus and minus; above it BAD over_range: 320 on 0.1 Ω is 3.2 A"),
    ] = 320
    samples: Annotated[
        Literal[1, 2, 4, 8, 16, 32, 64, 128], Meta(description="averaged by the chip in a measurement")
    ] = 16


class Ina219:
    """One chip, measured once a read for all its due points."""

    bus_kind: ClassVar[str] = "i2c"
    Options: ClassVar[type[msgspec.Struct]] = Ina219Options

    @staticmethod
    def device(options: Ina219Options) -> str:
        """Return its address, such as 0x40."""
        return f"0x{options.address:02x}"

    @staticmethod
    def channel(options: Ina219Options) -> Channel:
        """Return a gauge in V, A or W."""
        return Channel(kind="gauge", unit=UNITS[options.channel])

    @staticmethod
    def busy_s(options: Ina219Options) -> float:
        """Return the time of both conversions and of their transfers."""
        return 2 * ina219.AVERAGED[options.samples] + TRANSFERS_S

    @staticmethod
    def measurement(options: Ina219Options) -> str:
        """Return its settings: points that have the same share a measurement."""
        return f"{options.range_mv} {options.samples}"

    def __init__(self, bus: Any, points: Mapping[str, Ina219Options]) -> None:
        """Keep the open bus and the points; touch nothing yet."""
        self._points = dict(points)
        self._chip = I2cChip("INA219", bus, next(iter(points.values())).address)
        self._last: dict[str, tuple[bytes, bytes]] = {}

    def open(self) -> None:
        """Look whether it is there and no INA226, whose steps are others. Raises DriverError."""
        self._chip.register(ina219.CONFIG, 2)
        if all(self._chip.register(number, 2) == octets for number, octets in INA226):
            raise self._chip.error("an INA226 answers; its steps are others: fit an INA219", "wrong_device")

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the due points' samples of one measurement. Raises DriverError when the chip does not answer."""
        measured: dict[str, tuple[bytes, bytes]] = {}
        samples = []
        for point in due:
            options = self._points[point]
            key = self.measurement(options)
            shunt, bus = self._last[point] = measured.get(key) or measured.setdefault(key, self._measure(options))
            outcome = ina219.outcome(
                options.channel, shunt, bus, shunt_ohm=options.shunt_ohm, range_mv=options.range_mv
            )
            samples.append(Sample(point, now_ns, *outcome))
        return samples

    def raw(self, point: str) -> str:
        """Return the shunt's and the bus's register of the point's last reading."""
        return " ".join(octets.hex(" ") for octets in self._last.get(point, ()))

    def trace(self) -> bytes:
        """Return what the chip answered since the last call."""
        return self._chip.trace()

    def close(self) -> None:
        """Nothing to give back: the bus belongs to all."""

    def _measure(self, options: Ina219Options) -> tuple[bytes, bytes]:
        chip = self._chip
        word = ina219.config_word(options.range_mv, options.samples)
        takes_s = 2 * ina219.AVERAGED[options.samples]
        give_up_s = chip.pace.monotonic_s() + takes_s + SPARE_S
        chip.set_register(ina219.CONFIG, word.to_bytes(2, "big"))
        chip.pace.sleep(takes_s)
        while not ina219.is_ready(bus := chip.register(ina219.BUS, 2)):
            if chip.pace.monotonic_s() >= give_up_s:
                raise chip.error("a measurement does not end; check its supply", "never_ready")
            chip.pace.sleep(takes_s / 10)
        return chip.register(ina219.SHUNT, 2), bus

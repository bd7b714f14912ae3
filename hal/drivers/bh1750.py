"""BH1750 light sensor on I2C, through smbus2.

Each reading wakes it, measures once and lets it sleep: a sensor that lost its supply while it measured by itself would
go on showing 0 lx as if it were dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode import bh1750
from hal.drivers.i2c_chip import I2cChip
from hal.sample import BAD, GOOD, Channel, Sample

TRANSFERS_S: Final = 0.002


class Bh1750Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of the point of a BH1750."""

    address: Annotated[Literal[0x23, 0x5C], Meta(description="0x23, or 0x5c with pin ADDR high")] = 0x23
    measuring_time: Annotated[
        int,
        Meta(
            ge=31,
            le=254,
            description="69 as it comes, to 54,600 lx; 31 for the sun, to 121,000 lx; 254 for the dark",
        ),
    ] = bh1750.USUAL_TIME


class Bh1750:
    """One sensor."""

    bus_kind: ClassVar[str] = "i2c"
    Options: ClassVar[type[msgspec.Struct]] = Bh1750Options

    @staticmethod
    def device(options: Bh1750Options) -> str:
        """Return its address, such as 0x23."""
        return f"0x{options.address:02x}"

    @staticmethod
    def channel(options: Bh1750Options) -> Channel:
        """Return a gauge in lux."""
        return Channel(kind="gauge", unit="lx")

    @staticmethod
    def busy_s(options: Bh1750Options) -> float:
        """Return the time of a measurement, waited for on the bus: 0.18 s as it comes."""
        return bh1750.measuring_s(options.measuring_time) + TRANSFERS_S

    def __init__(self, bus: Any, points: Mapping[str, Bh1750Options]) -> None:
        """Keep the open bus and the points; touch nothing yet."""
        self._points = dict(points)
        self._chip = I2cChip("BH1750", bus, next(iter(points.values())).address)
        self._last: dict[str, bytes] = {}

    def open(self) -> None:
        """Wake it, so that an absent sensor is named at the start. Raises DriverError."""
        self._chip.command(bh1750.POWER_ON)

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return one measurement for each due point. Raises DriverError when the sensor does not answer."""
        return [self._sample(point, now_ns) for point in due]

    def raw(self, point: str) -> str:
        """Return the two bytes of the last measurement."""
        return self._last.get(point, b"").hex(" ")

    def trace(self) -> bytes:
        """Return the bytes of the measurements since the last call."""
        return self._chip.trace()

    def close(self) -> None:
        """Nothing to give back: the bus belongs to all."""

    def _sample(self, point: str, now_ns: int) -> Sample:
        chip, measuring_time = self._chip, self._points[point].measuring_time
        chip.command(bh1750.POWER_ON)
        for octet in bh1750.time_commands(measuring_time):  # each time: it is lost with the supply
            chip.command(octet)
        chip.command(bh1750.ONCE_HIGH_RESOLUTION)
        chip.pace.sleep(bh1750.measuring_s(measuring_time))
        octets = self._last[point] = chip.receive(2)
        lux = bh1750.lux(octets, measuring_time)
        return Sample(point, now_ns, None, BAD, "over_range") if lux is None else Sample(point, now_ns, lux, GOOD)

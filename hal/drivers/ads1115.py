"""ADS1115 converter on I2C, through smbus2: voltages, and 4-20 mA loops on a resistor.

Each reading is one conversion of its own (single shot), so that points on one chip never see each other's input.
smbus2's word functions are little-endian and this chip is not: its registers are read as two bytes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode import ads1115
from hal.driver import DriverError
from hal.drivers.i2c_fault import i2c_fault
from hal.sample import Channel, Sample

SLOWEST: Final = 1.1  # data sheet: the rate may be 10 % lower than its name
SPARE_S: Final = 0.020
TRY_EACH_S: Final = 0.001


class Ads1115Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on an ADS1115; up to four points, one an input.

    A 4-20 mA transmitter of 0 to 10 bar: shunt_ohm = 150, unit = "bar", scale = 0.625, offset = -2.5.
    """

    address: Annotated[int, Meta(ge=0x48, le=0x4B, description="0x48 to 0x4b: pin ADDR to GND, VDD, SDA, SCL")] = 0x48
    input: Annotated[
        Literal["AIN0", "AIN1", "AIN2", "AIN3", "AIN0-AIN1", "AIN0-AIN3", "AIN1-AIN3", "AIN2-AIN3"],
        Meta(description="against ground, or the difference of two"),
    ]
    full_scale_mv: Annotated[
        Literal[6144, 4096, 2048, 1024, 512, 256],
        Meta(description="measuring range, plus and minus; the input itself must stay between ground and supply"),
    ] = 4096
    rate_per_s: Annotated[Literal[128, 250, 475, 860], Meta(description="conversions a second: slower is quieter")] = (
        128
    )
    shunt_ohm: (
        Annotated[
            float,
            Meta(
                gt=0,
                le=1000,
                description="resistor of a 4-20 mA loop: then in mA, below 3.6 BAD wire_break, above 21 BAD over_range",
            ),
        ]
        | None
    ) = None


class Ads1115:
    """One chip with the points on its inputs."""

    bus_kind: ClassVar[str] = "i2c"
    Options: ClassVar[type[msgspec.Struct]] = Ads1115Options

    @staticmethod
    def device(options: Ads1115Options) -> str:
        """Return its address, such as 0x48."""
        return f"0x{options.address:02x}"

    @staticmethod
    def channel(options: Ads1115Options) -> Channel:
        """Return a gauge in V, or in mA with a shunt."""
        return Channel(kind="gauge", unit="V" if options.shunt_ohm is None else "mA")

    def __init__(self, bus: Any, points: Mapping[str, Ads1115Options]) -> None:
        """Keep the open bus and the points; touch nothing yet."""
        self._bus = bus
        self._points = dict(points)
        self._address = next(iter(points.values())).address
        self._last: dict[str, bytes] = {}
        self._name = f"ADS1115 at 0x{self._address:02x}"

    def open(self) -> None:
        """Ask for the configuration, so that an absent chip is named at the start. Raises DriverError."""
        try:
            self._register(ads1115.CONFIG_REGISTER)
        except OSError as exc:
            raise i2c_fault(self._name, self._bus, exc) from exc

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return one conversion for each due point. Raises DriverError when the chip does not answer."""
        samples = []
        for point in due:
            options = self._points[point]
            register = self._last[point] = self._convert(options)
            samples.append(Sample(point, now_ns, *ads1115.outcome(register, options.full_scale_mv, options.shunt_ohm)))
        return samples

    def raw(self, point: str) -> str:
        """Return the conversion register of the point's last reading, for a person who asks why."""
        return self._last.get(point, b"").hex(" ")

    def close(self) -> None:
        """Nothing to give back: the bus belongs to all."""

    def _convert(self, options: Ads1115Options) -> bytes:
        word = ads1115.config_word(options.input, options.full_scale_mv, options.rate_per_s)
        give_up_s = time.monotonic() + SLOWEST / options.rate_per_s + SPARE_S
        try:
            self._bus.write_i2c_block_data(self._address, ads1115.CONFIG_REGISTER, [*word.to_bytes(2, "big")])
            while not self._is_idle():
                if time.monotonic() >= give_up_s:
                    cause = "a conversion does not end; check its supply"
                    raise DriverError(f"{self._name} on {getattr(self._bus, 'name', 'i2c')}: {cause}")
                time.sleep(TRY_EACH_S)
            return self._register(ads1115.CONVERSION_REGISTER)
        except DriverError:
            raise
        except OSError as exc:
            raise i2c_fault(self._name, self._bus, exc) from exc

    def _is_idle(self) -> bool:
        return bool(self._register(ads1115.CONFIG_REGISTER)[0] & ads1115.IDLE >> 8)

    def _register(self, number: int) -> bytes:
        return bytes(self._bus.read_i2c_block_data(self._address, number, 2))

"""ADS1115 converter on I2C, through smbus2: voltages, 4-20 mA loops on a resistor, 0-10 V signals on a divider.

Each reading is one conversion of its own (single shot), so that points on one chip never see each other's input.
smbus2's word functions are little-endian and this chip is not: its registers are read as two bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode import ads1115
from hal.drivers.i2c_chip import I2cChip
from hal.sample import Channel, Sample

SPARE_S: Final = 0.020
TRIES: Final = 20  # looks at a conversion that takes longer than its name, each a twentieth of it
TRANSFERS_S: Final = 0.0018
"""Start, one look, result at 100 kHz (1.3 ms), and what a thread takes to wake up."""

Input = Literal["AIN0", "AIN1", "AIN2", "AIN3", "AIN0-AIN1", "AIN0-AIN3", "AIN1-AIN3", "AIN2-AIN3"]
FullScaleMv = Literal[6144, 4096, 2048, 1024, 512, 256]


class Ads1115Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on an ADS1115; up to four points, one an input.

    A 4-20 mA transmitter of 0 to 10 bar: shunt_ohm = 150, low = 0, high = 10, unit = "bar". A 0-10 V signal on 20 and
    10 kΩ: divider = 3, with low and high the same way.
    """

    address: Annotated[int, Meta(ge=0x48, le=0x4B, description="0x48 to 0x4b: pin ADDR to GND, VDD, SDA, SCL")] = 0x48
    input: Annotated[Input, Meta(description="against ground, or the difference of two")]
    full_scale_mv: Annotated[
        FullScaleMv,
        Meta(description="measuring range, plus and minus; the input itself must stay between ground and supply"),
    ] = 4096
    rate_per_s: Annotated[
        Literal[8, 16, 32, 64, 128, 250, 475, 860], Meta(description="conversions a second: slower is quieter")
    ] = 128
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
    divider: Annotated[
        float, Meta(ge=1, le=1000, description="volts of the signal for a volt at the input: (R1 + R2) / R2")
    ] = 1.0
    low: (
        Annotated[float, Meta(description="the value, in `unit`, at 4 mA (with shunt_ohm) or at 0 V; with high")] | None
    ) = None
    high: Annotated[float, Meta(description="the value at 20 mA or at 10 V; with low")] | None = None

    def __post_init__(self) -> None:
        """Refuse half of a scaling, and a divider on a loop."""
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high go together: the value at 4 and at 20 mA, or at 0 and at 10 V")
        if self.low is not None and self.low == self.high:
            raise ValueError("low and high are the same value")
        if self.shunt_ohm is not None and self.divider != 1:
            raise ValueError("a loop has shunt_ohm and no divider")


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
        """Return a gauge in V, or in mA with a shunt; with low and high it has the unit that the point says."""
        if options.low is not None:
            return Channel(kind="gauge")
        return Channel(kind="gauge", unit="V" if options.shunt_ohm is None else "mA")

    @staticmethod
    def busy_s(options: Ads1115Options) -> float:
        """Return the time of a conversion at its slowest and of its transfers: 3.1 ms at 860 a second."""
        return ads1115.SLOWEST / options.rate_per_s + TRANSFERS_S

    def __init__(self, bus: Any, points: Mapping[str, Ads1115Options]) -> None:
        """Keep the open bus and the points; touch nothing yet."""
        self._points = {point: _plan(options) for point, options in points.items()}
        self._chip = I2cChip("ADS1115", bus, next(iter(points.values())).address)
        self._last: dict[str, bytes] = {}

    def open(self) -> None:
        """Ask for the configuration, so that an absent chip is named at the start. Raises DriverError."""
        self._chip.register(ads1115.CONFIG_REGISTER, 2)

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return one conversion for each due point. Raises DriverError when the chip does not answer."""
        samples = []
        for point in due:
            plan = self._points[point]
            register = self._last[point] = self._convert(plan)
            samples.append(Sample(point, now_ns, *ads1115.outcome(register, plan.wiring)))
        return samples

    def raw(self, point: str) -> str:
        """Return the conversion register of the point's last reading, for a person who asks why."""
        return self._last.get(point, b"").hex(" ")

    def trace(self) -> bytes:
        """Return what the chip answered since the last call: configuration words and results."""
        return self._chip.trace()

    def close(self) -> None:
        """Nothing to give back: the bus belongs to all."""

    def _convert(self, plan: _Plan) -> bytes:
        chip = self._chip
        chip.set_register(ads1115.CONFIG_REGISTER, plan.word)
        give_up_s = chip.pace.monotonic_s() + ads1115.SLOWEST * plan.conversion_s + SPARE_S
        chip.pace.sleep(plan.conversion_s)  # one rest a conversion, not one a look
        while not ads1115.is_idle(config := chip.register(ads1115.CONFIG_REGISTER, 2)):
            if chip.pace.monotonic_s() >= give_up_s:
                raise chip.error("a conversion does not end; check its supply", "never_ready")
            chip.pace.sleep(plan.conversion_s / TRIES)
        if config != plan.word:  # the register is 0 then: 0 V would be shown of a chip that measured nothing
            raise chip.error(ads1115.FORGOTTEN, "bus_error")
        return chip.register(ads1115.CONVERSION_REGISTER, 2)


class _Plan(msgspec.Struct, frozen=True):
    """What a point's conversions have in common, worked out once."""

    word: bytes
    conversion_s: float
    wiring: ads1115.Wiring


def _plan(options: Ads1115Options) -> _Plan:
    word = ads1115.config_word(options.input, options.full_scale_mv, options.rate_per_s)
    wiring = ads1115.Wiring(options.full_scale_mv, options.shunt_ohm, options.divider, options.low, options.high)
    return _Plan(word.to_bytes(2, "big"), 1 / options.rate_per_s, wiring)

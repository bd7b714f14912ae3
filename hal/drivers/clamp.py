"""Current clamps on an ADS1115 on I2C, through smbus2: A measured; VA, W and kWh estimated from an assumed voltage.

Each measurement is 0.2 s of single conversions at 860 a second, each with the time at which it began: nothing is read
twice or missed, and no conversion of another input is ever taken for one of this (continuous conversion gives both).
The energy is counted by us from 0 at each opening, like pulses, and the station goes on from where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode import ads1115
from hal.decode.clamp import LEAST_SAMPLES, SPAN_S, Wave, wave
from hal.drivers.ads1115 import FullScaleMv, Input
from hal.drivers.i2c_chip import I2cChip
from hal.sample import BAD, GOOD, UNCERTAIN, Channel, Sample

RATE_PER_S: Final = 860
CONVERTS_S: Final = ads1115.SLOWEST / RATE_PER_S + 0.0001  # at its slowest, and waking up
FASTEST: Final = 0.9  # the other end of the data sheet's tolerance
CLOCKED_PER_S: Final = 8
"""The rate at which the chip's clock is measured: of 125 ms a look of 0.5 ms is little."""
GIVE_UP_S: Final = 3 * SPAN_S
LEAST_BIAS_V: Final = 0.2  # against ground: below it the negative half waves are cut off
MWH_A_WATT_SECOND: Final = 1 / 3.6
UNITS: Final = {"current": "A", "apparent": "VA", "power": "W"}


class ClampOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on a current clamp; four clamps fit on one ADS1115, each with up to four points.

    A clamp that says 30 A / 1 V: amps_per_volt = 30. One that says 100 A / 50 mA (2000 turns) on 33 Ω: 2000 / 33, 60.6.
    """

    address: Annotated[int, Meta(ge=0x48, le=0x4B, description="0x48 to 0x4b: pin ADDR to GND, VDD, SDA, SCL")] = 0x48
    input: Annotated[Input, Meta(description="with its bias against ground, or the difference of two without one")]
    channel: Annotated[
        Literal["current", "apparent", "power", "energy"],
        Meta(
            description="A; or VA, W, kWh, estimated with `volts` and `power_factor`, without a sign: in or out alike"
        ),
    ] = "current"
    amps_per_volt: Annotated[float, Meta(gt=0, le=10_000, description="A in the wire for a volt at the input")]
    volts: Annotated[float, Meta(gt=0, le=1000, description="assumed mains voltage")] = 230.0
    power_factor: Annotated[float, Meta(gt=0, le=1, description="assumed: W for a VA")] = 1.0
    zero_below_a: Annotated[
        float, Meta(ge=0, description="a smaller current is 0: what the converter makes of none at all")
    ] = 0.1
    full_scale_mv: Annotated[
        FullScaleMv, Meta(description="measuring range, plus and minus: bias and peak must fit into it")
    ] = 4096


class Clamp:
    """One chip with the clamps on its inputs."""

    bus_kind: ClassVar[str] = "i2c"
    Options: ClassVar[type[msgspec.Struct]] = ClampOptions

    @staticmethod
    def device(options: ClampOptions) -> str:
        """Return its address, such as 0x48."""
        return f"0x{options.address:02x}"

    @staticmethod
    def channel(options: ClampOptions) -> Channel:
        """Return a gauge in A, VA or W, or a counter of mWh that stands in kWh."""
        if options.channel == "energy":
            return Channel(kind="counter", unit="kWh", scale=1e-6, volatile=True)
        return Channel(kind="gauge", unit=UNITS[options.channel])

    @staticmethod
    def busy_s(options: ClampOptions) -> float:
        """Return the time of one clamp's measurement, which holds the bus: 0.22 s."""
        return SPAN_S + 0.015

    @staticmethod
    def measurement(options: ClampOptions) -> str:
        """Return its input: all points on one input share a measurement."""
        return f"{options.input} {options.full_scale_mv}"

    def __init__(self, bus: Any, points: Mapping[str, ClampOptions]) -> None:
        """Keep the open bus and the points; touch nothing yet."""
        self._points = dict(points)
        self._chip = I2cChip("ADS1115", bus, next(iter(points.values())).address)
        self._energies = {point: Energy() for point, o in self._points.items() if o.channel == "energy"}
        self._waves: dict[str, Wave] = {}
        self._conversion_s = 1 / RATE_PER_S
        self._has_begun = False

    def open(self) -> None:
        """Measure the chip's clock by one slow conversion: 0.13 s; energies begin at 0. Raises DriverError."""
        self._conversion_s = self._slowness() / RATE_PER_S
        self._energies = {point: Energy() for point in self._energies}
        self._has_begun = False

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the due points' samples, of one measurement an input. Raises DriverError when the chip is silent."""
        found: dict[str, Wave | str] = {}
        for point in due:
            options = self._points[point]
            key = self.measurement(options)
            if key not in found:
                found[key] = self._measure(options)
        for point, energy in self._energies.items():
            options = self._points[point]
            measured = found.get(self.measurement(options))
            if measured is not None:
                energy.go_on(now_ns, None if isinstance(measured, str) else _watts(options, measured))
        samples = [self._sample(point, found[self.measurement(self._points[point])], now_ns) for point in due]
        return (self._begin(due, now_ns) if due else []) + samples

    def raw(self, point: str) -> str:
        """Return what the last measurement saw at the input, before it became amperes."""
        seen = self._waves.get(self.measurement(self._points[point]))
        if seen is None:
            return ""
        return f"{seen.rms:.4f} V effective at {seen.hz:.1f} Hz, bias {seen.mean:.3f} V"

    def trace(self) -> bytes:
        """Return the conversions since the last call, two bytes each."""
        return self._chip.trace()

    def close(self) -> None:
        """Nothing to give back: the bus belongs to all."""

    def _begin(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return, at the first read, 0 for each index not due: the station knows a new count by its going down."""
        if self._has_begun:
            return []
        self._has_begun = True
        return [
            Sample(point, now_ns, 0, UNCERTAIN, "estimated")
            for point in self._energies
            if point not in due
        ]  # fmt: skip

    def _sample(self, point: str, measured: Wave | str, now_ns: int) -> Sample:
        if isinstance(measured, str):
            return Sample(point, now_ns, None, BAD, measured)
        options = self._points[point]
        if options.channel == "current":
            return Sample(point, now_ns, _amperes(options, measured), GOOD)
        if options.channel == "energy":
            return Sample(point, now_ns, self._energies[point].mwh, UNCERTAIN, "estimated")
        factor = options.volts * (options.power_factor if options.channel == "power" else 1.0)
        value = round(_amperes(options, measured) * factor, 2)
        return Sample(point, now_ns, value, UNCERTAIN, "estimated")

    def _measure(self, options: ClampOptions) -> Wave | str:
        """Return what the input shows over ten mains periods, or the reason why nobody can tell."""
        times, registers = self._conversions(options)
        if any(ads1115.is_clipped(register) for register in registers):
            return "over_range"
        volts = [ads1115.volts(register, options.full_scale_mv) for register in registers]
        seen = wave(times, volts, conversion_s=self._conversion_s)
        if seen is None:
            cure = "take a faster bus (dtparam=i2c_arm_baudrate=400000) or fewer devices on it"
            raise self._chip.error(f"{len(times)} conversions in {GIVE_UP_S:.1f} s are too few; {cure}", "bus_error")
        self._waves[self.measurement(options)] = seen
        if "-" not in options.input and seen.mean < LEAST_BIAS_V:
            return "out_of_range"
        return seen

    def _slowness(self) -> float:
        """Return how much longer the chip's conversions take than their rate's name says: 0.9 to 1.1."""
        chip, pace = self._chip, self._chip.pace
        word = ads1115.config_word("AIN0", 4096, CLOCKED_PER_S).to_bytes(2, "big")
        chip.set_register(ads1115.CONFIG_REGISTER, word)
        began_s = pace.monotonic_s()
        pace.sleep(FASTEST / CLOCKED_PER_S)
        while not ads1115.is_idle(chip.register(ads1115.CONFIG_REGISTER, 2)):
            if pace.monotonic_s() - began_s > 2 / CLOCKED_PER_S:
                raise chip.error("a conversion does not end; check its supply", "never_ready")
        slowness = (pace.monotonic_s() - began_s) * CLOCKED_PER_S
        return min(max(slowness, FASTEST), ads1115.SLOWEST)  # what lies outside is a machine that slept too long

    def _conversions(self, options: ClampOptions) -> tuple[list[float], list[bytes]]:
        """Return when each conversion of the span began, and its register."""
        chip, pace = self._chip, self._chip.pace
        word = ads1115.config_word(options.input, options.full_scale_mv, RATE_PER_S).to_bytes(2, "big")
        times: list[float] = []
        registers: list[bytes] = []
        began_s = pace.monotonic_s()
        span_s = 0.0
        while (span_s < SPAN_S or len(times) < LEAST_SAMPLES) and span_s < GIVE_UP_S:
            chip.set_register(ads1115.CONFIG_REGISTER, word)
            times.append(pace.monotonic_s())
            pace.sleep(CONVERTS_S)
            registers.append(chip.register(ads1115.CONVERSION_REGISTER, 2))
            span_s = times[-1] - began_s
        config = chip.register(ads1115.CONFIG_REGISTER, 2)
        if not ads1115.is_idle(config):
            raise chip.error("a conversion does not end; check its supply", "never_ready")
        if config != word:
            raise chip.error(ads1115.FORGOTTEN, "bus_error")
        return times, registers


class Energy:
    """Energy since opening: power between two measurements by a straight line."""

    __slots__ = ("_at_ns", "_mwh", "_watts")

    def __init__(self) -> None:
        self._mwh = 0.0
        self._at_ns = 0
        self._watts: float | None = None

    @property
    def mwh(self) -> int:
        """Whole mWh since opening."""
        return int(self._mwh)

    def go_on(self, now_ns: int, watts: float | None) -> None:
        """Take a new power; with None, or after it, nobody knows what was used in between, and nothing is added."""
        if watts is not None and self._watts is not None:
            self._mwh += (self._watts + watts) / 2 * (now_ns - self._at_ns) / 1e9 * MWH_A_WATT_SECOND
        self._at_ns, self._watts = now_ns, watts


def _amperes(options: ClampOptions, seen: Wave) -> float:
    """Return amperes; 0 below what the settings call noise."""
    ampere = seen.rms * options.amps_per_volt
    return round(ampere, 4) if ampere >= options.zero_below_a else 0.0


def _watts(options: ClampOptions, seen: Wave) -> float:
    return _amperes(options, seen) * options.volts * options.power_factor

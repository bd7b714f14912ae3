"""Simulated current clamps on an ADS1115: mains waves with harmonics, averaged by a converter whose clock is off."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from hal.decode import ads1115
from hal.pace import Pace

WAKES_UP_S = 25e-6  # SBAS444 §7.5: from the start of a single conversion


class MainsCurrent:
    """What a clamp gives: `ampere` effective, harmonics included, on a bias that drifts."""

    def __init__(
        self,
        ampere: float,
        *,
        hz: float = 50.0,
        harmonics: Mapping[int, float] | None = None,
        amps_per_volt: float = 30.0,
        bias_v: float = 1.65,
        drift_v_per_s: float = 0.0,
    ) -> None:
        """`harmonics`: number of each -> its share of the fundamental; each has a phase of its own."""
        self.ampere = ampere
        self.bias_v = bias_v
        self._hz = hz
        self._amps_per_volt = amps_per_volt
        self._drift_v_per_s = drift_v_per_s
        parts = {1: 1.0, **(harmonics or {})}
        whole = math.sqrt(sum(share * share for share in parts.values()))
        self._parts = [(2 * math.pi * n * hz, share / whole, 0.7 * n * n) for n, share in parts.items()]

    def mean_volt(self, begin_s: float, end_s: float) -> float:
        """Return the mean voltage over a conversion."""
        peak = self.ampere / self._amps_per_volt * math.sqrt(2)
        area = sum(
            peak * share / omega * (math.cos(omega * begin_s + phase) - math.cos(omega * end_s + phase))
            for omega, share, phase in self._parts
        )
        return area / (end_s - begin_s) + self.bias_v + self._drift_v_per_s * end_s


class ClampChip:
    """An ADS1115 with a clamp on each of its inputs, by the time of `pace`; single conversions against ground."""

    def __init__(self, pace: Pace, *clamps: MainsCurrent, slowness: float = 1.0, noise_v: float = 125e-6) -> None:
        """`slowness`: how much longer a conversion takes than its rate's name says, 0.9 to 1.1."""
        self.clamps = list(clamps)
        self.is_stuck = False
        """Conversions begin and never end."""
        self._pace = pace
        self._slowness = slowness
        self._noise_v = noise_v
        self._random = random.Random(20_261_121)
        self._pointer = 0
        self._config = 0x8583
        self._register = bytes(2)
        self._ends_s = 0.0
        self._is_busy = False

    def write(self, octets: bytes) -> None:
        """Take the register's number and, for the configuration, its word."""
        self._finish()
        self._pointer = octets[0]
        if self._pointer == ads1115.CONFIG_REGISTER and len(octets) == 3:
            self._config = int.from_bytes(octets[1:], "big")
            per_s = ads1115.RATES_PER_S[self._config >> 5 & 7]
            self._ends_s = self._pace.monotonic_s() + WAKES_UP_S + self._slowness / per_s
            self._is_busy = bool(self._config & ads1115.IDLE)

    def read(self, length: int) -> bytes:
        """Return the register that was named last."""
        self._finish()
        if self._pointer == ads1115.CONVERSION_REGISTER:
            return self._register[:length]
        word = self._config & ~ads1115.IDLE | (0 if self._is_busy else ads1115.IDLE)
        return word.to_bytes(2, "big")[:length]

    def _finish(self) -> None:
        if not self._is_busy or self.is_stuck or self._pace.monotonic_s() < self._ends_s:
            return
        self._is_busy = False
        number = (self._config >> 12 & 7) - 4  # AIN0 to AIN3 against ground
        begin_s = self._ends_s - self._slowness / ads1115.RATES_PER_S[self._config >> 5 & 7]
        volt = 0.0
        if 0 <= number < len(self.clamps):
            volt = self.clamps[number].mean_volt(begin_s, self._ends_s) + self._random.gauss(0, self._noise_v)
        full_scale_mv = ads1115.FULL_SCALES_MV[min(self._config >> 9 & 7, 5)]
        self._register = ads1115.register_from_volts(volt, full_scale_mv)

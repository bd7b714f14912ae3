"""Current clamps: the effective (RMS) value of a mains current from single conversions and their times.

A thread wakes up when it wants, so nothing here counts samples or trusts an interval: a curve of the mains' frequency
and its harmonics is fitted to the samples where they lie in time (least squares), with a bias that may drift. The
frequency is found in the samples too. Each harmonic is put right for what the converter's averaging takes away,
sinc(f × conversion time) (SBAS444, digital filter); what no harmonic explains counts as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from typing import Final

import msgspec

SPAN_S: Final = 0.205
"""A little more than ten periods of 50 Hz, or twelve of 60 Hz."""
LEAST_SPAN_S: Final = 0.9 * SPAN_S
LEAST_SAMPLES: Final = 48
"""For twelve unknowns; at 100 kHz a bus brings 90 in the span."""
CANDIDATES_HZ: Final = (50.0, 60.0)
OFF_HZ: Final = 4.0  # how far a generator set may be off; more is no mains
NOTHING: Final = 1e-15  # V²: what rounding leaves of samples that are all alike; a step of the converter is 10⁻¹⁰
HARMONICS: Final = (1, 2, 3, 5, 7)  # a diode's half wave has even ones


class Wave(msgspec.Struct, frozen=True):
    """What the samples say: effective value without the bias, the bias, and the mains' frequency (0: none found)."""

    rms: float
    mean: float
    hz: float


def wave(times_s: Sequence[float], values: Sequence[float], *, conversion_s: float) -> Wave | None:
    """Return what the samples say, or None where they are too few or too short for it.

    `conversion_s` is what one conversion averages; an error of 10 % in it is one of 0.1 % in a sine.
    """
    if len(times_s) < LEAST_SAMPLES or times_s[-1] - times_s[0] < LEAST_SPAN_S:
        return None
    mean = sum(values) / len(values)
    swings = [value - mean for value in values]
    square = sum(swing * swing for swing in swings) / len(swings)
    if square < NOTHING:
        return Wave(0.0, mean, 0.0)
    middle_s = (times_s[0] + times_s[-1]) / 2
    times = [at_s - middle_s for at_s in times_s]
    hz = _frequency(times, swings, square)
    if hz == 0:
        return Wave(math.sqrt(square), mean, 0.0)
    rows = _columns(times, hz, HARMONICS, drifts=True)
    fitted = _least_squares(rows, swings)
    total = _unexplained(rows, swings, fitted)
    for place, number in enumerate(HARMONICS):
        real, imaginary = fitted[2 + 2 * place], fitted[3 + 2 * place]
        x = math.pi * number * hz * conversion_s
        total += (real * real + imaginary * imaginary) / 2 * (x / math.sin(x)) ** 2
    return Wave(math.sqrt(total), mean + fitted[0], hz)


def _frequency(times: Sequence[float], swings: Sequence[float], square: float) -> float:
    """Return the mains' frequency, or 0 where less than a quarter of the whole swings at any: noise, or no mains.

    It is refined by how far its phase goes on between the halves of the span: once near it, with all harmonics.
    """
    hz = max(CANDIDATES_HZ, key=lambda candidate: _power(times, swings, candidate))
    if _power(times, swings, hz) < 0.25 * square:
        return 0.0
    for _ in range(2):
        off_hz = _off(times, swings, hz)
        if abs(off_hz) > OFF_HZ:
            return 0.0
        hz += off_hz
    return hz


def _power(times: Sequence[float], swings: Sequence[float], hz: float) -> float:
    """Return the mean square of what swings at this frequency."""
    _, real, imaginary = _least_squares(_columns(times, hz, (1,), drifts=False), swings)
    return (real * real + imaginary * imaginary) / 2


def _off(times: Sequence[float], swings: Sequence[float], hz: float) -> float:
    """Return how much higher than `hz` the frequency is, in Hz."""
    half = len(times) // 2
    angles = []
    for part in (slice(0, half), slice(half, None)):
        fitted = _least_squares(_columns(times[part], hz, HARMONICS, drifts=False), swings[part])
        angles.append(math.atan2(-fitted[2], fitted[1]))
    apart_s = (times[-1] + times[half] - times[half - 1] - times[0]) / 2
    return math.remainder(angles[1] - angles[0], 2 * math.pi) / (2 * math.pi * apart_s)


def _columns(times: Sequence[float], hz: float, harmonics: Sequence[int], *, drifts: bool) -> list[list[float]]:
    """Return for each instant 1, with `drifts` the time, and cosine and sine of each harmonic."""
    omega = 2 * math.pi * hz
    rows = []
    for at_s in times:
        row = [1.0, at_s] if drifts else [1.0]
        for number in harmonics:
            angle = number * omega * at_s
            row += (math.cos(angle), math.sin(angle))
        rows.append(row)
    return rows


def _least_squares(rows: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    """Return the factors of the columns that come nearest to the values: normal equations, by Cholesky."""
    columns = list(zip(*rows, strict=True))
    lower: list[list[float]] = []
    right: list[float] = []
    for place, column in enumerate(columns):
        line: list[float] = []
        for before in range(place):
            inner = sum(map(mul, column, columns[before]))
            row = lower[before]
            line.append((inner - sum(map(mul, line, row))) / row[before])
        pivot = sum(map(mul, column, column)) - sum(map(mul, line, line))
        line.append(math.sqrt(max(pivot, 1e-12)))
        lower.append(line)
        right.append((sum(map(mul, column, values)) - sum(map(mul, line, right))) / line[place])
    found = [0.0] * len(columns)
    for place in reversed(range(len(columns))):
        rest = sum(lower[after][place] * found[after] for after in range(place + 1, len(columns)))
        found[place] = (right[place] - rest) / lower[place][place]
    return found


def _unexplained(rows: Sequence[Sequence[float]], values: Sequence[float], fitted: Sequence[float]) -> float:
    """Return the mean square of what the fit leaves, for as many values as it left free."""
    left: float = sum((value - sum(map(mul, row, fitted))) ** 2 for row, value in zip(rows, values, strict=True))
    return left / (len(values) - len(fitted))

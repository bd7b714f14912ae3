"""The demonstration site as functions of time: the same ones whether a simulated bus plays them or virtual time does.

All take seconds since the start. The boiler overheats within the first seconds, so that someone who looks sees an alarm
begin and end, and again every three hours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

DAY_S: Final = 86_400.0
BOILER_EVERY_S: Final = 3 * 3600.0
BOILER_RISE_S: Final = 10.0
BOILER_HOT_S: Final = 55.0
BOILER_FALL_S: Final = 90.0


def wave(t_s: float, mean: float, swing: float, period_s: float, phase: float = 0.0) -> float:
    """Return a smooth value that swings around its mean."""
    return mean + swing * math.sin(2 * math.pi * (t_s / period_s + phase))


def boiler_flow_c(t_s: float) -> float:
    """Return the boiler's flow temperature in °C: 78, up to 92.5 for the best part of a minute, and back.

    >>> boiler_flow_c(0.0), boiler_flow_c(30.0)
    (78.0, 92.5)
    """
    in_cycle_s = t_s % BOILER_EVERY_S
    if in_cycle_s < BOILER_RISE_S:
        return 78.0 + 14.5 * in_cycle_s / BOILER_RISE_S
    if in_cycle_s < BOILER_HOT_S:
        return 92.5
    if in_cycle_s < BOILER_FALL_S:
        return 92.5 - 20.5 * (in_cycle_s - BOILER_HOT_S) / (BOILER_FALL_S - BOILER_HOT_S)
    return wave(in_cycle_s - BOILER_FALL_S, 72.0, 4.0, 900.0)


def power_va(t_s: float) -> float:
    """Return the site's apparent power in VA: a base, the day, and a kettle now and then."""
    day = max(0.0, wave(t_s, 0.0, 1.0, DAY_S, -0.25))
    kettle = 1900.0 if t_s % 600 < 120 else 0.0
    return 620.0 + 1400.0 * day + kettle + 90.0 * math.sin(t_s / 7.0)


def pulses_per_second(number: int, t_s: float) -> float:
    """Return the rate of pulse meter `number` (0, 1, …); meter 0 is the cold water, which rests at night."""
    if number == 0:
        return max(0.0, wave(t_s, 0.17, 0.12, 3600.0)) if wave(t_s, 0.0, 1.0, DAY_S, 0.2) > -0.7 else 0.0
    return 0.05 + 0.11 * number * (1 + 0.3 * math.sin(t_s / (300.0 + 40 * number)))


def is_door_closed(t_s: float) -> bool:
    """Return whether the north door is closed: opened for a quarter of an hour every four hours."""
    return not 40.0 <= t_s % (4 * 3600.0) < 940.0


PROFILES: Final[dict[str, Callable[[float], float]]] = {
    "boiler.flow": boiler_flow_c,
    "boiler.return": lambda t_s: boiler_flow_c(max(0.0, t_s - 20)) - 14.0,
    "t.cellar": lambda t_s: wave(t_s, 12.5, 0.8, DAY_S),
    "lab.t": lambda t_s: wave(t_s, 20.6, 0.9, 7200.0),
    "lab.rh": lambda t_s: wave(t_s, 47.0, 6.0, 7200.0, 0.5),
}


def profile(point: str, mean: float, swing: float) -> Callable[[float], float]:
    """Return the course of a point; one that the site does not know swings around `mean` within half an hour."""
    known = PROFILES.get(point)
    if known is not None:
        return known
    phase = sum(point.encode()) % 97 / 97
    return lambda t_s: wave(t_s, mean, swing, 1800.0, phase)

"""Which momentary values of one frame do not agree with each other: power against current × voltage.

IINST and IRMS are whole amperes; historique has no voltage, so 230 V ± 13 % stands for it. Power reads 0 while the site
injects, whatever the current. Which of the values is wrong can't be known: all of them are in doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Final

LOW_V: Final = 200.0
HIGH_V: Final = 260.0
ROUNDING_A: Final = 0.6
ROUNDING_V: Final = 1.0
PAPP_STEP_VA: Final = 10.0
MEAN_DEVIATION: Final = 0.15  # of a second's voltage from the mean of ten minutes

_WARNINGS: Final = frozenset({"ADPS", "ADIR1", "ADIR2", "ADIR3"})

Values = Mapping[str, int]
"""The momentary values of one frame by label, and the ten-minute voltages."""


def doubtful(values: Values, mode: str) -> tuple[str, ...]:
    """Return the labels whose values disagree; empty for a frame in order, and for what cannot be compared."""
    if mode == "standard":
        return _standard(values)
    return _historique(values) if mode == "historique" else ()


def _historique(values: Values) -> tuple[str, ...]:
    power = values.get("PAPP")
    single = values.get("IINST")
    if single is not None:
        labels: tuple[str, ...] = ("IINST",)
        total = single
    else:
        labels = ("IINST1", "IINST2", "IINST3")
        phases = [values.get(label) for label in labels]
        if None in phases:
            return _overload(values, labels)
        total = sum(amperes or 0 for amperes in phases)
    if power is None:
        return _overload(values, labels)
    slack = ROUNDING_A * len(labels)
    if power > (total + slack) * HIGH_V + PAPP_STEP_VA:
        return ("PAPP", *labels)
    if power and power < (total - slack) * LOW_V - PAPP_STEP_VA:
        return ("PAPP", *labels)
    return _overload(values, labels)


def _overload(values: Values, currents: tuple[str, ...]) -> tuple[str, ...]:
    """Compare an overload warning with the current of its phase: it repeats it within a frame's time."""
    if _WARNINGS.isdisjoint(values):
        return ()
    for label, current in (("ADPS", "IINST"), ("ADIR1", "IINST1"), ("ADIR2", "IINST2"), ("ADIR3", "IINST3")):
        warned = values.get(label)
        measured = values.get(current) if warned is not None and current in currents else None
        if warned is not None and measured is not None and abs(warned - measured) > max(3, measured // 4):
            return (label, current)
    return ()


def _standard(values: Values) -> tuple[str, ...]:
    found: list[str] = []
    drawn = values.get("SINSTS")
    injected = values.get("SINSTI")
    if values.get("IRMS2") is None and values.get("SINSTS2") is None:
        if drawn is not None and not _explained(values, "1", max(drawn, injected or 0)):
            found += ("SINSTS", "IRMS1", "URMS1", *(("SINSTI",) if injected else ()))
    else:
        powers: list[int | None] = []
        for phase in "123":
            power = values.get(f"SINSTS{phase}")
            powers.append(power)
            if power is not None and not injected and not _explained(values, phase, power):
                found += (f"SINSTS{phase}", f"IRMS{phase}", f"URMS{phase}")
        known = [power for power in powers if power is not None]
        if drawn and len(known) == 3 and not _is_some_sum(drawn, known):
            found += ("SINSTS", "SINSTS1", "SINSTS2", "SINSTS3")
    for phase in "123":
        now = values.get(f"URMS{phase}")
        mean = values.get(f"UMOY{phase}") if now else None
        if now and mean and abs(now - mean) > MEAN_DEVIATION * mean:
            found.append(f"URMS{phase}")
    return tuple(found)


def _explained(values: Values, phase: str, power: int) -> bool:
    """Say whether current × voltage of the phase can give this power; true when one of them is missing."""
    current = values.get(f"IRMS{phase}")
    voltage = values.get(f"URMS{phase}")
    if current is None or voltage is None:
        return True
    high = (current + ROUNDING_A) * (voltage + ROUNDING_V) + PAPP_STEP_VA
    low = (current - ROUNDING_A) * (voltage - ROUNDING_V) - PAPP_STEP_VA
    return power <= high and (not power or power >= low)


def _is_some_sum(total: int, phases: list[int]) -> bool:
    """Say whether the total is the sum of the phases, each drawn or injected."""
    slack = PAPP_STEP_VA + 0.01 * sum(phases)
    signs = product((1, -1), repeat=3)
    return any(abs(total - abs(sum(s * p for s, p in zip(sign, phases, strict=True)))) <= slack for sign in signs)

"""What a power or current is a share of: the subscribed power that the same electricity meter tells.

ISOUSC is the subscribed current of a phase in A: Enedis counts 200 V, so 9 kVA on one phase are 45 A and on three 15 A
each (Enedis-NOI-CPT_54E: PREF / 200 V, / 3 on three phases). PREF is the power of all phases in kVA.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from edge.core.conversion import factor

VOLTS: Final = 200.0
TELLS: Final = ("ISOUSC", "PREF")
OF_A_PHASE: Final = ("IINST", "IRMS", "SINSTS", "URMS", "ADIR", "IMAX", "SMAXSN")


class Tapped(NamedTuple):
    """A point as far as it matters here; bus, meter and label are those of a Téléinfo point."""

    id: str
    unit: str
    bus: str = ""
    meter: str = ""
    label: str = ""


def tapped(name: str, unit: str, bus: str, options: Any) -> Tapped:
    """Return a point by the typed options of its driver, whatever that is."""
    return Tapped(name, unit, bus, getattr(options, "meter", ""), getattr(options, "label", ""))


def told_by(own: Tapped, points: Iterable[Tapped]) -> Tapped | None:
    """Return the point that tells the subscribed power of the meter that the own one is on; None where there is none.

    A meter tells one of both, by its mode.
    """
    if not own.label:
        return None
    here = [point for point in points if (point.bus, point.meter) == (own.bus, own.meter)]
    return next((point for label in TELLS for point in here if point.label == label), None)


def phases_of(own: Tapped, points: Iterable[Tapped]) -> int:
    """Return 3 where a label of the meter names a second or third phase, else 1."""
    here = [point for point in points if own.label and (point.bus, point.meter) == (own.bus, own.meter)]
    return 3 if any(_phase(point.label) in {"2", "3"} for point in here) else 1


def share_factor(own: Tapped, of: Tapped, phases: int) -> float | None:
    """Return by what the subscribed power or current is multiplied for all of it in the unit of the own point.

    None where one is neither an apparent power nor a current.
    """
    own_amperes, own_va = factor("A", own.unit), factor("VA", own.unit)
    amperes, va = factor(of.unit, "A"), factor(of.unit, "VA")
    phase_va = None  # subscribed on one phase
    if amperes is not None:
        phase_va = amperes * VOLTS
    elif va is not None:
        phase_va = va / phases
    if phase_va is None:
        return None
    if own_amperes is not None:  # a current is of a phase
        return phase_va / VOLTS * own_amperes
    if own_va is None:
        return None
    return phase_va * own_va * (1 if phases == 3 and _phase(own.label) else phases)


def _phase(label: str) -> str:
    """Return the phase that a label names, or ""."""
    return label[-1] if label[:-1] in OF_A_PHASE and label[-1] in "123" else ""

"""What a reader of figures must know of a box and its points: units, sensors, calibrations in force, limits, clock.

Filled by the settings (edge.settings.facts) and, where somebody wrote it down on the box, by its inventory and
calibration book. Points that left the settings have no facts any more; what history knows of them remains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from edge.core.notes import Calibration, Device
from hal.sample import Kind


class CalibrationFacts(msgspec.Struct, frozen=True):
    """From this instant on: value = raw × scale + offset, in `unit`. `since_ms` None: nobody knows since when."""

    scale: float
    offset: float
    unit: str = ""
    since_ms: int | None = None


class LimitFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A limit of a point, its value in the point's unit; None where the kind has none (fault, stale, expression)."""

    id: str
    kind: str
    value: float | None = None
    priority: str = ""
    unit: str = ""
    """Of the value, where that is not the point's."""
    of: str = ""
    """The other point that is looked at: the limit itself where `value` is None."""
    per: str = ""
    over_s: float = 0.0
    rest_s: float = 0.0
    expression: str = ""


class PointFacts(msgspec.Struct, frozen=True):
    """One point as its reader needs it. `held_ms` > 0: with a deadband, a record's value stands that long unsaved."""

    point: str
    kind: Kind
    unit: str = ""
    name: dict[str, str] = {}
    place: str = ""
    equipment: str = ""
    role: str = ""
    properties: dict[str, str] = {}
    words: tuple[str, ...] = ()
    driver: str = ""
    device: str = ""
    serial: str = ""
    """The sensor's serial number, where it tells it or somebody wrote it down."""
    record_ms: int = 0
    held_ms: int = 0
    deadband: float = 0.0
    low: float | None = None
    high: float | None = None
    """Readings outside [low, high] are BAD `out_of_range`."""
    limits: tuple[LimitFacts, ...] = ()
    calibrations: tuple[CalibrationFacts, ...] = ()
    """Oldest first; the last one is in force."""


class BoxFacts(msgspec.Struct, frozen=True):
    """The box that tells, and what its clock is worth. `now_ms` is where its figures end."""

    id: str
    site: str = ""
    tz: str = "UTC"
    lang: str = "en"
    version: str = ""
    now_ms: int = 0
    is_simulated: bool = False
    """Its devices are simulated: the figures are of nothing real."""
    clock: str = ""
    """The word of edge.core.clock.TRUST in force now; "" where no station runs."""
    clock_error_ms: float | None = None
    """How far the clock may be off, where its source says so."""


def noted(
    facts: Iterable[PointFacts], calibrations: Mapping[str, Sequence[Calibration]], devices: Iterable[Device]
) -> list[PointFacts]:
    """Return the facts with what the box wrote down: all calibrations since when, serial numbers that devices told."""
    serials = {
        point: device.serial for device in devices if device.serial and not device.gone for point in device.points
    }
    found = []
    for known in facts:
        entries = tuple(
            CalibrationFacts(entry.scale, entry.offset, entry.unit, entry.since.utc_ms)
            for entry in calibrations.get(known.point, ())
        )
        serial = serials.get(known.point) or known.serial
        found.append(msgspec.structs.replace(known, serial=serial, calibrations=entries or known.calibrations))
    return found

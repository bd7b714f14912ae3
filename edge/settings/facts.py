"""From a site's file to what a reader of its figures must know of each point."""

from __future__ import annotations

from edge.core.facts import BoxFacts, CalibrationFacts, LimitFacts, PointFacts
from edge.core.limit import STATES
from edge.core.measure import PERCENT
from edge.core.types import NEVER, LimitSpec, PointSpec
from edge.settings.model import PointEntry, Settings
from edge.settings.model_limits import ORDERED
from edge.settings.packaged import product_version
from edge.settings.specs import made_specs, point_spec, specs

SERIAL_OPTIONS = ("probe", "serial")
"""Options of drivers that are the sensor's own number."""
NUMBERLESS = frozenset({"fault", "stale", "expression"})
PLAIN = frozenset((*ORDERED, *STATES))
"""Kinds whose value is another point's reading where they name one."""


def box_facts(settings: Settings) -> BoxFacts:
    """Return the box as its settings know it, without a clock."""
    site = settings.site
    return BoxFacts(settings.box.id, site.name, site.tz, site.lang, product_version())


def point_facts(settings: Settings) -> list[PointFacts]:
    """Return all points of the site in the order of its file, each with the calibration that the file sets."""
    found = []
    by_point: dict[str, list[LimitSpec]] = {}
    for limit in specs(settings)[1]:
        by_point.setdefault(limit.point, []).append(limit)
    for entry in settings.points:
        spec = point_spec(entry)
        found.append(_facts(spec, by_point.get(spec.id, []), entry.point.driver, entry.device, _serial(entry)))
    pins = {output.id: f"GPIO{output.pin}" for output in settings.outputs}
    made = made_specs(settings)
    return found + [_facts(spec, by_point.get(spec.id, []), "", pins.get(spec.id, ""), "") for spec in made]


def _facts(spec: PointSpec, limits: list[LimitSpec], driver: str, device: str, serial: str) -> PointFacts:
    return PointFacts(
        point=spec.id,
        kind=spec.kind,
        unit=spec.unit,
        name=spec.name,
        place=spec.place,
        equipment=spec.equipment,
        role=spec.role,
        properties=spec.properties,
        words=spec.words,
        driver=driver,
        device=device,
        serial=serial,
        record_ms=spec.record_ms,
        held_ms=spec.heartbeat_ms if spec.deadband else 0,
        deadband=spec.deadband,
        low=None if spec.low == -NEVER else spec.low,
        high=None if spec.high == NEVER else spec.high,
        limits=tuple(_limit(limit) for limit in limits),
        calibrations=(CalibrationFacts(spec.scale, spec.offset, spec.unit),)
        if spec.kind in {"gauge", "counter"}
        else (),
    )


def _limit(limit: LimitSpec) -> LimitFacts:
    return LimitFacts(
        limit.id,
        limit.kind,
        None if limit.kind in NUMBERLESS or (limit.other and limit.kind in PLAIN) else limit.value,
        limit.priority,
        unit=PERCENT if limit.kind == "subscribed" else "",
        of=limit.other,
        per=limit.per,
        over_s=limit.over_ms / 1000,
        rest_s=limit.rest_ms / 1000,
        expression=limit.expression,
    )


def _serial(entry: PointEntry) -> str:
    return next((str(value) for name in SERIAL_OPTIONS if (value := getattr(entry.options, name, ""))), "")

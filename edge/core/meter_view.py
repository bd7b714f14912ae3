"""What the meters tell of themselves: index, what moved by period, how complete that is, the last act. For screens.

Numbers are exact decimals (texts in JSON); nothing is rounded or translated here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from edge.core.clock import Dating
from edge.core.engine import Engine
from edge.core.kinds import Counter
from edge.core.meter import Act
from edge.core.meters import Meters
from edge.core.peaks import Peaks, PeakStep
from edge.core.totals import Totals, TotalStep
from hal.sample import QUALITY_NAMES

PERIODS: Final[dict[str, tuple[TotalStep, int]]] = {
    "hour": ("hour", 0), "today": ("day", 0), "yesterday": ("day", 1), "week": ("week", 0), "month": ("month", 0),
    "last_month": ("month", 1), "year": ("year", 0), "last_year": ("year", 1),
}  # fmt: skip
SHORT: Final[tuple[TotalStep, ...]] = ("day", "month")
NO_METER: Final = frozenset({"", "s", "min", "h", "count"})
"""Units of what counts and is no meter, unless a [[meter]] table says so."""


class MeterPeriod(msgspec.Struct, frozen=True):
    """What moved in a local period so far; `completeness` is the share of its time that was watched, 0 to 1."""

    begin_ms: int
    end_ms: int
    moved: Decimal
    converted: Decimal | None
    """In the meter's `to_unit`; None where it has none, or a day has no coefficient."""
    completeness: float
    uncertain: float
    """The share of its time that is in doubt."""


class MeterAct(msgspec.Struct, frozen=True):
    """What a person did last."""

    kind: str
    utc_ms: int | None
    value: str
    author: str
    channel: str


class MeterView(msgspec.Struct, frozen=True):
    """One meter. A period of which nothing is known is not in `totals`."""

    point: str
    name: dict[str, str]
    place: str
    energy: str
    role: str
    unit: str
    to_unit: str
    index: float | None
    quality: str
    reason: str
    kept: bool
    """Whether the meter keeps its register: its index can't be set here."""
    worth: Decimal | None
    """What a unit is worth today, in `to_unit`."""
    totals: dict[str, MeterPeriod]
    act: MeterAct | None


def meters(engine: Engine, dating: Dating) -> list[MeterView]:
    """Return all meters of a site, in the order of its file: what counts, but for hours and numbers of times."""
    try:
        totals, known = engine.part(Totals), engine.part(Meters)
    except KeyError:
        return []
    return [
        _view(point, totals, known, dating)
        for point in engine.points.values()
        if isinstance(point, Counter) and (point.id in known.specs or point.spec.unit not in NO_METER)
    ]


def _view(point: Counter, totals: Totals, known: Meters, dating: Dating) -> MeterView:
    spec, said = point.spec, known.specs.get(point.id)
    coefficients = known.coefficients(point.id)
    to_unit = said.to_unit if said is not None else ""
    found = {}
    for name, (step, back) in PERIODS.items():
        total = totals.total(point.id, step, back)
        if total is None:
            continue
        converted = totals.converted(point.id, coefficients, step, back) if to_unit else None
        length_ms = max(total.until_ms - total.begin_ms, 1)
        found[name] = MeterPeriod(
            total.begin_ms, total.end_ms, total.moved, converted, round(total.completeness, 4),
            round(min(1.0, total.uncertain_ms / length_ms), 4),
        )  # fmt: skip
    today = totals.local_day()
    acts = known.acts.get(point.id, [])
    return MeterView(
        point.id, spec.name, spec.place, "" if said is None else said.energy, "" if said is None else said.role,
        spec.unit, to_unit, point.register.index, QUALITY_NAMES[point.quality], point.reason, not spec.volatile,
        coefficients.on(today) if to_unit and today is not None else None, found,
        _act(acts[-1], dating) if acts else None,
    )  # fmt: skip


def _act(act: Act, dating: Dating) -> MeterAct:
    return MeterAct(act.kind, dating.utc_ms(act.boot, act.at_ms), act.value, act.author, act.channel)


class ConsumptionView(msgspec.Struct, frozen=True):
    """What a meter of the settings moved today and this month, in `to_unit` where that is known; None: not known."""

    point: str
    name: dict[str, str]
    unit: str
    today: Decimal | None
    month: Decimal | None


def consumption(engine: Engine) -> list[ConsumptionView]:
    """Return the meters that the settings name, in short: what a screen can ask for each second."""
    try:
        totals, known = engine.part(Totals), engine.part(Meters)
    except KeyError:
        return []
    found = []
    for point in (engine.points[name] for name in known.specs if name in engine.points):
        to_unit, worth = known.specs[point.id].to_unit, known.coefficients(point.id)
        moved = [totals.total(point.id, step) for step in SHORT]
        figures = [None if total is None else total.moved for total in moved]
        converted = [totals.converted(point.id, worth, step) if to_unit else None for step in SHORT]
        unit = point.spec.unit
        if None not in converted:
            figures, unit = converted, to_unit
        found.append(ConsumptionView(point.id, point.spec.name, unit, figures[0], figures[1]))
    return found


class PeakOf(msgspec.Struct, frozen=True):
    """A peak, and when its record began."""

    value: float
    utc_ms: int


class PeakView(msgspec.Struct, frozen=True):
    """The peaks of one gauge by period (day, yesterday, month, last_month, year, last_year), where they are known."""

    point: str
    name: dict[str, str]
    unit: str
    peaks: dict[str, PeakOf]


PEAKS: Final[dict[str, tuple[PeakStep, int]]] = {
    "today": ("day", 0), "yesterday": ("day", 1), "month": ("month", 0), "last_month": ("month", 1),
    "year": ("year", 0), "last_year": ("year", 1),
}  # fmt: skip


def peaks(engine: Engine) -> list[PeakView]:
    """Return the peaks of a site, in the order of its file."""
    try:
        part = engine.part(Peaks)
    except KeyError:
        return []
    found = []
    for point in part.kept:
        spec = engine.points[point].spec
        told = {name: part.peak(point, step, back) for name, (step, back) in PEAKS.items()}
        known = {name: PeakOf(peak.value, peak.t_ms) for name, peak in told.items() if peak is not None}
        found.append(PeakView(point, spec.name, spec.unit, known))
    return found

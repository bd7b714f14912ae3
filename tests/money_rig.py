"""A site of priced meters: counters that are fed by increments at local instants, and the costs that come of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from edge.core.cost import Cost
from edge.core.costs import Costs
from edge.core.moved_days import MovedDays
from edge.core.tariff import Standing, Tariff
from edge.core.tariff_book import TariffBook
from edge.core.types import PointSpec
from hal.sample import BAD, GOOD, Sample
from tests.unit.rig import Rig

PARIS = ZoneInfo("Europe/Paris")
D = Decimal


def counter(name: str, **changes: Any) -> PointSpec:
    """Return a register that a meter keeps, read and recorded each quarter of an hour."""
    return PointSpec(
        **{"id": name, "kind": "counter", "unit": "kWh", "period_ms": 900_000, "record_ms": 900_000,
           "stale_ms": 3_000_000, **changes}
    )  # fmt: skip


def utc_ms(local: datetime, zone: ZoneInfo = PARIS) -> int:
    return round(local.replace(tzinfo=local.tzinfo or zone).timestamp() * 1000)


class MoneyRig(Rig):
    """A rig whose monotonic clock began at a UTC instant."""

    def __init__(self, tariffs: Sequence[Tariff], specs: Iterable[PointSpec], begin: int, **options: Any) -> None:
        self.tariffs = list(tariffs)
        self.begin = begin
        saved, saved_events = options.get("saved", {}), options.get("saved_events", {})
        parts = [MovedDays(self.tariffs, saved), TariffBook(self.tariffs, saved_events), Costs()]
        super().__init__(*specs, **{"utc_offset_ms": begin, "zone": PARIS, "parts": parts, **options})
        # what the logs hold stays there until something newer is written
        self.registers, self.event_registers = {**saved, **self.registers}, {**saved_events, **self.event_registers}

    def at(self, utc: int, values: Mapping[str, Any]) -> None:
        """Hand over one reading of each point at this UTC ms; None is BAD."""
        t_s = (utc - self.begin) / 1000
        samples = [
            Sample(name, round(t_s * 1e9), value, BAD if value is None else GOOD, "no_answer" if value is None else "")
            for name, value in values.items()
        ]
        self.cycle(t_s, *samples)
        self.tick(t_s)

    def again(self, utc: int, **options: Any) -> MoneyRig:
        """Return the next start, from what this one made durable."""
        return MoneyRig(
            options.pop("tariffs", self.tariffs), self.points, utc,
            **{"boot": self.engine.boot + 1, "saved": self.registers, "saved_events": self.event_registers, **options},
        )  # fmt: skip

    @property
    def costs(self) -> Costs:
        return self.engine.part(Costs)

    def cost(self, tariff: str, *days: date) -> Cost:
        return self.costs.of(tariff, days)


def local(utc: int) -> datetime:
    return datetime.fromtimestamp(utc / 1000, UTC).astimezone(PARIS)


def priced_site(**options: Any) -> MoneyRig:
    """Return a site at 22 h: 3 kWh of HP and 5 of HC since midnight, and a water meter that says nothing."""
    midnight = datetime(2026, 11, 21, tzinfo=PARIS)
    elec = Tariff(
        id="elec", valid_from=date(2026, 1, 1), currency="EUR", unit="kWh", name={"en": "Power", "fr": "Électricité"},
        prices={"HP": D("0.20"), "HC": D("0.15")}, points={"HP": "hp", "HC": "hc"},
        standing=(Standing("subscription", D(12)),),
    )  # fmt: skip
    water = Tariff(
        id="water", valid_from=date(2026, 1, 1), currency="EUR", unit="m3", name={"en": "Water", "fr": "Eau"},
        prices={"water": D("4.26")}, points={"water": "w"},
    )  # fmt: skip
    specs = [counter("hp"), counter("hc"), counter("w", unit="m3")]
    rig = MoneyRig([elec, water], specs, utc_ms(midnight + timedelta(minutes=30)), **options)
    for hour, hp, hc in ((0.5, 1000.0, 2000.0), (6, 1000.0, 2005.0), (22, 1003.0, 2005.0)):
        rig.at(utc_ms(midnight) + round(hour * 3_600_000), {"hp": hp, "hc": hc, "w": None})
    return rig

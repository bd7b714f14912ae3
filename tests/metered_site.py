"""A site of counters on a power supply that may fail: what was committed stays, all else is gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

import msgspec

from edge.core.clock import ClockEntry, Dating
from edge.core.engine import Engine
from edge.core.part import Part
from edge.core.series import HistoryRecord
from edge.core.totals import Totals
from edge.core.types import Event, PointSpec, Record
from hal.sample import BAD, GOOD, UNCERTAIN, Cycle, Sample

COMMIT_MS = 10_000


def counter(id_: str = "water.cold", **changes: Any) -> PointSpec:
    """Return a pulse meter of litres in m³, read each 10 s, a record a minute."""
    pulses = {
        "id": id_, "kind": "counter", "unit": "m3", "scale": 0.001, "volatile": True, "period_ms": 10_000,
        "record_ms": 60_000, "stale_ms": 60_000,
    }  # fmt: skip
    return PointSpec(**{**pulses, **changes})


def utc_ms(local: str, zone: tzinfo) -> int:
    """Return the UTC ms of a local time."""
    return round(datetime.fromisoformat(local).replace(tzinfo=zone).timestamp() * 1000)


class MeteredSite:
    """The engine as the station runs it: a commit each 10 s, registers in the frame of their records.

    Times are UTC ms; each start has a monotonic clock that begins at 0. `is_dated`: whether a start knows the time.
    """

    def __init__(
        self, specs: Sequence[PointSpec], zone: tzinfo, start_ms: int, *, is_dated: bool = True, **more: Any
    ) -> None:
        self.specs, self.zone, self.more = specs, zone, more
        self.durable: list[tuple[int, Record]] = []
        """What the log holds: start and record."""
        self.events: list[Event] = []
        self.registers: dict[str, Any] = {}
        self.event_registers: dict[str, Any] = {}
        self.dating = Dating()
        self.boot = 0
        self.start(start_ms, is_dated=is_dated)

    def parts(self) -> list[Part]:
        """Return the parts of a start."""
        return [Totals(self.registers)]

    def start(self, start_ms: int, *, is_dated: bool = True) -> None:
        """Switch the box on."""
        self.boot += 1
        self.start_ms = start_ms
        self._records: list[Record] = []
        self._moved: set[str] = set()
        self._next_ms = COMMIT_MS
        if is_dated:
            self.dating.add(ClockEntry(self.boot, 0, start_ms, "ntp"))
        self.engine = Engine(
            self.specs, self.more.get("limits", []), boot=self.boot, now_ms=0, utc_offset_ms=start_ms, zone=self.zone,
            saved=self.registers, saved_events=self.event_registers, power_cut=self.boot > 1, parts=self.parts(),
            is_dated=is_dated,
        )  # fmt: skip
        self.engine.dating = self.dating

    @property
    def totals(self) -> Totals:
        """The totals of the present start."""
        return self.engine.part(Totals)

    def read(self, at_ms: int, *samples: tuple[str, float | None]) -> None:
        """Take readings of points at an instant (UTC ms); None is BAD."""
        t_ms = at_ms - self.start_ms
        t_ns = t_ms * 1_000_000
        found = [
            Sample(point, t_ns, value, BAD if value is None else GOOD, "no_answer" if value is None else "")
            for point, value in samples
        ]
        self.engine.handle(Cycle("b", t_ns, found))
        self.pass_time(at_ms)

    def pass_time(self, at_ms: int) -> None:
        """Let time pass up to an instant, as the station does in a step."""
        t_ms = at_ms - self.start_ms
        self.engine.tick(t_ms)
        self._collect()
        if t_ms >= self._next_ms:
            self._next_ms = t_ms - t_ms % COMMIT_MS + COMMIT_MS
            self.commit()

    def _collect(self) -> None:
        actions = self.engine.take_actions()
        self._records += actions.records
        self._moved |= actions.moved
        self.registers.update(through_json(actions.registers))
        self.events += actions.events
        self.event_registers.update(through_json(actions.event_registers))

    def commit(self) -> None:
        """Make durable what was taken so far."""
        self._collect()
        self.registers.update(through_json(self.engine.registers_of(self._moved)))
        self.durable += [(self.boot, record) for record in self._records]
        self._records, self._moved = [], set()

    def kill(self, start_ms: int, *, is_dated: bool = True) -> None:
        """Cut the power, and switch on again at an instant: what was not committed is gone."""
        self.start(start_ms, is_dated=is_dated)

    def stop(self, at_ms: int) -> None:
        """Stop cleanly."""
        self.engine.close(at_ms - self.start_ms)
        self.commit()

    def date(self, at_ms: int, utc_now_ms: int | None = None) -> None:
        """Let a clock tell the time."""
        t_ms, utc_now_ms = at_ms - self.start_ms, at_ms if utc_now_ms is None else utc_now_ms
        self.dating.add(ClockEntry(self.boot, t_ms, utc_now_ms, "ntp"))
        self.engine.set_clock(utc_now_ms - t_ms)
        self._collect()

    def history(self, point: str) -> list[HistoryRecord]:
        """Return the records of a point that have a date, those not yet committed too."""
        found = []
        made = [*self._records, *self.engine.untaken.records]
        for boot, record in [*self.durable, *((self.boot, record) for record in made)]:
            dated_ms = self.dating.utc_ms(boot, record.start_ms)
            if record.point == point and dated_ms is not None:
                found.append(
                    HistoryRecord(
                        dated_ms, record.dt_ms, record.value, record.quality, record.reason, record.count,
                        record.mean, record.low, record.high, record.increment,
                    )
                )  # fmt: skip
        return sorted(found, key=lambda record: record.t_ms)


def local_period(t_ms: int, step: str, zone: tzinfo) -> tuple[int, ...]:
    """Return what names the local period of an instant: a computation of its own, by the fields of the local time."""
    local = datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(zone)
    if step == "hour":  # counted from midnight, so that the hour that comes twice is two
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)
        return (*local.timetuple()[:3], int((t_ms / 1000 - midnight.timestamp()) // 3600))
    if step == "week":
        return tuple(local.isocalendar()[:2])
    return local.timetuple()[: {"day": 3, "month": 2, "year": 1}[step]]


def independent(records: Iterable[HistoryRecord], step: str, zone: tzinfo) -> dict[tuple[int, ...], Decimal]:
    """Return what moved by local period: Decimal over the records, nothing of the product's."""
    found: dict[tuple[int, ...], Decimal] = {}
    for record in records:
        if record.increment is not None:
            period = local_period(record.t_ms, step, zone)
            found[period] = found.get(period, Decimal(0)) + Decimal(repr(record.increment))
    return found


def through_json(registers: dict[str, Any]) -> Any:
    """Return them as the log gives them back."""
    return msgspec.json.decode(msgspec.json.encode(registers))


__all__ = ["COMMIT_MS", "GOOD", "UNCERTAIN", "MeteredSite", "counter", "independent", "local_period", "utc_ms"]

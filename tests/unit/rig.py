"""An engine with its hands: feed it readings at instants in seconds, and look at what it made of them."""

from __future__ import annotations

from typing import Any

import msgspec

from edge.core.engine import Engine
from edge.core.types import Event, LimitSpec, PointSpec, Record
from hal.sample import BAD, GOOD, UNCERTAIN, Cycle, Notice, Sample


def gauge(**changes: Any) -> PointSpec:
    """Return a point "p" read each second, records of 10 s."""
    return PointSpec(**{"id": "p", "kind": "gauge", "period_ms": 1000, "record_ms": 10_000, **changes})


def high(value: float = 30.0, **changes: Any) -> LimitSpec:
    """Return a limit "l" on the point "p"."""
    return LimitSpec(**{"id": "l", "point": "p", "kind": "high", "value": value, **changes})


def sample(t_s: float, value: Any, why: str = "", point: str = "p") -> Sample:
    """Return GOOD without a reason, UNCERTAIN with one, BAD where there is no value."""
    quality = BAD if value is None else UNCERTAIN if why else GOOD
    return Sample(point, round(t_s * 1e9), value, quality, why)


class Rig:
    """One engine and all it has asked for so far."""

    def __init__(self, *specs: PointSpec | LimitSpec, now_s: float = 0.0, **options: Any) -> None:
        self.points = [spec for spec in specs if isinstance(spec, PointSpec)]
        self.limits = [spec for spec in specs if isinstance(spec, LimitSpec)]
        self.engine = Engine(self.points, self.limits, **{"boot": 1, "now_ms": round(now_s * 1000), **options})
        self.records: list[Record] = []
        self.events: list[Event] = []
        self.registers: dict[str, Any] = dict(options.get("saved") or {})
        self.event_registers: dict[str, Any] = dict(options.get("saved_events") or {})
        self.collect()

    def collect(self) -> None:
        """Take what the engine wants done, as the station does after each step."""
        actions = self.engine.take_actions()
        self.records += actions.records
        self.events += actions.events
        found = {**actions.registers, **self.engine.registers_of(actions.moved)}
        # through JSON, as the log keeps them
        self.registers.update(msgspec.json.decode(msgspec.json.encode(found)))
        self.event_registers.update(msgspec.json.decode(msgspec.json.encode(actions.event_registers)))

    def cycle(self, t_s: float, *samples: Sample, notices: list[Notice] | None = None, **more: Any) -> None:
        """Hand over one cycle of the bus "b"."""
        self.engine.handle(Cycle("b", round(t_s * 1e9), list(samples), notices or [], **more))
        self.collect()

    def read(self, t_s: float, value: Any, why: str = "") -> None:
        """Hand over one reading of the point "p", and let time pass as the station does."""
        self.cycle(t_s, sample(t_s, value, why))
        self.tick(t_s)

    def each_second(self, first_s: int, *values: Any) -> None:
        """Hand over readings of the point "p" at first_s, first_s + 1, …; None is BAD `no_answer`."""
        for number, value in enumerate(values):
            self.read(first_s + number, value, "no_answer" if value is None else "")

    def tick(self, t_s: float) -> None:
        """Let time pass."""
        self.engine.tick(round(t_s * 1000))
        self.collect()

    def silence(self, from_s: int, to_s: int) -> None:
        """Let seconds pass without a reading."""
        for t_s in range(from_s, to_s + 1):
            self.tick(t_s)

    def close(self, t_s: float) -> None:
        """Stop cleanly."""
        self.engine.close(round(t_s * 1000))
        self.collect()

    def restart(self, now_s: float = 0.0, *specs: PointSpec | LimitSpec, **options: Any) -> Rig:
        """Return the next start of the box, from what this one made durable; other specs replace the settings."""
        return Rig(
            *(specs or (*self.points, *self.limits)),
            now_s=now_s,
            **{
                "boot": self.engine.boot + 1, "saved": self.registers, "saved_events": self.event_registers, **options,
            },
        )  # fmt: skip

    def kinds(self) -> list[str]:
        """Return the kinds of the events so far."""
        return [event.kind for event in self.events]

    def spans(self) -> list[tuple[int, int]]:
        """Return start and end (ms) of each record so far."""
        return [(record.start_ms, record.start_ms + record.dt_ms) for record in self.records]

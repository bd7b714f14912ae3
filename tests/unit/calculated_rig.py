"""A site with calculated points, fed by hand: from the text of a file to records, events and registers."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge.core.calculated import Calculated, CalculatedSpec
from edge.core.types import PointSpec, Record
from hal.sample import BAD, Sample
from tests.unit.rig import Rig, sample

PERIOD_S: Final = 10


def point(name: str, kind: Any = "gauge", unit: str = "", **changes: Any) -> PointSpec:
    """Return an input, read each 10 s, records of 60 s."""
    found = PointSpec(id=name, kind=kind, unit=unit, period_ms=10_000, record_ms=60_000, stale_ms=30_000)
    return msgspec.structs.replace(found, **changes)


def made(name: str, expression: str, kind: Any = "gauge", unit: str = "", **changes: Any) -> CalculatedSpec:
    """Return a calculated point, computed each 10 s, records of 60 s."""
    return CalculatedSpec(point(name, kind, unit, **changes), expression)


class Site:
    """An engine with inputs and calculated points."""

    def __init__(self, *specs: PointSpec | CalculatedSpec, now_s: float = 0.0, **options: Any) -> None:
        self.specs = specs
        inputs = [spec for spec in specs if isinstance(spec, PointSpec)]
        self.calculated = [spec for spec in specs if isinstance(spec, CalculatedSpec)]
        saved = self._saved = options.get("saved", {})
        options.setdefault("parts", [Calculated(self.calculated, saved)])
        self.rig = Rig(*inputs, *(spec.point for spec in self.calculated), now_s=now_s, **options)

    def read(self, t_s: float, **values: Any) -> None:
        """Hand over one reading of each of these points, None is BAD; underscores stand for dots."""
        samples = [
            value if isinstance(value, Sample) else sample(t_s, value, "no_answer" if value is None else "", name)
            for name, value in ((name.replace("_", "."), value) for name, value in values.items())
        ]
        self.rig.cycle(t_s, *samples)
        self.rig.tick(t_s)

    def run(self, from_s: int, to_s: int, **values: Any) -> None:
        """Read these values each 10 s in [from_s, to_s[; a function is asked for its value at t_s; time passes."""
        for t_s in range(from_s, to_s, PERIOD_S):
            self.read(t_s, **{name: value(t_s) if callable(value) else value for name, value in values.items()})
            now_ms = t_s * 1000
            while now_ms + 200 <= (due_ms := self.rig.engine.next_due_ms()) < (t_s + PERIOD_S) * 1000 or (
                due_ms < now_ms + 200 < (t_s + PERIOD_S) * 1000
            ):
                now_ms = int(max(due_ms, now_ms + 200))
                self.rig.tick(now_ms / 1000)

    def records(self, name: str) -> list[Record]:
        """Return the records of a point so far."""
        return [record for record in self.rig.records if record.point == name]

    def value(self, name: str) -> tuple[Any, str]:
        """Return the present value of a point and its reason."""
        found = self.rig.engine.points[name]
        assert (found.value is None) == (found.quality == BAD)
        return found.value, found.reason

    def restart(self, *specs: PointSpec | CalculatedSpec, now_s: float = 0.0, **options: Any) -> Site:
        """Return the next start of the box, from what this one made durable."""
        rig = self.rig
        saved = {**self._saved, **rig.registers}  # the log keeps the last of each
        return Site(
            *(specs or self.specs), now_s=now_s,
            **{"boot": rig.engine.boot + 1, "saved": saved, "saved_events": rig.event_registers, **options},
        )  # fmt: skip

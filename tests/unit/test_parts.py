"""Parts of a site: what they hear, when they are stepped, which of their registers go where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from edge.core.engine import Engine
from edge.core.part import Part
from edge.core.replacing import Site
from edge.core.types import NEVER, Event, Record
from hal.sample import Sample
from tests.unit.rig import Rig, gauge


class Echo(Part):
    """Feeds the point "q" each 10 s, answers each of its records by an event, and counts what it heard."""

    listens: tuple[str, ...] = ("q", "none")

    def __init__(self, saved: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.count = (saved or {}).get("echo", 0)
        self.due_ms = 10_000

    def attach(self, site: Engine) -> None:
        self.site = site
        self.points: list[str] = []
        site.listen(self.listens)

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        self.heard += [event.kind for event in events]
        self.points += [record.point for record in records]
        for record in records:
            if record.point == "q":
                self.count += 1
                self.is_changed = True
                self.site.emit(Event("echo", self.site.now_ms, "q", {"n": self.count}))

    def step(self, now_ms: int) -> None:
        self.site.feed([Sample("q", now_ms * 1_000_000, 1.5)], now_ms)
        self.due_ms = now_ms + 10_000

    def set_clock(self, now_ms: int) -> None:
        self.heard.append(f"dated={self.site.is_dated}")

    def registers(self) -> dict[str, Any]:
        return {"echo": self.count}


class Counting(Echo):
    """The same, its register beside the records."""

    in_records = True


class Quarrel(Part):
    """Answers every event by another one."""

    def attach(self, site: Engine) -> None:
        self.site = site

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        self.site.emit(Event("again", self.site.now_ms))


def rig(*parts: Part, **options: Any) -> Rig:
    return Rig(gauge(), gauge(id="q", record_ms=10_000), parts=parts, **options)


def test_a_part_is_stepped_when_due_and_hears_what_came_of_it() -> None:
    part = Echo()
    site = rig(part)
    for t_s in range(32):
        site.read(t_s, 20.0)
    assert [record.value for record in site.records if record.point == "q"][1:] == [1.5, 1.5]
    assert part.heard == ["echo"] * 3, "its own event is told to all parts, it too"
    assert site.event_registers["echo"] == 3
    assert "echo" not in site.registers


def test_a_part_hears_the_records_of_the_points_that_one_listens_to() -> None:
    listening, deaf = Echo(), Echo()
    deaf.listens = ()
    for parts in ([listening, deaf], [deaf]):
        site = rig(*parts)
        for t_s in range(32):
            site.read(t_s, 20.0)
        assert len([record for record in site.records if record.point == "p"]) >= 3
        expected = ["q"] * 3 if listening in parts else []
        assert [part.points for part in parts] == [expected] * len(parts)


def test_who_listens_hears_the_point_also_when_it_is_made_anew() -> None:
    part = Echo()
    site = rig(part)
    site.read(0, 20.0)
    specs = [gauge(), gauge(id="q", record_ms=1000, unit="W")]
    site.engine.replace(Site(points=specs, limits=[]), {}, {}, 1000)
    part.points.clear()
    for t_s in range(1, 32):
        site.read(t_s, 20.0)
    assert len(part.points) > 20
    assert set(part.points) == {"q"}


def test_registers_of_a_part_that_counts_records_stand_beside_the_records() -> None:
    site = rig(Counting())
    for t_s in range(32):
        site.read(t_s, 20.0)
    assert site.registers["echo"] == 3
    assert "echo" not in site.event_registers


def test_the_engine_is_due_when_its_first_part_is() -> None:
    part = Echo()
    part.due_ms = 700
    assert rig(part).engine.next_due_ms() == 700
    assert Rig(parts=[part]).engine.next_due_ms() == NEVER, "a site without points stands still"


def test_a_part_is_found_by_its_kind() -> None:
    part = Echo()
    site = rig(part)
    assert site.engine.part(Echo) is part
    with pytest.raises(KeyError, match="Quarrel"):
        site.engine.part(Quarrel)


def test_a_clock_that_vouches_for_the_calendar_is_told_also_without_a_step() -> None:
    part = Echo()
    site = rig(part, is_dated=False)
    site.engine.set_clock(0)
    site.engine.set_clock(0)
    site.engine.set_clock(5000)
    assert part.heard == ["dated=True", "dated=True"]


def test_parts_that_answer_each_other_for_ever_are_stopped_and_named() -> None:
    site = rig(Quarrel())
    site.engine.emit(Event("first", 0))
    site.collect()
    fault = site.events[-1]
    assert fault.kind == "fault"
    assert "again" in fault.values["text"]
    assert len(site.events) < 40

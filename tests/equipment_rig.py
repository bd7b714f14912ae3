"""A boiler room: a boiler with a temperature and two limits, and a pump that tells whether it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from edge.core.commands import Command, Result
from edge.core.equipment import EquipmentSpec, Machine, point_specs
from edge.core.equipment_list import EquipmentList
from edge.core.notifier import Notifier
from edge.core.notify_gate import NotifyRules
from edge.core.part import Part
from edge.core.replacing import Site
from edge.core.run_time import RunTime
from edge.core.types import LimitSpec, PointSpec
from hal.sample import Cycle
from tests.unit.rig import Rig, gauge, sample

BOILER = EquipmentSpec("boiler", frozenset({"p"}), frozenset({"l"}))
PUMP = EquipmentSpec("pump", frozenset({"q"}), runs="q")
PARIS = ZoneInfo("Europe/Paris")
NOON = 1_795_258_800_000  # 2026-11-21 12:00 in Paris
HOT = LimitSpec(id="l", point="p", kind="high", value=30.0)
WARM = LimitSpec(id="warm", point="p", kind="high", value=25.0, priority="low")


class Room(Rig):
    """An engine with these machines; `say` gives an order to one of them."""

    def __init__(
        self, *specs: EquipmentSpec, now_s: float = 0.0, saved: Any = None, saved_events: Any = None,
        utc_ms: int = NOON, limits: Sequence[LimitSpec] = (HOT, WARM), tells: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        self.specs = specs or (BOILER, PUMP)
        points = [
            gauge(equipment="boiler"),
            PointSpec(id="q", kind="state", words=("off", "on"), equipment="pump", stale_ms=600_000),
            *(point for spec in self.specs for point in point_specs(spec)),
        ]  # fmt: skip
        parts = self._parts(saved, saved_events)
        if tells:
            parts.append(Notifier(NotifyRules(), saved_events))
        self.tells = tells
        now_ms = round(now_s * 1000)
        self.asked = 0
        options = {"zone": PARIS, "utc_offset_ms": utc_ms - now_ms, **options}
        super().__init__(*points, *limits, now_s=now_s, parts=parts, saved=saved, saved_events=saved_events, **options)

    def again(
        self, now_s: float = 0.0, *, off_s: float = 0.0, specs: Sequence[EquipmentSpec] = (), **options: Any
    ) -> Room:
        """Return the next start, from what was made durable, after so many seconds without power."""
        utc_ms = self.utc_ms() + round(off_s * 1000)
        return Room(
            *(specs or self.specs), now_s=now_s, boot=self.engine.boot + 1, saved=self.registers,
            saved_events=self.event_registers, tells=self.tells, **{"utc_ms": utc_ms, **options},
        )  # fmt: skip

    def reload(self, *specs: EquipmentSpec, t_s: float) -> None:
        """Give the running engine other machines, as a reload of the settings does."""
        names = {point.id for spec in self.specs for point in point_specs(spec)}
        own = [spec for spec in self.points if spec.id not in names]
        self.specs = specs
        self.points = [*own, *(point for spec in specs for point in point_specs(spec))]
        site = Site(self.points, self.limits, parts=self._parts)
        self.engine.replace(site, self.registers, self.event_registers, round(t_s * 1000))
        self.collect()

    def _parts(self, saved: Any, saved_events: Any) -> list[Part]:
        return [RunTime(self.specs, saved), EquipmentList(self.specs, saved_events)]

    def utc_ms(self) -> int:
        return self.engine.now_ms + self.engine.utc_offset_ms

    def hot(self, t_s: float, value: float | None) -> None:
        """Read the boiler."""
        self.cycle(t_s, sample(t_s, value, "no_answer" if value is None else ""))
        self.tick(t_s)

    def pump(self, t_s: float, state: int | None) -> None:
        """Let time pass, then read the pump's contact."""
        self.silence_until(t_s)
        self.engine.handle(
            Cycle("b", round(t_s * 1e9), [sample(t_s, state, "no_answer" if state is None else "", "q")])
        )
        self.tick(t_s)

    def say(self, verb: str, *, t_s: float | None = None, **args: Any) -> Result:
        self.asked += 1
        now_ms = self.engine.now_ms if t_s is None else round(t_s * 1000)
        command = Command(f"{self.engine.boot}.{self.asked}", verb, args, "anna", "local")
        result = self.engine.command(command, now_ms)
        self.collect()
        return result

    def maintain(self, until: str = "3h", name: str = "boiler", **args: Any) -> Result:
        return self.say("maintenance", equipment=name, do="start", until=until, **{"reason": "burner", **args})

    def is_now(self, name: str = "boiler") -> str:
        return self.machine(name).state

    def machine(self, name: str = "boiler") -> Machine:
        return self.engine.part(EquipmentList).machines[name]

    def told(self, kind: str = "equipment", name: str = "boiler") -> list[dict[str, Any]]:
        return [event.values for event in self.events if event.kind == kind and event.values["equipment"] == name]

    def silence_until(self, t_s: float) -> None:
        """Let time pass as the station does: called when something is due, at most a minute apart."""
        now_ms, end_ms = self.engine.now_ms, round(t_s * 1000)
        while now_ms < end_ms:
            now_ms = round(min(max(self.engine.next_due_ms(), now_ms + 1), end_ms))
            self.engine.tick(now_ms)
            self.collect()

    def run_pump(self, from_s: int, to_s: int) -> None:
        """Let the pump run, read each minute."""
        for t_s in range(from_s, to_s + 1, 60):
            self.pump(t_s, 1)

    def left_h(self, name: str) -> float:
        left_ms = self.engine.part(EquipmentList).service_left_ms(name)
        assert left_ms is not None
        return left_ms / 3_600_000

    def notified(self) -> list[tuple[str, str]]:
        """Return what people were told of alarms: begin, end or more, and the numbers."""
        return [
            (event.values["what"], str(event.values.get("ids", "")))
            for event in self.events
            if event.kind == "alarm_notify"
        ]

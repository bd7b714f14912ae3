"""What machines show of themselves: state, since when and why, what they have run, and how many are in which state."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from edge.core.clock import Dating
from edge.core.engine import Engine
from edge.core.equipment import HOUR_MS, Cause, EquipmentSpec, hours_point, starts_point
from edge.core.equipment_list import EquipmentList
from edge.core.kinds import Counter
from edge.core.run_time import RunTime


class EquipmentView(msgspec.Struct, frozen=True):
    """One machine as it stands; null where there is none or nobody knows."""

    equipment: str
    name: dict[str, str]
    place: str
    kind: str
    state: str
    since_utc_ms: int | None
    cause: str
    """What led here: alarm, clear, restored, by_hand, maintenance, ended, time; empty: it was never otherwise."""
    alarm: int | None
    limit: str
    author: str
    channel: str
    reason: str
    work: str
    until_utc_ms: int | None
    """When the maintenance is planned to end."""
    run_h: float | None
    """By its counter: `vigie meter set` moves it to what the machine's own hour meter shows."""
    starts: float | None
    runs: bool | None
    """Whether it runs now."""
    service_left_h: float | None
    """Run hours to the next service; negative when it is overdue."""
    points: list[str]
    alarms: list[int]
    """Numbers of the active alarms of its points, those that make it faulty or not."""


class Summary(msgspec.Struct, frozen=True):
    """How many machines there are, and how many in each state."""

    total: int = 0
    in_service: int = 0
    faulty: int = 0
    maintenance: int = 0


def equipment(engine: Engine, dating: Dating) -> list[EquipmentView]:
    """Return all machines in the order of the site's file."""
    machines = engine.part(EquipmentList)
    return [_view(engine, machines, spec, dating) for spec in machines.specs.values()]


def summary(states: Iterable[str]) -> Summary:
    """Return how many of these states there are.

    >>> summary(["faulty", "in_service", "in_service"])
    Summary(total=3, in_service=2, faulty=1, maintenance=0)
    """
    listed = list(states)
    counts = {name: listed.count(name) for name in Summary.__struct_fields__[1:]}
    return Summary(total=len(listed), **counts)


def _view(engine: Engine, machines: EquipmentList, spec: EquipmentSpec, dating: Dating) -> EquipmentView:
    machine, run = machines.machines[spec.id], engine.part(RunTime)
    cause, plan = machine.cause or Cause("clear"), machine.plan
    left_ms = machines.service_left_ms(spec.id)
    alarms = [alarm for alarm in engine.alarms.by_limit.values() if alarm.active and alarm.point in spec.points]
    return EquipmentView(
        equipment=spec.id, name=spec.name, place=spec.place, kind=spec.kind, state=machine.state,
        since_utc_ms=dating.utc_ms(machine.boot, machine.since_ms),
        cause="" if machine.cause is None else cause.word, alarm=cause.alarm, limit=cause.limit, author=cause.author,
        channel=cause.channel, reason=cause.reason, work="" if plan is None else plan.work,
        until_utc_ms=None if plan is None else plan.until_utc_ms,
        run_h=_index(engine, hours_point(spec.id)), starts=_index(engine, starts_point(spec.id)),
        runs=run.is_running(spec.id),
        service_left_h=None if left_ms is None else left_ms / HOUR_MS,
        points=sorted(spec.points), alarms=sorted(alarm.number for alarm in alarms),
    )  # fmt: skip


def _index(engine: Engine, counter: str) -> float | None:
    point = engine.points.get(counter)
    return point.register.index if isinstance(point, Counter) else None

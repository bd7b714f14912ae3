"""Orders about machines: what `equipment` and `maintenance` do, and what they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge.core.commands import Command, Result
from edge.core.equipment import Cause, Happening, Machine, Plan
from edge.core.maintenance import EndError, EquipmentOrder, MaintenanceOrder, local, planned_end_ms, reminder_ms
from edge.core.text import Text

if TYPE_CHECKING:
    from edge.core.equipment_list import EquipmentList

KNOWN_MOST: Final = 12  # machines that are named to who named one that does not exist


def order(machines: EquipmentList, command: Command, args: EquipmentOrder) -> Result:
    """Restore a machine, or call it faulty."""
    name = args.equipment
    if name not in machines.specs:
        return _unknown(machines, command, name)
    before, active = machines.machines[name].state, machines.active[name]
    what: Happening = "fault" if args.to == "faulty" else "restore_in_alarm" if active else "restore"
    cause = _cause("by_hand" if args.to == "faulty" else "restored", command, args.reason)
    if machines.happen(name, what, machines.site.now_ms, cause):
        return _done(machines, command, name, before, f"equipment_{args.to}")
    values: dict[str, Any] = {"equipment": name}
    if before == "faulty":
        values["limits"] = list(active)
    elif before == "maintenance":
        values["until"] = _until(machines, machines.machines[name])
    return Result(command.id, done=False, text=Text(f"equipment_stays_{before}", values))


def maintain(machines: EquipmentList, command: Command, args: MaintenanceOrder) -> Result:
    """Begin a maintenance, move its planned end, or end it."""
    name, site = args.equipment, machines.site
    if name not in machines.specs:
        return _unknown(machines, command, name)
    machine = machines.machines[name]
    before = machine.state
    if args.do == "start" and before == "maintenance":
        values = {"equipment": name, "until": _until(machines, machine)}
        return Result(command.id, done=False, text=Text("maintenance_already", values))
    if args.do != "start" and before != "maintenance":
        return Result(command.id, done=False, text=Text("maintenance_none", {"equipment": name}))
    if args.do == "end":
        machines.end(name, site.now_ms, _cause("ended", command))
        return _done(machines, command, name, before, "maintenance_ended")
    try:
        plan = _plan(machines, machine, args)
    except EndError as exc:
        return Result(command.id, done=False, text=exc.text)
    if args.do == "extend":
        was = _until(machines, machine)
        machines.replan(name, plan, _cause("maintenance", command))
        return _done(machines, command, name, was, "maintenance_extended")
    machines.happen(name, "start", site.now_ms, _cause("maintenance", command, args.reason), plan)
    return _done(machines, command, name, before, "maintenance_started")


def _plan(machines: EquipmentList, machine: Machine, args: MaintenanceOrder) -> Plan:
    """Return what is planned. Raises EndError."""
    if args.do == "start" and not args.reason.strip():
        raise EndError("maintenance_reason")
    site = machines.site
    now_utc_ms = site.now_ms + site.utc_offset_ms
    until_ms = planned_end_ms(args.until, now_utc_ms, site.zone, is_dated=site.is_dated)
    undated_boot = 0 if site.is_dated else site.boot
    work = args.kind if machine.plan is None else machine.plan.work
    return Plan(work, until_ms, reminder_ms(now_utc_ms, until_ms), undated_boot)


def _cause(word: Any, command: Command, reason: str = "") -> Cause:
    return Cause(word, author=command.author, channel=command.channel, reason=reason.strip())


def _done(machines: EquipmentList, command: Command, name: str, before: str, key: str) -> Result:
    machine = machines.machines[name]
    values = {"equipment": name, "state": machine.state}
    if machine.plan is not None:
        values["until"] = _until(machines, machine)
    after = values["until"] if key == "maintenance_extended" else machine.state
    return Result(command.id, done=True, text=Text(key, values), values={**values, "before": before, "after": after})


def _until(machines: EquipmentList, machine: Machine) -> str:
    return "" if machine.plan is None else local(machine.plan.until_utc_ms, machines.site.zone)


def _unknown(machines: EquipmentList, command: Command, name: str) -> Result:
    known = sorted(machines.specs)[:KNOWN_MOST]
    values = {"equipment": name[:48]} | ({"known": known} if known else {})
    return Result(command.id, done=False, text=Text("equipment_none", values))

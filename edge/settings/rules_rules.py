"""Rules of [[rule]]: the keys of its kind, targets and inputs that exist, and no two rules that fight."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Final

from edge.core import units
from edge.core.entered import RefusedValueError
from edge.core.setpoint import SetpointSpec
from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.model_orders import Setpoint
from edge.settings.rules_orders import note_refused
from edge.settings.rules_points import check_reference
from edge.settings.sources import sources
from edge.settings.specs_orders import AUTO, PULSE, level, setpoint_spec

OF_KIND: Final = {
    "thermostat": ("point", "setpoint", "deadband", "action", "fallback", "fallback_after_s"),
    "alarm": ("limit", "begin", "end", "for_s"),
}
NEEDED: Final = {"thermostat": ("point", "setpoint"), "alarm": ("limit",)}
DEADBAND: Final = 0.5  # model_orders.Rule's own, when the file says nothing


def check_rules(draft: Draft, faults: Faults) -> None:
    """Note rules that could do nothing, or that would fight."""
    points = sources(draft)
    limits = {row.good["id"]: row for row in draft.limits if "id" in row.good}
    outputs = {row.good["id"]: row for row in draft.outputs if "id" in row.good}
    setpoints = {row.good["id"]: row for row in draft.rows["setpoint"] if "id" in row.good}
    sound: list[Row] = []
    for row in draft.rows["rule"]:
        kind = row.good.get("kind")
        if kind is None:
            continue
        before = faults.told
        for other, names in OF_KIND.items():
            for name in names if other != kind else ():
                if name in row.raw:
                    faults.at_key(row.key(name), "fault.not_with_kind", kind=kind)
        for name in NEEDED[kind]:
            if name not in row.raw:
                faults.missing(row.path, "fault.rule_needs", name=name, kind=kind)
        if kind == "thermostat":
            check_reference(row, "target", outputs, faults)
            check_reference(row, "point", points, faults)
            _check_thermostat(row, points, setpoints, faults)
        else:
            check_reference(row, "target", {**outputs, **setpoints}, faults)
            check_reference(row, "limit", limits, faults)
            _check_alarm(row, limits, outputs, setpoints, faults)
        if faults.told == before and all(name in row.good for name in ("id", "target", *NEEDED[kind])):
            sound.append(row)
    _check_thermostats_together([row for row in sound if row.good["kind"] == "thermostat"], faults)
    _check_alarms_together([row for row in sound if row.good["kind"] == "alarm"], outputs, faults)


def _check_thermostat(row: Row, points: dict[str, Row], setpoints: dict[str, Row], faults: Faults) -> None:
    good = row.good
    point, wanted = points.get(good.get("point", "")), good.get("setpoint")
    if point is not None and good["point"] in {good.get("target"), wanted}:
        faults.at_value(row.key("point"), "fault.rule_of_itself")
        return
    channel = None if point is None else point.channel
    if channel is not None and channel.kind != "gauge":
        faults.at_value(row.key("point"), "fault.rule_point", kind=channel.kind)
        return
    if isinstance(wanted, str):
        named = setpoints.get(wanted)
        if named is None:
            check_reference(Row(row.path, row.raw, {"setpoint": wanted}), "setpoint", setpoints, faults)
        elif named.good.get("words"):
            faults.at_value(row.key("setpoint"), "fault.rule_switch", line=LineOf(named.key("words")))
        elif point is not None and channel is not None and _differ(named.good.get("unit", ""), _unit(point)):
            told = {"unit": _unit(point) or "-", "other": named.good.get("unit", "") or "-"}
            faults.at_value(row.key("setpoint"), "fault.rule_unit", **told, line=LineOf(named.key("id")))
    elif wanted is not None and point is not None:
        low, high = point.good.get("min", float("-inf")), point.good.get("max", float("inf"))
        if not low < wanted < high:
            faults.at_value(row.key("setpoint"), "fault.rule_range", line=LineOf(point.key("id")))


def _differ(unit: str, other: str) -> bool:
    """Return whether two units that are known differ; a misspelt one has a fault of its own."""
    return unit != other and units.is_known(unit) and units.is_known(other)


def _unit(point: Row) -> str:
    own = point.channel.unit if point.channel else ""
    written = point.good.get("unit")
    return own if written is None else str(written)


def _check_alarm(
    row: Row, limits: dict[str, Row], outputs: dict[str, Row], setpoints: dict[str, Row], faults: Faults
) -> None:
    good = row.good
    target = good.get("target", "")
    limit = limits.get(good.get("limit", ""))
    if limit is not None and limit.good.get("point") == target:
        faults.at_value(row.key("target"), "fault.rule_of_itself")
        return
    if "begin" not in row.raw and "end" not in row.raw:
        faults.missing(row.path, "fault.rule_idle")
    if target in setpoints and "for_s" in row.raw:
        faults.at_key(row.key("for_s"), "fault.rule_for")
    for name in ("begin", "end"):
        value = good.get(name)
        if value is None or (target not in outputs and target not in setpoints):
            continue
        if value == PULSE and target in outputs and "for_s" not in row.raw:
            faults.at_value(row.key(name), "fault.pair", name="for_s")
        try:
            _taken(value, None if target in outputs else _spec(setpoints[target]), name)
        except RefusedValueError as exc:
            note_refused(row.key(name), exc, faults)


def _spec(row: Row) -> SetpointSpec | None:
    """Return a setpoint's view, None where it has a fault of its own."""
    try:
        return setpoint_spec(Setpoint(**row.good))
    except (RefusedValueError, TypeError):
        return None


def _taken(value: Any, target: SetpointSpec | None, name: str) -> float | None:
    """Return what a value means at an alarm's begin or end, None: hold no longer. Raises RefusedValueError."""
    if target is not None:
        return target.taken(value)
    return None if value == AUTO and name == "end" else level(value)


def _check_thermostats_together(rows: list[Row], faults: Faults) -> None:
    """Note heating and cooling of one point whose bands touch: each would undo what the other did."""
    for one, other in combinations(rows, 2):
        if one.good["point"] != other.good["point"]:
            continue
        heat, cool = sorted((one, other), key=lambda row: row.good.get("action", "heat") == "cool")
        actions = heat.good.get("action", "heat"), cool.good.get("action", "heat")
        if actions == ("heat", "cool") and _touch(heat, cool):
            faults.at_value(
                other.key("setpoint"), "fault.rules_fight", other=one.good["id"], line=LineOf(one.key("id"))
            )


def _touch(heat: Row, cool: Row) -> bool:
    """Return whether heating goes on where cooling has begun; of setpoints that differ nobody knows."""
    up, down = heat.good["setpoint"], cool.good["setpoint"]
    if isinstance(up, str) or isinstance(down, str):
        return bool(up == down)
    halves = (heat.good.get("deadband", DEADBAND) + cool.good.get("deadband", DEADBAND)) / 2
    return bool(up + halves > down)


def _check_alarms_together(rows: list[Row], outputs: dict[str, Row], faults: Faults) -> None:
    """Note rules that would hold one output at both levels, or write two values at one instant."""
    for row in rows:
        output = outputs.get(row.good["target"])
        if output is not None and output.good.get("limit") == row.good["limit"] and 1.0 not in _levels(row):
            faults.at_value(row.key("target"), "fault.rules_fight_limit", line=LineOf(output.key("limit")))
    for one, other in combinations(rows, 2):
        if one.good["target"] != other.good["target"]:
            continue
        if one.good["target"] in outputs:
            is_fight = len(_levels(one) | _levels(other)) > 1
        else:
            is_fight = one.good["limit"] == other.good["limit"] and any(
                name in one.good and name in other.good for name in ("begin", "end")
            )
        if is_fight:
            faults.at_value(other.key("target"), "fault.rules_fight", other=one.good["id"], line=LineOf(one.key("id")))


def _levels(row: Row) -> set[float]:
    """Return the levels at which a rule would hold an output."""
    found = {_taken(row.good[name], None, name) for name in ("begin", "end") if row.good.get(name) is not None}
    return {one for one in found if one is not None}

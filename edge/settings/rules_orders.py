"""Rules of [[setpoint]] and [[program]]: values that are allowed, times that exist, one source for each target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from edge.core import units
from edge.core.entered import RefusedValueError
from edge.core.setpoint import SetpointSpec
from edge.core.week import Slot, SlotError, dates, overlap, slot
from edge.settings.convert import rules_of
from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.model_orders import Setpoint
from edge.settings.places import KeyPath
from edge.settings.rules_points import check_reference
from edge.settings.specs_orders import level, setpoint_spec

_OF_NUMBERS = ("unit", "min", "max", "step")


def check_orders(draft: Draft, faults: Faults) -> None:
    """Note setpoints and programs that could never do what is written of them."""
    setpoints = {row.good["id"]: check_setpoint(row, faults) for row in draft.rows["setpoint"] if "id" in row.good}
    targets = {row.good["id"]: row for row in (*draft.outputs, *draft.rows["setpoint"]) if "id" in row.good}
    for row in draft.rows["program"]:
        check_reference(row, "target", targets, faults)
        if row.good.get("target") in targets:
            _check_program(row, setpoints, faults)
    _check_settable(draft, faults)
    _check_sources(draft, faults)


def check_setpoint(row: Row, faults: Faults) -> SetpointSpec | None:
    """Return what the engine takes of a setpoint, None where it can't be one."""
    good = row.good
    words, low, high, unit = good.get("words"), good.get("min"), good.get("max"), good.get("unit", "")
    if words is not None:
        for name in _OF_NUMBERS:
            if name in row.raw:
                faults.at_key(row.key(name), "fault.setpoint_words", line=LineOf(row.key("words")))
        if len(set(words)) < len(words) or len(words) < 2 or "" in words:
            faults.at_key(row.key("words"), "fault.words")
            return None
    if not units.is_known(unit):
        meant = units.meant(unit)
        near = {} if meant is None else {"near": meant.unit}
        faults.at_value(row.key("unit"), "fault.unit_near" if near else "fault.unit", **near)
        return None
    if low is not None and high is not None and low >= high:
        faults.at_value(row.key("max"), "fault.range", low=low, line=LineOf(row.key("min")))
        return None
    if "initial" not in good or any(name in row.raw and name not in good for name in rules_of(Setpoint)):
        return None
    try:
        return setpoint_spec(Setpoint(**good))
    except RefusedValueError as exc:
        note_refused(row.key("initial"), exc, faults)
        return None


def note_refused(path: KeyPath, exc: RefusedValueError, faults: Faults) -> None:
    """Note a value that a target does not take."""
    faults.at_value(path, f"fault.{exc.text.key}", **exc.text.values)


def _check_program(row: Row, setpoints: Mapping[str, SetpointSpec | None], faults: Faults) -> None:
    good = row.good
    is_output = good["target"] not in setpoints
    slots = _slots(row, "slots", faults)
    instead = _slots(row, "exception_slots", faults)
    for place, text in enumerate(good.get("exceptions", ())):
        try:
            dates(text)
        except SlotError as exc:
            faults.at_value((*row.key("exceptions"), place), f"fault.{exc.why}", at=exc.at)
    if "exception_slots" in row.raw and not (good.get("exceptions") or good.get("holidays")):
        faults.at_key(row.key("exception_slots"), "fault.pair", name="exceptions")
    if slots is None or instead is None:
        return
    if not slots and "slots" in good:
        faults.at_value(row.key("slots"), "fault.program_empty")
        return
    target = setpoints.get(good["target"])
    if not is_output and target is None:
        return  # the setpoint has a fault of its own
    values = [_value(row, "slots", target, one.value, good.get("to"), place, faults) for place, one in enumerate(slots)]
    others = [
        _value(row, "exception_slots", target, one.value, good.get("to"), place, faults)
        for place, one in enumerate(instead)
    ]
    outside = _taken(row.key("outside"), target, good.get("outside", "off" if is_output else None), faults)
    if outside is None:
        if "outside" not in row.raw:
            faults.missing(row.path, "fault.program_outside")
        return
    if None in values or None in others:
        return
    _check_overlap(row, "slots", slots, values, faults)
    _check_overlap(row, "exception_slots", instead, others, faults)
    if all(value == outside for value in (*values, *others)):
        faults.at_value(row.key("outside"), "fault.program_same")


def _slots(row: Row, key: str, faults: Faults) -> list[Slot] | None:
    """Return the slots of a program, None where one can't be."""
    found: list[Slot] | None = []
    for place, text in enumerate(row.good.get(key, ())):
        try:
            one = slot(text, with_days=key == "slots")
        except SlotError as exc:
            faults.at_value((*row.key(key), place), f"fault.{exc.why}", at=exc.at)
            found = None
        else:
            if found is not None:
                found.append(one)
    return found


def _value(
    row: Row, key: str, target: SetpointSpec | None, own: str | None, to: Any, place: int, faults: Faults
) -> float | None:
    """Return what holds within a slot, None where that is not right."""
    if own is not None:
        return _taken((*row.key(key), place), target, own, faults)
    if to is None and target is not None:
        if "to" not in row.raw:
            faults.at_value((*row.key(key), place), "fault.program_to")
        return None
    return _taken(row.key("to"), target, "on" if to is None else to, faults)


def _taken(path: KeyPath, target: SetpointSpec | None, value: Any, faults: Faults) -> float | None:
    if value is None:
        return None
    try:
        return level(value) if target is None else target.taken(value)
    except RefusedValueError as exc:
        note_refused(path, exc, faults)
        return None


def _check_overlap(row: Row, key: str, slots: list[Slot], values: list[float | None], faults: Faults) -> None:
    quarrel = overlap([one._replace(value=str(value)) for one, value in zip(slots, values, strict=True)])
    if quarrel is not None:
        first, second = quarrel
        faults.at_value((*row.key(key), second), "fault.program_overlap", other=row.good[key][first])


def _check_settable(draft: Draft, faults: Faults) -> None:
    """Note a setpoint, limit or program that `vigie set` could not tell from another."""
    first: dict[str, tuple[str, Row]] = {}
    for table in ("setpoint", "limit", "program"):
        for row in draft.rows[table]:
            name = row.good.get("id")
            if name is None:
                continue
            of, known = first.setdefault(name, (table, row))
            if of != table:
                faults.at_value(row.key("id"), "fault.same_id", line=LineOf(known.key("id")))


class _Source(msgspec.Struct):
    owner: str
    path: KeyPath


def _check_sources(draft: Draft, faults: Faults) -> None:
    """Note a second limit, program or thermostat that would switch one output, or a second program of a setpoint."""
    first: dict[str, _Source] = {}
    for row in draft.outputs:
        if row.good.get("limit") and "id" in row.good:
            first[row.good["id"]] = _Source(row.good["limit"], row.key("limit"))
    rules = [row for row in draft.rows["rule"] if row.good.get("kind") == "thermostat"]
    for row in (*draft.rows["program"], *rules):
        target = row.good.get("target")
        if target is None:
            continue
        known = first.setdefault(target, _Source(row.good.get("id", ""), row.key("target")))
        if known.path != row.key("target"):
            faults.at_value(row.key("target"), "fault.target_twice", owner=known.owner, line=LineOf(known.path))

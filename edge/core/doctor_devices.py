"""What `vigie doctor` finds at the devices: lost ones, points without a value, strangers, noise, outputs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from edge.core.finding import Facts, Finding, Level, counted, found, ok
from edge.core.text import Text
from hal.sample import AT_REST

DOUBTS: Final = frozenset({"suspect", "lost_edges", "mismatch", "inconsistent"})
"""Reasons of an uncertain value that somebody on site can do something about."""
NOISE_PERCENT: Final = 2.0  # of a meter's groups: wires that are sound lose none
NOISE_OF: Final = 100  # groups, before a share of them means anything
SLOW_MS: Final = 500.0
SLOW_OF: Final = 20  # ticks: the first ones open the devices

_View = Mapping[str, Any]


def devices(facts: Facts) -> Iterator[Finding]:
    """Find what is wrong with each bus and its devices; one line that all is well where nothing failed."""
    values = {view["point"]: view for view in facts.live["values"]} if facts.live else {}
    for bus in facts.buses if facts.live else ():
        findings = _joined([finding for device in bus["devices"] for finding in _device(bus, device, values)])
        findings += _bus(bus)
        yield from findings
        if bus["devices"] and not any(finding.level == "fail" for finding in findings):
            yield _good(bus, values)
        yield from _strangers(bus)


def _device(bus: _View, device: _View, values: Mapping[str, _View]) -> Iterator[Finding]:
    """Find what is wrong with a device: itself, once for all of its points, or single points."""
    if device["fault"]:
        yield _lost(bus, device, values)
        return
    condition: Mapping[str, Any] = device.get("condition") or {}
    pulses = condition.get("pulses")
    if pulses == 0:  # "run 1 litre": whoever wired it is still there
        first = device["points"][0]
        text, cure = Text("doctor.no_pulses", {"device": device["device"]}), remedy_of_bus(bus["kind"], "no_pulse")
        yield Finding("warn", "no_pulse", first, text, cure, values.get(first, {}).get("name") or {})
    bad = [values[point] for point in device["points"] if point in values and values[point]["quality"] == "bad"]
    told: dict[str, int] = {}
    for view in bad:
        told[view["reason"]] = told.get(view["reason"], 0) + 1
    if len(bad) == len(device["points"]) and len(told) == 1 and bad[0]["reason"] not in AT_REST:
        yield _bad("fail", bus, device, bad[0], bad[0]["reason"], others=len(bad) - 1)
        return
    for view in bad:
        if view["reason"] != "no_pulse" or pulses is None:  # else it was said, or is the flow after a first pulse
            yield _bad("warn" if view["reason"] in AT_REST else "fail", bus, device, view, view["reason"])
    yield from _noise(bus, condition)


def _joined(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with devices that are lost for one reason, such as a bus that is missing, as one."""
    joined: dict[object, Finding] = {}
    for place, finding in enumerate(findings):
        key = finding.detail or place
        first = joined.get(key)
        if first is None:
            joined[key] = finding
        else:
            joined[key] = msgspec.structs.replace(first, others=first.others + finding.others + 1)
    return list(joined.values())


def _lost(bus: _View, device: _View, values: Mapping[str, _View]) -> Finding:
    first = device["points"][0] if device["points"] else device["device"]
    text = Text("doctor.device_lost", {"reason": device["reason"]})
    remedy = remedy_of_bus(bus["kind"], device["reason"])
    name = values.get(first, {}).get("name") or {}
    return Finding(
        "fail", device["reason"], first, text, remedy, name, max(0, len(device["points"]) - 1), device["fault"]
    )


def _bad(level: Level, bus: _View, device: _View, view: _View, reason: str, *, others: int = 0) -> Finding:
    text = Text("doctor.point_bad", {"device": device["device"], "reason": reason})
    return Finding(
        level, reason, view["point"], text, remedy_of_bus(bus["kind"], reason), view.get("name") or {}, others
    )


def _noise(bus: _View, condition: Mapping[str, Any]) -> Iterator[Finding]:
    """Find a meter's line that damages what it carries."""
    good, damaged = condition.get("groups_ok", 0), condition.get("groups_bad", 0)
    percent = 100 * damaged / max(1, good + damaged)
    if good + damaged >= NOISE_OF and percent >= NOISE_PERCENT:
        text = Text("doctor.meter_noise", {"percent": round(percent), "count": good + damaged})
        yield Finding("warn", "crc", bus["bus"], text, remedy_of_bus(bus["kind"], "crc"))


def _bus(bus: _View) -> Iterator[Finding]:
    """Find what is wrong with a bus as a whole: it turns late, its probes are read one by one."""
    late = bus.get("late_ms") or {}
    if late.get("ticks", 0) >= SLOW_OF and late["p99"] >= SLOW_MS:
        yield found("warn", "bus_slow", bus["bus"], late_ms=late["p99"])
    for master, why in (bus.get("condition") or {}).items():
        yield found("warn", "probes_one_by_one", bus["bus"], master=master, why=why)


def _good(bus: _View, values: Mapping[str, _View]) -> Finding:
    points = [point for device in bus["devices"] for point in device["points"]]
    read = sum(point in values and values[point]["quality"] != "bad" for point in points)
    told = {"points": counted("point", len(points)), "read": read}
    meter = next((each for device in bus["devices"] if (each := device.get("condition") or {}).get("mode")), None)
    if meter is not None:
        good, total = meter["frame_ok"], meter["frame_ok"] + meter["frame_bad"]
        return ok(bus["bus"], "meter_good", mode=meter["mode"], baud=meter["baud"], good=good, total=total, **told)
    told["devices"] = counted("device", len(bus["devices"]))
    return ok(bus["bus"], "bus_good" if read == len(points) else "bus_partly", **told)


def _strangers(bus: _View) -> Iterator[Finding]:
    """Find what is plugged in and belongs to no point; where one is missing and one is new, that may be its place."""
    unknown: Sequence[_View] = bus.get("unknown") or ()
    missing: Sequence[str] = bus.get("missing") or ()
    was = missing[0] if len(missing) == len(unknown) == 1 else ""
    points = next((device["points"] for device in bus["devices"] if device["device"] == was), ())
    for each in unknown:
        device = each["device"]
        told: dict[str, Any] = {"device": device, "bus": bus["bus"]}
        if each.get("value") is not None:
            told |= {"value": each["value"], "unit": each["unit"]}
        wire = {"driver": each.get("driver", ""), **each.get("options", {})}
        write = ", ".join(f'{key}="{value}"' for key, value in wire.items() if value != "")
        cure = Text("doctor_remedy.unknown_device", {"write": write, "device": device})
        if was:
            cure = Text("doctor_remedy.swapped_device", {"device": device, "was": was, "point": ", ".join(points)})
        yield Finding("warn", "unknown_device", device, Text("doctor.unknown_device", told), cure)


def place_lost(where: str, kind: str, reason: str, words: str) -> Finding:
    """Return the finding of a bus or port that can't be used; `words` are the driver's, in English."""
    text = Text("doctor.device_lost", {"reason": reason})
    return Finding("fail", reason, where, text, remedy_of_bus(kind, reason), detail=words)


def remedy_of_bus(kind: str, reason: str) -> Text:
    """Return what to do about a reason; who renders it falls back to the reason's own where the kind has none."""
    code = reason.partition(":")[0]  # behind it stands which point is meant
    return Text(f"remedy_{kind}.{code}", {"reason": code})


def doubts(facts: Facts) -> Iterator[Finding]:
    """Find values that somebody on site should look at; outputs say theirs themselves."""
    outputs = {view["output"] for view in facts.outputs}
    for view in facts.live["values"] if facts.live else ():
        if view["quality"] == "uncertain" and view["reason"] in DOUBTS and view["point"] not in outputs:
            text = Text("doctor.point_doubtful", {"reason": view["reason"]})
            remedy = remedy_of_bus("any", view["reason"])
            yield Finding("warn", view["reason"], view["point"], text, remedy, view.get("name") or {})


# -- outputs


def outputs(facts: Facts) -> Iterator[Finding]:
    """Find outputs that don't obey, and those that somebody or something has taken out of their normal course."""
    states = []
    for view in facts.outputs:
        name, output = view.get("name") or {}, view["output"]
        if view["quality"] == "bad":
            text = Text("doctor.output_bad", {"reason": view["reason"]})
            yield Finding("fail", view["reason"], output, text, remedy_of_bus("gpio", view["reason"]), name)
        elif view["quality"] != "good":
            told = {"driven": view["driven"], "state": view["state"]}
            text = Text("doctor.output_mismatch", told)
            yield Finding("fail", view["reason"], output, text, remedy_of_bus("gpio", view["reason"]), name)
        elif view["mode"] == "order":
            told = {"state": view["state"], "output": output, **({"author": view["author"]} if view["author"] else {})}
            yield found("warn", "output_ordered", output, **told)
        elif view["mode"] != "auto":
            yield found("warn", "output_forced", output, state=view["state"], why=view["mode"], output=output)
        else:
            states.append(Text("doctor.output_is", {"output": output, "state": view["state"]}))
    if states:
        yield ok("outputs", "outputs_good", states=states)

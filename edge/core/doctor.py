"""May the installer leave? What a box says of itself, judged line by line: well, to look at, or failed, with a remedy.

Pure: the facts come as the local API and the machine give them. A finding's code is the reason, link code or event name
that stands everywhere else, so that one page explains it (`docs/troubleshooting.md`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from edge.core.text import Text

Level = Literal["ok", "warn", "fail"]
AT_REST: Final = frozenset({"no_pulse", "not_sent"})
"""Reasons for which a point has no value though nothing is broken."""
DOUBTS: Final = frozenset({"suspect", "lost_edges", "mismatch", "inconsistent"})
"""Reasons of an uncertain value that somebody on site can do something about."""
HOT_C: Final = 80.0  # a Raspberry Pi slows down here
FULL_PERCENT: Final = 90.0
BRIM_PERCENT: Final = 97.0
WORN_PERCENT: Final = 80.0
UNACKNOWLEDGED_S: Final = 600.0
MOST_ALARMS: Final = 5

CODES: Final = (
    "no_box", "settings_refused", "settings_newer", "undervoltage", "throttled", "too_hot", "clock_unset",
    "store_degraded", "history_degraded", "notebook_degraded", "disk_full", "card_worn", "no_link", "link_down",
    "unacknowledged", "alarm_active", "unknown_device", "readable_secret",
)  # fmt: skip
"""The findings that have no other name; the others are reasons of samples and codes of links."""


class Finding(msgspec.Struct, frozen=True):
    """One line of the verdict."""

    level: Level
    code: str
    subject: str
    """What it is about: a point, a bus, a link, or a word of the catalogue's table doctor_subject."""
    text: Text
    remedy: Text | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known; None and empty where nobody could say."""

    live: Mapping[str, Any] | None = None
    """The local API's answer `live`; None when no box answers."""
    buses: Sequence[Mapping[str, Any]] = ()
    time: Mapping[str, Any] = {}
    unknown: Sequence[Mapping[str, Any]] = ()
    """Devices that a bus shows and no point names: bus, device."""
    machine: Mapping[str, float | None] = {}
    """Figures of the driver `box` by measure."""
    settings: str = ""
    """The settings file that was looked at."""
    faults: int = 0
    first_fault: str = ""
    is_newer: bool = False
    """The settings file was changed after the box had started."""
    readable: Sequence[str] = ()
    """Files with secrets that other users may read."""
    ports: Sequence[int] | None = None
    """TCP ports on which this machine listens for others; None where that can't be known."""
    why_no_box: str = ""


def examine(facts: Facts) -> list[Finding]:
    """Return all findings, in the order in which an installer works: the box, its supply, devices, links, safety."""
    return [
        *_service(facts),
        *_settings(facts),
        *_supply(facts.machine),
        *_clock(facts),
        *_devices(facts),
        *_unknown(facts.unknown),
        *_doubts(facts),
        *_alarms(facts),
        *_store(facts),
        *_links(facts),
        *_safety(facts),
    ]


def is_ready(findings: Sequence[Finding]) -> bool:
    """Return whether the installer may leave: nothing failed."""
    return all(finding.level != "fail" for finding in findings)


def _ok(subject: str, key: str, **values: Any) -> Finding:
    return Finding("ok", "ok", subject, Text(f"doctor.{key}", values))


def _found(level: Level, code: str, subject: str, /, **values: Any) -> Finding:
    """Return a finding whose sentence and remedy stand in the catalogue under its code."""
    return Finding(level, code, subject, Text(f"doctor.{code}", values), Text(f"doctor_remedy.{code}", values))


def _service(facts: Facts) -> Iterator[Finding]:
    if facts.live is None:
        yield _found("fail", "no_box", "service", why=facts.why_no_box)
        return
    box = facts.live["box"]
    since_ms = max(0, box["utc_ms"] - box["started_utc_ms"])
    yield _ok("service", "runs", version=box["version"], since_ms=since_ms, boot=box["boot"])


def _settings(facts: Facts) -> Iterator[Finding]:
    if facts.faults:
        yield _found(
            "fail", "settings_refused", "settings", file=facts.settings, count=facts.faults, first=facts.first_fault
        )
    elif facts.is_newer:
        yield _found("warn", "settings_newer", "settings", file=facts.settings)
    elif facts.settings:
        yield _ok("settings", "settings_good", file=facts.settings)


def _supply(machine: Mapping[str, float | None]) -> Iterator[Finding]:
    low, slow, celsius = (machine.get(name) for name in ("undervoltage", "throttled", "cpu_temperature"))
    if low:
        yield _found("fail", "undervoltage", "power")
    if slow:
        yield _found("warn", "throttled", "power")
    if low == 0 and not slow:
        yield _ok("power", "supply_good")
    if celsius is not None and celsius >= HOT_C:
        yield _found("warn", "too_hot", "power", celsius=celsius)


def _clock(facts: Facts) -> Iterator[Finding]:
    if not facts.time:
        return
    source = facts.time["source"]
    if source in {"none", "floor"}:
        yield _found("fail", "clock_unset", "clock")
    else:
        yield _ok("clock", "clock_good", source=source, error_ms=facts.time["error_ms"] or 0)


# -- devices


def _devices(facts: Facts) -> Iterator[Finding]:
    if facts.live is None:
        return
    values = {view["point"]: view for view in facts.live["values"]}
    for bus in facts.buses:
        found = [finding for device in bus["devices"] for finding in _device(bus, device, values)]
        yield from found
        if not any(finding.level == "fail" for finding in found) and bus["devices"]:
            points = sum(len(device["points"]) for device in bus["devices"])
            yield _ok(bus["bus"], "bus_good", devices=len(bus["devices"]), points=points)


def _device(
    bus: Mapping[str, Any], device: Mapping[str, Any], values: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    """Find what is wrong with a device: itself, once for all of its points, or single points."""
    bad = [values[point] for point in device["points"] if point in values and values[point]["quality"] == "bad"]
    if device["fault"]:
        first = device["points"][0] if device["points"] else device["device"]
        text = Text("doctor.device_lost", {"device": device["device"], "fault": device["fault"]})
        yield Finding("fail", device["reason"], first, text, _remedy(bus["kind"], device["reason"]))
        return
    pulses = (device.get("condition") or {}).get("pulses")
    if pulses == 0:  # "run 1 litre": whoever wired it is still there
        yield _silent(device["points"][0], bus["kind"], device["device"], "no_pulse")
    for view in bad:
        reason = view["reason"]
        if reason == "no_pulse" and pulses is not None:
            continue  # said above, or it is the flow after a first pulse
        if reason in AT_REST:
            yield _silent(view["point"], bus["kind"], device["device"], reason)
            continue
        text = Text("doctor.point_bad", {"device": device["device"], "reason": reason})
        yield Finding("fail", reason, view["point"], text, _remedy(bus["kind"], reason))


def _silent(point: str, kind: str, device: str, reason: str) -> Finding:
    text = Text("doctor.point_bad", {"device": device, "reason": reason})
    return Finding("warn", reason, point, text, _remedy(kind, reason))


def _remedy(kind: str, reason: str) -> Text:
    """Return what to do about a reason; who renders it falls back to the reason's own where the kind has none."""
    return Text(f"remedy_{kind}.{reason}", {"reason": reason})


def _unknown(unknown: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for stranger in unknown:
        yield _found("warn", "unknown_device", stranger["device"], bus=stranger["bus"], device=stranger["device"])


def _doubts(facts: Facts) -> Iterator[Finding]:
    for view in facts.live["values"] if facts.live else ():
        if view["quality"] == "uncertain" and view["reason"] in DOUBTS:
            text = Text("doctor.point_doubtful", {"reason": view["reason"]})
            yield Finding("warn", view["reason"], view["point"], text, _remedy("any", view["reason"]))


def _alarms(facts: Facts) -> Iterator[Finding]:
    active = [alarm for alarm in facts.live["alarms"] if alarm["active"]] if facts.live else []
    for alarm in active[:MOST_ALARMS]:
        yield _found("warn", "alarm_active", alarm["point"], number=alarm["number"], limit=alarm["limit"])


# -- what is kept, and who gets it


def _store(facts: Facts) -> Iterator[Finding]:
    used, worn = facts.machine.get("disk_used"), facts.machine.get("card_wear")
    found: list[Finding] = []
    if facts.live is not None:
        records, history = facts.live["buffer"]["records"], facts.live["buffer"].get("history", {})
        if records["degraded"]:
            found.append(_found("fail", "store_degraded", "disk", why=records["degraded"]))
        if history.get("degraded"):
            found.append(_found("warn", "history_degraded", "disk", why=history["degraded"]))
        if facts.live["box"].get("notebook", "ok") != "ok":
            found.append(_found("warn", "notebook_degraded", "disk", why=facts.live["box"]["notebook"]))
    if used is not None and used >= FULL_PERCENT:
        found.append(_found("fail" if used >= BRIM_PERCENT else "warn", "disk_full", "disk", percent=round(used)))
    if worn is not None and worn >= WORN_PERCENT:
        found.append(_found("warn", "card_worn", "disk", percent=round(worn)))
    yield from found
    if not found and used is not None:
        yield _ok("disk", "disk_good", percent=round(used))


def _links(facts: Facts) -> Iterator[Finding]:
    if facts.live is None:
        return
    links: Mapping[str, Mapping[str, Any]] = facts.live["buffer"].get("links", {})
    if not links:
        yield _found("warn", "no_link", "server")
    for name, link in links.items():
        yield from _link(name, link, facts.live)


def _link(name: str, link: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[Finding]:
    if link["state"] != "up":
        code = link.get("code") or "link_down"
        cure = Text(f"doctor_link.{code}", {"link": code})
        yield Finding("fail", code, name, Text("doctor.link_down", {"code": code}), cure)
        return
    found = [
        Finding(
            "warn", code, name, Text("doctor.link_problem", {"code": code}), Text(f"doctor_link.{code}", {"link": code})
        )
        for code in link.get("problems") or ()
    ]
    yield from found
    ack_ms, now_ms = link.get("last_ack_utc_ms"), live["box"]["utc_ms"]
    waiting = sum((link.get("waiting") or {}).values())
    if found:
        return
    if ack_ms is None or (waiting and now_ms - ack_ms > UNACKNOWLEDGED_S * 1000):
        yield _found("warn", "unacknowledged", name, waiting=waiting)
    else:
        yield _ok(name, "link_good", ago_ms=max(0, now_ms - ack_ms), waiting=waiting)


def _safety(facts: Facts) -> Iterator[Finding]:
    for file in facts.readable:
        yield _found("warn", "readable_secret", "secrets", file=file)
    if facts.ports is not None:
        yield _ok("secrets", "ports" if facts.ports else "no_ports", ports=", ".join(map(str, facts.ports)))

"""May the installer leave? What a box says of itself, judged line by line: well, to look at, or failed, with a remedy.

Pure: the facts come as the local API and the machine give them. A finding's code is the reason, link code or event name
that stands everywhere else, so that one page explains it (`docs/troubleshooting.md`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from edge.core.alarm import SILENCED
from edge.core.doctor_devices import devices, doubts, outputs
from edge.core.doctor_modem import modem
from edge.core.finding import Facts, Finding, Level, found, ok
from edge.core.limit import ON_QUALITY
from edge.core.text import Text

__all__ = ["CODES", "Facts", "Finding", "Level", "examine", "is_ready"]

HOT_C: Final = 80.0  # a Raspberry Pi slows down here
FULL_PERCENT: Final = 90.0
BRIM_PERCENT: Final = 97.0
WORN_PERCENT: Final = 80.0
UNACKNOWLEDGED_S: Final = 600.0
MOST_ALARMS: Final = 5
COARSE_MS: Final = 1000

CODES: Final = (
    "no_box", "settings_refused", "settings_newer", "settings_unread", "extra_missing", "undervoltage", "throttled",
    "too_hot", "unclean_stop", "clock_unset", "bus_slow", "probes_one_by_one", "unknown_device", "output_ordered",
    "output_forced", "alarm_active", "store_degraded", "history_degraded", "notebook_degraded", "disk_full",
    "card_worn", "no_link", "link_down", "unacknowledged", "readable_secret", "weak_signal", "sms_used_up",
    "sms_damaged",
    "card_no_data", "card_refused", "card_absent", "card_restore",
    "update_on_trial", "update_waits", "update_rolled_back", "update_refused", "system_lost",
    "lamp_none",
)  # fmt: skip
"""The findings that have no other name; the others are reasons of samples and codes of links."""


def examine(facts: Facts) -> list[Finding]:
    """Return all findings, in the order in which an installer works: the box, its supply, devices, links, safety."""
    return [
        *_service(facts),
        *_settings(facts),
        *_card(facts.card),
        *_update(facts),
        *_supply(facts.machine),
        *_lamp(facts),
        *_clock(facts),
        *devices(facts),
        *outputs(facts),
        *doubts(facts),
        *_alarms(facts),
        *_store(facts),
        *_links(facts),
        *_safety(facts),
    ]


def is_ready(findings: Sequence[Finding]) -> bool:
    """Return whether the installer may leave: nothing failed."""
    return all(finding.level != "fail" for finding in findings)


def _service(facts: Facts) -> Iterator[Finding]:
    if facts.live is None:
        cure = Text("doctor_remedy.no_box" if facts.why_no_box != "no_right" else "doctor_remedy.settings_unread")
        yield Finding("fail", "no_box", "service", Text("doctor.no_box", {"why": facts.why_no_box}), cure)
        return
    box = facts.live["box"]
    since_ms = max(0, box["utc_ms"] - box["started_utc_ms"])
    yield ok("service", "runs", version=box["version"], since_ms=since_ms, boot=box["boot"])
    if facts.cut_ago_ms is not None:
        yield found("warn", "unclean_stop", "service", ago_ms=facts.cut_ago_ms)


def _settings(facts: Facts) -> Iterator[Finding]:
    if facts.faults:
        yield found(
            "fail", "settings_refused", "settings", file=facts.settings, count=facts.faults, first=facts.first_fault
        )
    elif facts.is_newer:
        yield found("warn", "settings_newer", "settings", file=facts.settings)
    elif facts.is_unread:
        yield found("warn", "settings_unread", "settings", file=facts.settings)
    elif facts.settings and not facts.extras:
        yield ok("settings", "settings_good", file=facts.settings)
    for extra in facts.extras:
        yield found("fail", "extra_missing", "settings", extra=extra)


def _card(card: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Judge the installer's card; where nothing lasts that is told first, and the file all the same."""
    if card is None:
        return
    if card["state"] == "no_data":
        yield found("fail", "card_no_data", "card", data=card["data"])
    if card["faults"]:
        file = {"file": card["file"]} if card["file"] else {}
        yield found("fail", "card_refused", "card", count=card["faults"], first=card["first"], **file)
    elif not card["is_configured"]:
        yield found("warn", "card_absent", "card")
    elif card["state"] in {"applied", "unchanged"}:
        yield ok("card", "card_good", file=card["file"])
    if card["restore"]:
        yield found("warn", "card_restore", "card", text=card["restore"])


def _update(facts: Facts) -> Iterator[Finding]:
    if facts.update is None:
        return
    trial, last, lost = facts.update["trial"], facts.update["last"], facts.update.get("lost")
    if lost is not None:
        yield found("warn", "system_lost", "system", slot=lost, version=facts.update["version"])
    if trial is not None and facts.update["is_try"]:
        yield found("warn", "update_on_trial", "system", version=trial["version"])
    elif trial is not None and trial["phase"] == "installed":
        yield found("warn", "update_waits", "system", version=trial["version"])
    elif last is not None and last["outcome"] != "committed":
        version = {"version": last["version"]} if last["version"] else {}
        yield found("warn", f"update_{last['outcome']}", "system", why=last["why"], **version)
    elif lost is None:
        yield ok("system", "system_good", version=facts.update["version"], slot=facts.update["slot"])


def _lamp(facts: Facts) -> Iterator[Finding]:
    if not facts.has_lamp:
        yield found("warn", "lamp_none", "lamp")


def _supply(machine: Mapping[str, float | None]) -> Iterator[Finding]:
    low, slow, celsius = (machine.get(name) for name in ("undervoltage", "throttled", "cpu_temperature"))
    if low:
        yield found("fail", "undervoltage", "power")
    if slow:
        yield found("warn", "throttled", "power")
    if low == 0 and not slow:
        yield ok("power", "supply_good")
    if celsius is not None and celsius >= HOT_C:
        yield found("warn", "too_hot", "power", celsius=celsius)


def _clock(facts: Facts) -> Iterator[Finding]:
    if not facts.time:
        return
    source = facts.time["source"]
    if source in {"none", "floor"}:
        yield found("fail", "clock_unset", "clock")
    else:
        error_ms = facts.time["error_ms"] or 0
        yield ok("clock", "clock_good" if error_ms < COARSE_MS else "clock_coarse", source=source, error_ms=error_ms)


def _alarms(facts: Facts) -> Iterator[Finding]:
    views = {view["point"]: view for view in facts.live["values"]} if facts.live else {}
    alarms = facts.live["alarms"] if facts.live else []
    active = [alarm for alarm in alarms if alarm["active"] and alarm.get("state") not in SILENCED]
    lost = {point for point, view in views.items() if view["quality"] == "bad"}  # its device says it already
    active = [alarm for alarm in active if alarm["kind"] not in ON_QUALITY or alarm["point"] not in lost]
    for alarm in active[:MOST_ALARMS]:
        known = {"v": alarm.get("value"), **{name: alarm.get(name) for name in ("at", "word", "diagnosis")}}
        told = {key: value for key, value in known.items() if value not in (None, "")}
        facts_of = {
            "number": alarm["number"],
            "kind": alarm["kind"],
            "u": alarm.get("unit", ""),
            **told,
            **alarm.get("details", {}),
        }
        text = Text("doctor.alarm_active", facts_of)
        cure = Text("doctor_remedy.alarm_active")
        name = views.get(alarm["point"], {}).get("name") or {}
        yield Finding("warn", "alarm_active", alarm["point"], text, cure, name)


# -- what is kept, and who gets it


def _store(facts: Facts) -> Iterator[Finding]:
    used, worn = facts.machine.get("disk_used"), facts.machine.get("card_wear")
    findings: list[Finding] = []
    if facts.live is not None:
        records, history = facts.live["buffer"]["records"], facts.live["buffer"].get("history", {})
        if records["degraded"]:
            findings.append(found("fail", "store_degraded", "disk", why=records["degraded"]))
        if history.get("degraded"):
            findings.append(found("warn", "history_degraded", "disk", why=history["degraded"]))
        if facts.live["box"].get("notebook", "ok") != "ok":
            findings.append(found("warn", "notebook_degraded", "disk", why=facts.live["box"]["notebook"]))
    if used is not None and used >= FULL_PERCENT:
        findings.append(found("fail" if used >= BRIM_PERCENT else "warn", "disk_full", "disk", percent=round(used)))
    if worn is not None and worn >= WORN_PERCENT:
        findings.append(found("warn", "card_worn", "disk", percent=round(worn)))
    yield from findings
    if not findings and used is not None:
        yield ok("disk", "disk_good", percent=round(used))


def _links(facts: Facts) -> Iterator[Finding]:
    if facts.live is None:
        return
    links: Mapping[str, Mapping[str, Any]] = facts.live["buffer"].get("links", {})
    if not links:
        yield found("warn", "no_link", "server")
    for name, link in links.items():
        yield from _link(name, link, facts.live)


def _link(name: str, link: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[Finding]:
    is_sms = "budget" in link
    told = list(modem(link)) if is_sms else []
    yield from told
    if link["state"] != "up" and any(finding.level == "fail" for finding in told):
        return  # the modem is why
    if link["state"] != "up":
        code = link.get("code") or "link_down"
        cure = Text(f"doctor_link.{code}", {"link": code})
        yield Finding("fail", code, name, Text("doctor.link_down", {"code": code}), cure)
        return
    findings = [
        Finding(
            "warn", code, name, Text("doctor.link_problem", {"code": code}), Text(f"doctor_link.{code}", {"link": code})
        )
        for code in link.get("problems") or ()
    ]
    yield from findings
    ack_ms, now_ms = link.get("last_ack_utc_ms"), live["box"]["utc_ms"]
    waiting = sum((link.get("waiting") or {}).values())
    if findings or (is_sms and ack_ms is None):  # people alone, or a gateway that acknowledges once a week
        return
    if ack_ms is None or (waiting and not is_sms and now_ms - ack_ms > UNACKNOWLEDGED_S * 1000):
        yield found("warn", "unacknowledged", name, waiting=waiting)
    else:
        yield ok(name, "link_good", ago_ms=max(0, now_ms - ack_ms), waiting=waiting)


def _safety(facts: Facts) -> Iterator[Finding]:
    for file in facts.readable:
        yield found("warn", "readable_secret", "secrets", file=file)
    if facts.ports is not None:
        yield ok("secrets", "ports" if facts.ports else "no_ports", ports=", ".join(map(str, facts.ports)))

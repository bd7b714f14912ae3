"""What `vigie explain POINT` prints: one point from wire to record. Pure: lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final

from edge.cli.cells import printable
from edge.cli.compared import STATES, compared
from edge.cli.diagnosis import remedy_of
from edge.cli.format import MISSING, bound, value_text, with_unit
from edge.cli.words import Words, clock_time
from edge.core.doctor_devices import remedy_of_bus
from hal.sample import AT_REST, QUALITY_NAMES

LABEL_WIDTH: Final = 10
RECORDED: Final = 12  # readings of a recording that fit a screen; --json gives all
OCTETS_WIDTH: Final = 42  # with time and device a line of 80
_MARKS: Final = {2: "␂", 3: "␃", 4: "␄", 9: "→", 10: "↵", 13: None}
_RULE_TIMES: Final = ("period_ms", "record_ms", "stale_ms")


def explained(answer: Mapping[str, Any], say: Words, zone: tzinfo = UTC) -> list[str]:
    """Return the point's way: device, options, bytes and sample, rules, value, limits, what came before it was bad."""
    value = answer["value"]
    title = "  ".join(part for part in (value["point"], say.name(value), value["place"]) if part)
    calculation = answer.get("calculation")
    parts = [
        *(_calculation(calculation, say) if calculation else _wire(answer.get("wire") or {}, say)),
        ("rules", _rules(answer.get("rules") or {}, say)),
        ("value", _value(value, say)),
        ("remedy", _remedy(answer.get("wire") or {}, value, say)),
        *(("limit", _limit(limit, value["unit"], say)) for limit in value["limits"]),
    ]
    recording = (answer.get("wire") or {}).get("recording")
    return [
        printable(title),
        *(_line(say(f"explain.{label}"), text) for label, text in parts if text),
        *(_recording(recording, say, zone) if recording else ()),
    ]


def _remedy(wire: Mapping[str, Any], value: Mapping[str, Any], say: Words) -> str:
    """Return what to do where there is no value, or one to look at."""
    if value["quality"] == "good" or value["reason"] in AT_REST:
        return ""
    return remedy_of(remedy_of_bus(wire.get("kind", ""), value["reason"]), say)


def _recording(recording: Mapping[str, Any], say: Words, zone: tzinfo) -> list[str]:
    """Return the last readings of the bus before the device turned bad: how long before, of which device, its bytes."""
    entries: Sequence[Mapping[str, Any]] = recording["entries"]
    at = f"{say.date(recording['utc_ms'], zone)} {clock_time(recording['utc_ms'], zone, seconds=True)}"
    reason = say.word("reason", recording["reason"])
    key = "explain.recorded" if entries else "explain.recorded_nothing"
    head = say(
        key, time=at, point=recording["point"], why=reason, shown=min(RECORDED, len(entries)), count=len(entries)
    )  # fmt: skip
    shown = entries[-RECORDED:]
    width = max((len(entry["device"]) for entry in shown), default=0)
    lines = [
        f"    {(entry['utc_ms'] - recording['utc_ms']) / 1000:8.1f} s"
        f"  {entry['device']:<{width}}  {_octets(entry['hex'])}"
        for entry in shown
    ]
    return [_line(say("explain.recording"), head), *(printable(line) for line in lines)]


def _octets(digits: str) -> str:
    """Return bytes for a person: as text where they are text, else in hex; the end of long ones."""
    octets = bytes.fromhex(digits)
    text = octets.decode("latin-1").translate(_MARKS)
    if not text.isprintable() or max(octets, default=0) > 0x7E:
        text = octets.hex(" ")
    return text if len(text) <= OCTETS_WIDTH else f"… {text[-OCTETS_WIDTH:]}"


def _line(label: str, text: str) -> str:
    return printable(f"  {label:<{LABEL_WIDTH}}{text}")


def _wire(wire: Mapping[str, Any], say: Words) -> list[tuple[str, str]]:
    """Return the lines of the device's side; one that says so when no driver knows the point."""
    if not wire:
        return [("device", say("explain.no_device"))]
    device = say("explain.device_text", device=wire["device"], bus=wire["bus"], driver=wire["driver"])
    state = say("explain.open") if wire["is_open"] else say("explain.not_open")
    if wire["fault"]:
        state += f"{say.colon} {wire['fault']}"
    options = ", ".join(f"{key} = {value}" for key, value in wire["options"].items() if value not in (None, "", []))
    return [
        ("device", device),
        ("options", options),
        ("state", state),
        ("raw", str(wire["raw"] or "")),
        ("sample", _sample(wire["sample"], say)),
    ]


def _calculation(calculation: Mapping[str, Any], say: Words) -> list[tuple[str, str]]:
    """Return the lines of a calculated point: its expression, and each point in it as it stands."""
    width = max((len(view["point"]) for view in calculation["inputs"]), default=0)
    return [
        ("expression", calculation["expression"]),
        *(("input", f"{view['point']:<{width}}  {_value(view, say)}") for view in calculation["inputs"]),
    ]


def _sample(sample: Mapping[str, Any] | None, say: Words) -> str:
    """Return what the driver said last, before scaling."""
    if sample is None:
        return say("explain.no_sample")
    value = MISSING if sample["value"] is None else str(sample["value"])
    quality = QUALITY_NAMES[sample.get("quality", 0)]
    return f"{value}  {_quality(quality, sample.get('reason', ''), say)}"


def _quality(quality: str, reason: str, say: Words) -> str:
    """Return a quality with its reason's code and sentence."""
    word = say.word("quality", quality)
    return f"{word} {reason}{say.colon} {say.word('reason', reason)}" if reason else word


def _rules(rules: Mapping[str, Any], say: Words) -> str:
    """Return how a sample becomes a reading and readings a record."""
    parts = []
    if rules.get("scale", 1) != 1 or rules.get("offset", 0):
        parts.append(say("explain.scaled", scale=rules.get("scale", 1.0), offset=rules.get("offset", 0.0)))
    ends = {name: rules[name] for name in ("low", "high") if name in rules}
    if ends:
        parts.append(say(f"explain.range_{'_'.join(ends)}", **ends))
    parts += [say(f"explain.{key}", time=_seconds(rules[key], say)) for key in _RULE_TIMES if rules.get(key)]
    if rules.get("deadband"):
        parts.append(say("explain.deadband", deadband=rules["deadband"]))
    return f"{say.semicolon} ".join(parts)


def _seconds(ms: float, say: Words) -> str:
    """Return a period such as 0.1 s, 10 s, 1 min."""
    if ms < 60_000 or ms % 60_000:
        return f"{ms / 1000:g} s".replace(".", say.point)
    return say.age(ms / 1000)


def _value(value: Mapping[str, Any], say: Words) -> str:
    text = with_unit(value_text(value, point=say.point, word=say.state), value["unit"])
    ago = say("console.last_sample", age=say.age(value["age_s"]))
    return f"{text}  {_quality(value['quality'], value['reason'], say)} ({ago})"


def _limit(limit: Mapping[str, Any], unit: str, say: Words) -> str:
    """Return one limit and how it stands."""
    kind = limit["kind"]
    named = say.word("sign", kind) if kind in STATES else say.word("alarm", kind).lower()
    text = f"{limit['id']}{say.colon} {named}"
    details, unit = limit.get("details", {}), limit.get("unit", unit)
    if details:
        now = compared(kind, limit.get("now"), limit.get("at"), unit, details, say)
        text += f" {now}" if now else ""
    elif limit.get("at") is not None:
        text += f" {with_unit(bound(limit['at'], unit, say.point), unit)}"
    if limit.get("active"):
        return f"{text}  {say('explain.exceeded')}"
    return f"{text}  {say('explain.delayed' if limit.get('pending') else 'live.ok')}"

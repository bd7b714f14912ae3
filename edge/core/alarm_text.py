"""An alarm in the five things that people want to know, in their order: what, where and how much, since when, who, do.

Facts only: `edge.settings.alarm_lines` makes sentences of them, in a language and a time zone, for whichever channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.core.alarm_view import AlarmView
from edge.core.limit import ON_QUALITY
from edge.core.text import Text


def told(alarm: AlarmView, how: Mapping[str, Any] | None = None) -> list[Text]:
    """Return the lines of an alarm; `how` says how it is acknowledged by this channel (`how`), shelved until (…)."""
    return [_head(alarm), _what(alarm), _since(alarm), *_who(alarm, how or {})]


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in {None, ""} and value != {}}


def _head(alarm: AlarmView) -> Text:
    """Return number, kind and how bad; an end says so first."""
    key = "over" if not alarm.active else "fault" if alarm.kind in ON_QUALITY else "begin"
    notes = {"first": "first"} if alarm.first else {}
    if alarm.chattering:
        notes["chattering"] = "chattering"
    return Text(f"alarm_text.{key}", {"number": alarm.number, "kind": alarm.kind, "prio": alarm.priority, **notes})


def _what(alarm: AlarmView) -> Text:
    """Return the point, its value against its limit and what that means; of a fault why and the last reading."""
    where = {"name": alarm.name or alarm.point, **_known(place=alarm.place)}
    if alarm.kind in ON_QUALITY:
        return Text("alarm_text.what_fault", {**where, **_known(why=alarm.reason)})
    compared = {"kind": alarm.kind, "u": alarm.unit, **_known(v=alarm.value, at=alarm.at, diagnosis=alarm.diagnosis)}
    if isinstance(alarm.value, str):
        compared.pop("v", None)
    return Text("alarm_text.what", {**where, **compared, **_known(word=alarm.word), **alarm.details})


def _since(alarm: AlarmView) -> Text:
    """Return since when, or from when to when, and how far it went."""
    peak = {} if alarm.word else _known(peak=alarm.peak, peak_at_utc_ms=alarm.peak_utc_ms, u=alarm.unit)
    times = _known(since_utc_ms=alarm.since_utc_ms, ended_utc_ms=alarm.ended_utc_ms)
    return Text("alarm_text.since" if alarm.active else "alarm_text.lasted", {**times, **peak})


def _who(alarm: AlarmView, how: Mapping[str, Any]) -> list[Text]:
    """Return who has seen it or keeps it silent, and what to do where somebody has to."""
    lines = []
    if alarm.acknowledged:
        by = _known(by=alarm.acknowledged_by, acknowledged_utc_ms=alarm.acknowledged_utc_ms)
        lines.append(Text("alarm_text.acknowledged", by))
    if alarm.state in {"shelved", "out_of_service"}:
        names = ("until_utc_ms", "author", "reason")
        lines.append(Text(f"alarm_text.{alarm.state}", {name: how[name] for name in names if how.get(name)}))
    elif alarm.state == "suppressed":
        lines.append(Text("alarm_text.suppressed", _known(by=alarm.by, under=alarm.under)))
    elif alarm.state == "latched":
        lines.append(Text("alarm_text.latched", _known(how=how.get("how"))))
    elif not alarm.acknowledged and how.get("how"):
        lines.append(Text("alarm_text.acknowledge", {"how": how["how"]}))
    return lines

"""What alarms show of themselves, to the API and retained upstream, and what keeps some from people."""

from __future__ import annotations

from typing import Any

import msgspec

from edge.core.alarm import Alarm
from edge.core.alarm_facts import details_of
from edge.core.clock import Dating
from edge.core.engine import Engine
from edge.core.limit import Limit
from edge.core.measure import unit_of
from edge.core.paging import Paging
from edge.core.point import Point
from hal.sample import Value


class AlarmView(msgspec.Struct, frozen=True):
    """An alarm that is active or waits for an acknowledgement. Instants are UTC in ms, null where undated."""

    number: int
    limit: str
    point: str
    kind: str
    priority: str
    diagnosis: str
    unit: str
    at: float | None
    """What is compared with now."""
    value: Value | None
    """At present: the point's value, or what its limit makes of it."""
    peak: float | None
    since_utc_ms: int | None
    active: bool
    acknowledged: bool
    under: int | None = None
    """The number of the alarm that stands for the point in place of this one: its next stage is active too."""
    details: dict[str, Any] = {}
    """As in a LimitView."""
    state: str = ""
    """unacknowledged, acknowledged, latched or returned; shelved, suppressed or out_of_service above these."""
    first: bool = False
    """The first of several that began together."""
    chattering: bool = False
    begins: int = 1
    """How often it began: above 1 when it latched or chattered."""
    by: str = ""
    """What suppresses it."""
    peak_utc_ms: int | None = None
    ended_utc_ms: int | None = None
    acknowledged_by: str = ""
    acknowledged_utc_ms: int | None = None
    name: dict[str, str] = {}
    place: str = ""
    word: str = ""
    """Of a state, its present word."""
    reason: str = ""
    """Why the point has no value, or a doubtful one."""
    last: Value | None = None
    """The value with which it began."""
    told: dict[str, list[str]] = {}
    """Recipient -> the numbers of each text to them that speaks of it and whose code is good, such as "14, 15"."""


class Silenced(msgspec.Struct, frozen=True):
    """A limit, or the points of a source, whose alarms are journaled while nobody is told."""

    state: str
    """shelved, out_of_service or suppressed."""
    limit: str = ""
    point: str = ""
    since_utc_ms: int | None = None
    until_utc_ms: int | None = None
    """Null: until somebody takes it back."""
    author: str = ""
    channel: str = ""
    reason: str = ""
    by: str = ""
    points: list[str] = []
    """Of a suppression: its source, and the points."""


def alarm_view(engine: Engine, alarm: Alarm, dating: Dating) -> AlarmView:
    """Return one alarm with what its limit and its point say."""
    limit, point = engine.limits.get(alarm.limit), engine.points.get(alarm.point)
    spec = limit.spec if limit else None
    paging = engine.parts.find(Paging)

    def utc_ms(boot: int, at_ms: int | None) -> int | None:
        return None if not boot or at_ms is None else dating.utc_ms(boot, at_ms)

    return AlarmView(
        number=alarm.number,
        limit=alarm.limit,
        point=alarm.point,
        kind=alarm.kind,
        priority=alarm.priority,
        diagnosis=spec.diagnosis if spec else "",
        unit=unit_of(spec, point.spec.unit) if spec and point else "",
        at=limit.bound if limit else None,
        value=_now(limit, point),
        peak=alarm.peak,
        since_utc_ms=dating.utc_ms(alarm.boot, alarm.begin_ms),
        active=alarm.active,
        acknowledged=alarm.acknowledged,
        under=_under(engine, alarm),
        details=details_of(limit) if limit else {},
        state=alarm.state,
        first=alarm.first,
        chattering=alarm.chattering,
        begins=alarm.begins,
        by=alarm.by,
        peak_utc_ms=None if alarm.peak is None else utc_ms(alarm.peak_boot, alarm.peak_ms),
        ended_utc_ms=utc_ms(alarm.end_boot, alarm.end_ms),
        acknowledged_by=alarm.acknowledged_by,
        acknowledged_utc_ms=dating.utc_ms(alarm.acknowledged_boot, alarm.acknowledged_ms)
        if alarm.acknowledged
        else None,
        name=point.spec.name if point else {},
        place=point.spec.place if point else "",
        word=_word(point),
        reason=point.reason if point else "",
        last=alarm.value,
        told={} if paging is None else paging.texts_of(alarm.number),
    )


def _now(limit: Limit | None, point: Point | None) -> Value | None:
    if limit is not None and limit.measure is not None:
        return limit.compared(None)
    return point.value if point else None


def _word(point: Point | None) -> str:
    if point is None or not point.spec.words or not isinstance(point.value, int):
        return ""
    return point.spec.words[point.value] if 0 <= point.value < len(point.spec.words) else ""


def _under(engine: Engine, alarm: Alarm) -> int | None:
    return engine.alarms.stage_over(alarm) if alarm.active else None


def alarms(engine: Engine, dating: Dating) -> list[AlarmView]:
    """Return the alarms: those that people hear of, active ones first, newest first; then the silenced ones."""
    engine.alarms.keep_peaks()
    return [alarm_view(engine, alarm, dating) for alarm in engine.alarms.sorted()]


def silenced(engine: Engine, dating: Dating) -> list[Silenced]:
    """Return all that silences alarms now, also where none is active."""
    desk, boot = engine.alarms, engine.boot
    found = [
        Silenced(
            "out_of_service", limit, _point_of(engine, limit), dating.utc_ms(out.boot, out.at_ms),
            author=out.author, channel=out.channel, reason=out.reason,
        )
        for limit, out in desk.silences.out.items()
    ]  # fmt: skip
    for limit, shelving in desk.silences.shelved.items():
        until_ms = desk.silences.until_ms[limit]
        found.append(
            Silenced(
                "shelved", limit, _point_of(engine, limit), dating.utc_ms(shelving.boot, shelving.at_ms),
                dating.utc_ms(boot, round(until_ms)), shelving.author, shelving.channel, shelving.reason,
            )
        )  # fmt: skip
    for source, points in desk.silences.suppressed.items():
        found.append(Silenced("suppressed", by=source, points=sorted(points)))
    return found


def _point_of(engine: Engine, limit: str) -> str:
    return engine.limits[limit].spec.point if limit in engine.limits else ""


def alarm_documents(engine: Engine, dating: Dating) -> dict[str, dict[str, Any]]:
    """Return the active alarms by id, each as it stands retained upstream."""
    return {
        str(alarm.number): _document(alarm, alarm_view(engine, alarm, dating))
        for alarm in engine.alarms.by_limit.values()
        if alarm.active
    }


def _document(alarm: Alarm, shown: AlarmView) -> dict[str, Any]:
    facts = {
        "id": alarm.number, "limit": alarm.limit, "n": alarm.point, "kind": shown.kind, "u": shown.unit,
        "prio": shown.priority, "diagnosis": shown.diagnosis, "acknowledged": alarm.acknowledged, "state": shown.state,
        "by": shown.by,
    }  # fmt: skip
    document: dict[str, Any] = {key: value for key, value in facts.items() if value != ""}
    if shown.at is not None:
        document["at"] = shown.at
    if alarm.value is not None:
        document["v"] = alarm.value
    if shown.under is not None:
        document["under"] = shown.under
    for name in ("first", "chattering"):
        if getattr(alarm, name):
            document[name] = True
    document.update(shown.details)
    if shown.since_utc_ms is not None:
        document["t"] = shown.since_utc_ms / 1000
    return document

"""Orders to alarms: acknowledge, shelve for a time, take out of service; what each may do and what it answers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from edge.core.commands import Command, Result
from edge.core.limit import sign
from edge.core.measure import unit_of
from edge.core.silence import OutOfService, Shelving
from edge.core.text import Text

if TYPE_CHECKING:
    from edge.core.alarm import Alarm
    from edge.core.alarm_desk import AlarmDesk
    from edge.core.registry import Registry

REASON_MOST: Final = 120
NUMBERS_MOST: Final = 200


class Ack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Acknowledge one alarm by its number, several, or all that wait."""

    number: Annotated[int | None, Meta(description="the alarm's number; all that wait where absent")] = None
    numbers: Annotated[
        list[int], Meta(min_length=1, max_length=NUMBERS_MOST, description="several, as one text named them")
    ] = []


class Shelve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tell nobody of an alarm for a time; the journal goes on. `back` ends it before its time."""

    number: Annotated[int | None, Meta(description="the alarm's number …")] = None
    limit: Annotated[str, Meta(max_length=64, description="… or the id of its limit, also while it is quiet")] = ""
    for_s: Annotated[float, Meta(ge=60, le=31_622_400, description="for how long", extra={"unit": "s"})] | None = None
    reason: Annotated[str, Meta(max_length=REASON_MOST, description="why: others will ask")] = ""
    back: Annotated[bool, Meta(description="take it from the shelf now")] = False


class AlarmService(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Take a limit out of service until it is taken back in: nobody is told of its alarms."""

    limit: Annotated[str, Meta(max_length=64, description="the id of the limit")]
    to: Annotated[Literal["out", "in"], Meta(description="out of service, or back in")]
    reason: Annotated[str, Meta(max_length=REASON_MOST, description="why: others will ask")] = ""


def register(commands: Registry, desk: AlarmDesk) -> None:
    """Say who carries out the verbs of this module."""
    commands.on("ack", partial(acknowledge, desk))
    commands.on("shelve", partial(shelve, desk), would=partial(shelve, desk, is_dry=True))
    commands.on("alarm.service", partial(service, desk), would=partial(service, desk, is_dry=True))


def acknowledge(desk: AlarmDesk, command: Command, args: Ack) -> Result:
    """Acknowledge; a number that is not there refuses all, so that nobody believes what did not happen."""
    named = [*args.numbers, *([] if args.number is None else [args.number])]
    alarms: list[Alarm] = []
    for number in dict.fromkeys(named or desk.waiting()):
        alarm = desk.list.numbered(number)
        if alarm is None or (alarm.acknowledged and not alarm.is_latched):
            return _refused(command, "ack_none", number=number)
        alarms += [other for other in desk.seen_with(alarm) if other not in alarms]
    if not alarms:
        return _refused(command, "ack_nothing")
    for alarm in alarms:
        desk.acknowledge(alarm, command.author, command.channel, desk.site.now_ms)
    done = sorted(alarm.number for alarm in alarms)
    still = _still(desk, alarms[0]) if len(alarms) == 1 else {}
    return Result(command.id, done=True, text=Text("ack_done", {"numbers": done, **still}), values={"numbers": done})


def _still(desk: AlarmDesk, alarm: Alarm) -> dict[str, Any]:
    """Return what an alarm that goes on says at present: who acknowledged it wants to know how bad it is."""
    limit, point = desk.site.limits.get(alarm.limit), desk.site.points.get(alarm.point)
    if not alarm.active or limit is None or point is None:
        return {}
    number = limit.compared(None if isinstance(point.value, str) else point.value)
    if number is None or limit.bound is None or point.spec.words:
        return {}
    between = sign(alarm.kind, number, limit.bound, or_equal=limit.spec.or_equal)
    return {"kind": between, "v": number, "at": limit.bound, "u": unit_of(limit.spec, point.spec.unit)}


def shelve(desk: AlarmDesk, command: Command, args: Shelve, *, is_dry: bool = False) -> Result:
    """Shelve a limit for a time, or take it back; dry, only say what that would change."""
    limit = _limit_of(desk, args.number, args.limit)
    if isinstance(limit, Text):
        return Result(command.id, done=False, text=limit)
    if args.back:
        return _take_back(desk, command, limit, is_dry=is_dry)
    if args.for_s is None:
        return _refused(command, "shelve_for_what", limit=limit)
    for_ms = round(args.for_s * 1000)
    if for_ms > desk.rules.shelve_most_ms:
        return _refused(command, "shelve_too_long", most_ms=desk.rules.shelve_most_ms)
    if not args.reason.strip():
        return _refused(command, "silence_why", limit=limit)
    before = "shelved" if limit in desk.silences.shelved else "in_service"
    if not is_dry:
        now_ms, site = desk.site.now_ms, desk.site
        who = {"author": command.author, "channel": command.channel}
        until_utc_ms = now_ms + for_ms + site.utc_offset_ms if site.is_dated else None
        shelving = Shelving(site.boot, now_ms, for_ms, reason=args.reason, until_utc_ms=until_utc_ms, **who)
        desk.silences.shelve(limit, shelving)
        desk.tell("alarm_shelve", limit, now_ms, {**who, "for_ms": for_ms, "reason": args.reason})
    key = "shelve_would" if is_dry else "shelve_done"
    return _done(command, key, before, "shelved", limit=limit, for_ms=for_ms)


def _take_back(desk: AlarmDesk, command: Command, limit: str, *, is_dry: bool) -> Result:
    if limit not in desk.silences.shelved:
        return _refused(command, "shelve_not", limit=limit)
    if not is_dry:
        who = {"author": command.author, "channel": command.channel}
        desk.unshelve(limit, desk.site.now_ms, {**who, "why": "order"})
    return _done(command, "shelve_back_would" if is_dry else "shelve_back", "shelved", "in_service", limit=limit)


def service(desk: AlarmDesk, command: Command, args: AlarmService, *, is_dry: bool = False) -> Result:
    """Take a limit out of service, or back in; dry, only say what that would change."""
    limit = _limit_of(desk, None, args.limit)
    if isinstance(limit, Text):
        return Result(command.id, done=False, text=limit)
    now_ms, out = desk.site.now_ms, desk.silences.out
    who = {"author": command.author, "channel": command.channel}
    if (limit in out) == (args.to == "out"):
        return _refused(command, f"service_already_{args.to}", limit=limit)
    if args.to == "in":
        if is_dry:
            return _done(command, "service_in_would", "out_of_service", "in_service", limit=limit)
        del out[limit]
        desk.tell("alarm_in_service", limit, now_ms, {**who, **({"reason": args.reason} if args.reason else {})})
        return _done(command, "service_in", "out_of_service", "in_service", limit=limit)
    if not args.reason.strip():
        return _refused(command, "silence_why", limit=limit)
    if is_dry:
        return _done(command, "service_out_would", "in_service", "out_of_service", limit=limit)
    out[limit] = OutOfService(desk.site.boot, now_ms, reason=args.reason, **who)
    desk.tell("alarm_out_of_service", limit, now_ms, {**who, "reason": args.reason})
    return _done(command, "service_out", "in_service", "out_of_service", limit=limit)


def _limit_of(desk: AlarmDesk, number: int | None, limit: str) -> str | Text:
    """Return the limit that is meant, or what to say to who named none."""
    if number is not None:
        alarm = desk.list.numbered(number)
        if alarm is not None and alarm.limit in desk.site.limits:
            return alarm.limit
        return Text("alarm_none", {"number": number})
    if limit in desk.site.limits:
        return limit
    import difflib  # a box whose limits nobody misspells never loads it

    near = difflib.get_close_matches(limit, desk.site.limits)
    return Text("limit_none", {"limit": limit, **({"near": near} if near else {})})


def _refused(command: Command, key: str, **values: Any) -> Result:
    return Result(command.id, done=False, text=Text(key, values))


def _done(command: Command, key: str, before: str, after: str, **values: Any) -> Result:
    return Result(command.id, done=True, text=Text(key, values), values={"before": before, "after": after, **values})

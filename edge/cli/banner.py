"""The upper lines of the live table: box and clock, links and buffer, alarms; and its page of help. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final

from edge.cli.cells import Line, Piece, both_ends, cells, clip, filled
from edge.cli.compared import compared
from edge.cli.format import number
from edge.cli.words import Words, clock_time
from edge.core.alarm import SILENCED
from edge.settings.amounts import money

DATE_FROM_WIDTH: Final = 72
LINKS_MAX: Final = 3
TROUBLES_MAX: Final = 2
WIDE: Final = 10_000  # cells: nothing is cut
SILENT_AFTER_S: Final = 2.5  # one answer that came late is no news


def header(live: Mapping[str, Any], silent_s: float, width: int, zone: tzinfo, now_ms: int, say: Words) -> list[Line]:
    """Return who this box is and what time it believes it is; a second line while it does not answer."""
    box = live["box"]
    left = [
        Piece(f"vigie {box['version']}", "title"),
        Piece("  "),
        Piece(f"{box['id']} {box['site']['name']}", "title"),
    ]
    date = f"{say.date(now_ms, zone)} " if width >= DATE_FROM_WIDTH else ""
    when = f"{date}{clock_time(now_ms, zone, seconds=True)}"
    right = [Piece(when), Piece(f"  {say('live.clock', source=say.word('clock_state', box['clock']))}", "dim")]
    lines = [both_ends(left, right, width)]
    if silent_s >= SILENT_AFTER_S:
        lines.append(filled([Piece(f" {say('live.silent', age=say.age(silent_s))}", "alert")], width))
    return lines


def links(live: Mapping[str, Any], width: int, now_ms: int, say: Words) -> list[Line]:
    """Return a line a link: its state, how much waits, what was acknowledged last and how long ago."""
    buffer = live["buffer"]
    found = buffer.get("links", {})
    note = [Piece(say("live.demo"), "dim")] if live["box"].get("demo") else []
    waiting = sum(log["waiting"] for log in logs_of(buffer))
    if not found:
        kept = buffer["records"]["next"] - buffer["records"]["first"]
        return [both_ends([Piece(say("live.no_link", kept=number(kept, 0)))], note, width)]
    lines: list[Line] = []
    for name, link in list(found.items())[:LINKS_MAX]:
        is_up = link["state"] == "up"
        state = Piece(say.word("link_state", link["state"]), "ok" if is_up else "alert")
        since = "" if is_up or not link.get("since_utc_ms") else f" {say.age((now_ms - link['since_utc_ms']) / 1000)}"
        kept_style = "" if is_up and waiting < 1000 else "bad"
        rest = [
            Piece(f"  {say('live.buffer', waiting=number(waiting, 0))}", kept_style),
            Piece(f"  {_acknowledged(buffer, name, link, now_ms, say)}"),
        ]
        if "budget" in link:
            rest = [Piece(f"  {sms_line(link, say)}")]
        left = [Piece(f"{say('live.link', name=name)} "), state, Piece(since), *rest]
        lines.append(both_ends(left, note if not lines else [], width))
        for code in troubles(link)[:TROUBLES_MAX]:
            lines.append(filled([Piece(f"  {say.word('link', code)}", "bad")], width))
            cure = say.cure(code)
            if cure:
                lines.append(filled([Piece(f"  {cure}")], width))
    trouble = degraded(buffer, now_ms, say)
    if trouble:
        lines.append(filled([Piece(f" {trouble}", "alert")], width))
    return lines


def degraded(buffer: Mapping[str, Any], now_ms: int, say: Words) -> str:
    """Return the line on a card that can't be written: why, and for how long; "" when all is well."""
    found = next((log for log in logs_of(buffer) if log.get("degraded")), None)
    if found is None:
        return ""
    since_ms = found.get("degraded_utc_ms")
    lasted = {} if since_ms is None else {"age": say.age((now_ms - since_ms) / 1000)}
    return say("live.degraded", why=found["degraded"], **lasted)


def logs_of(buffer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the logs of a box's answer on its buffer, without links and history."""
    return [log for name, log in buffer.items() if name not in {"links", "history"}]


def troubles(link: Mapping[str, Any]) -> list[str]:
    """Return the codes of what is wrong with a link: why it is down, and what is wrong although it is up."""
    codes = [link.get("code", ""), *link.get("problems", ())]
    return list(dict.fromkeys(code for code in codes if code))


def sms_line(link: Mapping[str, Any], say: Words) -> str:
    """Return what an SMS link has sent of its budget, what that cost, and what the gateway has not acknowledged.

    Without a gateway, what has not left yet.
    """
    budget = link["budget"]
    cost = {"cost": money(say.lang, str(budget["cost"]), budget["currency"])} if budget["price"] else {}
    signal = {"signal": link["signal_text"]} if link.get("signal_text") else {}
    counts = {name: budget[name] for name in ("today", "per_day", "month", "per_month")}
    count = sum(link["waiting"].values())
    waiting = {"waiting": count} if "paired" in link else {"unsent": count} if count else {}
    return say("live.sms", **waiting, **counts, **cost, **signal)


def last_text(told: Mapping[str, Any], zone: tzinfo, say: Words, width: int = WIDE) -> str:
    """Return to whom a text went, when, and as much of it as there is room for."""
    words = {"to": told["to"], "time": clock_time(told["utc_ms"], zone)}
    room = width - cells(say("live.last_text", **words, text=""))
    return say("live.last_text", **words, text=clip(told["text"], room))


def _acknowledged(buffer: Mapping[str, Any], name: str, link: Mapping[str, Any], now_ms: int, say: Words) -> str:
    seq = buffer["records"]["acknowledged"].get(name, 0)
    if not seq:
        return say("live.nothing_acknowledged")
    last_ms = link.get("last_ack_utc_ms")
    if not last_ms:
        return say("live.acknowledged", seq=number(seq, 0))
    return say("live.acknowledged_ago", seq=number(seq, 0), age=say.age((now_ms - last_ms) / 1000))


def alarms(live: Mapping[str, Any], width: int, most: int, zone: tzinfo, now_ms: int, say: Words) -> list[Line]:
    """Return a line an alarm, the first `most` of them, and how many more there are."""
    found = live["alarms"]
    lines = [_alarm(alarm, width, zone, now_ms, say) for alarm in found[:most]]
    if len(found) > most:
        lines.append(filled([Piece(f" … {say('live.more_alarms', count=len(found) - most)}", "alarm")], width))
    return lines


def _alarm(alarm: Mapping[str, Any], width: int, zone: tzinfo, now_ms: int, say: Words) -> Line:
    silence = alarm["state"] if alarm.get("state") in SILENCED else ""
    is_dim = silence or not alarm["active"]
    style = "dim" if is_dim else "alarm" if alarm["acknowledged"] else "alert"
    text = f" {alarm_text(alarm, say)}"
    if alarm["since_utc_ms"]:
        lasted = say.age((now_ms - alarm["since_utc_ms"]) / 1000)
        text += f"  {say('live.since', time=clock_time(alarm['since_utc_ms'], zone), age=lasted)}"
    if silence:
        note = say.word("alarm_state", silence)
    else:
        note = say("live.acknowledged_word") if alarm["acknowledged"] else say("live.ack_key")
    is_asking = not (silence or alarm["acknowledged"])
    return both_ends([Piece(text, style)], [Piece(note, "key" if is_asking else "dim"), Piece(" ")], width)


def alarm_text(alarm: Mapping[str, Any], say: Words) -> str:
    """Return what an alarm is in one line: number, kind, point, value and limit."""
    # what is the matter says more than which side of a limit was passed
    kind = say.word("diagnosis", alarm["diagnosis"]) if alarm["diagnosis"] else say.word("alarm", alarm["kind"])
    head = say("live.alarm" if alarm["active"] else "live.alarm_over", number=alarm["number"], kind=kind)
    value = alarm["value"] if alarm["active"] else alarm["peak"]
    text = compared(alarm["kind"], value, alarm["at"], alarm["unit"], alarm.get("details", {}), say)
    return f"{head}  {alarm['point']} {text}".rstrip()


def help_lines(width: int, say: Words) -> list[Line]:
    """Return the page of help: what the marks, columns and keys mean."""
    lines = [filled([Piece(f" {say('live.help_title')}", "head")], width)]
    for mark, style in (("!", "alarm"), ("?", "bad"), ("~", "uncertain"), ("·", "bad")):
        key = {"!": "alarm", "?": "bad", "~": "uncertain", "·": "trend"}[mark]
        lines.append(filled([Piece(f" {mark} ", style), Piece(say(f"live.help_{key}"))], width))
    lines.append(filled((), width))
    lines += [
        filled([Piece(" "), Piece(text)], width)
        for text in (say("live.help_trend_length"), say("live.help_buffer"), say("live.help_more"))
    ]
    return lines

"""What `status`, `points`, `values`, `alarms` and `buffer` print of the API's answers. Pure: lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from edge.cli.banner import alarm_text, degraded, last_text, logs_of, sms_line, troubles
from edge.cli.cells import cells, padded, printable
from edge.cli.format import MISSING, number, value_text, with_unit
from edge.cli.line import quality_counts
from edge.cli.rows import MARKS, state_of
from edge.cli.words import Words, clock_time, local_time, zone_of
from edge.core.alarm import SILENCED

Rows = Sequence[Sequence[str]]

WHOLE_DAYS: Final = 10.0


def aligned(rows: Rows, right: frozenset[int] = frozenset()) -> list[str]:
    """Return rows as lines with their columns below each other, two spaces apart; `right` names those to the right.

    >>> aligned([["point", "value"], ["boiler.flow", "92.5"]], frozenset({1}))
    ['point        value', 'boiler.flow   92.5']
    """
    if not rows:
        return []
    clean = [[printable(text) for text in row] for row in rows]
    widths = [max(cells(row[place]) for row in clean) for place in range(len(clean[0]))]
    return [
        "  ".join(padded(text, widths[place], right=place in right) for place, text in enumerate(row)).rstrip()
        for row in clean
    ]


def status(
    live: Mapping[str, Any], machines: Sequence[Mapping[str, Any]] = (), tags: Sequence[Mapping[str, Any]] = ()
) -> list[str]:
    """Return whether the box is well: who it is, since when, its points, alarms, links and buffer."""
    box = live["box"]
    say, zone, now_ms = Words(box["site"]["lang"]), zone_of(live), box["utc_ms"]
    lines = [f"{box['id']} {box['site']['name']}  vigie {box['version']}"]
    if box.get("demo"):
        lines[0] += f"  {say('live.demo')}"
    lines.append(
        say(
            "console.runs",
            since=moment(box["started_utc_ms"], zone, say),
            age=say.age((now_ms - box["started_utc_ms"]) / 1000),
            boot=box["boot"],
        )
    )
    source = say.word("clock_state", box["clock"])
    lines.append(say("console.clock", source=source, time=moment(now_ms, zone, say, seconds=True)))
    lines.append(quality_counts(live["values"], say))
    lines += [
        f"  ? {view['point']}{say.colon} {_why(view, say)}" for view in live["values"] if view["quality"] == "bad"
    ]
    active = sum(1 for alarm in live["alarms"] if alarm["active"] and alarm.get("state") not in SILENCED)
    lines.append(say.count("live.alarm", active) if active else say("console.no_alarm"))
    lines += [f"  {line}" for line in alarms(live["alarms"], zone, now_ms, say)]
    from edge.cli import costs, equipment, tag  # they print by this module

    lines += [*equipment.status(machines, zone, now_ms, say), *tag.status(tags, now_ms, say)]
    return [*lines, *costs.status(live.get("costs"), say), *links(live["buffer"], zone, now_ms, say)]


def moment(utc_ms: int, zone: tzinfo, say: Words, *, seconds: bool = False) -> str:
    """Return a local instant such as "Fri 20 Nov 16:20"."""
    return f"{say.date(utc_ms, zone)} {clock_time(utc_ms, zone, seconds=seconds)}"


def year(utc_ms: int, zone: tzinfo) -> int:
    """Return the year of an instant on the site's calendar."""
    return local_time(utc_ms, zone).year


def _why(view: Mapping[str, Any], say: Words) -> str:
    return f"{say.word('reason', view['reason'])} ({say('console.last_sample', age=say.age(view['age_s']))})"


def points(found: Sequence[Mapping[str, Any]], say: Words) -> list[str]:
    """Return the site's points: id, kind, unit on the wire, people's name, place."""
    head = [say("live.point"), say("console.kind"), say("console.wire_unit"), say("live.name"), say("console.place")]
    rows = [[view["point"], view["kind"], view["unit"], say.name(view), view["place"]] for view in found]
    return aligned([head, *rows])


def strangers(buses: Sequence[Mapping[str, Any]], say: Words) -> list[str]:
    """Return a line for each device that is plugged in and that no point names, with what a point would write."""
    lines = []
    for bus in buses:
        for each in bus.get("unknown", ()):
            wire = {"driver": each["driver"], **each["options"]}
            write = ", ".join(f'{key} = "{text}"' for key, text in wire.items())
            words: dict[str, Any] = {"device": each["device"], "bus": bus["bus"], "write": write}
            if each["value"] is not None:
                words["now"] = with_unit(value_text({**each, "kind": "gauge"}, point=say.point), each["unit"])
            lines.append(say("console.unknown", **words))
    return lines


def values(found: Sequence[Mapping[str, Any]], say: Words) -> list[str]:
    """Return the present values, marked as in the live table; a bad one shows "-" and its reason."""
    head = ["", say("live.point"), say("live.value"), say("live.quality"), say("live.age")]
    rows = [
        [
            MARKS[state_of(view)],
            view["point"],
            with_unit(value_text(view, point=say.point, word=say.state), view["unit"]),
            quality(view, say),
            say.age(view["age_s"]),
        ]
        for view in found
    ]
    return aligned([head, *rows], frozenset({2, 4}))


def quality(view: Mapping[str, Any], say: Words) -> str:
    """Return the quality with its reason's code: "bad no_answer"."""
    return f"{say.word('quality', view['quality'])} {view['reason']}".rstrip()


def changed(view: Mapping[str, Any], time: str, say: Words) -> str:
    """Return the line that `watch` prints when a point changed."""
    value = with_unit(value_text(view, point=say.point, word=say.state), view["unit"])
    return printable(f"{time} {MARKS[state_of(view)]}{view['point']}  {value}  {quality(view, say)}")


def alarms(found: Sequence[Mapping[str, Any]], zone: tzinfo, now_ms: int, say: Words) -> list[str]:
    """Return the alarms: what, where, how much, since when, and whether somebody has acknowledged."""
    lines = []
    for alarm in found:
        text = alarm_text(alarm, say)
        since_ms = alarm["since_utc_ms"]
        if since_ms:
            since = say("live.since", time=moment(since_ms, zone, say), age=say.age((now_ms - since_ms) / 1000))
            text += f"  {since}"
        if alarm.get("state") in SILENCED:
            note = say.word("alarm_state", alarm["state"])
        else:
            note = say("live.acknowledged_word" if alarm["acknowledged"] else "console.ack_how", number=alarm["number"])
        lines.append(printable(f"{text}  {note}"))
    return lines


def links(buffer: Mapping[str, Any], zone: tzinfo, now_ms: int, say: Words) -> list[str]:
    """Return a line a link, with the reason when it is not up, and one on the card when it fails."""
    lines = []
    waiting = number(sum(log["waiting"] for log in logs_of(buffer)), 0)
    for name, link in buffer.get("links", {}).items():
        since = link.get("since_utc_ms")
        lasted = f" ({say.age((now_ms - since) / 1000)})" if since else ""
        seq = buffer["records"]["acknowledged"].get(name, 0)
        done = say("live.acknowledged", seq=number(seq, 0)) if seq else say("live.nothing_acknowledged")
        text = f"{say('live.link', name=name)} {say.word('link_state', link['state'])}{lasted}"
        for code in troubles(link):
            cure = say.cure(code)
            text += f"\n  {say.with_cure(say.word('link', code), cure)}"
        rest = sms_line(link, say) if "budget" in link else f"{done}, {say('live.buffer', waiting=waiting)}"
        lines += [*text.split("\n"), f"  {rest}"]
        if link.get("last_text"):
            lines.append(f"  {last_text(link['last_text'], zone, say)}")
    if not lines:
        kept = buffer["records"]["next"] - buffer["records"]["first"]
        lines.append(say("live.no_link", kept=number(kept, 0)))
    lasts_days = buffer["records"].get("lasts_days")
    if lasts_days is not None:
        lines.append(f"  {say('live.lasts', days=number(lasts_days, 0 if lasts_days >= WHOLE_DAYS else 1, say.point))}")
    trouble = degraded(buffer, now_ms, say)
    return [*lines, trouble] if trouble else lines


def buffer_table(buffer: Mapping[str, Any], say: Words) -> list[str]:
    """Return a row a log: stream, oldest and newest seq held, how many wait, what each link has acknowledged."""
    head = [say(f"console.{name}") for name in ("log", "stream", "oldest", "newest", "waiting", "acknowledged")]
    rows = []
    for name in ("records", "events"):
        log = buffer[name]
        newest = log["next"] - 1
        is_empty = newest < log["first"]
        done = ", ".join(f"{link} {number(seq, 0)}" for link, seq in log["acknowledged"].items())
        held = [MISSING, MISSING] if is_empty else [number(log["first"], 0), number(newest, 0)]
        rows.append([name, log["stream"], *held, number(log["waiting"], 0), done or MISSING])
    return aligned([head, *rows], frozenset({2, 3, 4}))


def history_line(buffer: Mapping[str, Any], zone: tzinfo, say: Words) -> list[str]:
    """Return what history keeps, in a line; nothing where the box keeps none."""
    history = buffer.get("history")
    if not history:
        return []
    if history["degraded"]:
        return [say("console.history_degraded", why=history["degraded"])]
    if history["octets"] is None or history["since_ms"] is None:
        return [say("console.history_empty")]
    since, size = say.date(history["since_ms"], zone), number(history["octets"] / 2**20, 1, say.point)
    return [say("console.history", since=since, size=size, behind=number(history["behind"], 0))]

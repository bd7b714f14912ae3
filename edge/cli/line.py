"""A running box in a line: for pipes, logs and screens without a terminal. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from edge.cli.banner import logs_of
from edge.cli.format import number
from edge.cli.words import Words, clock_time, zone_of
from edge.core.alarm import SILENCED


def line_of(live: Mapping[str, Any]) -> str:
    """Return local time, how many points are good, uncertain or bad (and which), alarms, links and buffer."""
    say = Words(live["box"]["site"]["lang"])
    parts = [clock_time(live["box"]["utc_ms"], zone_of(live), seconds=True), f"{quality_counts(live['values'], say)}"]
    bad = [f"{view['point']} {view['reason']}" for view in live["values"] if view["quality"] == "bad"]
    if bad:
        parts[-1] += f" ({', '.join(bad[:3])}{', …' if len(bad) > 3 else ''})"
    active = [alarm for alarm in live["alarms"] if alarm["active"] and alarm.get("state") not in SILENCED]
    parts.append(say.count("live.alarm", len(active)))
    parts[-1] += "".join(f" #{alarm['number']} {alarm['point']}" for alarm in active[:3])
    buffer = live["buffer"]
    for name, link in buffer.get("links", {}).items():
        parts.append(f"{name} {say.word('link_state', link['state'])}")
        if "budget" not in link:
            parts.append(say("live.acknowledged", seq=number(buffer["records"]["acknowledged"].get(name, 0), 0)))
    parts.append(say("live.buffer", waiting=number(sum(log["waiting"] for log in logs_of(buffer)), 0)))
    if not buffer.get("links"):
        kept = buffer["records"]["next"] - buffer["records"]["first"]
        parts[-1] = say("live.no_link", kept=number(kept, 0))
    return "  ".join(parts)


def quality_counts(values: list[Mapping[str, Any]], say: Words) -> str:
    """Return "27 points: 25 good, 1 uncertain, 1 bad"; qualities that no point has are left out, good never."""
    found = Counter(view["quality"] for view in values)
    counts = [
        say.count(f"live.{quality}", found[quality])
        for quality in ("good", "uncertain", "bad")
        if found[quality] or quality == "good"
    ]
    return f"{say.count('live.points', len(values))}{say.colon} {', '.join(counts)}"

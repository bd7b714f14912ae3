"""`vigie gateway boxes`: a line a box, what asks for a person below it, and the month's sum. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from edge.cli.format import MISSING, number
from edge.cli.printed import aligned
from edge.cli.words import Words
from edge.settings import catalogue
from edge.upstream.gateway_fleet import BoxRow, Fleet

COLUMNS = ("box", "site", "number", "last", "count", "cost", "signal", "state")
BARS = 5
SITE_MOST = 12


def lines(fleet: Fleet, say: Words, zone: tzinfo) -> list[str]:
    """Return what `vigie gateway boxes` prints."""
    if not fleet.boxes:
        return [say("gateway.no_box")]
    rows = [[say(f"gateway_table.{name}") for name in COLUMNS]]
    rows += [_cells(fleet, box, say, zone) for box in fleet.boxes]
    table = aligned(rows, frozenset({4, 5}))
    found = [table[0]]
    for line, box in zip(table[1:], fleet.boxes, strict=True):
        found.append(line)
        if box.state == "new":
            found.append("  " + say("gateway.asks", box=box.box, print=box.print))
        found += ["  " + say("gateway.claim", box=box.box, print=claim) for claim in box.claims]
        if box.missing:
            found.append("  " + say("gateway.missing_n", count=box.missing))
    return [*found, *_sum(fleet, say)]


def _cells(fleet: Fleet, box: BoxRow, say: Words, zone: tzinfo) -> list[str]:
    is_new = box.state == "new"
    site = say("gateway.new") if is_new and not box.site else box.site
    site = site if len(site) <= SITE_MOST else site[: SITE_MOST - 1] + "…"
    budget = "" if fleet.budget is None else f"/{fleet.budget}"
    cost = MISSING if is_new or box.cost is None else number(box.cost, 2, say.point)
    return [
        box.box, site, box.number, _when(fleet, box, say, zone),
        MISSING if is_new else f"{box.came}{budget}", cost,
        MISSING if box.signal is None else f"{min(BARS, (box.signal + 19) // 20)}/{BARS}",
        say.count("gateway.alarm", box.alarms) if box.state == "alarm" else say.word("gateway_state", box.state),
    ]  # fmt: skip


def _when(fleet: Fleet, box: BoxRow, say: Words, zone: tzinfo) -> str:
    if box.last_s is None:
        return MISSING
    age_s = fleet.now_s - box.last_s
    if age_s < 12 * 3600:
        return f"{datetime.fromtimestamp(box.last_s, UTC).astimezone(zone):%H:%M}"
    unit_ms = 3_600_000 if age_s < 172_800 else 86_400_000
    return say("gateway.ago", age=catalogue.duration(say.lang, age_s * 1000 // unit_ms * unit_ms))


def _sum(fleet: Fleet, say: Words) -> list[str]:
    parts = [
        say.count(f"gateway.{state}", sum(box.state == state for box in fleet.boxes))
        for state in ("silent", "alarm", "new", "waits", "revoked")
        if any(box.state == state for box in fleet.boxes)
    ]
    found = say.count("gateway.boxes", len(fleet.boxes))
    if parts:
        found += f"{say.colon} {', '.join(parts)}"
    came, sent = (sum(getattr(box, way) for box in fleet.boxes) for way in ("came", "sent"))
    month = say("gateway.month", month=fleet.month, came=came, sent=sent)
    costs = [box.cost for box in fleet.boxes if box.cost is not None]
    if costs:
        month += f", {number(sum(costs), 2, say.point)} {fleet.currency}"
    lines = [f"{found}.", f"{month}."]
    if fleet.refused:
        lines.append(say.count("gateway.refused", fleet.refused))
    return lines

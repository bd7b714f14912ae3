"""`vigie meter`: what each meter moved, and what is done at meters: readings, the base index, exchange, coefficients.

Exit codes: 0 done, 1 refused by the box, 2 no such meter or no sense in what is asked, 3 no box.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final
from urllib.parse import quote

from edge.cli.client import Client, RefusedError
from edge.cli.console import EXIT_BAD_INPUT, add_common, asked, complain, write_json, write_lines
from edge.cli.format import MISSING, amount, with_unit
from edge.cli.ordered import ordered
from edge.cli.printed import aligned, moment
from edge.cli.words import Words, zone_of
from edge.core.calendar import instant_ms
from edge.settings.event_text import is_doubtful

COLUMNS: Final = ("today", "yesterday", "month", "year")
COMPLETE: Final = 0.99  # from here on a total is not marked: a start, a minute of silence
BEFORE_MS: Final = (900_000, 90_000_000)  # how far back a record may begin that still tells the index


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie meter` takes."""
    acts = parser.add_subparsers(dest="act", metavar="read|set|exchange|coefficient|peaks")
    for name, text in (
        ("read", "compare the box with what stands on the meter; nothing changes"),
        ("set", "set the index by what stands on the meter"),
    ):
        act = acts.add_parser(name, help=text)
        act.add_argument("point", metavar="POINT")
        act.add_argument("value", metavar="VALUE", help="what stands on the meter, such as 482.137")
        act.add_argument("--at", metavar="TIME", help="when it was read, if not now: 2026-11-21 14:05")
        add_common(act, is_act=True)
    act = acts.add_parser("exchange", help="another meter took its place: consumption goes on")
    act.add_argument("point", metavar="POINT")
    act.add_argument("--old", required=True, metavar="VALUE", help="closing index of the old meter")
    act.add_argument("--new", required=True, metavar="VALUE", help="first index of the new one")
    add_common(act, is_act=True)
    act = acts.add_parser("coefficient", help="what a unit is worth from a day on, such as kWh per m³ of gas")
    act.add_argument("point", metavar="POINT")
    act.add_argument("factor", metavar="FACTOR")
    act.add_argument("--from", dest="since", required=True, metavar="DAY", help="2026-12-01")
    add_common(act, is_act=True)
    act = acts.add_parser("peaks", help="the highest powers of the day, the month and the year, and when")
    add_common(act, is_act=True)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """List the meters, or tell the box what was done at one."""

    def ask(client: Client, args: argparse.Namespace) -> int:
        box = client.get("box")
        say, zone = Words(box["site"]["lang"]), zone_of({"box": box})
        if args.act == "peaks":
            told = client.get("peaks")
            if args.json:
                return write_json(told)
            write_lines(peaks(told, zone, say) if told else [say("meter_table.no_peaks")])
            return 0
        found = client.get("meters")
        if args.act is None:
            if args.json:
                return write_json(found)
            lines = table(found, zone, say) if found else [say("meter_table.nothing")]
            if found and is_doubtful(box["clock"]):
                lines.append(say("meter_table.undated"))
            write_lines(lines)
            return 0
        known = {view["point"] for view in found}
        # what is no meter can be set all the same: the run hours of a machine that ran before the box came
        if args.point not in known | {view["point"] for view in client.get("values") if view["kind"] == "counter"}:
            complain(say("meter_none", point=args.point, **({"known": sorted(known)} if known else {})))
            return EXIT_BAD_INPUT
        wanted = _args(client, args, zone, say)
        return EXIT_BAD_INPUT if wanted is None else ordered(client, args, f"meter.{args.act}", wanted, say)

    return asked(args, ask)


def _args(client: Client, args: argparse.Namespace, zone: tzinfo, say: Words) -> dict[str, Any] | None:
    """Return the order's args; None after saying what is wrong."""
    if args.act == "exchange":
        return {"point": args.point, "old": args.old, "new": args.new}
    if args.act == "coefficient":
        return {"point": args.point, "factor": args.factor, "from": args.since}
    wanted = {"point": args.point, "value": args.value}
    if args.at is None:
        return wanted
    try:
        at_ms, _ = instant_ms(args.at, zone)
    except ValueError:
        complain(say("meter_table.bad_time", at=args.at))
        return None
    then = index_at(client, args.point, at_ms)
    if then is None:
        complain(say("meter_table.no_record", point=args.point, at=args.at))
        return None
    return {**wanted, "at": args.at, "then": then}


def index_at(client: Client, point: str, at_ms: int) -> float | None:
    """Return the box's own index at an instant, by its records; None where they don't reach it."""
    for before_ms in BEFORE_MS:
        path = f"history/{quote(point)}/records?from={max(0, at_ms - before_ms)}&to={at_ms}&limit=2000"
        try:
            page = client.get(path)
        except RefusedError:
            return None
        records = [dict(zip(page["columns"], row, strict=True)) for row in page["rows"]]
        told = [one for one in records if one["value"] is not None and one["t_ms"] + one["dt_ms"] <= at_ms]
        if told:
            return float(told[-1]["value"])
    return None


def table(found: Sequence[Mapping[str, Any]], zone: tzinfo, say: Words) -> list[str]:
    """Return a line a meter, one more in its other unit; what was made with missing data is marked and explained."""
    head = [say(f"meter_table.{name}") for name in ("meter", "index", *COLUMNS, "act")]
    rows = [head]
    poor: dict[str, list[str]] = {}
    """Shares as they are told -> the meters of which they are."""
    for view in found:
        rows.append(
            [view["point"], _index(view, say), *_figures(view, "moved", view["unit"], say), _act(view, zone, say)]
        )
        if view["to_unit"] and any(one["converted"] is not None for one in view["totals"].values()):
            rows.append(["", _worth(view, say), *_figures(view, "converted", view["to_unit"], say), ""])
        shares = {name: view["totals"][name]["completeness"] for name in COLUMNS if name in view["totals"]}
        short = [f"{say(f'meter_table.{name}')} {_percent(one)} %" for name, one in shares.items() if one < COMPLETE]
        if short:
            poor.setdefault(", ".join(short), []).append(view["point"])
    lines = aligned(rows, frozenset(range(1, 2 + len(COLUMNS))))
    if not poor:
        return lines
    if len(poor) == 1:
        return [*lines, f"{say('meter_table.incomplete')} {next(iter(poor))}"]
    notes = [f"* {', '.join(points)}{say.colon} {shown}" for shown, points in poor.items()]
    return [*lines, say("meter_table.incomplete"), *notes]


def _percent(share: float) -> int:
    """Return a share in whole percent, downwards: 99.9 % is not all."""
    return int(share * 100)


def _index(view: Mapping[str, Any], say: Words) -> str:
    return (
        MISSING
        if view["index"] is None
        else with_unit(amount(view["index"], view["unit"], 200, say.point), view["unit"])
    )


def _figures(view: Mapping[str, Any], what: str, unit: str, say: Words) -> list[str]:
    figures = []
    for name in COLUMNS:
        total = view["totals"].get(name)
        if total is None or total[what] is None:
            figures.append(MISSING)
            continue
        mark = "*" if total["completeness"] < COMPLETE else ""
        text = amount(float(total[what]), unit, 200, say.point)
        figures.append(f"{text}{mark}")
    return figures


def _act(view: Mapping[str, Any], zone: tzinfo, say: Words) -> str:
    act = view["act"]
    if act is None:
        return ""
    day = "" if act["utc_ms"] is None else say.date(act["utc_ms"], zone).split(" ", 1)[-1]  # the week's day is too long
    return f"{say.word('meter_act', act['kind'])} {day}".rstrip()


def _worth(view: Mapping[str, Any], say: Words) -> str:
    """Return the second unit, and what one of the first is worth in it today."""
    worth = "" if view["worth"] is None else f"× {view['worth'].replace('.', say.point)}"
    return with_unit(worth, view["to_unit"])


def peaks(found: Sequence[Mapping[str, Any]], zone: tzinfo, say: Words) -> list[str]:
    """Return a line a gauge: its highest value of each period, and when its record began."""
    rows = [[say(f"meter_table.{name}") for name in ("meter", *COLUMNS)]]
    for view in found:
        told = [view["peaks"].get(name) for name in COLUMNS]
        rows.append(
            [view["point"], *(MISSING if peak is None else _peak(peak, view["unit"], zone, say) for peak in told)]
        )
    return aligned(rows)


def _peak(peak: Mapping[str, Any], unit: str, zone: tzinfo, say: Words) -> str:
    return f"{with_unit(amount(peak['value'], unit, 200, say.point), unit)} {moment(peak['utc_ms'], zone, say)}"

"""`vigie simulate`: a site in virtual time, and what it would send, write and lose, before anything is installed."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.cli import simulate_sms
from edge.cli.format import number
from edge.settings.catalogue import render, written

DAY_S: Final = 86_400.0
TELL_EACH_S: Final = 5.0
UNITS_S: Final = {"m": 60.0, "h": 3600.0, "d": DAY_S}
OUTAGE: Final = re.compile(r"(mqtt|sms)=(\d+(?:\.\d+)?)([mhd])@day(\d+(?:\.\d+)?)$")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `vigie simulate`."""
    parser.add_argument("file", type=Path, help="the site's settings")
    parser.add_argument("--days", type=_days, default=30.0, help="virtual days (default 30)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same run")
    parser.add_argument(
        "--outage", type=_outage, action="append", default=[], metavar="mqtt=36h@day3",
        help="the link (mqtt or sms) is down for so long from that day on; may be given several times",
    )  # fmt: skip
    parser.add_argument("--no-ack", action="store_true", help="nobody upstream acknowledges")
    parser.add_argument(
        "--wire",
        action="store_true",
        help="simulate the devices down to the wire, for up to a day",
    )
    simulate_sms.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="all figures, day by day")


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: a number of days is expected, such as 30") from None
    if not 0 < days <= 3660:
        raise argparse.ArgumentTypeError(f"{text!r}: between 0 and 3660 days")
    return days


def _outage(text: str) -> tuple[str, float, float]:
    found = OUTAGE.match(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r}: write LINK=LENGTH@dayN, such as mqtt=36h@day3 (units m, h, d)")
    length_s = float(found[2]) * UNITS_S[found[3]]
    begin_s = (float(found[4]) - 1) * DAY_S
    if length_s <= 0 or begin_s < 0:
        raise argparse.ArgumentTypeError(f"{text!r}: a length above 0 and a day from 1 on are expected")
    return found[1], begin_s, begin_s + length_s


def run(args: argparse.Namespace) -> int:
    """Simulate and print; return 0, 1 when records were lost, 2 when the settings have faults."""
    from edge.settings.faults import SettingsError
    from edge.settings.load import load
    from edge.settings.report import language
    from edge.settings.report import report as fault_report
    from edge.sim.simulation import Simulation
    from edge.sim.upstream import Outage

    lang = language(os.environ, args.file)
    try:
        settings = load(args.file)
    except SettingsError as exc:
        sys.stderr.write(fault_report(str(args.file), exc.faults, lang) + "\n")
        return 2
    if args.wire and args.days > 1:
        sys.stderr.write("vigie simulate: --wire takes 3 minutes of CPU a virtual day; give --days 1 or less\n")
        return 2
    for link, _begin_s, _end_s in args.outage:
        if getattr(settings.links, link) is None:
            sys.stderr.write(f"vigie simulate: --outage {link}=…: {args.file} has no [link.{link}]\n")
            return 2
    outages = [Outage(begin_s, end_s) for link, begin_s, end_s in args.outage if link == "mqtt"]
    if settings.links.sms is not None and not args.wire:
        sms_outages = [Outage(begin_s, end_s) for link, begin_s, end_s in args.outage if link == "sms"]
        texted = simulate_sms.run(settings, args, outages, sms_outages, _told(args.days, lang))
        told = lines(texted.report, bool(outages), lang)
        told = [
            *(told if settings.links.mqtt is not None else told[:3]),
            *simulate_sms.lines(texted, lang),
        ]
        told = [msgspec.json.encode(simulate_sms.figures(texted)).decode()] if args.json else told
        sys.stdout.write("\n".join(told) + "\n")
        return 1 if texted.report.lost or texted.bill.lost else 0
    with tempfile.TemporaryDirectory(prefix="vigie-wire-") as folder:
        simulation = Simulation(
            settings, seed=args.seed, outages=outages, acknowledges=not args.no_ack,
            wire_folder=Path(folder) if args.wire else None,
        )  # fmt: skip
        report = simulation.run(args.days, _told(args.days, lang))
    if args.json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        sys.stdout.write("\n".join(lines(report, bool(outages), lang)) + "\n")
    return 1 if report.lost else 0


def _told(days: float, lang: str) -> Callable[[int], None]:
    """Return what tells who waits at a terminal how far it is, when some seconds have passed since the last word."""
    last_s = time.monotonic()

    def passed(day: int) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if sys.stderr.isatty() and day < days and now_s - last_s >= TELL_EACH_S:
            last_s = now_s
            sys.stderr.write(render(lang, "simulate.passed", {"day": day, "days": written(lang, float(days))}) + "\n")

    return passed


def lines(report: Any, had_outage: bool, lang: str) -> list[str]:  # noqa: FBT001 - a fact about the run
    """Return the report for a person."""
    days = max(report.days, 1 / 24)
    counts = ("readings", "records", "events", "batches", "most_waiting", "repeated", "stored")
    values = {
        "site": report.site, "days": written(lang, float(report.days)), "seed": report.seed,
        **{name: number(getattr(report, name), 0) for name in counts},
        "begun": report.alarms_begun, "ended": report.alarms_ended,
        "written": _octets(report.octets_written / days, lang), "flushes": number(report.flushes / days, 0),
        "sent": _octets(report.octets_sent / days, lang),
        "each": written(lang, round(report.octets_sent / max(report.records, 1), 1)),
        "day": report.most_waiting_day, "lost": report.lost, "gaps": report.gaps, "waiting": report.waiting,
    }  # fmt: skip
    told = ["head", "records", "card", "link", *(["outage"] if had_outage else []), "stored"]
    return [render(lang, f"simulate.{name}", values) for name in told]


def _octets(size: float, lang: str) -> str:
    units = render(lang, "simulate.units", {}).split()
    place = 0
    while size >= 1024 and place < len(units) - 1:
        size, place = size / 1024, place + 1
    return f"{written(lang, round(size, 1 if place else 0))} {units[place]}"

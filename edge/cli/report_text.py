"""A report as text for a screen of 80 columns or a mail: machines, alarms, meters, costs, measurements, the box."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from edge.cli.cells import cells, clip, padded, wrapped
from edge.cli.format import MISSING, amount, with_unit
from edge.cli.words import Words
from edge.core.report import CostLine, GaugeLine, MeterLine, Report, RunLine
from edge.core.series import JournalLine
from edge.settings import event_text
from edge.settings.amounts import money
from edge.settings.event_text import is_doubtful
from edge.settings.report_sms import local_day, month, named, percent

NAME_WIDTH = 34
LABEL_WIDTH = 12


def report_lines(report: Report, say: Words, width: int = 80) -> list[str]:
    """Return the report as lines of at most `width` cells."""
    zone = ZoneInfo(report.tz)
    return [
        clip(line, width)
        for block in (
            _head(report, say, zone, width),
            _machines(report, say, width),
            _alarms(report, say, zone, width),
            _meters(report, say),
            _costs(report, say),
            _gauges(report, say, zone),
            _box(report, say, width),
        )
        for line in block
    ]


def title(report: Report, say: Words) -> str:
    """Return what the report is of: "Friday 20 November 2026" in short, and that it goes on where it does."""
    day = report.span.day
    span = local_day(day, say.lang) if report.span.length == "day" else month(day, say.lang)
    key = "report.title" if report.span.is_whole else "report.title_so_far"
    return say(key, span=f"{span} {day.year}")


def _head(report: Report, say: Words, zone: tzinfo, width: int) -> Iterator[str]:
    whose = f"{report.site} ({report.box})"
    made = datetime.fromtimestamp(report.made_ms / 1000, zone)
    of = title(report, say)
    yield whose + " " * max(1, width - cells(whose) - cells(of)) + of
    yield say("report.made", at=f"{local_day(made.date(), say.lang)} {made:%H:%M}")
    yield ""


def _labelled(label: str, lines: Sequence[str], width: int) -> Iterator[str]:
    """Yield lines beside a label; what does not fit goes on below, indented."""
    for line in lines:
        for number, part in enumerate(wrapped(line, width - LABEL_WIDTH - 2)):
            yield f"{label:<{LABEL_WIDTH}}{'  ' if number else ''}{part}"
            label = ""
    yield ""


def _machines(report: Report, say: Words, width: int) -> Iterator[str]:
    machines = report.machines
    if not machines.total:
        return
    counts = ", ".join(
        f"{count} {say.state(state)}"
        for state, count in (
            ("in_service", machines.in_service), ("faulty", machines.faulty), ("maintenance", machines.maintenance),
        )
        if count or state == "in_service"
    )  # fmt: skip
    out = [machine_text(one, report, say) for one in machines.out]
    yield from _labelled(say("report.machines"), [counts, *out, *(run_text(one, say) for one in machines.runs)], width)


def run_text(line: RunLine, say: Words) -> str:
    """Return how long a machine ran, and how often it started."""
    hours, before = (
        None if value is None else amount(value, "h", point=say.point) for value in (line.run_h, line.before_h)
    )
    facts = {
        "name": named(line.name, say.lang) or line.equipment,
        "hours": hours or MISSING,
        "before": before or MISSING,
    }
    if line.starts is not None:
        facts["starts"] = say.count("report.ran_starts", round(line.starts))
    return say("report.ran", **facts)


def machine_text(machine: Mapping[str, Any], report: Report, say: Words) -> str:
    """Return one machine that is not in service: its state, since when, why, until when."""
    zone = ZoneInfo(report.tz)
    facts: dict[str, Any] = {
        "name": named(machine["name"], say.lang) or machine["equipment"],
        "state": say.state(machine["state"]),
    }
    for key, name in (("since_utc_ms", "since"), ("until_utc_ms", "until")):
        if machine.get(key) is not None:
            facts[name] = event_text.moment(say.lang, machine[key], zone)[:-3]
    facts |= {key: machine[key] for key in ("alarm", "author", "reason") if machine.get(key)}
    return say("report.machine", **facts)


def _alarms(report: Report, say: Words, zone: tzinfo, width: int) -> Iterator[str]:
    alarms = report.alarms
    counts = f"{say.count('report.active', len(alarms.active))}, {say.count('report.begun', alarms.begun)}"
    lines = [counts, *(alarm_text(one, report, say) for one in alarms.active)]
    if alarms.last is not None:
        lines.append(say("report.last", what=incident_text(alarms.last, say, zone)))
    yield from _labelled(say("report.alarms"), lines, width)


def alarm_text(alarm: Mapping[str, Any], report: Report, say: Words) -> str:
    """Return one active alarm in a line: what, where, how much against what, since when."""
    facts = {
        "id": alarm["number"], "kind": alarm["kind"], "v": alarm["value"], "u": alarm["unit"], "at": alarm["at"],
        "diagnosis": alarm["diagnosis"],
    }  # fmt: skip
    known = {name: value for name, value in facts.items() if value not in {None, ""}}
    zone = ZoneInfo(report.tz)
    text = event_text.sentence(say.lang, zone, "alarm_begin", alarm["point"], known)
    since_ms = alarm["since_utc_ms"]
    return text if since_ms is None else f"{text}, {event_text.moment(say.lang, since_ms, zone)[:-3]}"


def incident_text(line: JournalLine, say: Words, zone: tzinfo) -> str:
    """Return a line of the journal with its date."""
    text = event_text.sentence(say.lang, zone, line.kind, line.point, line.values)
    return text if line.t_ms is None else f"{event_text.moment(say.lang, line.t_ms, zone)[:-3]}{say.colon} {text}"


def _table(label: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table whose first column is left and whose others are right, each as wide as its longest cell."""
    widths = [max(cells(row[column]) for row in (head, *rows)) for column in range(1, len(head))]
    yield label
    for row in (head, *rows):
        figures = [padded(cell, width, right=True) for width, cell in zip(widths, row[1:], strict=True)]
        yield f"  {padded(clip(row[0], NAME_WIDTH), NAME_WIDTH)}  {'  '.join(figures)}".rstrip()
    yield ""


def _meters(report: Report, say: Words) -> Iterator[str]:
    if report.meters:
        rows = [meter_cells(line, say) for line in report.meters]
        yield from _table(
            say("report.meters"), ["", *spans(report, say), say("report.change"), say("report.data")], rows
        )


def spans(report: Report, say: Words) -> tuple[str, str]:
    """Return the heads of the two columns: this span and the one before it."""
    length = report.span.length
    return say(f"report.this_{length}"), say(f"report.before_{length}")


def meter_cells(line: MeterLine, say: Words) -> list[str]:
    """Return name, moved, moved before, change and completeness of a meter."""
    return [
        named(line.name, say.lang) or line.point, _moved(line.moved, line.unit, say),
        _moved(line.before, line.unit, say), change(line.moved, line.before), share(line.complete, say),
    ]  # fmt: skip


def _moved(value: float | None, unit: str, say: Words) -> str:
    return MISSING if value is None else with_unit(amount(value, unit, point=say.point), unit)


def change(now: float | None, before: float | None) -> str:
    """Return by how much it changed, "-" where that says nothing.

    >>> change(11.0, 10.0), change(0.0, 10.0), change(5.0, 0.0), change(None, 1.0), change(1e9, 1.0)
    ('+10 %', '-100 %', '-', '-', '-')
    """
    if now is None or not before:
        return MISSING
    percent_more = round((now - before) / abs(before) * 100)
    return f"{percent_more:+d} %" if abs(percent_more) < 10_000 else MISSING


def share(complete: float | None, say: Words) -> str:
    """Return a completeness in percent."""
    return MISSING if complete is None else f"{percent(complete, say.lang)} %"


def _costs(report: Report, say: Words) -> Iterator[str]:
    if report.costs:
        rows = [cost_cells(line, say) for line in report.costs]
        yield from _table(say("report.costs"), ["", *spans(report, say)], rows)


def cost_cells(line: CostLine, say: Words) -> list[str]:
    """Return name, amount and amount before of a tariff; each that may be too low for want of data is marked."""
    return [
        named(line.name, say.lang) or line.tariff,
        money(say.lang, line.amount, line.currency, is_partial=line.partial),
        money(say.lang, line.before, line.currency, is_partial=line.before_partial),
    ]


def _gauges(report: Report, say: Words, zone: tzinfo) -> Iterator[str]:
    if report.gauges:
        rows = [gauge_cells(line, say, zone, report.span.length == "day") for line in report.gauges]
        head = ["", *(say(f"report.{name}") for name in ("low", "mean", "high", "at")), say("report.data")]
        yield from _table(say("report.gauges"), head, rows)


def gauge_cells(line: GaugeLine, say: Words, zone: tzinfo, is_day: bool) -> list[str]:  # noqa: FBT001 - a span
    """Return name, lowest, mean, highest, when that was, and completeness of a measured value."""
    at = MISSING
    if line.high_ms is not None:
        local = datetime.fromtimestamp(line.high_ms / 1000, zone)
        at = f"{local:%H:%M}" if is_day else local_day(local.date(), say.lang)
    unit = f" ({with_unit('', line.unit).strip()})" if with_unit("", line.unit).strip() else ""
    return [
        f"{named(line.name, say.lang) or line.point}{unit}",
        *(
            MISSING if value is None else amount(value, line.unit, point=say.point)
            for value in (line.low, line.mean, line.high)
        ),
        at, share(line.complete, say),
    ]  # fmt: skip


def _box(report: Report, say: Words, width: int) -> Iterator[str]:
    yield from _labelled(say("report.box"), health_lines(report, say), width)


def health_lines(report: Report, say: Words) -> list[str]:
    """Return how complete the data are, and how the box is."""
    health = report.health
    links = ", ".join(
        say("report.link", link=name, state=say.word("link_state", state), waiting=health.waiting.get(name, 0))
        for name, state in health.links.items()
    )
    starts = say.count("report.starts", health.starts)
    if health.unclean:
        starts = f"{starts}, {say.count('report.unclean', health.unclean)}"
    return [
        say("report.nothing_due")
        if report.complete is None
        else say("report.complete", share=percent(report.complete, say.lang)),
        say(f"report.{'doubt' if is_doubtful(health.clock) else 'health'}", version=health.version, clock=health.clock),
        *([] if health.store == "ok" else [say("report.store", why=health.store)]),
        *([links] if links else []),
        starts,
    ]

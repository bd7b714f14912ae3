"""A report as a page of HTML for paper (A4) and screens: no script, nothing from elsewhere, bars by hour or day.

Colour is never alone: a bar that is missing is a dot, a machine that is out says so in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from edge.cli.report_text import (
    alarm_text,
    cost_cells,
    gauge_cells,
    health_lines,
    incident_text,
    machine_text,
    meter_cells,
    run_text,
    spans,
    title,
)
from edge.cli.words import Words
from edge.core.report import Report

PLOT_WIDTH: Final = 124
PLOT_HEIGHT: Final = 18
STYLE: Final = """\
@page{size:A4;margin:15mm}
*{box-sizing:border-box}
body{font:10pt/1.4 "DejaVu Sans",Arial,sans-serif;color:#111;background:#fff;max-width:180mm;margin:0 auto;padding:3mm}
h1{font-size:15pt;margin:0}
h2{font-size:11pt;margin:5mm 0 1mm;border-bottom:.3mm solid #111;break-after:avoid}
p{margin:0 0 1mm}
.of{color:#444}
table{border-collapse:collapse;width:100%}
td,th{padding:.6mm 1.5mm;text-align:right;font-weight:400;vertical-align:bottom;white-space:nowrap}
td{font-variant-numeric:tabular-nums}
th{color:#444}
td:first-child,th:first-child{text-align:left;padding-left:0;white-space:normal}
tr{break-inside:avoid}
tbody tr{border-top:.1mm solid #bbb}
ul{margin:0;padding-left:5mm}
.out{font-weight:700}
svg{display:block}
.scroll{overflow-x:auto}
@media print{body{padding:0;max-width:none}.scroll{overflow:visible}}
"""


def report_page(report: Report, say: Words) -> str:
    """Return the report as a whole HTML document."""
    body = "\n".join([*_head(report, say), *_state(report, say), *_figures(report, say), *_box(report, say)])
    return (
        f'<!doctype html>\n<html lang="{say.lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(say('report.page', site=report.site))}, {escape(title(report, say))}</title>\n"
        f"<style>\n{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _head(report: Report, say: Words) -> Iterable[str]:
    yield f"<h1>{escape(report.site)}</h1>"
    yield f'<p class="of">{escape(title(report, say))} · {escape(report.box)}</p>'


def _state(report: Report, say: Words) -> Iterable[str]:
    machines = report.machines
    if machines.total:
        yield _heading("report.machines", say)
        states = (
            ("in_service", machines.in_service), ("faulty", machines.faulty), ("maintenance", machines.maintenance),
        )  # fmt: skip
        yield f"<p>{escape(', '.join(f'{count} {say.state(state)}' for state, count in states))}</p>"
        yield from _list((machine_text(one, report, say) for one in machines.out), "out")
        yield from _list(run_text(one, say) for one in machines.runs)
    alarms = report.alarms
    yield _heading("report.alarms", say)
    counts = f"{say.count('report.active', len(alarms.active))}, {say.count('report.begun', alarms.begun)}"
    yield f"<p>{escape(counts)}</p>"
    yield from _list((alarm_text(one, report, say) for one in alarms.active), "out")
    if alarms.last is not None:
        last = say("report.last", what=incident_text(alarms.last, say, ZoneInfo(report.tz)))
        yield f"<p>{escape(last)}</p>"


def _figures(report: Report, say: Words) -> Iterable[str]:
    if report.meters:
        yield _heading("report.meters", say)
        head = ["", *spans(report, say), say("report.change"), say("report.data")]
        yield _table(head, [[*meter_cells(line, say), bars(line.parts)] for line in report.meters])
    if report.costs:
        yield _heading("report.costs", say)
        yield _table(["", *spans(report, say)], [[*cost_cells(line, say), ""] for line in report.costs])
    if report.gauges:
        yield _heading("report.gauges", say)
        zone, is_day = ZoneInfo(report.tz), report.span.length == "day"
        head = ["", *(say(f"report.{name}") for name in ("low", "mean", "high", "at")), say("report.data")]
        rows = [[*gauge_cells(line, say, zone, is_day), bars(line.parts, from_zero=False)] for line in report.gauges]
        yield _table(head, rows)


def _box(report: Report, say: Words) -> Iterable[str]:
    yield _heading("report.box", say)
    yield from _list(health_lines(report, say))


def _heading(key: str, say: Words) -> str:
    text = say(key)
    return f"<h2>{escape(text[:1].upper() + text[1:])}</h2>"


def _list(lines: Iterable[str], css: str = "") -> Iterable[str]:
    items = [f"<li>{escape(line)}</li>" for line in lines]
    if items:
        yield f'<ul class="{css}">' if css else "<ul>"
        yield from items
        yield "</ul>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the last cell of each row is HTML already, a plot or nothing."""
    has_plot = any(row[-1] for row in rows)
    cells = "".join(f"<th>{escape(name)}</th>" for name in (*head, *([""] if has_plot else [])))
    lines = [
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row[:-1]) + (f"<td>{row[-1]}</td>" if has_plot else "")
        + "</tr>"
        for row in rows
    ]  # fmt: skip
    return (
        '<div class="scroll"><table>\n<thead><tr>'
        + cells
        + "</tr></thead>\n<tbody>\n"
        + "\n".join(lines)
        + ("\n</tbody></table></div>")
    )


def bars(parts: Sequence[float | None], *, from_zero: bool = True) -> str:
    """Return small bars as SVG, one a part, from 0 or from the least value; a part without a value is a dot."""
    known = [part for part in parts if part is not None]
    if not known:
        return ""
    least = min(0.0, *known) if from_zero else min(known)
    span = max(known) - least or 1.0
    step = PLOT_WIDTH / len(parts)
    drawn = []
    for number, part in enumerate(parts):
        x = number * step
        if part is None:
            drawn.append(f'<circle cx="{x + step / 2:.1f}" cy="{PLOT_HEIGHT - 1}" r=".8" fill="#888"/>')
            continue
        height, width = max(0.4, (part - least) / span * (PLOT_HEIGHT - 2)), max(step - 0.8, 0.5)
        drawn.append(f'<rect x="{x:.1f}" y="{PLOT_HEIGHT - height:.1f}" width="{width:.1f}" height="{height:.1f}"/>')
    return (
        f'<svg width="{PLOT_WIDTH}" height="{PLOT_HEIGHT}" viewBox="0 0 {PLOT_WIDTH} {PLOT_HEIGHT}" fill="#246" '
        f'aria-hidden="true">{"".join(drawn)}</svg>'
    )

"""What `receive` prints: a line a box for people, a line an entry for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from edge.core.batch_forms import Batch, EventPack
from edge.core.batch_parse import event_from, milliseconds
from edge.settings.event_text import DOUBT, is_doubtful, moment, sentence
from edge.upstream.ledger import Stored

NARROW = "\u202f"  # between thousands, so that a number does not break


def grouped(number: int) -> str:
    """Return a whole number as people read it.

    >>> grouped(48213).replace(NARROW, " ")
    '48 213'
    """
    return f"{number:,}".replace(",", NARROW)


def span(seconds: float) -> str:
    """Return a duration in one unit.

    >>> span(2.4), span(190), span(7300), span(200_000)
    ('2 s', '3 min', '2 h', '2 days')
    """
    seconds = max(seconds, 0.0)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86400:.0f} days"


def box_line(box: str, site: str, points: int, stream: str, stored: int, behind_s: float) -> str:
    """Return how a box stands.

    >>> box_line("b0042", "Gymnase Sud", 23, "9f3c21aa", 812, 2)
    'b0042 Gymnase Sud   23 points   stream 9f3c21aa   stored 812   2 s behind'
    """
    name = f"{box} {site}".strip()
    return f"{name}   {points} points   stream {stream}   stored {grouped(stored)}   {span(behind_s)} behind"


def entry_lines(box: str, form: Batch | EventPack | dict[str, Any], kept: Stored) -> Iterator[str]:
    """Return one JSON object for each entry that was stored now, and for each hole that became known."""
    if isinstance(form, dict):
        return
    head = {"box": box, "stream": form.stream}
    for first, last, why in kept.gaps:
        yield _json({**head, "gap": [first, last, why]})
    if isinstance(form, EventPack):
        for entry in form.e:
            if form.seq + entry["i"] in kept.new:
                yield _json({**head, "seq": form.seq + entry["i"], **{k: v for k, v in entry.items() if k != "i"}})
        return
    for good in form.e:
        if form.seq + good.i in kept.new:
            value = {"v": good.v} if good.vs is None else {"vs": good.vs}
            row = {
                "seq": form.seq + good.i, "n": good.n, "u": good.u, "t": good.t,
                "dt": form.dt if good.dt is None else good.dt, **value,
                "quality": "uncertain" if good.why else "good", "why": good.why, "mean": good.mean, "min": good.min,
                "max": good.max, "cnt": form.cnt if good.cnt is None else good.cnt, "inc": good.inc, "dur": good.dur,
                "chg": good.chg,
            }  # fmt: skip
            yield _json({**head, **{name: value for name, value in row.items() if value not in {None, ""}}})
    for bad in form.bad:
        if form.seq + bad.i in kept.new:
            dt = form.dt if bad.dt is None else bad.dt
            row = {"seq": form.seq + bad.i, "n": bad.n, "t": bad.t, "dt": dt, "quality": "bad", "why": bad.why}
            yield _json({**head, **row})


def event_lines(
    box: str, form: Batch | EventPack | dict[str, Any], kept: Stored, lang: str, zone: tzinfo
) -> Iterator[str]:
    """Return a line for each event that was stored now, in the words of the box's own journal.

    A time that nobody vouched for is marked "~", as there.
    """
    if not isinstance(form, EventPack):
        return
    mark = DOUBT if is_doubtful(form.tq) else ""
    for entry in form.e:
        if form.seq + entry["i"] in kept.new:
            event = event_from(entry, milliseconds(entry["t"]))
            text = sentence(lang, zone, event.kind, event.point, event.values)
            shown = f"{box}  {mark}{moment(lang, event.at_ms, zone)}  {text}"
            yield "".join(character if character.isprintable() else " " for character in shown)


def _json(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))

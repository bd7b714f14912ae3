"""From the columns of a report to records: one a point and period, as the box itself would have written it.

An index is the one at the end of its period. Its increment is what it moved since the last that is known, so that
increments add up to the index as they do on the box; the first of a report needs the last of the report before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from edge.core.types import Record
from edge.upstream.days import midnight_ms, zone
from hal.sample import BAD, GOOD, UNCERTAIN
from sms.schema import Channel, Schema
from sms.wire import LOCAL_DAY, STEPS, UNIT_S, Header, WireError

UNTOLD: Final = "untold"
"""Why a period has no value: the box says only that there was none."""
GONE_BACK: Final = "meter_changed"
HOUR_S: Final = 3600


class Span(NamedTuple):
    """A period: UTC seconds."""

    start_s: int
    end_s: int


class Reached(NamedTuple):
    """An index at an instant, as an integer of its channel."""

    point: str
    end_s: int
    value: int
    exponent: int


class Held(NamedTuple):
    """An index whose increment is known once what the index was at `since_s` is."""

    point: str
    since_s: int
    start_s: int
    dt_s: int
    value: int
    exponent: int

    def record(self, before: Reached | None, moved: int = 0) -> Record:
        """Return its record; without an increment when what was before will never be known.

        `moved`: by how much a person set the index since then.
        """
        span = Span(self.start_s, self.start_s + self.dt_s)
        start = None if before is None else rescaled(before.value, before.exponent, self.exponent) + moved
        return _index(self.point, span, self.value, start, self.exponent)


class Rows(msgspec.Struct):
    """What a report gives."""

    records: list[Record] = []
    held: list[Held] = []
    reached: list[Reached] = []
    empty: list[tuple[str, int, int]] = []
    """Points whose index has no value in all of the report and is not known before it; from when to when, UTC s."""


def number(value: int, exponent: int) -> float:
    """Return value × 10**exponent, as near as a float comes.

    >>> number(215, -1), number(-7, 0), number(12, 2)
    (21.5, -7.0, 1200.0)
    """
    return value / 10**-exponent if exponent < 0 else float(value * 10**exponent)


def rescaled(value: int, exponent: int, wanted: int) -> int:
    """Return the integer of another exponent, rounded down.

    >>> rescaled(12345, -1, 0), rescaled(12, 1, 0), rescaled(-5, -1, 0)
    (1234, 120, -1)
    """
    power = exponent - wanted
    factor = int(10 ** abs(power))
    return value * factor if power >= 0 else value // factor


def spans(schema: Schema, header: Header) -> list[Span]:
    """Return the periods of a report. Raises WireError for a step code that is not known.

    Local days are those of the site's zone, of 23 to 25 hours, from the one that has begun at the base time. Hours
    begin with those of its clocks: of a zone such as Nepal's, 5:45 from UTC, five minutes after the base time.
    """
    tz = zone(schema.tz)
    if header.step != LOCAL_DAY:
        step_s = STEPS[header.step] if header.step < len(STEPS) else 0
        if not step_s:
            raise WireError(f"step code {header.step} is not known for a report")
        first_s = header.base_s
        if step_s >= HOUR_S:
            offset = datetime.fromtimestamp(first_s, tz).utcoffset() or timedelta()
            first_s += -int(offset.total_seconds()) % UNIT_S
        starts = [first_s + place * step_s for place in range(header.count + 1)]
    else:
        # the base is a multiple of 10 min at or before local midnight
        day = (datetime.fromtimestamp(header.base_s, UTC) + timedelta(seconds=599)).astimezone(tz).date()
        starts = [midnight_ms(tz, day + timedelta(days=place)) // 1000 for place in range(header.count + 1)]
    return [Span(start, end) for start, end in itertools.pairwise(starts)]


def rows_of(
    schema: Schema,
    periods: Sequence[Span],
    columns: Sequence[Sequence[int | None]],
    reached: Callable[[str, int], Reached | None],
    *,
    may_hold: bool,
    shifted: Callable[[str, Span, int], int] = lambda *_: 0,
) -> Rows:
    """Return what a decoded report gives; `reached(point, at_s)`: the index that a point had at an instant.

    `shifted(point, span, exponent)`: by how much a person set the index in a period; that is no consumption.
    may_hold: the message before may still come, so a first index without one waits for it.
    """
    rows = Rows()
    by_point: dict[str, dict[str, tuple[Channel, Sequence[int | None]]]] = {}
    for channel, column in zip(schema.channels, columns, strict=True):
        by_point.setdefault(channel.point, {})[channel.what] = (channel, column)
    for point, whats in by_point.items():
        if "index" in whats:
            channel, column = whats["index"]
            moves = [shifted(point, span, channel.exponent) for span in periods]
            before = reached(point, periods[0].start_s)
            _index_rows(rows, channel, column, list(zip(periods, moves, strict=True)), before, may_hold=may_hold)
        else:
            rows.records.extend(_gauge(point, span, whats, place) for place, span in enumerate(periods))
    rows.records.sort(key=lambda record: record.start_ms)  # stable: in the order of the schema within a period
    return rows


def _index_rows(
    rows: Rows,
    channel: Channel,
    column: Sequence[int | None],
    periods: Sequence[tuple[Span, int]],
    before: Reached | None,
    *,
    may_hold: bool,
) -> None:
    """Add what a column of indexes gives; `periods`: each with what the index was set by in it."""
    first_s = periods[0][0].start_s
    point, exponent = channel.point, channel.exponent
    last = None if before is None else rescaled(before.value, before.exponent, exponent)
    for (span, moved), value in zip(periods, column, strict=True):
        last = None if last is None else last + moved
        if value is None:
            rows.records.append(_bad(point, span))
        elif last is None and may_hold:
            held = Held(point, first_s, span.start_s, span.end_s - span.start_s, value, exponent)
            rows.held.append(held)
        else:
            rows.records.append(_index(point, span, value, last, exponent))
        last = last if value is None else value
        if last is not None:
            rows.reached.append(Reached(point, span.end_s, last, exponent))
    if last is None:
        rows.empty.append((point, first_s, periods[-1][0].end_s))


def _index(point: str, span: Span, value: int, before: int | None, exponent: int) -> Record:
    went_back = before is not None and value < before
    increment = None if before is None or went_back else number(value - before, exponent)
    quality, why = (UNCERTAIN, GONE_BACK) if went_back else (GOOD, "")
    return Record(
        point, span.start_s * 1000, (span.end_s - span.start_s) * 1000, number(value, exponent), quality, why,
        increment=increment,
    )  # fmt: skip


def _gauge(point: str, span: Span, whats: dict[str, tuple[Channel, Sequence[int | None]]], place: int) -> Record:
    def told(what: str) -> float | None:
        if what not in whats:
            return None
        channel, column = whats[what]
        value = column[place]
        return None if value is None else number(value, channel.exponent)

    mean, low, high = told("mean"), told("min"), told("max")
    value = next((one for one in (told("last"), mean, high, low) if one is not None), None)
    if value is None:
        return _bad(point, span)
    return Record(point, span.start_s * 1000, (span.end_s - span.start_s) * 1000, value, mean=mean, low=low, high=high)


def _bad(point: str, span: Span) -> Record:
    return Record(point, span.start_s * 1000, (span.end_s - span.start_s) * 1000, None, BAD, UNTOLD)

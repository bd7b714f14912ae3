"""Which points, which range and which step a person asked for, understood against what history holds."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from edge.cli.console import no_point
from edge.cli.source import Source
from edge.cli.words import Words
from edge.core.export_rows import Row, Wanted, record_rows
from edge.core.export_steps import step_rows
from edge.core.export_tally import Tally
from edge.core.facts import PointFacts
from edge.core.moments import MomentError, Span, span
from edge.core.series import PointInfo
from edge.core.steps import Step, StepError
from edge.core.steps import step as step_of
from edge.core.tags import TagView, found
from edge.core.text import Text

AT_ONCE: Final = 40_000  # records of all points that a wide table holds in memory, some 13 MB
TAGS_TOLD: Final = 8
LEAST_PAGE: Final = 500  # shorter ones unpack the same hour too often


class SelectionError(ValueError):
    """What was asked for does not exist or makes no sense; `lines` say it to the person."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = list(lines)


class Selection(msgspec.Struct, frozen=True):
    """What a table is made of. `notes` are what the person should know about how the words were understood."""

    source: Source
    points: list[Wanted]
    from_ms: int
    to_ms: int
    zone: tzinfo
    step: Step | None = None
    notes: list[Text] = []
    only: tuple[TagView, ...] = ()
    """Only what carries one of these tags."""

    def tags(self) -> list[TagView]:
        """Return the tags that meet the range and any of the points, oldest first."""
        found = {tag.id: tag for wanted in self.points for tag in wanted.tags if tag.meets(self.from_ms, self.to_ms)}
        return [found[number] for number in sorted(found)]

    def rows_of(self, wanted: Wanted) -> Iterator[Row]:
        """Return a point's rows: its records, or its steps."""
        if self.step is None:
            return record_rows(self.source.history, wanted)
        return step_rows(self.source.history, wanted, self.step, self.zone)

    def tables(self, tally: Tally, *, is_wide: bool = False) -> Iterator[tuple[Wanted, Iterator[Row]]]:
        """Yield each point with its rows, counted as they pass; `is_wide`: all on the same steps."""
        page = max(LEAST_PAGE, AT_ONCE // max(1, len(self.points)))
        for each in self.points:
            wanted = msgspec.structs.replace(each, page=min(each.page, page)) if is_wide else each
            rows = self.rows_of(wanted)
            if wanted.is_part and not is_wide:
                from_ms, to_ms = wanted.own_range()
                rows = (row for row in rows if row.t_ms + row.dt_ms > from_ms and row.t_ms < to_ms)
            if self.only:
                rows = self._tagged(self.only if is_wide else _of(self.only, wanted.point, wanted.facts), rows)
            yield wanted, tally.counted(rows)

    def _tagged(self, tags: Sequence[TagView], rows: Iterator[Row]) -> Iterator[Row]:
        """Return the rows that meet one of these tags; what is missing before them is not theirs."""
        for row in rows:
            if any(tag.meets(row.t_ms, row.t_ms + row.dt_ms) for tag in tags):
                yield row


def zone_of_site(tz: str) -> tzinfo:
    """Return the site's time zone; UTC where this machine does not know it."""
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        return UTC


def selection(
    source: Source, points: Sequence[str], since: str | None, until: str | None, step: str | None, say: Words,
    *, tag: str | None = None,
) -> Selection:  # fmt: skip
    """Return what these words ask for. Raises SelectionError.

    Without `since` it begins with the first record, or with the tag, without `until` it ends now, or with the tag;
    nothing lies in the future.
    """
    zone = zone_of_site(source.box.tz)
    now_ms = source.box.now_ms
    infos = wanted_points(source, points, say)
    only = () if tag is None else _only(source, tag, say)
    if only:
        facts = {known.point: known for known in source.facts}
        infos = [info for info in infos if _of(only, info.point, facts.get(info.point))]
    try:
        from_span = None if since is None else span(since, now_ms, zone)
        to_span = None if until is None else span(until, now_ms, zone)
        steps = None if step in {None, "", "records"} else step_of(str(step))
    except (MomentError, StepError) as exc:
        raise SelectionError([say(exc.text.key, **exc.text.values)]) from exc
    first_ms = min((info.first_ms for info in infos), default=now_ms)
    to_ms = now_ms
    if only:
        first_ms = min(each.begin_ms or 0 for each in only) - (0 if steps else _longest_record_ms(source, infos))
        to_ms = max(now_ms if each.end_ms is None else each.end_ms for each in only)
    from_ms = first_ms if from_span is None else from_span.start_ms
    to_ms = min(now_ms, to_ms if to_span is None else to_span.end_ms)
    if from_ms >= to_ms and since is not None:
        raise SelectionError([_backwards(from_ms, to_span, now_ms, zone, say)])
    from_ms = min(from_ms, to_ms)
    if steps is not None and from_ms < to_ms:
        from_ms = steps.bounds(from_ms, zone)[0]
    notes = [each.note for each in (from_span, to_span) if each is not None and each.note is not None]
    return Selection(source, _wanted(source, infos, from_ms, to_ms), from_ms, to_ms, zone, steps, notes, only)


def _of(tags: Sequence[TagView], point: str, facts: PointFacts | None) -> tuple[TagView, ...]:
    """Return the tags that are of a point."""
    return tuple(tag for tag in tags if tag.covers(point, facts.equipment if facts else ""))


def _only(source: Source, wanted: str, say: Words) -> tuple[TagView, ...]:
    """Return the tags of this name, or of this number. Raises SelectionError."""
    tags = found(source.tags, wanted)
    if not tags:
        known = [tag.name for tag in source.tags][-TAGS_TOLD:]
        raise SelectionError([say("export.no_tag", tag=wanted, **({"known": known} if known else {}))])
    dated = tuple(tag for tag in tags if tag.begin_ms is not None)
    if not dated:
        raise SelectionError([say("export.undated_tag", tag=wanted)])
    return dated


def _longest_record_ms(source: Source, infos: Sequence[PointInfo]) -> int:
    """Return how long before a tag a record may begin that still reaches into it."""
    known = {facts.point: facts.record_ms for facts in source.facts}
    return max((known.get(info.point, 0) for info in infos), default=0)


def _backwards(from_ms: int, until: Span | None, now_ms: int, zone: tzinfo, say: Words) -> str:
    from edge.cli.printed import moment

    if from_ms >= now_ms:
        return say("when.future", time=moment(from_ms, zone, say))
    end_ms = now_ms if until is None else until.end_ms
    return say("when.backwards", since=moment(from_ms, zone, say), until=moment(end_ms, zone, say))


def _wanted(source: Source, infos: Sequence[PointInfo], from_ms: int, to_ms: int) -> list[Wanted]:
    """Return what to read of each point; where its unit or kind changed, each time is a table of its own."""
    facts = {(known.point, known.kind, known.unit): known for known in source.facts}
    count = Counter(info.point for info in infos)
    parts = []
    for info in infos:
        known = facts.get((info.point, info.kind, info.unit))
        if count[info.point] == 1:
            parts.append(Wanted(info, from_ms, to_ms, known, tags=_of(source.tags, info.point, known)))
            continue
        part = Wanted(info, from_ms, to_ms, known, tags=_of(source.tags, info.point, known), is_part=True)
        first_ms, end_ms = part.own_range()
        if first_ms < end_ms:
            parts.append(part)
    return parts


def wanted_points(source: Source, names: Sequence[str], say: Words) -> list[PointInfo]:
    """Return the points of these names or patterns (boiler.*), all where none is given. Raises SelectionError.

    In the order of the settings, then those that left them. A point without any record yet begins now.
    """
    now_ms = source.box.now_ms
    known: dict[str, list[PointInfo]] = {facts.point: [] for facts in source.facts}
    for info in source.history.points():
        known.setdefault(info.point, []).append(info)
    for facts in source.facts:
        if not known[facts.point]:
            known[facts.point] = [PointInfo(facts.point, facts.kind, facts.unit, now_ms, now_ms)]
    if not names:
        return [info for infos in known.values() for info in infos]
    matched: dict[str, list[PointInfo]] = {}
    unknown = []
    for name in (part.strip() for names_ in names for part in names_.split(",")):
        matching = [name] if name in known else fnmatch.filter(known, name) if set(name) & set("*?[") else []
        if not matching:
            unknown.append(no_point(name, list(known), say))
        matched |= {point: known[point] for point in matching}
    if unknown:
        raise SelectionError(unknown)
    return [info for infos in matched.values() for info in infos]

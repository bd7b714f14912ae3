"""`datapackage.json`: what a researcher must know of the tables beside it, as a Frictionless Data Package (v1).

Its own fields stand below "vigie": the box, the points with their sensors and calibrations, what the clock was worth,
what is lost. `docs/reference/export.md` is the contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from edge.core.export_csv import RECORD_COLUMNS, STEP_COLUMNS
from edge.core.export_tally import TrustRange
from edge.core.facts import BoxFacts, CalibrationFacts, PointFacts
from edge.core.series import HistoryGap, PointInfo
from edge.core.tags import TagView

VERSION: Final = 1
TAG_COLUMNS: Final = ("id", "name", "equipment", "points", "begin_utc", "end_utc", "author")
GAP_COLUMNS: Final = ("stream", "first", "last", "entries", "why", "from_utc", "to_utc")
PERIOD: Final = (
    "A row covers its period from its time on: 10:00 with dt_s = 600 means 10:00 to 10:10. An empty value is missing"
    " and never 0; quality and reason say why."
)
_NUMBERS: Final = frozenset({"value", "mean", "min", "max", "increment"})
_MEANINGS: Final[dict[str, tuple[str, str]]] = {
    "utc": ("datetime", "start of the period, UTC"),
    "local": ("datetime", "the same on the site's clocks; one hour a year comes twice"),
    "point": ("string", "id of the point; see vigie.points"),
    "value": ("number", "last value of the period, in unit: of a counter its index, of a state the number of its word"),
    "text": ("string", "a text's value, a state's word"),
    "unit": ("string", "SenML unit (RFC 8428, RFC 8798) of value, mean, min, max and increment"),
    "quality": ("string", "good, uncertain or bad; bad has no value"),
    "reason": ("string", "why it is not good; missing: no record; held: the value of an earlier record still stands"),
    "dt_s": ("number", "length of the period, s"),
    "mean": ("number", "gauge: mean by time"),
    "min": ("number", "gauge: lowest reading"),
    "max": ("number", "gauge: highest reading"),
    "increment": ("number", "counter: what the index moved in the period"),
    "count": ("integer", "readings of a record, records of a step"),
    "on_s": ("number", "state: seconds in the state that value names; in a step, seconds not in state 0"),
    "changes": ("integer", "state: changes in the period"),
    "clock": ("string", "what the clock that dated the record was set by: person, rtc, gsm, tic, ntp; none, floor"),
    "covered_s": ("number", "seconds of the step with a value"),
    "uncertain_s": ("number", "of these, seconds in doubt"),
    "bad_s": ("number", "seconds with a reason and without value; the rest of dt_s is missing"),
    "tags": ("string", "names of the tags that the period meets, with ; between: see tags.csv"),
    "id": ("integer", "number of the tag"),
    "name": ("string", "name of the tag"),
    "equipment": ("string", "the tag is of this machine's points"),
    "points": ("string", "the tag is of these points; of all where this and equipment are empty"),
    "begin_utc": ("datetime", "where the tag begins"),
    "end_utc": ("datetime", "where it ends; empty: it is open"),
    "author": ("string", "who opened it"),
    "stream": ("string", "id of the log"),
    "first": ("integer", "first entry that is lost"),
    "last": ("integer", "last entry that is lost"),
    "entries": ("integer", "how many"),
    "why": ("string", "dropped: overwritten before it was kept here; damaged: unreadable"),
    "from_utc": ("datetime", "not before, as far as is known"),
    "to_utc": ("datetime", "not after, as far as is known"),
}


class Credits(msgspec.Struct, frozen=True):
    """What only a person can say of the figures; what is empty is left out."""

    title: str = ""
    licence: str = ""
    """A name such as CC-BY-4.0, or an address."""
    authors: tuple[str, ...] = ()
    citation: str = ""


class Table(msgspec.Struct, frozen=True):
    """A CSV file of the package as it was written."""

    name: str
    columns: tuple[str, ...]
    octets: int
    sha256: str
    rows: int


def iso(utc_ms: int | None) -> str | None:
    """Return an instant in ISO 8601 with milliseconds and Z.

    >>> iso(1795188007250), iso(None)
    ('2026-11-20T15:20:07.250Z', None)
    """
    if utc_ms is None:
        return None
    at = datetime.fromtimestamp(utc_ms // 1000, UTC).replace(microsecond=utc_ms % 1000 * 1000, tzinfo=None)
    return f"{at.isoformat(timespec='milliseconds')}Z"


def document(
    box: BoxFacts, credit: Credits, from_ms: int, to_ms: int, *, tables: Sequence[Table],
    points: Iterable[tuple[PointInfo, PointFacts | None]], trust: Sequence[TrustRange], step: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return the whole document, ready for JSON."""
    day = slice(0, 10)
    first, last = iso(from_ms) or "", iso(to_ms) or ""
    found: dict[str, Any] = {
        "profile": "tabular-data-package",
        "name": f"vigie-{box.id}-{first[day]}-{last[day]}",
        "title": credit.title or f"{box.site}: measurements of box {box.id}".lstrip(": "),
        "description": PERIOD,
        "created": iso(box.now_ms),
        "version": f"{VERSION}.0.0",
    }
    if credit.licence:
        is_path = "://" in credit.licence
        found["licenses"] = [{"path" if is_path else "name": credit.licence}]
    if credit.authors:
        found["contributors"] = [{"title": author, "role": "author"} for author in credit.authors]
    if credit.citation:
        found["citation"] = credit.citation
    found["resources"] = [resource(table) for table in tables]
    clock = {"now": box.clock, "error_ms": box.clock_error_ms}
    found["vigie"] = {
        "form": VERSION,
        "software": f"vigie {box.version}",
        "box": box.id,
        "site": box.site,
        "simulated": box.is_simulated,
        "tz": box.tz,
        "from": first,
        "to": last,
        "step": step or None,
        "clock": {
            **{key: value for key, value in clock.items() if value not in {"", None}},
            "dated_by": [{"clock": r.trust, "from": iso(r.from_ms), "to": iso(r.to_ms)} for r in trust],
        },
        "points": [point(info, facts) for info, facts in points],
    }
    return found


def resource(table: Table) -> dict[str, Any]:
    """Return a table as a tabular data resource: path, size, hash and schema."""
    return {
        "profile": "tabular-data-resource",
        "name": table.name,
        "path": f"{table.name}.csv",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": table.octets,
        "hash": f"sha256:{table.sha256}",
        "rows": table.rows,
        "dialect": {"delimiter": ",", "lineTerminator": "\n", "header": True},
        "schema": {"fields": [field(name) for name in table.columns], "missingValues": [""]},
    }


def field(name: str) -> dict[str, Any]:
    """Return a column: name, type, what it means; where all its numbers are seconds, the unit."""
    kind, meaning = _MEANINGS[name]
    found: dict[str, Any] = {"name": name, "type": kind, "description": meaning}
    if kind == "datetime":
        found["format"] = "%Y-%m-%d %H:%M:%S" if name == "local" else "any"
    if name.endswith("_s"):
        found["unit"] = "s"
    if name in _NUMBERS:
        found["unit"] = "see the column unit"
    if name == "quality":
        found["constraints"] = {"enum": ["good", "uncertain", "bad"]}
    return found


def point(info: PointInfo, facts: PointFacts | None) -> dict[str, Any]:
    """Return a point with its sensor, limits and calibrations; what is not known is left out."""
    found: dict[str, Any] = {"point": info.point, "kind": info.kind, "unit": info.unit}
    if info.first_ms < info.end_ms:
        found |= {"first": iso(info.first_ms), "end": iso(info.end_ms)}
    if facts is None:
        return {**found, "in_settings": False}
    more: Mapping[str, Any] = {
        "name": facts.name,
        "place": facts.place,
        "equipment": facts.equipment,
        "role": facts.role,
        "properties": facts.properties,
        "words": list(facts.words),
        "driver": facts.driver,
        "device": facts.device,
        "serial": facts.serial,
        "record_s": facts.record_ms / 1000,
        "deadband": facts.deadband,
        "heartbeat_s": facts.held_ms / 1000,
        "possible_from": facts.low,
        "possible_to": facts.high,
        "limits": [msgspec.to_builtins(limit) for limit in facts.limits],
        "calibrations": [calibration(one) for one in facts.calibrations],
    }
    return found | {key: value for key, value in more.items() if value or (value == 0 and key.startswith("possible"))}


def calibration(one: CalibrationFacts) -> dict[str, Any]:
    """Return a calibration: value = raw × scale + offset, and since when (null: as long as is known)."""
    return {"since": iso(one.since_ms), "scale": one.scale, "offset": one.offset, "unit": one.unit}


def gap_fields(gap: HistoryGap) -> list[str]:
    """Return the fields of a line of gaps.csv."""
    count = str(gap.last - gap.first + 1)
    return [gap.stream, str(gap.first), str(gap.last), count, gap.why, iso(gap.from_ms) or "", iso(gap.to_ms) or ""]


def tag_fields(tag: TagView) -> list[str]:
    """Return the fields of a line of tags.csv."""
    times = [iso(tag.begin_ms) or "", iso(tag.end_ms) or ""]
    return [str(tag.id), tag.name, tag.equipment, " ".join(tag.points), *times, tag.author]


COLUMNS: Final = {"records": RECORD_COLUMNS, "steps": STEP_COLUMNS, "gaps": GAP_COLUMNS, "tags": TAG_COLUMNS}

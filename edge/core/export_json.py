"""Rows as one JSON document: what they are about first, then a row a line, each with its empty fields left out.

`value` stands in every row, null where nothing is known; times are UTC milliseconds and the same in ISO 8601.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from edge.core.export_rows import Row
from edge.core.tags import TagView, names

VERSION: Final = 1
_encode = msgspec.json.Encoder().encode
_EMPTY: Final = Row("", 0, 0, reason="")


def document_lines(facts: Mapping[str, Any], rows: Iterable[Row], tags: Sequence[TagView] = ()) -> Iterator[str]:
    """Yield the document piece by piece; `facts` come before "rows"."""
    head = _encode({"v": VERSION, **facts}).decode()
    yield head[:-1] + ',"rows":['
    separator = "\n"
    for row in rows:
        yield separator + _encode(row_object(row, tags)).decode()
        separator = ",\n"
    yield "\n]}\n"


def row_object(row: Row, tags: Sequence[TagView] = ()) -> dict[str, Any]:
    """Return a row as an object, with the names of those tags that it meets.

    >>> row_object(Row("t.cellar", 1795188000000, 60_000, None, "bad", "no_answer", bad_ms=60_000))["value"] is None
    True
    """
    at = datetime.fromtimestamp(row.t_ms / 1000, UTC).replace(tzinfo=None)
    found: dict[str, Any] = {
        "t": f"{at.isoformat(timespec='milliseconds')}Z",
        "t_ms": row.t_ms,
        "dt_ms": row.dt_ms,
        "value": row.value,
        "quality": row.quality,
    }
    for name in Row.__struct_fields__:
        value = getattr(row, name)
        if name not in {*found, "point"} and value != getattr(_EMPTY, name):
            found[name] = value
    if tags and (named := names(tags, row.t_ms, row.t_ms + row.dt_ms)):
        found["tags"] = named
    return found

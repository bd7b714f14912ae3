"""A settings file as if nobody had written templates: what `vigie check --expanded` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.settings.faults import Faults
from edge.settings.syntax import tables_of
from edge.settings.tables import REPEATED
from edge.settings.templates import expanded


def expanded_text(text: str) -> str:
    """Return a TOML text without faults with the uses of its templates written out; the same where it has none.

    Comments of the file are not in it: it is made to be looked at, and checks the same.
    """
    _, data = tables_of(text, Faults())
    tables, _ = expanded(data or {}, REPEATED, Faults())
    return text if data is None or tables.keys() == data.keys() else _written(tables)


def _written(tables: Mapping[str, Any]) -> str:
    import tomlkit

    document = tomlkit.document()
    for name, value in tables.items():
        if isinstance(value, list):
            rows = tomlkit.aot()
            for row in value:
                rows.append(_table(row))
            document.add(name, rows)
        elif value and all(isinstance(inner, dict) for inner in value.values()):  # [bus.NAME], [link.mqtt]
            named = tomlkit.table(is_super_table=True)
            for inner, table in value.items():
                named.add(inner, _table(table))
            document.add(name, named)
        else:
            document.add(name, _table(value))
    return tomlkit.dumps(document)


def _table(row: Mapping[str, Any]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for key, value in row.items():
        table.add(key, _inline(value))
    return table


def _inline(value: Any) -> Any:
    """Return a table within a table as it is written in one line."""
    import tomlkit

    if isinstance(value, dict):
        inner = tomlkit.inline_table()
        for key, part in value.items():
            inner.add(key, _inline(part))
        return inner
    if isinstance(value, list):
        parts = tomlkit.array()
        for part in value:
            parts.append(_inline(part))
        return parts
    return value

"""Settings as one flat table, key to value, and what differs between two of them: for the journal and for people.

A key is `box.commit_s`, `bus.w1.path`, `point.boiler.flow.period_s`, `limit.boiler.hot.value`, `link.mqtt.host`. What
has its default is left out. Secrets are shown as such, so that a change of one alone is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from edge.settings.model import Settings
from edge.settings.secrets import without
from edge.settings.tables import REQUIRED, SEVERAL, SINGLE, name_of

LONGEST: Final = 80  # characters of a value that is told
HEADS: Final = ("driver", "kind", "host", "point", "name", "id")


class Change(msgspec.Struct, frozen=True):
    """A key that differs; None: not written (the default counts), or its whole table is new or gone."""

    key: str
    before: str | float | None
    after: str | float | None


def flat(settings: Settings) -> dict[str, Any]:
    """Return all that differs from the defaults, lists and tables as JSON text."""
    found: dict[str, Any] = {}
    found.update(_table("box", settings.box))
    found.update(_table("site", settings.site))
    for name, (kind, options) in settings.buses.items():
        found[f"bus.{name}.kind"] = kind
        found.update(_table(f"bus.{name}", options))
    for entry in settings.points:
        found.update(_table(f"point.{entry.point.id}", entry.point))
        found.update(_table(f"point.{entry.point.id}", entry.options))
    for table, declared in SEVERAL.items():
        for row in settings.of(declared):
            found.update(_table(f"{table}.{name_of(row)}", row))
    for table, declared in SINGLE.items():
        if declared in settings.tables and table not in REQUIRED:
            found.update(_table(table, settings.one(declared)))
    for name in settings.links.__struct_fields__:
        link = getattr(settings.links, name)
        if link is not None:
            found.update(_table(f"link.{name}", link))
    return found


def _table(name: str, table: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    plain = without(table)
    for key, default in _defaults(type(table)).items():
        value = plain[key]
        if default is msgspec.NODEFAULT or value != default:
            is_plain = isinstance(value, str | int | float)
            yield f"{name}.{key}", value if is_plain else msgspec.json.encode(value).decode()


@cache
def _defaults(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return key and plain default of each field; looked at once a type, as there are many points."""
    return {
        field.encode_name: msgspec.to_builtins(field.default_factory())
        if field.default_factory is not msgspec.NODEFAULT
        else field.default
        if field.default is msgspec.NODEFAULT
        else msgspec.to_builtins(field.default)
        for field in msgspec.structs.fields(kind)
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return what differs, sorted by key; a table that came or went is one change, told by its driver or kind."""
    tables_before, tables_after = ({key.rpartition(".")[0] for key in side} for side in (before, after))
    found = []
    for table in tables_before ^ tables_after:
        side = before if table in tables_before else after
        head = next((_told(side[key]) for word in HEADS if (key := f"{table}.{word}") in side), "")
        found.append(Change(table, *((head, None) if side is before else (None, head))))
    in_both = tables_before & tables_after
    found += [
        Change(key, _told(before.get(key)), _told(after.get(key)))
        for key in before.keys() | after.keys()
        if key.rpartition(".")[0] in in_both and before.get(key) != after.get(key)
    ]
    return sorted(found, key=lambda change: change.key)


def _told(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if not isinstance(value, str) or len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"

"""The JSON Schema (draft 2020-12) of a site's file, composed from the same declarations that `check` reads.

Editors that know schemas complete keys with it and mark what is wrong. Rules between tables are not in it: `check` has
them. Options of drivers from installed packages are.
"""

from __future__ import annotations

import inspect as python
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from edge.settings import model
from edge.settings.draft import LINKS
from edge.settings.model_template import Template, Use
from edge.settings.options import options_by_driver
from edge.settings.patterns import BUS_PATTERN
from edge.settings.tables import REPEATED, REQUIRED, SEVERAL, SINGLE
from hal import buses

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def file_schema(options: Mapping[str, type[msgspec.Struct]] | None = None) -> dict[str, Any]:
    """Return the schema of a whole file; `options` are those of the drivers, by default of all that are installed."""
    known = options_by_driver() if options is None else options
    defs: dict[str, Any] = {}
    properties = {
        **{name: _table(kind, defs) for name, kind in SINGLE.items()},
        "bus": {
            "type": "object",
            "description": "Where devices are wired: [bus.NAME], each with a thread of its own.",
            "propertyNames": {"pattern": BUS_PATTERN},
            "additionalProperties": {"oneOf": [_bus(kind, defs) for kind in buses.KINDS]},
        },
        "point": {
            "type": "array",
            "description": "What is measured: [[point]], the common keys and those of its driver.",
            "items": {"oneOf": [_point(name, known[name], defs) for name in sorted(known)]},
        },
        **{name: {"type": "array", "items": _table(kind, defs)} for name, kind in SEVERAL.items()},
        "template": {"type": "array", "items": _template(defs)},
        "use": {"type": "array", "items": _table(Use, defs)},
        "link": {
            "type": "object",
            "description": "The ways upstream.",
            "properties": {name: _table(kind, defs) for name, kind in LINKS.items()},
            "additionalProperties": False,
        },
    }
    return {
        "$schema": DRAFT,
        "title": "The settings of a vigie box",
        "type": "object",
        "properties": properties,
        "required": list(REQUIRED),
        "additionalProperties": False,
        "$defs": dict(sorted(defs.items())),
    }


def _template(defs: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a template; what its tables hold is known only when their placeholders have values."""
    table = _table(Template, defs)
    rows = {"type": "array", "items": {"type": "object"}}
    table["properties"] |= dict.fromkeys(REPEATED, rows)
    return table


def _bus(kind: str, defs: dict[str, Any]) -> dict[str, Any]:
    return _merged({"kind": {"const": kind}}, ["kind"], _table(buses.KINDS[kind], defs))


def _point(name: str, options: type[msgspec.Struct], defs: dict[str, Any]) -> dict[str, Any]:
    common = _table(model.Point, defs)
    common["properties"]["driver"] = {"const": name}
    own = _table(options, defs, f"{name}.")
    merged = _merged(common["properties"], common["required"], own)
    return {**merged, "title": f'driver = "{name}"', "description": own.get("description", "")}


def _merged(properties: Mapping[str, Any], required: list[str], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a table that holds the keys of both, and no others."""
    return {
        **own,
        "type": "object",
        "properties": {**properties, **own["properties"]},
        "required": [*required, *own.get("required", [])],
        "additionalProperties": False,
    }


def _table(kind: type[msgspec.Struct], defs: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the schema of one declared table; tables within it go to `defs`, named with `prefix`."""
    _, components = msgspec.json.schema_components([kind], ref_template=f"#/$defs/{prefix}{{name}}")
    table: dict[str, Any] = _without_null(components.pop(kind.__name__))
    defs.update({prefix + name: _without_null(component) for name, component in components.items()})
    table.setdefault("required", [])
    if "description" in table:  # Python 3.13 takes the indentation off a docstring, 3.11 does not
        table["description"] = python.cleandoc(table["description"])
    return table


def _without_null(schema: Any) -> Any:
    """Return a schema without null, which TOML does not have: a key that may be None may be left out."""
    if isinstance(schema, list):
        return [_without_null(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _without_null(part) for name, part in schema.items() if not (name == "default" and part is None)}
    kinds = found.get("anyOf")
    if isinstance(kinds, list) and {"type": "null"} in kinds:
        left = [kind for kind in kinds if kind != {"type": "null"}]
        del found["anyOf"]
        found = {**left[0], **found} if len(left) == 1 else {**found, "anyOf": left}
    if isinstance(found.get("enum"), list):
        found["enum"] = [value for value in found["enum"] if value is not None]
    return found

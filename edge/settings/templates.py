"""Templates: one definition of points, limits, meters …, used many times with other values.

`[[template]]` holds tables with placeholders, each `[[use]]` gives values; what comes of it joins the tables of the
file before anything is checked, and remembers where it came from, so that every fault has its place in the file.

`{n}` in a text becomes the value; a text that is nothing but a placeholder becomes the value itself, a number stays a
number. `{n:02}` writes a number with at least two digits. A brace itself is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from edge.settings.convert import rules_of, take
from edge.settings.faults import Faults, LineOf
from edge.settings.hints import nearest
from edge.settings.model_template import NAME_PATTERN, Template, Use
from edge.settings.origins import Origin, Origins
from edge.settings.places import KeyPath

PLACEHOLDER: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAMED: Final = re.compile(rf"({NAME_PATTERN})(?::0([1-9]))?")
OWN: Final = ("template", "use")

Tables: TypeAlias = dict[str, Any]


class _Definition(msgspec.Struct):
    """A [[template]]: where it stands, its rows as written, and its placeholders with where each stands first."""

    path: KeyPath
    rows: list[tuple[str, int, Mapping[str, Any]]]
    names: dict[str, KeyPath]
    is_sound: bool = True
    """Whether all its texts could be read; a use of another one would be told the same again."""


def expanded(data: Mapping[str, Any], tables: Collection[str], faults: Faults) -> tuple[Tables, Origins]:
    """Return the file's tables with the uses of its templates in place of both, and where the added rows came from.

    `tables` are those that a template may hold: all that can stand several times.
    """
    found = {name: value for name, value in data.items() if name not in OWN}
    origins: Origins = {}
    if found.keys() == data.keys():
        return found, origins
    templates = _templates(data, tables, faults)
    for path, use in _rows(data, "use", faults):
        good = take(use, path, rules_of(Use), faults)
        template = _template_of(path, good, templates, faults)
        for at, values in _value_sets(path, good, faults):
            if template is not None and _fits(at, values, template, faults) and template.is_sound:
                _add(template, Origin((), at, good["template"], values), found, origins)
    return found, origins


def _rows(data: Mapping[str, Any], name: str, faults: Faults) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    raw = data.get(name, [])
    if not isinstance(raw, list):
        faults.at_key((name,), "fault.several", near=f"[[{name}]]")
        return
    for index, row in enumerate(raw):
        if isinstance(row, dict):
            yield (name, index), row
        else:
            faults.at_value((name, index), "fault.several", near=f"[[{name}]]")


# -- templates


def _templates(data: Mapping[str, Any], tables: Collection[str], faults: Faults) -> dict[str, _Definition]:
    found: dict[str, _Definition] = {}
    for path, raw in _rows(data, "template", faults):
        own = {key: value for key, value in raw.items() if not isinstance(value, dict | list)}
        name = take(own, path, rules_of(Template), faults, _unknown_key).get("id")
        template = _definition(path, raw, tables, faults)
        if name in found:
            faults.at_value((*path, "id"), "fault.same_id", line=LineOf((*found[name].path, "id")))
        elif name is not None:
            found[name] = template
    return found


def _unknown_key(path: KeyPath, _known: Any, faults: Faults) -> None:
    faults.at_key(path, "fault.template_key")


def _definition(path: KeyPath, raw: Mapping[str, Any], tables: Collection[str], faults: Faults) -> _Definition:
    template = _Definition(path, [], {})
    inner = {key: value for key, value in raw.items() if isinstance(value, dict | list)}
    for table, rows in inner.items():
        at = (*path, table)
        if table in OWN:
            faults.at_key(at, "fault.template_in_template")
        elif table not in tables:
            near = nearest(table, tables)
            if near:
                faults.at_key(at, "fault.unknown_table_near", near=f"[[template.{near}]]")
            else:
                faults.at_key(at, "fault.template_table", known=[f"[[template.{name}]]" for name in tables])
        elif not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            faults.at_key(at, "fault.several", near=f"[[template.{table}]]")
        else:
            template.rows += [(table, index, row) for index, row in enumerate(rows)]
    for table, index, row in template.rows:
        for where, text in texts_in(row, (*path, table, index)):
            _note_placeholders(where, text, template, faults)
    if not inner:
        faults.missing(path, "fault.template_empty", known=[f"[[template.{name}]]" for name in tables])
    return template


def texts_in(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield every text that stands within a value."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts_in(inner, (*path, name))


def _note_placeholders(path: KeyPath, text: str, template: _Definition, faults: Faults) -> None:
    for found in PLACEHOLDER.finditer(text):
        if found[0] in {"{{", "}}"}:
            continue
        named = _NAMED.fullmatch(found[1] or "")
        if named is None:
            faults.at_value(path, "fault.placeholder", plain="{n}", digits="{n:02}")
            template.is_sound = False
        else:
            template.names.setdefault(named[1], path)


# -- uses


def _template_of(
    path: KeyPath, good: Mapping[str, Any], templates: Mapping[str, _Definition], faults: Faults
) -> _Definition | None:
    name = good.get("template")
    if name is None or name in templates or faults.is_partial:
        return templates.get(name) if name else None
    near = nearest(name, templates)
    if near:
        line = LineOf((*templates[near].path, "id"))
        faults.at_value((*path, "template"), "fault.no_template_near", near=near, line=line)
    elif templates:
        faults.at_value((*path, "template"), "fault.no_template", known=sorted(templates)[:8])
    else:
        faults.at_value((*path, "template"), "fault.no_templates")
    return None


def _value_sets(path: KeyPath, good: Mapping[str, Any], faults: Faults) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    """Yield the values of each time that the template is used, with where they stand."""
    values = good.get("values", {})
    if isinstance(values, dict):
        yield (*path, "values"), values
        return
    if not values:
        faults.at_value((*path, "values"), "fault.use_empty")
    for index, row in enumerate(values):
        yield (*path, "values", index), row


def _fits(path: KeyPath, values: Mapping[str, Any], template: _Definition, faults: Faults) -> bool:
    """Note values that the template needs and does not get, gets and does not need, or can't write; tell if all fit."""
    fits = True
    for name, place in template.names.items():
        if name not in values:
            faults.missing(path, "fault.value_missing", name=name, line=LineOf(place))
            fits = False
    for name in values:
        if name not in template.names:
            near = nearest(name, template.names)
            key = "fault.value_unknown_near" if near else "fault.value_unknown"
            faults.at_key((*path, name), key, near=near or "", known=sorted(template.names))
            fits = False
    for table, index, row in template.rows if fits else ():
        for place, text in texts_in(row, (*template.path, table, index)):
            for name in _unwritable(text, values):
                faults.at_value((*path, name), "fault.value_in_text", line=LineOf(place))
                fits = False
    return fits


def _unwritable(text: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of values that can't be written where they stand: a list in a text, digits of what is no number.

    >>> list(_unwritable("apt{n:02}", {"n": "a"})), list(_unwritable("{n}", {"n": [1]}))
    (['n'], [])
    """
    for found in PLACEHOLDER.finditer(text):
        named = _NAMED.fullmatch(found[1] or "")
        if named is None or named[1] not in values:
            continue
        value = values[named[1]]
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if (named[2] and not is_whole) or (found[0] != text and not isinstance(value, str | int | float)):
            yield named[1]


def filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Return what a template holds with the values in place of its placeholders.

    >>> filled({"id": "apt{n}.water", "pin": "{pin}", "name": "{{{n:02}}}"}, {"n": 3, "pin": 17})
    {'id': 'apt3.water', 'pin': 17, 'name': '{03}'}
    """
    if isinstance(value, dict):
        return {name: filled(inner, values) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, values) for inner in value]
    if not isinstance(value, str):
        return value
    alone = PLACEHOLDER.fullmatch(value)
    if alone and alone[1] in values:
        return values[alone[1]]
    return PLACEHOLDER.sub(_written(values), value)


def _written(values: Mapping[str, Any]) -> Callable[[re.Match[str]], str]:
    def write(found: re.Match[str]) -> str:
        if found[0] in {"{{", "}}"}:
            return found[0][0]
        named = _NAMED.fullmatch(found[1])
        if named is None:
            return found[0]
        value = values[named[1]]
        if isinstance(value, bool):
            return "true" if value else "false"
        return f"{value:0{named[2]}}" if named[2] else str(value)

    return write


def _add(template: _Definition, use: Origin, found: Tables, origins: Origins) -> None:
    for table, index, row in template.rows:
        rows = found.get(table, [])
        if not isinstance(rows, list):
            continue  # [point] for [[point]]: told, and nothing can join it
        origins[table, len(rows)] = use._replace(source=(*template.path, table, index))
        found[table] = [*rows, filled(row, use.values)]

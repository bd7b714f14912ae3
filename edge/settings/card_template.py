"""One card file for many sites: a settings file in which `"{column}"` stands where sites differ.

`{column}` within a text becomes the cell of that column; a text that is nothing but `{=column}` becomes a number, true
or false. A brace itself is written twice. What stands in [[template]] has placeholders of its own and is left alone;
the values of a [[use]] are filled. Identity is never in the template: `[box] id = "{id}"`, and no secret but from a
column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from edge.settings.faults import Fault, Faults, SettingsError
from edge.settings.hints import nearest
from edge.settings.load import MOST_BYTES, of_card
from edge.settings.model import Settings
from edge.settings.places import KeyPath, scan
from edge.settings.secrets import secrets_of
from edge.settings.site_rows import NAME_PATTERN, RowFault, SiteRow, SiteRows
from edge.settings.syntax import tables_of, text_of
from edge.settings.tables import REPEATED
from edge.settings.templates import expanded, texts_in
from hal import drivers

PLACEHOLDER: Final = re.compile(rf"\{{\{{|\}}\}}|\{{(=?)({NAME_PATTERN})\}}|[{{}}]")
NUMBER: Final = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?")
LABEL_COLUMNS: Final = ("id", "number", "place", "help")
"""May stand in the list without being in the template: the label shows them."""


class CardTemplate(msgspec.Struct, frozen=True):
    """A template whose texts could all be read: each with its place among the tables."""

    name: str
    text: str
    texts: tuple[tuple[KeyPath, str], ...]
    lines: dict[str, int]
    """The line where each column is asked for first."""


class CardFile(msgspec.Struct, frozen=True):
    """What goes onto one card."""

    row: SiteRow
    text: str
    settings: Settings


def is_card_template(text: str) -> bool:
    """Return whether a settings file takes the box's id from a list of sites."""
    _, data = tables_of(text, Faults())
    box = (data or {}).get("box")
    return isinstance(box, dict) and isinstance(box.get("id"), str) and "{" in box["id"]


def card_template(content: bytes, name: str) -> CardTemplate:
    """Return the template of a file's octets. Raises SettingsError with every fault of its own."""
    faults = Faults()
    if len(content) > MOST_BYTES:
        raise SettingsError(name, [Fault(0, 0, "", "file.too_large", {"most": MOST_BYTES // 1_000_000})])
    text = text_of(content, faults)
    if text is None:
        raise SettingsError(name, faults.known)
    readable, data = tables_of(text, faults)
    if data is None or faults:
        raise SettingsError(name, faults.known)
    found = tuple(
        (path, value) for path, value in texts_in(data, ()) if path[0] != "template" and PLACEHOLDER.search(value)
    )
    box = data.get("box")
    if not isinstance(box, dict) or box.get("id") != "{id}":
        faults.at_value(("box", "id"), "render.identity", plain="{id}")
    for path, value in found:
        _check_braces(path, value, faults)
    _check_secrets(data, faults)
    if faults:
        raise SettingsError(name, faults.placed(readable, data))
    text = text.removeprefix("\ufeff")
    places = scan(text)
    lines: dict[str, int] = {}
    for path, value in found:
        for column in columns_in(value):
            lines.setdefault(column, places.value(path).line)
    return CardTemplate(name, text, found, lines)


def columns_in(text: str) -> list[str]:
    """Return the columns that a text asks for.

    >>> columns_in("{site}, {{no}} {place}")
    ['site', 'place']
    """
    return [found[2] for found in PLACEHOLDER.finditer(text) if found[2]]


def _check_braces(path: KeyPath, value: str, faults: Faults) -> None:
    for found in PLACEHOLDER.finditer(value):
        if found[0] in "{}":
            faults.at_value(path, "render.brace", plain="{column}")
        elif found[1] and found[0] != value:
            faults.at_value(path, "render.number_alone", number=found[0], plain=f"{{{found[2]}}}")


def _check_secrets(data: Mapping[str, Any], faults: Faults) -> None:
    """Note every secret that would be the same on all cards."""
    tables, _ = expanded(data, REPEATED, Faults())
    for where in (data, tables):
        for path in secrets_of(where):
            # of an unknown driver's keys nobody can say which are secrets: that driver is refused in any case
            is_known = path[0] != "point" or _at(where, path[:2]).get("driver") in drivers.names()
            if is_known and not _is_from_column(_at(where, path)):
                faults.at_value(path if where is data else path[:1], "render.secret", plain="{column}")
    access = data.get("access")
    if isinstance(access, dict) and access.get("code"):
        faults.at_key(("access", "code"), "render.code")
    for path, value in texts_in(data, ()):
        if "PRIVATE KEY" in value:
            faults.at_key(path, "render.secret", plain="{column}")


def _is_from_column(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(_is_from_column(part) for part in (value.values() if isinstance(value, dict) else value))
    found = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return found is not None and found[2] is not None


def _at(value: Any, path: KeyPath) -> Any:
    for part in path:
        value = value[part]
    return value


# -- with the list


def faults_of_columns(template: CardTemplate, sites: SiteRows) -> list[RowFault]:
    """Return what the template asks for and the list does not have, and the other way round."""
    if not sites.columns:
        return []
    known = (*template.lines, *LABEL_COLUMNS)
    faults = [
        RowFault(0, (column,), "render.no_column", {"line": line, "file": template.name})
        for column, line in template.lines.items()
        if column not in sites.columns
    ]
    for column in sites.columns:
        if column not in known:
            near = nearest(column, known)
            key = "render.unused_near" if near else "render.unused"
            faults.append(RowFault(0, (column,), key, {"near": near or "", "known": sorted(set(known))}))
    return faults


def filled(template: CardTemplate, sites: SiteRows) -> tuple[list[CardFile], list[RowFault]]:
    """Return a card file for each row, checked as any settings file is, and what is wrong in which row."""
    import tomlkit

    document = tomlkit.parse(template.text)
    cards, faults = [], []
    told: set[str] = set()
    for row in sites.rows:
        wrong = []
        for path, text in template.texts:
            try:
                _set(document, path, _value(text, row.cells, has_decimal_comma=sites.has_decimal_comma))
            except ValueError as exc:
                column = str(exc)
                wrong.append(RowFault(row.line, (column,), "render.no_number", shown=row.cells[column]))
        faults += wrong
        if wrong:
            continue
        written = tomlkit.dumps(document)
        try:
            cards.append(CardFile(row, written, of_card(written.encode(), template.name)[0]))
        except SettingsError as exc:
            faults += _of_row(template, row, written, exc.faults, told)
    return cards, faults


def _value(text: str, cells: Mapping[str, str], *, has_decimal_comma: bool) -> Any:
    """Return a text with its columns filled in. Raises ValueError, the column, where a number is wanted."""
    alone = PLACEHOLDER.fullmatch(text)
    if alone and alone[1]:
        cell = cells[alone[2]]
        said = cell.replace(",", ".") if has_decimal_comma else cell
        if said.lower() in {"true", "false"}:
            return said.lower() == "true"
        if not NUMBER.fullmatch(said):
            raise ValueError(alone[2])
        return float(said) if "." in said else int(said)
    return PLACEHOLDER.sub(lambda found: cells[found[2]] if found[2] else found[0][0], text)


def _set(document: Any, path: KeyPath, value: Any) -> None:
    for part in path[:-1]:
        document = document[part]
    document[path[-1]] = value


def _of_row(
    template: CardTemplate, row: SiteRow, written: str, found: Iterable[Fault], told: set[str]
) -> Iterator[RowFault]:
    """Give the faults of one card: with the columns that stand in the line at fault, else once for all rows."""
    places = scan(written)
    columns: dict[int, list[str]] = {}
    for path, text in template.texts:
        columns.setdefault(places.value(path).line, []).extend(columns_in(text))
    for fault in found:
        at = tuple(dict.fromkeys(columns.get(fault.line, [])))
        said = repr((fault.line, fault.column, fault.key, fault.values, fault.shown))
        if at or said not in told:
            told.update([] if at else [said])
            yield RowFault(row.line, at, "", {"fault": fault})

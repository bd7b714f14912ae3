"""Faults of a site's file: what is wrong, where it stands, and what to write, as a key of the text catalogue.

Checks note a fault by its key path; places are looked up only when there is a fault to show, so that a good file costs
the service nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec

from edge.settings.origins import Origin, Origins, origin_of, source_of
from edge.settings.places import KeyPath, Place, Places, scan

SHOWN_LENGTH: Final = 72
MOST: Final = 1000  # a file with more is no settings file, and would take minutes to judge

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SECRET: Final = re.compile(r"passw|passphrase|mot_de_passe|secret|token|private", re.IGNORECASE)


class UseOf(msgspec.Struct, frozen=True):
    """Which use of a template made the row at fault: its line, its values, and how many more uses have the fault."""

    template: str
    line: int
    values: str
    more: int = 0


class Fault(msgspec.Struct, frozen=True):
    """One fault: its place from 1 (0: the file as a whole), and a key of the catalogue with the values it needs."""

    line: int
    column: int
    path: str
    """The key as people read it: `point "boiler.flow".pin`, `link.mqtt.host`, `[[seuil]]`."""
    key: str
    values: dict[str, Any] = {}
    shown: str = ""
    """The value as written, where the value is at fault; secrets are never shown."""
    source: str = ""
    """The line of the file, where that helps more than the value."""
    use: UseOf | None = None
    """Where the row is of a template: the first use that makes it wrong."""


class SettingsError(ValueError):
    """A site's file was refused. `faults` holds every fault that was found, in the order of the file."""

    def __init__(self, name: str, faults: list[Fault]) -> None:
        super().__init__(name, faults)
        self.name = name
        self.faults = faults

    def __str__(self) -> str:
        from edge.settings.report import report  # the catalogue is read only when somebody reads

        return report(self.name, self.faults, "en")


class LineOf(NamedTuple):
    """In a fault's values: the line at which this key stands, known only when places are looked up."""

    path: KeyPath


class _Noted(NamedTuple):
    path: KeyPath
    at: Literal["key", "value"]
    key: str
    values: Mapping[str, Any]


class Faults:
    """Collects what is wrong with one file while it is checked."""

    def __init__(self) -> None:
        self._noted: list[_Noted] = []
        self.told = 0
        """How often something was noted: what has not moved it is sound so far."""
        self.known: list[Fault] = []
        """Faults that came with their place: of the syntax."""
        self.origins: Origins = {}
        """Where rows came from that templates made."""

    @property
    def is_partial(self) -> bool:
        """Whether lines had to be left out of the reading, so that what is missing may well stand there."""
        return bool(self.known)

    def __bool__(self) -> bool:
        return bool(self._noted or self.known)

    def at_key(self, path: KeyPath, key: str, **values: Any) -> None:
        """Note that a key or table itself is wrong, or that something is missing in it."""
        self._note(_Noted(path, "key", key, values))

    def at_value(self, path: KeyPath, key: str, **values: Any) -> None:
        """Note that the value of a key is wrong."""
        self._note(_Noted(path, "value", key, values))

    def missing(self, path: KeyPath, key: str, **values: Any) -> None:
        """Note that something should stand here and does not."""
        if self.is_partial:
            self.told += 1
        else:
            self.at_key(path, key, **values)

    def _note(self, noted: _Noted) -> None:
        self.told += 1
        if len(self._noted) < MOST and noted not in self._noted:
            self._noted.append(noted)

    def placed(self, text: str, data: Mapping[str, Any]) -> list[Fault]:
        """Return all faults with their places, in the order of the file.

        `data` holds what was checked: what `text` gives, and what its templates made.
        """
        from edge.settings.secrets import secrets_of  # only a fault needs it

        places = scan(text)
        hidden = secrets_of(data)
        secret_lines = {places.value(source_of(path, self.origins)).line for path in hidden}
        lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
        found = list(self.known)
        for path, at, key, values in self._noted:
            where = source_of(path, self.origins)
            place = places.key(where) if at == "key" else places.value(where)
            is_hidden = place.line in secret_lines or _is_misspelt_secret(values)
            shown = "" if at != "value" else "…" if is_hidden else _shown_value(path, data, lines, place)
            is_table = not path or isinstance(_at(data, path), dict | list)
            source = "" if shown or is_table else shown_line(lines, place.line, is_secret=is_hidden)
            origin = origin_of(path, self.origins)
            found.append(
                Fault(
                    line=place.line,
                    column=place.column,
                    path=shown_path(path, data),
                    key=key,
                    values={k: self._line(v, path, places) if isinstance(v, LineOf) else v for k, v in values.items()},
                    shown=shown,
                    source=source,
                    use=None if origin is None else UseOf(origin.template, places.key(origin.use).line, _given(origin)),
                )
            )
        return _once_each(sorted(found, key=lambda fault: (fault.line, fault.column)))

    def _line(self, other: LineOf, path: KeyPath, places: Places) -> int:
        """Return the line of another row: of the use that made it, unless that made both."""
        origin, own = origin_of(other.path, self.origins), origin_of(path, self.origins)
        by_use = origin is not None and (own is None or own.use != origin.use)
        return places.key(origin.use if origin and by_use else source_of(other.path, self.origins)).line


def _is_misspelt_secret(values: Mapping[str, Any]) -> bool:
    """Return whether an unknown key is probably one whose value is a secret: pasword, pin_code."""
    return values.get("near") in {"code", "pin"} or _SECRET.search(str(values.get("near", ""))) is not None


def _given(origin: Origin) -> str:
    """Return the values of a use for the reader, without secrets."""
    told = (
        f"{name} = {'…' if _SECRET.search(name) else json.dumps(value, ensure_ascii=False, default=str)}"
        for name, value in origin.values.items()
    )
    return _cut(", ".join(told))


def _once_each(faults: list[Fault]) -> list[Fault]:
    """Return the faults, one that several uses of a template have alike only for the first of them."""
    kept: dict[Any, Fault] = {}
    for number, fault in enumerate(faults):
        said = repr((fault.line, fault.column, fault.key, fault.values, fault.shown)) if fault.use else number
        first = kept.setdefault(said, fault)
        if first is not fault and first.use is not None:
            kept[said] = msgspec.structs.replace(first, use=msgspec.structs.replace(first.use, more=first.use.more + 1))
    return list(kept.values())


def shown_path(path: KeyPath, data: Mapping[str, Any]) -> str:
    """Return a key path as people read it.

    >>> shown_path(("point", 0, "pin"), {"point": [{"id": "gas", "pin": 99}]})
    'point "gas".pin'
    >>> shown_path(("seuil",), {"seuil": [{}]}), shown_path(("bus", "w 1", "path"), {})
    ('[[seuil]]', 'bus."w 1".path')
    """
    if not path:
        return ""
    if len(path) == 1:
        value = data.get(str(path[0]))
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            return f"[[{path[0]}]]"
        return f"[{path[0]}]" if isinstance(value, dict) or value is None else str(path[0])
    parts = ""
    rest = path
    if len(path) > 1 and isinstance(path[1], int):
        name = _at(data, (*path[:2], "id"))
        parts = f"{path[0]} {_quoted(name)}" if isinstance(name, str) and name else f"{path[0]} #{path[1] + 1}"
        rest = path[2:]
    for part in rest:
        if isinstance(part, int):
            parts += f"[{part}]"
        else:
            parts += ("." if parts else "") + (part if _BARE.fullmatch(part) else _quoted(part))
    return parts


def shown_line(lines: list[str], number: int, *, is_secret: bool = False) -> str:
    """Return a line of the file for the reader: without a secret's value, and not too long."""
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    name, sign, _ = line.partition("=")
    if is_secret or (sign and _SECRET.search(name)):
        line = f"{name}= …" if sign else "…"
    return _cut(line)


def _shown_value(path: KeyPath, data: Mapping[str, Any], lines: list[str], place: Place) -> str:
    value = _at(data, path)
    if any(isinstance(part, str) and _SECRET.search(part) for part in path):
        return "…"
    if isinstance(value, str):
        return _cut(_quoted(value))
    if value is None or isinstance(value, dict | list):
        return ""
    # a number as it was written: 0x44 stays 0x44
    written = re.match(r"[^,\]}#\"']+", lines[place.line - 1][place.column - 1 :])
    return _cut(written[0].strip() if written else str(value))  # in a template a placeholder stands there


def _at(data: Any, path: KeyPath) -> Any:
    """Return what stands at a path, None when nothing does."""
    for part in path:
        has_it = part in data if isinstance(data, dict) else isinstance(data, list) and part in range(len(data))
        if not has_it:
            return None
        data = data[part]
    return data


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"

"""Options that are secrets: never in a backup, an event, an explanation.

An option says so itself, ours or an installed driver's: `Meta(extra={"secret": True})`. What ends in `_file` is a path
to a secret and is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import inspect

from edge.settings import model
from edge.settings.model_limits import Limit
from edge.settings.places import KeyPath
from edge.settings.tables import SINGLE
from hal import buses, drivers

SHOWN: Final = "(secret)"
SHORTEST: Final = 4  # characters; a shorter value stands in too many places to be looked for in comments


def is_secret(info: inspect.Type) -> bool:
    """Return whether a declared type is a secret's."""
    if isinstance(info, inspect.Metadata):
        return bool((info.extra or {}).get("secret")) or is_secret(info.type)
    return isinstance(info, inspect.UnionType) and any(is_secret(part) for part in info.types)


def secrets_in(value: Any, kind: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Give the paths of the secrets that stand in a value of this declared type."""
    info = _info_with_secret(kind)
    if info is not None:
        yield from _within(value, info, path)


@cache
def _info_with_secret(kind: Any) -> inspect.Type | None:
    """Return what a type is made of, None where no secret is: looked at once a type, as there are many points."""
    info = inspect.type_info(kind)
    return info if _holds_secret(info) else None


def _holds_secret(info: inspect.Type) -> bool:
    if is_secret(info):
        return True
    if isinstance(info, inspect.Metadata):
        return _holds_secret(info.type)
    if isinstance(info, inspect.UnionType):
        return any(map(_holds_secret, info.types))
    if isinstance(info, inspect.StructType):
        return any(_holds_secret(field.type) for field in info.fields)
    if isinstance(info, inspect.DictType):
        return _holds_secret(info.value_type)
    return isinstance(info, inspect.ListType) and _holds_secret(info.item_type)


def _within(value: Any, info: inspect.Type, path: KeyPath) -> Iterator[KeyPath]:
    if is_secret(info):
        if value not in (None, "", [], {}):
            yield path
    elif isinstance(info, inspect.Metadata):
        yield from _within(value, info.type, path)
    elif isinstance(info, inspect.UnionType):
        for kind in info.types:
            yield from _within(value, kind, path)
    else:
        for key, item, kind in _parts(value, info):
            yield from _within(item, kind, (*path, key))


def _parts(value: Any, info: inspect.Type) -> Iterator[tuple[str | int, Any, inspect.Type]]:
    """Give key, value and declared type of what stands in a value."""
    if isinstance(info, inspect.StructType) and isinstance(value, Mapping):
        for field in info.fields:
            if field.encode_name in value:
                yield field.encode_name, value[field.encode_name], field.type
    elif isinstance(info, inspect.DictType) and isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key), item, info.value_type
    elif isinstance(info, inspect.ListType) and isinstance(value, list):
        for place, item in enumerate(value):
            yield place, item, info.item_type


def without(options: msgspec.Struct) -> Any:
    """Return options as plain values to be shown, each secret in them replaced."""
    plain = msgspec.to_builtins(options)
    for path in secrets_in(plain, type(options)):
        _set(plain, path, SHOWN)
    return plain


def secrets_of(data: Mapping[str, Any]) -> list[KeyPath]:
    """Return the paths of all secrets in the tables of a site's file, right or not.

    A driver that can't be loaded can't say which of its keys are secrets: all its own that are no number count as such.
    """
    found = [
        path
        for name, kind in {**SINGLE, "link": model.Links}.items()
        for path in secrets_in(data.get(name), kind, (name,))
    ]
    for name, kind in (("limit", Limit), ("output", model.Output)):
        found += secrets_in(data.get(name), list[kind], (name,))  # type: ignore[valid-type]
    tables = data.get("bus")
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        sort = table.get("kind") if isinstance(table, Mapping) else None
        if isinstance(sort, str) and sort in buses.KINDS:
            found += secrets_in(table, buses.KINDS[sort], ("bus", name))
    points = data.get("point")
    for place, table in enumerate(points) if isinstance(points, list) else ():
        if isinstance(table, Mapping):
            found += _of_point(table, ("point", place))
    return found


def _of_point(table: Mapping[str, Any], path: KeyPath) -> Iterator[KeyPath]:
    yield from secrets_in(table, model.Point, path)
    try:
        options = drivers.load(table.get("driver", "")).Options
    except Exception:  # noqa: BLE001 - whatever an installed package raises
        common = {field.encode_name for field in msgspec.structs.fields(model.Point)}
        yield from (
            (*path, key) for key, value in table.items() if key not in common and not isinstance(value, int | float)
        )
    else:
        yield from secrets_in(table, options, path)


def blanked(text: str) -> tuple[str, list[str]]:
    """Return a site's file with every secret empty, comments that repeat one cut, and the keys that were emptied.

    Raises ValueError when it is no TOML: then nobody can say where its secrets are.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
    except TOMLKitError as exc:
        raise ValueError(f"no TOML: {exc}") from exc
    data = document.unwrap()
    values, names = [], []
    for path in secrets_of(data):
        value = _get(data, path)
        values += [str(part) for part in (value if isinstance(value, list) else [value])]
        names.append(_named(path, data))
        _set(document, path, [] if isinstance(value, list) else {} if isinstance(value, Mapping) else "")
    keys = {path[-1] for path in secrets_of(data) if isinstance(path[-1], str)}
    return _without_comments(tomlkit.dumps(document), values, keys), names


def _without_comments(text: str, values: list[str], keys: set[str]) -> str:
    """Cut the comments that hold a secret, or a secret's key that was commented out."""
    known = [value for value in values if len(value) >= SHORTEST]
    former = re.compile(rf"#.*\b({'|'.join(map(re.escape, sorted(keys)))})\s*=") if keys else None
    lines = []
    for line in text.split("\n"):
        comment = line.find("#")
        is_told = any(value in line[comment:] for value in known) if comment >= 0 else False
        if comment >= 0 and (is_told or (former is not None and former.search(line))):
            line = line[:comment].rstrip()  # noqa: PLW2901 - what is left of it
        lines.append(line)
    return "\n".join(lines)


def _get(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _set(data: Any, path: KeyPath, value: Any) -> None:
    for part in path[:-1]:
        data = data[part]
    data[path[-1]] = value


def _named(path: KeyPath, data: Mapping[str, Any]) -> str:
    """Return a path as people write it, a point by its id."""
    words = []
    at: Any = data
    for part in path:
        at = at[part]
        is_row = isinstance(part, int) and isinstance(at, Mapping)
        words.append(str(at.get("id", part)) if is_row else str(part))
    return ".".join(words)

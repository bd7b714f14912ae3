"""Where a row came from that no one wrote as it is: a template's table, and the use that made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from edge.settings.places import KeyPath


class Origin(NamedTuple):
    """What made a row: the template's table, the use's values, the template's id."""

    source: KeyPath
    use: KeyPath
    template: str
    values: Mapping[str, Any]


Origins: TypeAlias = dict[KeyPath, Origin]
"""Path of a row, such as ("point", 17) -> where it came from."""


def origin_of(path: KeyPath, origins: Mapping[KeyPath, Origin]) -> Origin | None:
    """Return what made the row in which a path lies, None where it stands in the file itself."""
    return origins.get(path[:2]) if origins else None


def source_of(path: KeyPath, origins: Mapping[KeyPath, Origin]) -> KeyPath:
    """Return where a path stands in the file."""
    origin = origin_of(path, origins)
    return path if origin is None else (*origin.source, *path[2:])

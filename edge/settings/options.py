"""The options of every driver there is: what schema, reference page and hints are composed from."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from edge.settings.convert import rules_of
from edge.settings.model import Point
from hal import drivers


def options_by_driver(names: Iterable[str] | None = None) -> dict[str, type[msgspec.Struct]]:
    """Return the Options of the named drivers, or of all, also installed ones; a broken package has none here."""
    found = {}
    for name in drivers.names() if names is None else names:
        try:
            options = drivers.load(name).Options
            own = rules_of(options)
        except Exception:  # noqa: BLE001, S112 - it is named by `check` where a point asks for it
            continue
        if not own.keys() & rules_of(Point).keys():
            found[name] = options
    return found


def owners(key: str) -> list[str]:
    """Return the drivers that have an option of this name."""
    return [name for name, options in options_by_driver().items() if key in rules_of(options)]

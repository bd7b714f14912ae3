"""What is known of a meter for good, and must survive a restart: its number, its indexes. Pure.

The time that passed since is then unknown.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hal.decode.teleinfo.groups import Group, parse, spaced_group, tabbed_group
from hal.decode.teleinfo.labels import INDEX_WRAP, Mode, spaced, tabbed


class Memory(msgspec.Struct):
    """What is known of a meter for good: JSON-serialisable, persisted with the counters."""

    mode: Mode | None = None
    identity: dict[str, str] = {}
    indexes: dict[str, int] = {}
    """Last confirmed value of each register; of PME/PMI meters per tariff: "EAP_s@HPE"."""


def remembered(memory: Memory) -> Iterator[tuple[str, Group]]:
    """Yield name and group of each identifier and register; what can't be is left out."""
    compose = tabbed_group if memory.mode == "standard" else spaced_group
    table = tabbed() if memory.mode == "standard" else spaced()
    for label, text in memory.identity.items():
        group = parse(compose(label, text)) if f"{label}{text}".isascii() else ""
        if isinstance(group, Group) and group.spec.role == "id":
            yield label, group
    for key, value in memory.indexes.items():
        spec = table.get(key.partition("@")[0].encode("ascii", "replace"))
        if spec is None or spec.role != "index" or not 0 <= value < INDEX_WRAP:
            continue
        group = parse(compose(spec.name, f"{value}{spec.unit}" if spec.units else f"{value:0{spec.length}}"))
        if isinstance(group, Group):
            yield key, group

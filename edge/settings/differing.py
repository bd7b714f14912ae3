"""What differs between the settings in force and those of the file: for people, and for who has to act on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from edge.settings.flat import Change, changes, flat
from edge.settings.model import Settings
from edge.settings.specs import specs

AT_START: tuple[str, ...] = ("box.id", "box.buffer_mb", "box.trust_clock", "site.tz")
"""Keys that are looked at once: files, the calendar of what is kept, and who vouches for the time."""


class Difference(msgspec.Struct, frozen=True):
    """Tables that came and went, keys that changed, and what of it takes a restart."""

    added: list[str]
    removed: list[str]
    changed: list[Change]
    restart: list[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def difference(before: Settings, after: Settings, known: Mapping[str, tuple[str, str]]) -> Difference:
    """Return what differs between two good files; `known` holds kind and unit of each point that the start has had."""
    old, new = flat(before), flat(after)
    old_tables, new_tables = ({key.rpartition(".")[0] for key in side} for side in (old, new))
    return Difference(
        sorted(new_tables - old_tables),
        sorted(old_tables - new_tables),
        [change for change in changes(old, new) if change.key not in old_tables ^ new_tables],
        sorted(set(_at_start(before, after, known))),
    )


def _at_start(before: Settings, after: Settings, known: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    old, new = flat(before), flat(after)
    yield from (key for key in AT_START if old.get(key) != new.get(key))
    yield from ("led" for _ in range(before.led != after.led))
    yield from ("display" for _ in range(before.display != after.display))
    if (before.links.mqtt is None) != (after.links.mqtt is None):
        yield "link.mqtt"
    if (before.links.sms is None) != (after.links.sms is None):
        yield "link.sms"
    for spec in specs(after)[0]:
        was = known.get(spec.id, (spec.kind, spec.unit))
        if was[0] != spec.kind:
            yield f"point.{spec.id}.driver"
        elif was[1] != spec.unit:  # history has one unit for a point and a start
            yield f"point.{spec.id}.unit"

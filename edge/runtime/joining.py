"""Where counters go on when a backup meets a box: pure rules, no file.

An index never goes back, and nothing is counted twice knowingly. `added` is the part of an index here that came from
backups, so that what this box counted by itself is known, and the same backup restored again changes nothing.

| on this box | counter | it goes on at |
|---|---|---|
| new: no register | any | the backup's register |
| gap: it first started after the backup was made | counted here (pulses) | backup + what this box counted |
| overlap: it may have counted the same, or is the same box | counted here (pulses) | the larger of the two |
| kept | the meter keeps its register | as it is: the meter's own index |
| kept | a person set its index here, by the meter | as it is: the meter's own index |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from edge.core.clock import DATED_FROM, TRUST, entries_of
from edge.runtime.recalled import COUNTER, counters, index_of, settled
from edge.store.backup_file import Backup

RESTORED: Final = "restored"
BY_DAY: Final = ("totals/", "cost/")
ROUND: Final = 9
How = Literal["new", "gap", "overlap", "kept"]


class Joined(msgspec.Struct, frozen=True):
    """One counter: the index of the backup, of this box (None: it had none), and where it goes on."""

    point: str
    how: How
    backup: float
    here: float | None
    index: float
    register: dict[str, Any]


class Restored(msgspec.Struct, frozen=True):
    """The register that a restore leaves in both logs: which backup, by which start, what it added to each index."""

    id: str
    boot: int
    points: list[str]
    """Counters whose pulses since the backup are not known: their first record is in doubt."""
    added: dict[str, float]
    first: int
    """This box's own first start: those below it are the backup's."""


def restored_in(registers: Mapping[str, Any]) -> Restored | None:
    """Return what the last restore left, None when there was none."""
    try:
        return msgspec.convert(registers[RESTORED], Restored)
    except (KeyError, msgspec.ValidationError):
        return None


def first_start_ms(event_registers: Mapping[str, Any], restored: Restored | None) -> int | None:
    """Return the UTC ms of the first start that was this box's own, None where no clock vouches for it."""
    own = restored.first if restored is not None else 1
    entries = entries_of(event_registers.get("clock"))
    dated = [entry.utc_ms for entry in entries if entry.boot == own and TRUST.index(entry.source) >= DATED_FROM]
    return min(dated, default=None)


def is_later(backup: Backup, streams: Mapping[str, str], first_ms: int | None) -> bool:
    """Return whether this box surely began to count after the backup was made."""
    is_same_box = any(streams.get(name) == log.stream for name, log in backup.logs.items())
    taken_ms = backup.taken.utc_ms
    return not is_same_box and taken_ms is not None and first_ms is not None and first_ms > taken_ms


def joined(backup: Backup, registers: Mapping[str, Any], *, later: bool) -> list[Joined]:
    """Return of each counter of the backup where it goes on."""
    here = counters(registers)
    restored = restored_in(registers)
    added = restored.added if restored is not None else {}
    found = []
    for point, register in sorted(counters(backup.records).items()):
        own = here.get(point)
        of_backup = index_of(register)
        if own is None:
            read_there = {key: value for key, value in settled(register).items() if key != "set"}
            found.append(Joined(point, "new", of_backup, None, of_backup, read_there))
        elif "count" not in register or "count" not in own or own.get("set") or _differ_in_unit(register, own):
            index = index_of(own)
            found.append(Joined(point, "kept", of_backup, index, index, own))
        else:
            found.append(_counted(point, register, own, added.get(point, 0.0), later=later))
    return found


def _differ_in_unit(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two registers say different units: no sum of both is anything."""
    return "unit" in one and "unit" in other and bool(one["unit"] != other["unit"])


def _counted(point: str, register: dict[str, Any], own: dict[str, Any], added: float, *, later: bool) -> Joined:
    of_backup, index = index_of(register), index_of(own)
    counted = max(0.0, index - added)
    wanted = round(max(index, of_backup + counted if later else of_backup), ROUND)
    how: How = "gap" if later else "overlap"
    if wanted == index:
        return Joined(point, how, of_backup, index, index, own)
    register = {"base": wanted, "count": 0, "scale": own["scale"], "pending": own.get("pending", 0)}
    register |= {key: own[key] for key in ("act", "unit") if key in own}
    return Joined(point, how, of_backup, index, wanted, register)


def registers_after(
    backup: Backup, registers: Mapping[str, Any], found: list[Joined], boot: int, *, is_new: bool
) -> dict[str, Any]:
    """Return the registers that the records' log gets, with the one that says what was restored."""
    restored = restored_in(registers)
    first = boot + 1 if is_new else restored.first if restored is not None else 1
    added = dict(restored.added) if restored is not None else {}
    for one in found:
        if one.how != "kept":
            own = (one.here or 0.0) - added.get(one.point, 0.0) if one.here is not None else 0.0
            added[one.point] = round(one.index - max(0.0, own), ROUND)
    changed = {f"{COUNTER}{one.point}": one.register for one in found}
    # what they moved by day goes on too; where this box has sums of its own, these count
    changed |= {name: value for name, value in backup.records.items() if is_new and name.startswith(BY_DAY)}
    memories = {
        key: value for key, value in backup.records.items() if key.startswith("device/") and key not in registers
    }
    points = sorted(one.point for one in found if one.index != one.here and "count" in one.register)
    return {**memories, **changed, RESTORED: msgspec.to_builtins(Restored(backup.id, boot, points, added, first))}

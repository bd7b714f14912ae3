"""Restoring a backup into a state folder where no box runs, in steps of which a power cut leaves a clear state.

1. the plan, whole, as the file `restoring`: from here on no box starts on this folder until the restore is finished
2. register maps, the settings file   3. the records' log   4. the events' log   5. the notebook   6. `restoring` goes

A cut before 1 is durable leaves the box as it was; after it, restoring again carries the same plan out to its end:
each step sets what the plan says, and is left out where that is there already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import msgspec

from edge.core.clock import ClockEntry
from edge.core.notes import Moment, RegisterCopy
from edge.core.types import Event, EventBatch, RecordBatch
from edge.runtime.backup import MAPS
from edge.runtime.joining import (
    RESTORED,
    Joined,
    first_start_ms,
    is_later,
    joined,
    registers_after,
    restored_in,
)
from edge.runtime.restore_signs import RESTORING
from edge.store.backup_file import Backup
from edge.store.checked import replace_file, sealed, unsealed
from edge.store.fs import Fs, StoreError, read_file
from edge.store.log import SEGMENT_BYTES, Log
from edge.store.notebook import Notebook
from edge.store.offline import StoredLog
from edge.store.ring import LEAST_SEGMENTS, listing

MAGIC: Final = "vigie-restoring"
VERSION: Final = 1
KINDS: Final = ("records", "events")
NOT_TAKEN: Final = frozenset({RESTORED, "running", "power_up"})
"""Registers of the events' log that speak of the machine that wrote them."""


class Told(msgspec.Struct, frozen=True):
    """One event of the journal to come."""

    kind: str
    point: str
    values: dict[str, Any]


class Plan(msgspec.Struct, frozen=True):
    """What a restore is going to set. `settings` None: the file stays as it is."""

    backup: Backup
    boot: int
    at_ms: int
    records: dict[str, Any]
    events: dict[str, Any]
    told: list[Told]
    counters: list[Joined]
    settings: str | None = None


class Target:
    """The logs of the box that is restored into, open: no station can start meanwhile."""

    def __init__(self, fs: Fs, records: Log[Any], events: Log[Event]) -> None:
        self.fs = fs
        self.records = records
        self.events = events

    @property
    def is_new(self) -> bool:
        """Whether no station has ever run here."""
        return max(self.records.boot, self.events.boot) == 0

    @property
    def restored(self) -> str:
        """The id of the backup that was restored here last, "" when there was none."""
        found = restored_in(self.events.registers)
        return found.id if found is not None else ""

    def unfinished(self) -> Plan | None:
        """Return the plan that was cut short. Raises ValueError when it is damaged."""
        if not self.fs.exists(RESTORING):
            return None
        return msgspec.json.decode(unsealed(MAGIC, VERSION, read_file(self.fs, RESTORING)), type=Plan)


@contextmanager
def target(fs: Fs, segment_bytes: int = SEGMENT_BYTES) -> Iterator[Target]:
    """Open what is to be restored into. Raises StoreError when a station runs there."""
    with ExitStack() as stack:
        logs = []
        for kind in KINDS:
            consumers, segments = _there(fs, kind)
            capacity = max(segments, LEAST_SEGMENTS) * segment_bytes
            kept: Log[Any] = Log(fs, kind, kind, capacity, segment_bytes, consumers=consumers)
            stack.callback(kept.close)
            logs.append(kept)
        yield Target(fs, *logs)


def _there(fs: Fs, kind: Any) -> tuple[list[str], int]:
    """Return who acknowledges in a log and how many segments it has, so that opening it changes neither."""
    if not fs.exists(kind):
        return [], 0
    there = listing(fs, kind)
    if not there.streams:
        return [], 0
    stored: StoredLog[Any] = StoredLog(fs, kind, kind)
    consumers = stored.consumers
    stored.close()
    return consumers, len(there.segments) + len(there.new)


def planned(backup: Backup, onto: Target, now: Moment, settings: str | None = None) -> Plan:
    """Return what restoring this backup here will set; nothing is changed yet."""
    registers, of_events = onto.records.registers, onto.events.registers
    boot = max(backup.boot, onto.records.boot, onto.events.boot) + 1
    first_ms = first_start_ms(of_events, restored_in(registers))
    streams = {"records": onto.records.stream, "events": onto.events.stream}
    later = is_later(backup, streams, first_ms)
    found = joined(backup, registers, later=later)
    after = registers_after(backup, registers, found, boot, is_new=onto.is_new)
    events = {name: value for name, value in backup.events.items() if name not in NOT_TAKEN}
    if not onto.is_new:  # it knows its own alarms, and its starts have numbers of their own
        events = {}
    clock = [*(events if onto.is_new else of_events).get("clock", [])]
    if now.utc_ms is not None:
        clock.append(msgspec.to_builtins(ClockEntry(boot, now.at_ms, now.utc_ms, now.trust)))
    events |= {"clock": clock, RESTORED: after[RESTORED], "running": False}
    ended_ms = first_ms if later else now.utc_ms if onto.is_new else None
    told = [Told("restored", "", _facts(backup, ended_ms, len(found)))]
    told += [Told("restored_index", one.point, _figures(one)) for one in found]
    return Plan(backup, boot, now.at_ms, after, events, told, found, settings)


def _facts(backup: Backup, ended_ms: int | None, count: int) -> dict[str, Any]:
    values: dict[str, Any] = {"from": backup.box, "version": backup.version, "counters": count}
    if backup.taken.utc_ms is not None:
        values |= {"taken_ms": backup.taken.utc_ms, "taken_trust": backup.taken.trust}
        if ended_ms is not None and ended_ms > backup.taken.utc_ms:
            values["gap_ms"] = ended_ms - backup.taken.utc_ms
    return values


def _figures(one: Joined) -> dict[str, Any]:
    values: dict[str, Any] = {"backup": one.backup, "index": one.index, "how": one.how}
    return values if one.here is None else {**values, "here": one.here}


def plan_for(
    backup: Backup, onto: Target, now: Moment, settings: str | None = None, *, again: bool = False
) -> Plan | None:
    """Return the plan of this restore: the one that was cut short, a new one, or None: this backup is here already.

    `again` makes a new plan in any case. Raises StoreError when what was cut short is the restore of another backup.
    """
    try:
        unfinished = None if again else onto.unfinished()
    except ValueError as exc:
        raise StoreError(f"{RESTORING} is damaged: {exc}; restore again with --force") from exc
    if unfinished is not None and unfinished.backup.id != backup.id:
        raise StoreError(
            f"the restore of another backup was cut short here (box {unfinished.backup.box}, start"
            f" {unfinished.backup.boot}): restore that one again, or this one with --force"
        )
    if unfinished is None and not again and onto.restored == backup.id:
        return None
    return unfinished or planned(backup, onto, now, settings)


def carry_out(plan: Plan, onto: Target, config_fs: Fs, config: str) -> None:
    """Set what the plan says, step by step; return when all of it is durable. Raises OSError: restore again."""
    fs = onto.fs
    octets = sealed(MAGIC, VERSION, msgspec.json.encode(plan))
    if not _holds(fs, RESTORING, octets):
        replace_file(fs, RESTORING, octets)
    _write_maps(plan.backup.maps, config_fs)
    if plan.settings is not None and not _holds(config_fs, config, plan.settings.encode()):
        replace_file(config_fs, config, plan.settings.encode())
    mine = plan.records[RESTORED]
    if onto.records.registers.get(RESTORED) != mine:
        onto.records.append(RecordBatch(plan.boot, [], plan.records))
    if onto.events.registers.get(RESTORED) != mine:
        told = [Event(one.kind, plan.at_ms, one.point, one.values) for one in plan.told]
        onto.events.append(EventBatch(plan.boot, told, plan.events))
    _write_notebook(plan, onto)
    fs.unlink(RESTORING)
    fs.fsync_dir("")


def _holds(fs: Fs, path: str, octets: bytes) -> bool:
    return fs.exists(path) and read_file(fs, path) == octets


def _write_maps(maps: Mapping[str, str], fs: Fs) -> None:
    """Put the installer's register maps beside the settings; one of that name that is there stays."""
    if not maps:
        return
    fs.mkdir(MAPS)
    for name, text in maps.items():
        if "/" not in name and not fs.exists(f"{MAPS}/{name}"):
            replace_file(fs, f"{MAPS}/{name}", text.encode())


def _write_notebook(plan: Plan, onto: Target) -> None:
    """Take over the backup's documents; what this box has of its own stays."""
    notebook, backup = Notebook(onto.fs), plan.backup
    known = {device.id for device in notebook.inventory()}
    notebook.put_devices(device for device in backup.inventory if device.id not in known)
    dated = notebook.calibrations()
    notebook.put_calibrations({point: found for point, found in backup.calibrations.items() if point not in dated})
    made = notebook.settings()
    for setting in backup.made:
        if setting.key not in made:
            notebook.put_setting(setting)
    if not notebook.acknowledgements():
        notebook.add_acknowledgements(backup.acknowledgements)
    if not notebook.box():
        notebook.set_box(backup.box, backup.site)
    events = {name: value for name, value in onto.events.registers.items() if name != "running"}
    logs: Mapping[str, Log[Any]] = {"records": onto.records, "events": onto.events}
    notebook.set_registers(
        RegisterCopy(
            Moment(plan.boot, plan.at_ms), onto.records.registers, events, backup.outputs,
            {name: kept.stream for name, kept in logs.items()}, {name: kept.next_seq() for name, kept in logs.items()},
        )
    )  # fmt: skip
    notebook.save()

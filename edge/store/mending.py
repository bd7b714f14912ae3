"""What is kept of a batch that can't be kept exactly: everything else, and a BAD record where a number was none.

Only a bug leads here. Refusing the batch would lose the right entries with the wrong one, and block the log for ever.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec

from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.store.packing import PackingError, RecordPacker, pack_events, pack_registers
from hal.sample import BAD

NUMBERS: Final = ("mean", "low", "high", "increment", "duration_ms", "changes")


def mended(batch: RecordBatch | EventBatch) -> RecordBatch | EventBatch:
    """Return the batch as it can be packed; entries keep their places, registers that are no JSON value go."""
    registers = {name: value for name, value in batch.registers.items() if _is_packable(pack_registers, {name: value})}
    if isinstance(batch, RecordBatch):
        return RecordBatch(batch.boot, [_record(entry) for entry in batch.entries], registers)
    return EventBatch(batch.boot, [_event(entry) for entry in batch.entries], registers)


def _is_packable(pack: Callable[[Any], bytes], what: Any) -> bool:
    try:
        pack(what)
    except PackingError:
        return False
    return True


def _record(entry: Record) -> Record:
    if _is_packable(RecordPacker().pack, [entry]):
        return entry
    value = entry.value
    if (
        value is not None
        and not isinstance(value, int | str)
        and not (isinstance(value, float) and math.isfinite(value))
    ):
        return Record(entry.point, entry.start_ms, entry.dt_ms, None, BAD, "not_a_number", 0)
    changes = {
        name: None
        for name in NUMBERS
        if isinstance(number := getattr(entry, name), float) and not math.isfinite(number)
    }
    return msgspec.structs.replace(entry, **changes)


def _event(entry: Event) -> Event:
    if _is_packable(pack_events, [entry]):
        return entry
    return Event(entry.kind, entry.at_ms, entry.point, {"unreadable": ascii(entry.values)[:200]})

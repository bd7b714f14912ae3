"""Several batches as one: what waited together while the card was busy costs one frame and one flush."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from edge.core.types import EventBatch, RecordBatch


def joined(batches: Sequence[RecordBatch | EventBatch]) -> RecordBatch | EventBatch:
    """Return batches of one kind and one start as one, in their order; of a register the latest value counts."""
    if len(batches) == 1:
        return batches[0]
    entries: list[Any] = []
    registers: dict[str, Any] = {}
    for batch in batches:
        entries += batch.entries
        registers.update(batch.registers)
    return msgspec.structs.replace(batches[-1], entries=entries, registers=registers)

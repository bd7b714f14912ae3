"""A small file in RAM, as what a link keeps on the card (edge.links.sms_entry.Kept)."""

from __future__ import annotations

from typing import Any


class MemoryKept:
    """`tables` is what was saved last; `refuses` is a card that can't be written."""

    def __init__(self) -> None:
        self.tables: dict[str, Any] | None = None
        self.refuses = False
        self.saves = 0

    def load(self) -> dict[str, Any] | None:
        return self.tables

    def save(self, tables: dict[str, Any], /) -> None:
        if self.refuses:
            raise OSError(28, "No space left on device")
        self.tables = tables
        self.saves += 1

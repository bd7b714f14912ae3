"""A box in one file: what replaces a dead one. A checked first line (`edge.store.checked`), then JSON to read.

What is in it and what is not: `docs/backup.md`. Records are not: they are upstream, or lost with the card.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from edge.core.notes import Acknowledgement, Calibration, Device, MadeSetting, Moment
from edge.store.checked import sealed, unsealed

MAGIC: Final = "vigie-backup"
VERSION: Final = 1


class LogState(msgspec.Struct, frozen=True):
    """One log as it stood: its id, the seq of its next entry, the highest start in it."""

    stream: str
    next: int
    boot: int


class Backup(msgspec.Struct, frozen=True):
    """Everything that a new box needs to go on as this one."""

    box: str
    site: str
    version: str
    """Of the product that made it."""
    taken: Moment
    """By the box's clock; without UTC where that could not be trusted."""
    boot: int
    """The highest start so far."""
    settings: str
    """The settings file's text, secrets emptied; "" when it is not in here, and `notes` say why."""
    blanked: list[str]
    """The keys that were emptied: to be filled in by hand."""
    notes: list[str]
    indexes: dict[str, float]
    """Each counter's index, for people; the registers behind them are what is restored."""
    records: dict[str, Any]
    """Registers of the records' log: counters, what drivers remember."""
    events: dict[str, Any]
    """Registers of the events' log: alarms, clock entries, commands done."""
    logs: dict[str, LogState]
    inventory: list[Device]
    calibrations: dict[str, list[Calibration]]
    made: list[MadeSetting]
    acknowledgements: list[Acknowledgement]
    outputs: dict[str, bool]
    maps: dict[str, str] = {}
    """Register maps that the installer wrote: file name in the folder `modbus` beside the settings -> its text."""

    @property
    def id(self) -> str:
        """What names this backup: 16 hex digits of what is in it."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:16]


def encode(backup: Backup) -> bytes:
    """Return the file's octets."""
    return sealed(MAGIC, VERSION, msgspec.json.format(msgspec.json.encode(backup), indent=1))


def decode(octets: bytes) -> Backup:
    """Return the backup. Raises ValueError when it is damaged or none, FormatError when a newer version wrote it."""
    try:
        return msgspec.json.decode(unsealed(MAGIC, VERSION, octets), type=Backup)
    except msgspec.ValidationError as exc:
        raise ValueError(f"it does not hold what a backup holds: {exc}") from exc

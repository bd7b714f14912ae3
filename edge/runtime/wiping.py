"""What to look for after a wipe: everything of a site that a person would recognise, collected before it is erased."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.core.types import Record
from edge.runtime.backup import settings_if_good
from edge.settings.model import Settings
from edge.settings.model_sms import Recipient
from edge.store.fs import StoreError
from edge.store.notebook import Notebook
from edge.store.offline import ReadOnlyFs, StoredLog, stored_logs

SHORTEST: Final = 5  # characters: a shorter value stands by chance on every card
MOST: Final = 400
RECORDS: Final = 20_000  # the newest are read for the texts of meters
NOT_TELLING: Final = frozenset({"historic", "standard", "person", "unacknowledged", "acknowledged"})


class Known(msgspec.Struct, frozen=True):
    """Whose state it is, and the values to look for."""

    box: str
    site: str
    values: list[str]
    """Of the whole site."""
    of_settings: frozenset[str]
    """Those that stand in the settings file too: where that is kept, they are found in it."""
    texts: str = ""
    """The database of gammu-smsd, which keeps texts and numbers; empty: the site texts nobody."""


def known(state: Path, config: Path) -> Known:
    """Return what is known of the box of a state folder that is not in use. Raises StoreError when a station runs."""
    settings = settings_if_good(config)
    notebook = Notebook(ReadOnlyFs(state)) if state.is_dir() else None
    told = notebook.box() if notebook is not None else {}
    of_settings = [] if settings is None else list(_of_settings(settings))
    of_state = [] if notebook is None else [*_of_notebook(notebook), *_of_logs(state)]
    found = [value for value in [*of_settings, *told.values(), *of_state] if _is_telling(value)]
    return Known(
        settings.box.id if settings else told.get("id", ""),
        settings.site.name if settings else told.get("site", ""),
        list(dict.fromkeys(found))[:MOST],
        frozenset(of_settings),
        settings.links.sms.database if settings is not None and settings.links.sms is not None else "",
    )


def _is_telling(value: str) -> bool:
    return len(value) >= SHORTEST and value not in NOT_TELLING


def _of_settings(settings: Settings) -> Iterator[str]:
    yield from (settings.box.id, settings.site.name)
    for person in settings.of(Recipient):
        yield from (person.number, person.name)
    for entry in settings.points:
        yield entry.point.id
        yield from _leaves(entry.point.name)
        yield entry.device


def _of_notebook(notebook: Notebook) -> Iterator[str]:
    for device in notebook.inventory():
        yield from (device.serial, device.device, *device.points)
    for ack in notebook.acknowledgements():
        yield from (ack.limit, ack.point)


def _of_logs(state: Path) -> Iterator[str]:
    try:
        with stored_logs(state) as logs:
            for key, value in logs.records.registers.items():
                yield key.partition("/")[2]
                if key.startswith("device/") and isinstance(value, str):
                    yield from _said(value)
            yield from _texts(logs.records)
    except StoreError:  # no logs, or damaged ones: what they hold can't be told, and is erased all the same
        return


def _said(memory: str) -> Iterator[str]:
    try:
        said = msgspec.json.decode(memory)
    except msgspec.DecodeError:
        return
    if isinstance(said, dict):
        yield from (value for name in ("identity", "serial") for value in _leaves(said.get(name)))


def _texts(records: StoredLog[Record]) -> Iterable[str]:
    """Return the values of text points in the newest records: a meter's number, its messages."""
    found: set[str] = set()
    seq = max(records.first_seq(), records.next_seq() - RECORDS)
    while seq < records.next_seq():
        chunk = records.read(seq, 1000)
        if chunk.gap is not None:
            seq = chunk.gap.last + 1
            continue
        found |= {record.value for record in chunk.entries if isinstance(record.value, str)}
        seq = chunk.first + len(chunk.entries)
        if not chunk.entries:
            break
    return sorted(found)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)

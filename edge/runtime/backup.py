"""Making a backup: of a running box, asked by the local API, or of the state folder of one that does not run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from edge.core.notes import Moment
from edge.runtime.clock import SystemClock
from edge.runtime.clock_witnesses import witnesses
from edge.runtime.compared import serial_of
from edge.runtime.notebook_keeper import moment
from edge.runtime.recalled import NOT_COPIED, Kept, counters, index_of, recalled
from edge.runtime.restore_signs import RESTORING
from edge.settings.faults import SettingsError
from edge.settings.load import MOST_BYTES, loads
from edge.settings.model import Settings
from edge.settings.packaged import product_version
from edge.settings.secrets import blanked
from edge.store.backup_file import Backup, LogState
from edge.store.fs import StoreError
from edge.store.notebook import Notebook
from edge.store.offline import ReadOnlyFs, stored_logs

MAPS: Final = "modbus"
"""The folder of the installer's register maps, beside the settings (hal.modbus_maps.FOLDERS)."""


def backup_of(
    records: Kept, events: Kept, notebook: Notebook, taken: Moment, config: Path | None,
    *, box: str = "", site: str = "", outputs: Mapping[str, bool] | None = None,
) -> Backup:  # fmt: skip
    """Return the backup of what two logs and a notebook hold, with the settings file as it stands now."""
    found = recalled(records, events, notebook.registers())
    text, names, notes = settings_text(config)
    maps, unread = maps_beside(config)
    copy = notebook.registers()
    return Backup(
        box=box or notebook.box().get("id", ""),
        site=site or notebook.box().get("site", ""),
        version=product_version(),
        taken=taken,
        boot=found.boot,
        settings=text,
        blanked=names,
        notes=[*notes, *unread, *notebook.damage, *([notebook.refused] if notebook.refused else [])],
        indexes={point: index_of(register) for point, register in counters(found.records).items()},
        records=found.records,
        events={name: value for name, value in found.events.items() if name not in NOT_COPIED},
        logs={
            name: LogState(kept.stream, kept.next_seq(), kept.boot)
            for name, kept in (("records", records), ("events", events))
        },
        inventory=[
            msgspec.structs.replace(device, serial=serial_of(found.records.get(f"device/{device.id}")) or device.serial)
            for device in notebook.inventory()
        ],
        calibrations=notebook.calibrations(),
        made=list(notebook.settings().values()),
        acknowledgements=notebook.acknowledgements(),
        outputs=dict(outputs if outputs is not None else copy.outputs if copy else {}),
        maps=maps,
    )


def settings_text(config: Path | None) -> tuple[str, list[str], list[str]]:
    """Return a settings file without its secrets, the keys that were emptied, and why there is no text if so."""
    if config is None:
        return "", [], ["the settings are not in here: the box was started without a file of its own"]
    try:
        with config.open("rb") as file:
            text, names = blanked(file.read(MOST_BYTES).decode("utf-8-sig"))
    except OSError as exc:
        return "", [], [f"the settings are not in here: {config} can't be read ({exc.strerror})"]
    except ValueError as exc:  # also what is no UTF-8
        return "", [], [f"the settings are not in here: {config} has faults, and its secrets can't be told ({exc})"]
    return text, names, []


def maps_beside(config: Path | None) -> tuple[dict[str, str], list[str]]:
    """Return the installer's register maps by file name, and which of them can't be read."""
    maps, notes = {}, []
    for path in sorted((config.parent / MAPS).glob("*.toml")) if config is not None else ():
        try:
            with path.open("rb") as file:
                maps[path.name] = file.read(MOST_BYTES).decode("utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            notes.append(f"{path} is not in here: {exc}")
    return maps, notes


def backup_of_folder(state: Path, config: Path) -> Backup:
    """Return the backup of a box that does not run. Raises StoreError: one runs, or there is none."""
    if (state / RESTORING).exists():
        raise StoreError(f"{state}: a restore was cut short here; run `vigie restore FILE` again before a backup")
    with stored_logs(state) as logs:
        boot = max(logs.records.boot, logs.events.boot)
        settings = settings_if_good(config)
        clock = SystemClock(boot, witnesses=witnesses(trust_clock=settings is not None and settings.box.trust_clock))
        return backup_of(
            logs.records, logs.events, Notebook(ReadOnlyFs(state)), moment(clock), config,
            box=settings.box.id if settings else "", site=settings.site.name if settings else "",
        )  # fmt: skip


def settings_if_good(config: Path) -> Settings | None:
    """Return the settings of a file, None where it is not there or has faults."""
    try:
        return loads(config.read_text(encoding="utf-8"), str(config))
    except (OSError, UnicodeDecodeError, SettingsError):
        return None

"""After a version that was taken back: state that it wrote in a form that this one does not know.

Usually there is none: versions read each other's files. Where there is, the buffers of the newer version are put aside,
whole, and the box goes on from the backup that was made just before the try: its indexes are those of that moment.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Final

from edge.runtime.identity import Chosen
from edge.runtime.restore import KINDS
from edge.runtime.restoring import backup_in, restored_into
from edge.runtime.updating import BACKUP, WANTED
from edge.store.fs import RealFs
from edge.store.notebook import Notebook
from edge.store.offline import ReadOnlyFs, newer_in

NEWER: Final = "newer-"
"""What is put aside gets this before its name; one generation of it is kept."""
NOTEBOOK: Final = "notebook.json"

log = logging.getLogger(__name__)


def newer_parts(state: Path) -> dict[str, str]:
    """Return the logs, and the notebook, that a newer version wrote in a form of its own, each with what says so."""
    fs = ReadOnlyFs(state)
    found: dict[str, str] = {}
    for kind in KINDS:
        if not fs.exists(kind):
            continue
        try:
            if why := newer_in(fs, kind, kind):
                found[kind] = why
        except OSError as exc:  # the start says it, and what to do
            log.warning("%s: %s", kind, exc)
    if found and (refused := Notebook(fs).refused):
        found[NOTEBOOK] = refused
    return found


def give_back(state: Path, folder: Path, config: Path) -> list[str]:
    """Put aside what this version can't read, restore the backup of before; return what was put aside.

    `folder` holds the backup. To be called while no station runs; after a power cut, again. Raises OSError, ValueError.
    """
    mine = RealFs(folder)
    newer = newer_parts(state)
    if not newer and not mine.exists(WANTED):
        return []
    if not mine.exists(WANTED) and mine.exists(BACKUP):
        mine.rename(BACKUP, WANTED)
        mine.fsync_dir("")
    for name, why in newer.items():
        log.warning("%s; it is put aside as %s%s", why, NEWER, name)
        _put_aside(state, name)
    if mine.exists(WANTED):
        restored_into(state, config, backup_in(folder / WANTED), Chosen(None, "left"), again=True)
        mine.rename(WANTED, BACKUP)
        mine.fsync_dir("")
    return list(newer)


def _put_aside(state: Path, name: str) -> None:
    aside = state / f"{NEWER}{name}"
    if aside.is_dir():
        shutil.rmtree(aside)
    (state / name).rename(aside)
    RealFs(state).fsync_dir("")

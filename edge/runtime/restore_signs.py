"""What tells that there is something to restore, without reading any of it: asked at each start of a card.

What carries a restore out loads half of the service; on a small board that is seconds of each start.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

ENDING: Final = ".vigie"
RESTORING: Final = "restoring"
"""What a restore leaves until it is finished: a box that started now would count on from the wrong index."""
CONFIG_MODE: Final = 0o640


def lies_in(places: Iterable[Path]) -> bool:
    """Return whether one of these folders holds a backup, whosever it is."""
    return any(path.suffix.lower() == ENDING for place in places for path in place.glob("*"))


def is_unfinished(state: Path) -> bool:
    """Return whether a restore was cut short here."""
    return (state / RESTORING).exists()


def is_looked_for(state: Path, named: str = "") -> bool:
    """Return whether a backup would be taken at this start: sticks are worth a look then, and only then."""
    return bool(named) or not has_run(state)


def has_run(state: Path) -> bool:
    """Return whether a station or a restore has been here. By names: opening a large log reads all of it."""
    return any((state / name).exists() for name in ("history.db", "notebook.json"))


def own(state: Path, config: Path | None) -> None:
    """Give what root made here to whom the folder belongs: the service runs as a user of its own.

    What is right already is not touched: after a cut in the middle it can be done at each start.
    """
    if os.geteuid() == 0 and state.is_dir():
        owner = state.stat()
        for path in state.rglob("*"):
            found = path.lstat()
            if (found.st_uid, found.st_gid) != (owner.st_uid, owner.st_gid):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    if config is not None:
        config.chmod(CONFIG_MODE)
        if os.geteuid() == 0:
            os.chown(config, 0, config.parent.stat().st_gid)

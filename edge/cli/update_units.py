"""What the card's units ask of an update, and how a program of this machine reaches its parts."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Final

from edge.cli.defaults import DEFAULT_CONFIG, DEFAULT_STATE, socket_path
from edge.runtime.rauc import Rauc, UpdateError
from edge.runtime.slots import Slots
from edge.runtime.updating import Updating

EXIT_FAILED: Final = 1
REBOOT: Final = ("/usr/bin/systemctl", "reboot")
TRY: Final = "--reboot-argument=0 tryboot"

log = logging.getLogger(__name__)


def updating_of(root: Path, socket: str | None = None) -> Updating:
    """Return the updates of this machine."""
    return Updating(
        Slots(root), Rauc(), live=lambda: asked("live", socket), backup=lambda: _backup(socket),
        machine=lambda: _figures(root),
    )  # fmt: skip


def asked(name: str, socket: str | None) -> Any:
    """Return what the running box answers, None where none does."""
    from edge.cli.client import Client, NotRunningError, RefusedError

    try:
        return Client(socket_path(socket)).get(name)
    except (NotRunningError, RefusedError):
        return None


def settle(updating: Updating) -> int:
    """Finish what was cut short, and say what became of an update; at each start, before the service."""
    root = updating.slots.root
    state, config = (root / path.relative_to("/") for path in (DEFAULT_STATE, DEFAULT_CONFIG))

    def back() -> None:
        from edge.runtime.giving_back import give_back

        try:
            give_back(state, updating.folder, config)
        except (OSError, ValueError) as exc:
            log.error("%s: %s", state, exc)

    try:
        updating.settle(back)
        updating.facts()
    except (OSError, ValueError) as exc:  # no data partition, a broken autoboot.txt: the box starts all the same
        log.error("what became of an update can't be told: %s", exc)
        return EXIT_FAILED
    return 0


def confirmed(updating: Updating, socket: str | None) -> int:
    """Watch a new version; 0 when it was committed, 1 when it is to go back, which the unit's failure does."""
    from edge.runtime.update_confirm import HOLD_S, WITHIN_S, confirm

    pause = threading.Event()
    try:
        is_committed = confirm(
            updating, lambda: asked("live", socket), now_s=time.monotonic, wait=pause.wait,
            hold_s=float(os.environ.get("VIGIE_UPDATE_HOLD_S", HOLD_S)),
            within_s=float(os.environ.get("VIGIE_UPDATE_WITHIN_S", WITHIN_S)),
        )  # fmt: skip
    except (OSError, ValueError) as exc:  # another machine; or what was found well can't be written: the way back
        log.error("not committed: %s", exc)
        return EXIT_FAILED
    return 0 if is_committed else EXIT_FAILED


def reboot(*words: str) -> None:
    """Let systemd reboot. Raises UpdateError where it does not."""
    done = subprocess.run([*REBOOT, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UpdateError("failed", done.stderr.strip())


def _figures(root: Path) -> dict[str, float | None]:
    from edge.cli.machine_facts import machine_figures

    return machine_figures(DEFAULT_STATE, root)


def _backup(socket: str | None) -> bytes | None:
    import msgspec

    from edge.store.backup_file import Backup, encode

    answer = asked("backup", socket)
    return None if answer is None else encode(msgspec.convert(answer, Backup))

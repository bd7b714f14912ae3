"""A restore carried out on a machine: the state folder, the settings file and whose they are afterwards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from edge.runtime.backup import MAPS
from edge.runtime.clock import SystemClock
from edge.runtime.clock_witnesses import witnesses
from edge.runtime.identity import Chosen
from edge.runtime.notebook_keeper import moment
from edge.runtime.restore import Plan, Target, carry_out, plan_for, target
from edge.runtime.restore_signs import CONFIG_MODE, own
from edge.store.backup_file import Backup, decode
from edge.store.fs import RealFs

LARGEST: Final = 64 << 20
MAPS_MODE: Final = 0o755


def backup_in(file: Path) -> Backup:
    """Return the backup of a file. Raises OSError; ValueError or FormatError for what is none."""
    with file.open("rb") as opened:
        return decode(opened.read(LARGEST))


def restored_into(
    state: Path, config: Path, backup: Backup, settings: Chosen, *, trust_clock: bool = False, again: bool = False
) -> Plan | None:
    """Restore, and return what was set; None when this backup is here already. Raises OSError, ValueError."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    config.parent.mkdir(parents=True, exist_ok=True)
    with target(RealFs(state)) as onto:
        now = moment(SystemClock(backup.boot, witnesses=witnesses(trust_clock=trust_clock)))
        plan = plan_for(backup, onto, now, settings.text, again=again)
        if plan is not None:
            finish(plan, onto, state, config)
    return plan


def finish(plan: Plan, onto: Target, state: Path, config: Path) -> None:
    """Carry a plan out, and give what it made to the service. Raises OSError: do it again."""
    carry_out(plan, onto, RealFs(config.parent), config.name)
    own(state, config if plan.settings is not None else None)
    if plan.backup.maps:
        own_maps(config.parent / MAPS)


def own_maps(folder: Path) -> None:
    """Let the service read the register maps."""
    folder.chmod(MAPS_MODE)
    for path in folder.glob("*.toml"):
        path.chmod(CONFIG_MODE)
        if os.geteuid() == 0:
            os.chown(path, 0, folder.parent.stat().st_gid)

"""What RAUC calls around writing a slot: `allowed` before it, `written` after it (image/update/system.conf).

`vigie update` has asked all of this before; these are the second wall, for who calls `rauc install` by hand. RAUC gives
up when one of them ends with another code than 0.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.runtime.slot_files import FAT, bundle_version, is_of_this_disk, target_slot, targets, write_cmdline
from edge.runtime.slots import Slots
from edge.store.fs import RealFs
from edge.store.update_store import UpdateStore

STATE = Path("data/update")


def allowed(environment: Mapping[str, str], slots: Slots) -> None:
    """Raise ValueError or OSError, saying why, for a bundle that must not be written now."""
    booted, autoboot, release = slots.booted(), slots.autoboot(), slots.release()
    if booted.slot is None or release is None:
        raise ValueError("this system was not started from a card with two systems")
    if booted.slot != autoboot.primary:
        raise ValueError("this system is on trial itself: wait until it is committed")
    if target_slot(environment) == booted.slot:
        raise ValueError(f"slot {booted.slot} runs: it is not written")
    for device in targets(environment).values():
        if not is_of_this_disk(device, slots.boot, slots.root):
            raise ValueError(f"{device} is not on the card that runs: take the other card out")
    version = bundle_version(Path(environment["RAUC_BUNDLE_MOUNT_POINT"]))
    least = UpdateStore(RealFs(slots.root / STATE)).load().least(release.version)
    if least is not None and version < least:
        raise ValueError(f"version {version} is older than {least}: older versions are not taken")


def written(environment: Mapping[str, str], slots: Slots, boot_kind: str = FAT) -> None:
    """Give the written slot its own command line, and let it be tried once. Raises ValueError or OSError."""
    found, slot = targets(environment), target_slot(environment)
    write_cmdline(found["boot"], slot, found["system"].name, boot_kind)
    slots.change(lambda autoboot: autoboot.with_tried(slot))


def main(words: Sequence[str] | None = None, root: Path = Path("/"), boot_kind: str = FAT) -> int:
    """Carry out one handler; return 1 with its reason on standard error when RAUC is to stop.

    RAUC adds an argument of its own, which says nothing: only the first word counts.
    """
    asked = sys.argv[1:] if words is None else list(words)
    try:
        if asked[:1] == ["allowed"]:
            allowed(os.environ, Slots(root))
        elif asked[:1] == ["written"]:
            written(os.environ, Slots(root), boot_kind)
        else:
            raise ValueError(f"no such handler: {' '.join(asked)}")
    except (OSError, ValueError, KeyError) as exc:
        sys.stderr.write(f"vigie: update refused: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`vigie update usb DEVICE`, called by udev through vigie-usb@.service: an update from a stick, without a terminal.

The stick is mounted for reading, and nothing on it is followed, executed or believed: some names are looked at, some
bundles opened, and RAUC judges them. What came of it is said by the status lamp and the journal.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from edge.cli.update_units import EXIT_FAILED, TRY
from edge.cli.words import Words
from edge.core.release import Version
from edge.core.usb_choice import MOST_BUNDLES, candidates, newest
from edge.runtime.rauc import UpdateError
from edge.runtime.updating import Updating

MOUNTED: Final = Path("/run/vigie-usb")
FOLDERS: Final = ("", "vigie")
OPTIONS: Final = {"ext4": ",noload"}  # a journal is not replayed: nothing of the stick changes
LEDS: Final = Path("/sys/class/leds")
START_S: Final = 300.0
"""So long after the machine's start a stick was in it before: nobody put it in now."""
QUIET: Final = frozenset({"same", "older"})
"""A bundle that was taken long ago is no news each time its stick is plugged in."""

log = logging.getLogger(__name__)


@contextlib.contextmanager
def mounted(device: Path) -> Iterator[Path]:
    """Give the stick's files, for reading. Raises OSError with what mount says."""
    kind = subprocess.run(
        ["/usr/sbin/blkid", "-o", "value", "-s", "TYPE", device], capture_output=True, text=True, check=False
    ).stdout.strip()
    if kind not in {"vfat", "exfat", "ext4"}:
        raise OSError(f"{device}: {kind or 'no'} file system; a stick has FAT, exFAT or ext4")
    folder = MOUNTED / device.name
    how = f"ro,nosuid,nodev,noexec{OPTIONS.get(kind, '')}"
    # by systemd: what is mounted in here, behind this unit's own walls, RAUC would not see
    words: list[str | Path] = [
        "/usr/bin/systemd-mount",
        "--quiet",
        "--fsck=no",
        "--collect",
        "-t",
        kind,
        "-o",
        how,
        device,
        folder,
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{device}: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["/usr/bin/systemd-umount", "--quiet", folder], check=False)


def bundles(stick: Path) -> list[Path]:
    """Return the files of a stick that may be bundles: in its root or in `vigie`, no links, no folders; not many."""
    found: list[Path] = []
    for name in FOLDERS:
        folder = stick / name
        try:
            if folder.is_symlink():
                continue
            with os.scandir(folder) as entries:
                found += [folder / each for each in candidates(entry.name for entry in entries)]
        except OSError:
            continue
    return [file for file in found if _is_file(file)][:MOST_BUNDLES]


def _is_file(file: Path) -> bool:
    try:
        return stat.S_ISREG(file.lstat().st_mode)
    except OSError:
        return False


def from_stick(device: Path, updating: Updating, say: Words, restart: Callable[..., None]) -> int:
    """Install the newest bundle of a stick that is newer than what runs, and try it. Return 0 also where none is."""
    try:
        with mounted(device) as stick:
            version = taken(stick, updating, is_start=time.clock_gettime(time.CLOCK_BOOTTIME) < START_S)
        if version is None:
            return 0
        updating.prepare_try()
        log.warning("%s: %s", device.name, say("update.trying", version=version))
        show("well")
        restart(TRY)
    except UpdateError as exc:
        log.error("%s: %s", device.name, exc)
        show("look")
        return EXIT_FAILED
    except OSError as exc:
        log.warning("%s", exc)
    return 0


def taken(stick: Path, updating: Updating, *, is_start: bool = False) -> Version | None:
    """Return the version that was installed from this folder, None where there is none for us. Raises UpdateError.

    At a start (`is_start`) a version that was taken back is left alone: a stick that stays in would have it tried again
    and again, for ever. Who puts the stick in while the box runs wants it tried once more.
    """
    files = bundles(stick)
    if not files:
        return None
    _slot, release = updating.here()
    good: list[tuple[Path, Version]] = []
    bad: UpdateError | None = None
    for file in files:
        try:
            good.append((file, updating.wanted(file).version))
        except UpdateError as exc:
            log.warning("%s: %s", file.name[:80], exc)
            if exc.code not in QUIET and bad is None:
                bad = exc
    back = updating.store.load().taken_back if is_start else ()
    for file, version in good:
        if str(version) in back:
            log.warning(
                "%s: %s was taken back; to try it again, put the stick in while the box runs", file.name[:80], version
            )
    chosen = newest(good, release.version, back)
    if chosen is not None:
        return updating.install(chosen[0]).version
    if bad is not None:
        updating.refuse(bad)
        raise bad
    return None


def show(state: str, leds: Path = LEDS) -> None:
    """Let the board's LED say it for a while; the running box shows its own state again after that. Never raises."""
    from edge.runtime.lamp import LASTS_S
    from edge.settings.lamp import lamp_table
    from hal.lamp import board_lamp

    try:
        board_lamp(leds).play(lamp_table().pattern_ms(state), LASTS_S)
    except (OSError, ValueError) as exc:
        log.info("%s", exc)

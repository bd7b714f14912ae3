"""The installer's partition, mounted for reading, opened for a moment of writing and closed again.

Who else writes there waits: `vigie card take`, an update and its commit each take the same lock, so that none of them
closes the partition under another.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

BOOT: Final = Path("/boot/cfg")
LOCK: Final = Path("/run/vigie-boot-cfg.lock")
MOUNT: Final = "/usr/bin/mount"


@contextlib.contextmanager
def writable(folder: Path = BOOT, lock: Path = LOCK) -> Iterator[Path]:
    """Give the folder for writing; then everything is synced and it is for reading again.

    A folder that is no mount of its own is given as it is. Raises OSError when it can't be opened for writing.
    """
    with _alone(lock):
        if not folder.is_mount():
            yield folder
            return
        was_open = os.access(folder, os.W_OK)
        if not was_open:
            _remount(folder, "rw")
        try:
            yield folder
        finally:
            _sync(folder)
            if not was_open:
                _remount(folder, "ro")


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _remount(folder: Path, how: str) -> None:
    done = subprocess.run(
        [MOUNT, "-o", f"remount,{how}", os.fspath(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OSError(f"{folder} can't be opened for {how}: {done.stderr.strip()}")


def _sync(folder: Path) -> None:
    """Return when the whole partition is on the card, names and free space included."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    os.sync()

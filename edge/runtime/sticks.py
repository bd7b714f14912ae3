"""USB sticks that are in the box when it starts: mounted for reading, and let go again.

Nothing on a stick is followed, executed or believed; who looks there opens files by name.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final, TypeAlias

BLOCKS: Final = "sys/class/block"
FOLDER: Final = "run/vigie-sticks"
OPTIONS: Final = "ro,nosuid,nodev,noexec"
KINDS: Final = {"vfat,exfat": OPTIONS, "ext4": f"{OPTIONS},noload"}
"""File systems of sticks, and how they are mounted: a journal is not replayed, nothing of the stick changes."""
MOST: Final = 4
WITHIN_S: Final = 20.0

Mount: TypeAlias = Callable[[Path, Path], AbstractContextManager[None]]
"""(device, folder): mounted for the time of a block. Raises OSError."""

log = logging.getLogger(__name__)


@contextmanager
def mounted(device: Path, folder: Path) -> Iterator[None]:
    """Mount a file system of a stick for reading."""
    why = ""
    for kinds, options in KINDS.items():
        words = ["/bin/mount", "-t", kinds, "-o", options, str(device), str(folder)]
        try:
            done = subprocess.run(words, capture_output=True, timeout=WITHIN_S, check=False, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as exc:
            raise OSError(None, f"{device} does not answer") from exc
        if not done.returncode:
            break
        why = why or done.stderr.decode("utf-8", "replace").strip()
    else:
        raise OSError(None, f"{device}: {why}")
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(folder)], capture_output=True, timeout=WITHIN_S, check=False)


def on_usb(root: Path) -> list[str]:
    """Return the names of block devices on USB that may hold files: partitions, and disks without any."""
    found = []
    for entry in sorted((root / BLOCKS).glob("*")):
        where = entry.resolve()
        has_parts = any((part / "partition").exists() for part in where.glob(f"{entry.name}*"))
        if any(part.startswith("usb") for part in where.parts) and not has_parts:
            found.append(entry.name)
    return found[:MOST]


@contextmanager
def sticks(root: Path, mount: Mount = mounted) -> Iterator[list[Path]]:
    """Give the folders of all sticks that can be read, for the time of a block. Never raises because of a stick."""
    with ExitStack() as stack:
        folders = []
        for name in on_usb(root):
            folder = root / FOLDER / name
            try:
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(mount(root / "dev" / name, folder))
            except OSError as exc:
                log.warning("a stick can't be read: %s", exc)
            else:
                folders.append(folder)
        yield folders

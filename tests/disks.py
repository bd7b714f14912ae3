"""Disks of their own for a test: images behind loop devices, a real file system on each, with the kernel's counters.

Needs root. A copy of a disk that is in use is made by FICLONE on xfs: all of the image at one instant, as a power cut
leaves it. Copying it octet by octet would mix two instants, and find damage that no cut makes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

FICLONE: Final = 0x40049409  # <linux/fs.h>: _IOW(0x94, 9, int)
PROGRAMS: Final = {"mkfs.ext4": "e2fsprogs", "mkfs.xfs": "xfsprogs", "losetup": "mount", "mount": "mount"}
PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
SECTOR: Final = 512
BOX_OPTIONS: Final = "noatime,commit=60"
"""How the page on durability tells people to mount the box's partition."""


class Counted(msgspec.Struct, frozen=True):
    """What a block device was asked for so far (Linux, Documentation/block/stat.rst); two of them make a figure."""

    octets: int
    writes: int
    flushes: int

    def __sub__(self, earlier: Counted) -> Counted:
        return Counted(self.octets - earlier.octets, self.writes - earlier.writes, self.flushes - earlier.flushes)


def skip_without_disks() -> None:
    """Skip the test, saying why, where disks can't be made."""
    if os.geteuid() != 0:
        pytest.skip("loop devices and mounts need root")
    for program, package in PROGRAMS.items():
        if shutil.which(program, path=PATH) is None:
            pytest.skip(f"{program} is missing: apt-get install {package}")
    if not Path("/dev/loop-control").exists():
        pytest.skip("this kernel has no loop devices")


def said(*words: str | Path) -> str:
    """Run a program of the machine and return what it printed; fails with what it complained of."""
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, env={**os.environ, "PATH": PATH}
    )
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stderr.strip()}"
    return done.stdout.strip()


def make_ext4(image: Path, mib: int) -> None:
    """Make an image with an empty ext4; nothing is left for the kernel to do later, so nothing else is counted."""
    image.touch()
    os.truncate(image, mib << 20)
    said("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)


class Disk:
    """An image that is mounted on a folder."""

    def __init__(self, image: Path, folder: Path, options: str) -> None:
        self.image = image
        self.folder = folder
        self._options = options
        self._device = ""

    def mount(self) -> Disk:
        """Mount it; its journal is replayed if it was cut."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._device = said("losetup", "--find", "--show", self.image)
        try:
            said("mount", "-o", self._options, self._device, self.folder)
        finally:
            said("losetup", "--detach", self._device)  # as soon as it is unmounted
        return self

    @property
    def device(self) -> str:
        """The block device while it is mounted, such as /dev/loop0."""
        return self._device

    def unmount(self, *words: str) -> None:
        """Unmount it; "--lazy": also while files of it are open."""
        said("umount", *words, self.folder)

    def counted(self) -> Counted:
        """Return what reached the device."""
        fields = Path(f"/sys/block/{Path(self._device).name}/stat").read_text("ascii").split()
        return Counted(int(fields[6]) * SECTOR, int(fields[4]), int(fields[15]))

    def fail(self) -> None:
        """Let the ext4 find an error in itself, as it does on a dying card: with errors=remount-ro it is read-only."""
        Path(f"/sys/fs/ext4/{Path(self._device).name}/trigger_fs_error").write_text("1", "ascii")

    def mount_again(self) -> None:
        """Mount it anew in the same place, as a person does who repairs it under a box that runs."""
        self.unmount("--lazy")
        self.mount()


@contextmanager
def mounted(image: Path, folder: Path, options: str = BOX_OPTIONS) -> Iterator[Disk]:
    """Mount an image for the time of a block."""
    disk = Disk(image, folder, options).mount()
    try:
        yield disk
    finally:
        disk.unmount()


@contextmanager
def cloning_folder(place: Path, mib: int = 1024) -> Iterator[Path]:
    """Give a folder whose files can be cloned, for the time of a block."""
    image = place / "clones.xfs"
    image.touch()
    os.truncate(image, mib << 20)
    said("mkfs.xfs", "-q", "-m", "reflink=1", image)
    with mounted(image, place / "clones", "noatime") as disk:
        yield disk.folder
    image.unlink()


def clone(image: Path, copy: Path) -> None:
    """Make `copy` what the image is at this instant."""
    with image.open("rb") as source, copy.open("wb") as target:
        fcntl.ioctl(target.fileno(), FICLONE, source.fileno())

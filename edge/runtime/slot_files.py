"""What a freshly written slot still needs, and what stands against writing it: RAUC's handlers, as functions.

RAUC tells by environment variables (RAUC manual, "Handler interface"): RAUC_TARGET_SLOTS holds the numbers of the slots
that are written, RAUC_SLOT_NAME_n, RAUC_SLOT_CLASS_n and RAUC_SLOT_DEVICE_n describe them.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from edge.core.autoboot import SLOTS, Slot
from edge.core.release import Version, version_of

CMDLINE: Final = "cmdline.txt"
FAT: Final = "vfat"
CMDLINE_MAX: Final = 2048  # arm64 COMMAND_LINE_SIZE
MANIFEST_MAX: Final = 65_536
OURS: Final = ("root=", "vigie.slot=", "rauc.slot=")
MOUNT: Final = "/usr/bin/mount"
UMOUNT: Final = "/usr/bin/umount"


def bundle_version(folder: Path) -> Version:
    """Return the version in the manifest of a mounted bundle. Raises OSError or ValueError."""
    with (folder / "manifest.raucm").open(encoding="utf-8", errors="replace") as file:
        text = file.read(MANIFEST_MAX)
    manifest = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        manifest.read_string(text)
        return version_of(manifest["update"]["version"].strip())
    except (configparser.Error, KeyError) as exc:
        raise ValueError(f"the bundle's manifest names no version: {exc}") from exc


def targets(environment: Mapping[str, str]) -> dict[str, Path]:
    """Return the devices that are written, by their class: system and boot. Raises ValueError where one is missing."""
    numbers = environment.get("RAUC_TARGET_SLOTS", "").split()
    found = {
        environment.get(f"RAUC_SLOT_CLASS_{n}", ""): Path(environment.get(f"RAUC_SLOT_DEVICE_{n}", "")) for n in numbers
    }
    for name in ("system", "boot"):
        if not found.get(name, Path()).name:
            raise ValueError(f"RAUC names no {name} partition to write (RAUC_TARGET_SLOTS={' '.join(numbers)!r})")
    return found


def target_slot(environment: Mapping[str, str]) -> Slot:
    """Return the slot that is written. Raises ValueError where RAUC names none."""
    for n in environment.get("RAUC_TARGET_SLOTS", "").split():
        for slot in SLOTS:
            if environment.get(f"RAUC_SLOT_BOOTNAME_{n}") == slot:
                return slot
    raise ValueError("RAUC names no slot to write")


def cmdline(text: str, slot: Slot, partuuid: str) -> str:
    r"""Return the kernel's command line of a bundle as this slot needs it; what else stands in it stays.

    >>> cmdline("console=tty1 root=PARTUUID=76696731-05 vigie.slot=a rauc.slot=a ro\n", "b", "76696731-06")
    'console=tty1 ro root=PARTUUID=76696731-06 vigie.slot=b rauc.slot=b\n'
    """
    words = [word for word in text.split() if not word.startswith(OURS)]
    line = " ".join([*words, f"root=PARTUUID={partuuid}", f"vigie.slot={slot}", f"rauc.slot={slot}"]) + "\n"
    if len(line) > CMDLINE_MAX:
        raise ValueError(f"{CMDLINE} would have {len(line)} characters; the kernel takes {CMDLINE_MAX}")
    return line


def write_cmdline(boot: Path, slot: Slot, partuuid: str, kind: str = FAT) -> None:
    """Write the slot's own command line onto its boot partition and read it again. Raises OSError or ValueError."""
    with mounted(boot, kind, read_only=False) as folder:
        file = folder / CMDLINE
        line = cmdline(file.read_text(encoding="ascii"), slot, partuuid)
        with file.open("r+", encoding="ascii") as opened:
            opened.write(line)
            opened.truncate()
            opened.flush()
            os.fsync(opened.fileno())
    with mounted(boot, kind, read_only=True) as folder:  # from the card, not from memory
        found = (folder / CMDLINE).read_text(encoding="ascii", errors="replace")
    if found != line:
        raise OSError(f"{boot}: {CMDLINE} was written and says something else: {found[:200]!r}")


@contextlib.contextmanager
def mounted(device: Path, kind: str, *, read_only: bool) -> Iterator[Path]:
    """Give a file system, of a partition or in a file, as a folder. Raises OSError with what mount says."""
    with tempfile.TemporaryDirectory(prefix="vigie-boot-") as name:
        how = ["ro" if read_only else "rw", "nosuid", "nodev", "noexec"]
        if not stat.S_ISBLK(device.stat().st_mode):
            how.append("loop")
        _run([MOUNT, "-t", kind, "-o", ",".join(how), os.fspath(device), name])
        try:
            yield Path(name)
        finally:
            _run([UMOUNT, name])


def is_of_this_disk(device: Path, beside: Path, root: Path = Path("/")) -> bool:
    """Return whether a partition lies on the same disk as the file system of the folder `beside`.

    Two cards of one image in one machine have partitions of the same names: the names may lead to the other card.
    """
    try:
        number = device.stat().st_rdev
    except OSError:
        return False
    mine, its = _disk(root, beside.stat().st_dev), _disk(root, number)
    return mine is not None and mine == its


def _disk(root: Path, number: int) -> Path | None:
    """Return the folder of the disk that holds the partition of this device number, None where there is none."""
    entry = root / "sys/dev/block" / f"{os.major(number)}:{os.minor(number)}"
    if not (entry / "partition").exists():
        return None
    return entry.resolve().parent


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")

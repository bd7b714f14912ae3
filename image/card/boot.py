"""The boot partitions: firmware, kernel, initramfs and device trees of one system, each file where the firmware looks.

p1 holds what the boot ROM of a 3 and Zero 2 W reads first; p2 and p3 hold a system each. The two differ in
cmdline.txt alone.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from edge.core.autoboot import Autoboot, Slot, octets
from image.card import layout, trees
from image.card.host import StepError, run
from image.card.initramfs import pack
from image.card.layout import MIB, Layout, Part
from image.lock import ROOT

HERE: Final = Path(__file__).resolve().parent
FIRMWARE: Final = (
    "start.elf",
    "fixup.dat",
    "start4.elf",
    "fixup4.dat",
    "start_cd.elf",
    "fixup_cd.dat",
    "start4cd.elf",
    "fixup4cd.dat",
)
"""The full ones and, for gpu_mem=16, the cut-down ones."""
CONFIG: Final = """# For the firmware. Each update brings its own: the settings of a box are in vigie.toml.
arm_64bit=1
kernel=vmlinuz
initramfs initrd.img followkernel
upstream_kernel=1
# the PL011 on the pins reads the meter: no console, and no Bluetooth in the device trees
enable_uart=0
# nothing is drawn but the console
gpu_mem=32
disable_splash=1
"""
# iomem: root may write the register that names the partition to start from, which a driver has claimed
COMMON: Final = (
    "console=tty1 ro panic=10 iomem=relaxed quiet loglevel=4 vt.global_cursor_default=0 systemd.show_status=no"
)
LABELS: Final[dict[Slot, str]] = {"a": "SYSTEM-A", "b": "SYSTEM-B"}


def cmdline(slot: Slot) -> str:
    """Return the kernel's command line for this system; one line, which is what the firmware reads of it."""
    system = layout.named(layout.parts(), f"system_{slot}")
    return f"root=PARTUUID={system.partuuid} vigie.slot={slot} rauc.slot={slot} {COMMON}\n"


def kernel_release(root: Path) -> str:
    """Return the one kernel of the root, such as 6.1.0-56-arm64. Raises StepError unless there is exactly one."""
    releases = [path.name for path in (root / "usr/lib/modules").iterdir()]
    if len(releases) != 1:
        raise StepError(f"one kernel is wanted, there are: {' '.join(releases) or 'none'}")
    return releases[0]


def lay_boot(base: Path, folder: Path, slot: Slot, *, epoch: int) -> None:
    """Fill folder with the files of a boot partition, from Debian's root as the packages left it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    release = kernel_release(base)
    firmware = base / "usr/lib/raspi-firmware"
    for name in FIRMWARE:
        shutil.copyfile(firmware / name, folder / name)
    shutil.copyfile(base / f"boot/vmlinuz-{release}", folder / "vmlinuz")
    pack(base, release, folder / "initrd.img", epoch=epoch)
    trees.lay(base / f"usr/lib/linux-image-{release}/broadcom", folder)
    # a firmware that knows of a try, but not of autoboot.txt's tryboot_a_b, reads tryboot.txt in its place
    for name in ("config.txt", "tryboot.txt"):
        (folder / name).write_text(CONFIG, "ascii")
    (folder / "cmdline.txt").write_text(cmdline(slot), "ascii")


def lay_cfg(base: Path, folder: Path) -> None:
    """Fill folder with the files of the partition that a PC shows."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(base / "usr/lib/raspi-firmware/bootcode.bin", folder / "bootcode.bin")
    # its being there is what makes the boot ROM take this partition
    (folder / "config.txt").write_bytes(b"")
    texts = {path.name: path for path in (HERE / "cfg").iterdir()} | {"vigie-example.toml": ROOT / "config/card.toml"}
    for name, source in texts.items():
        (folder / name).write_bytes(dos_text(source.read_text("utf-8")))
    # the other system is empty: until an update has filled it, a try takes this one too
    (folder / "autoboot.txt").write_bytes(octets(Autoboot("a", "a")))


def dos_text(text: str) -> bytes:
    """Return a text as every editor of a PC shows it: lines end in CR LF, and its first octets say that it is UTF-8."""
    return text.replace("\n", "\r\n").encode("utf-8-sig")


def fat(image: Path, part: Part, label: str, folder: Path | None, *, epoch: int) -> None:
    """Make the file system of a FAT partition as a file. Raises StepError, also where its files don't fit.

    A cluster of one sector on the small partition: autoboot.txt is then one sector of the card.
    """
    image.unlink(missing_ok=True)
    with image.open("wb") as opened:
        opened.truncate(part.size_bytes)
    serial = f"{layout.DISK_ID + part.number:08x}"
    cluster = ["-s", "1"] if part.name == "cfg" else []
    run("mkfs.vfat", "-F", "32", *cluster, "-n", label, "-i", serial, "--invariant", image)
    if folder is not None:
        files = sorted(folder.iterdir())
        stamp = {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"}
        for path in files:
            run("touch", "-d", f"@{epoch}", path)
        run("mcopy", "-s", "-m", "-Q", "-i", image, *files, "::", env=stamp)


def config_is_sound(text: str) -> bool:
    """Return whether each line of a config.txt is one that the firmware reads: at most 98 characters, printable."""
    return all(len(line) <= 98 and re.fullmatch(r"[\x20-\x7e]*", line) for line in text.splitlines())


def check_fits(folder: Path, part: Part) -> int:
    """Return the octets of the files in a folder. Raises StepError where the partition is too small for them."""
    held = sum(path.stat().st_size for path in folder.iterdir())
    if held > part.size_bytes - 4 * MIB:
        raise StepError(f"{folder.name}: {held / MIB:.0f} MiB do not fit into {part.size_bytes // MIB} MiB")
    return held


__all__ = ["Layout", "check_fits", "cmdline", "config_is_sound", "fat", "kernel_release", "lay_boot", "lay_cfg"]

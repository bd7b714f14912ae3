"""The card's initramfs: busybox, the script init, and the drivers that lead to the card. A few MiB, made in a second.

The archive is written here (newc, kernel's Documentation/driver-api/early-userspace/buffer-format): owners, times and
order are then the same wherever it is made.
"""

from __future__ import annotations

import gzip
import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from image.card.host import run
from image.card.prune import dependencies, kept_modules

HERE: Final = Path(__file__).resolve().parent
MODULES: Final = (
    "drivers/mmc/core/*",
    "drivers/mmc/host/bcm2835*",
    "drivers/mmc/host/sdhci*",
    "fs/ext4/*",
    "fs/fat/vfat.ko",
    "fs/nls/nls_ascii.ko",
    "fs/nls/nls_cp437.ko",
    "fs/overlayfs/*",
    "crypto/crc32c_generic.ko",
    "arch/arm64/crypto/crc32*",
    "lib/crc*",
    # a card in a USB reader, or a stick
    "drivers/usb/host/xhci*",
    "drivers/usb/dwc2/*",
    "drivers/usb/phy/*",
    "drivers/usb/storage/usb-storage.ko",
    "drivers/usb/storage/uas.ko",
    "drivers/scsi/sd_mod.ko",
    "drivers/pci/controller/pcie-brcmstb*",
    "drivers/phy/broadcom/*",
    # what the controllers of the boards wait for
    "drivers/clk/bcm/*",
    "drivers/dma/bcm2835*",
    "drivers/firmware/raspberrypi*",
    "drivers/gpio/gpio-raspberrypi-exp.ko",
    "drivers/mailbox/bcm*",
    "drivers/pinctrl/bcm/*",
    "drivers/regulator/*",
    "drivers/reset/*",
    "drivers/soc/bcm/*",
    "drivers/watchdog/bcm2835_wdt.ko",
    # the emulated boards
    "drivers/block/virtio_blk.ko",
    "drivers/char/virtio_console.ko",
    "drivers/virtio/*",
)
NODES: Final = (
    ("dev", stat.S_IFDIR | 0o755, 0, 0),
    ("dev/console", stat.S_IFCHR | 0o600, 5, 1),
    ("dev/null", stat.S_IFCHR | 0o666, 1, 3),
)


def record(name: str, mode: int, content: bytes, *, number: int, epoch: int, device: tuple[int, int] = (0, 0)) -> bytes:
    """Return one entry of a newc archive, owned by root; name and content each padded to four octets."""
    raw = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, epoch, len(content), 0, 0, *device, len(raw), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + raw
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


def archive(folder: Path, *, epoch: int, nodes: Iterable[tuple[str, int, int, int]] = NODES) -> bytes:
    """Return what lies in folder as a newc archive, sorted, after the device nodes (folder need hold none)."""
    out = [
        record(name, mode, b"", number=n, epoch=epoch, device=(major, minor))
        for n, (name, mode, major, minor) in enumerate(nodes, 1)
    ]
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if path.is_symlink():
            mode, content = stat.S_IFLNK | 0o777, str(path.readlink()).encode()
        elif path.is_dir():
            mode, content = stat.S_IFDIR | 0o755, b""
        else:
            mode, content = stat.S_IFREG | (0o755 if mode & 0o100 else 0o644), path.read_bytes()
        name = path.relative_to(folder).as_posix()
        out.append(record(name, mode, content, number=len(out) + 1, epoch=epoch))
    out.append(record("TRAILER!!!", 0, b"", number=0, epoch=0))
    return b"".join(out)


def pack(base: Path, release: str, target: Path, *, epoch: int) -> None:
    """Write the initramfs of this kernel, from the modules and the busybox of the Debian root. Raises StepError."""
    source = base / "usr/lib/modules" / release
    needs = dependencies((source / "modules.dep").read_text("ascii"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for module in sorted(kept_modules(needs, MODULES)):
            into = folder / "lib/modules" / release / module
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / module, into)
        for listing in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            shutil.copyfile(source / listing, folder / "lib/modules" / release / listing)
        run("depmod", "--basedir", folder, release)
        for leftover in {*folder.rglob("*.bin"), *folder.rglob("modules.builtin*"), *folder.rglob("modules.devname")}:
            leftover.unlink()  # busybox reads the texts
        (folder / "bin").mkdir()
        shutil.copyfile(base / "bin/busybox", folder / "bin/busybox")
        shutil.copyfile(HERE / "init", folder / "init")
        shutil.copytree(HERE / "early", folder / "early")
        for program in ("bin/busybox", "init"):
            (folder / program).chmod(0o755)
        target.write_bytes(gzip.compress(archive(folder, epoch=epoch), 9, mtime=0))

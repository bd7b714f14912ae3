"""The system on the card: Debian's root, our files on it, our programs, and which units run."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import Final

import msgspec

from image.card import programs
from image.card.host import run
from image.lock import ROOT
from image.update import files as update

HERE: Final = Path(__file__).resolve().parent
COMPATIBLE: Final = "vigie-rpi-arm64"
ENABLED: Final = (
    "vigie.service",
    "vigie-reboot.timer",
    "vigie-card.service",
    "systemd-networkd",
    "systemd-resolved",
    "systemd-timesyncd",
    *update.ENABLED,
)
ENABLED_WHERE_THERE: Final = ("vigie-console.service",)
"""Of other parts of the card: what is there is enabled."""
DISABLED: Final = ("ssh.service", "gammu-smsd.service", "wpa_supplicant.service", "remote-fs.target")
MASKED: Final = (
    "getty@tty1.service",
    "serial-getty@.service",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "systemd-networkd-wait-online.service",
    "systemd-firstboot.service",
    "proc-sys-fs-binfmt_misc.automount",
    # each of these is a process or two at the start, and nothing here looks at them
    "dev-hugepages.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "sys-kernel-config.mount",
    "sys-fs-fuse-connections.mount",
    "modprobe@configfs.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "systemd-pstore.service",
    "ssh.socket",
    "sshd@.service",
)
FOLDERS: Final = ("boot/cfg", "data", "etc/vigie", "var/lib/vigie", "var/lib/vigie-sms", "usr/lib/vigie-card")


class Release(msgspec.Struct, frozen=True):
    """What this card is: /etc/vigie-release."""

    version: str
    build: int
    """Seconds since 1970 of the commit it was made from."""

    @property
    def text(self) -> str:
        """The file."""
        return f"VERSION={self.version}\nBUILD={self.build}\nCOMPATIBLE={COMPATIBLE}\n"


def release() -> Release:
    """Return what this tree makes. Raises StepError outside of a git repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    build = run("git", "-C", ROOT, "log", "-1", "--format=%ct").strip()
    return Release(project["project"]["version"], int(build))


def put(source: Path, target: Path, mode: int = 0o644) -> None:
    """Copy a file of ours, with these rights, of root."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def lay_files(root: Path, made: Release, keyring: str) -> None:
    """Put our files onto Debian's root: the folder root/ as it is, then those of updates."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for source in sorted((HERE / "root").rglob("*")):
        if source.is_file():
            put(source, root / source.relative_to(HERE / "root"), 0o755 if source.stat().st_mode & 0o100 else 0o644)
    for placed in update.FILES:
        put(placed.source, root / placed.target, placed.mode)
    put(ROOT / "config/gammu-smsdrc", root / "etc/gammu-smsdrc")
    (root / update.KEYRING).write_text(keyring, "ascii")
    put(HERE / "grow.py", root / "usr/lib/vigie-card/grow.py")
    put(HERE / "early/restart", root / "usr/lib/vigie-card/restart")
    put(HERE / "vigie-next-start", root / "usr/lib/systemd/system-shutdown/vigie-next-start", 0o755)
    # users that were there before shadow was have "x" there: no password fits it, and it is said as for the others
    shadow = root / "etc/shadow"
    shadow.write_text(re.sub(r"(?m)^([a-z]+):x:", r"\1:!:", shadow.read_text("ascii")), "ascii")
    (root / "etc/vigie-release").write_text(made.text, "ascii")
    # empty: systemd then takes what the initramfs laid over it, and a box without it is none that was ever started
    (root / "etc/machine-id").write_text("", "ascii")
    resolv = root / "etc/resolv.conf"
    resolv.unlink(missing_ok=True)
    resolv.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    (root / "etc/localtime").unlink(missing_ok=True)
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")


def set_units(root: Path) -> None:
    """Decide which units run."""
    there = [name for name in ENABLED_WHERE_THERE if (root / "etc/systemd/system" / name).exists()]
    run("systemctl", f"--root={root}", "--quiet", "disable", *DISABLED)
    run("systemctl", f"--root={root}", "--quiet", "enable", *ENABLED, *there)
    run("systemctl", f"--root={root}", "--quiet", "set-default", "multi-user.target")
    for name in MASKED:
        mask = root / "etc/systemd/system" / name
        mask.unlink(missing_ok=True)
        mask.symlink_to("/dev/null")


def build_system(base: Path, root: Path, deb: Path, made: Release, keyring: str, *, epoch: int) -> None:
    """Fill root from Debian's, our package and our files. Raises StepError."""
    shutil.rmtree(root, ignore_errors=True)
    run("cp", "-a", "--reflink=auto", base, root)
    # the kernel, the device trees and the firmware lie on the boot partition
    for path in (*root.glob("boot/*"), *root.glob("usr/lib/linux-image-*"), root / "usr/lib/raspi-firmware"):
        _remove(path)
    programs.install(root, deb)
    (root / "etc/vigie/vigie.toml").unlink()  # its id would be that of every box of this image
    lay_files(root, made, keyring)
    set_units(root)
    settle(root, epoch)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def settle(root: Path, epoch: int) -> None:
    """Take away what tells of this run, and give nothing a later time than that of our commit: two runs are alike."""
    for name in ("var/log", "var/cache/debconf", "var/cache/ldconfig", "tmp"):
        for path in (root / name).glob("*"):
            _remove(path)
    for path in [root, *root.rglob("*")]:
        if path.lstat().st_mtime > epoch:
            os.utime(path, (epoch, epoch), follow_symlinks=False)

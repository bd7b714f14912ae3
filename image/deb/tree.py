"""The files of the package below a folder that stands for /: programs, units, rules, modes and times.

/opt/vigie is shaped as a virtual environment, with a `site-packages` for each Python that Debian 12 and 13 bring; the
one that runs finds its own. What is the same for both lies on the disk once, as two names of one file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent.parent
IMAGE, CONFIG = SOURCE / "image", SOURCE / "config"
UNITS = "usr/lib/systemd/system"  # where Debian 12 and 13 both look; /lib is a link there
UNIT_KINDS = (".service", ".path", ".timer")
PYVENV = "home = /usr/bin\ninclude-system-site-packages = false\n"
COMMAND = """#!/opt/vigie/bin/python
import sys

from edge.cli.main import main

sys.exit(main())
"""
FILES = {  # each with where it comes from and its mode
    "usr/lib/udev/rules.d/60-vigie.rules": (CONFIG / "60-vigie.rules", 0o644),
    "usr/lib/udev/rules.d/61-vigie-modem.rules": (CONFIG / "61-vigie-modem.rules", 0o644),
    "usr/lib/modules-load.d/vigie.conf": (CONFIG / "modules-load.conf", 0o644),
    f"{UNITS}/gammu-smsd.service.d/vigie.conf": (IMAGE / "gammu-smsd.conf", 0o644),
    "usr/sbin/vigie-modem-reset": (IMAGE / "vigie-modem-reset", 0o755),
    "usr/sbin/vigie-sms-setup": (IMAGE / "vigie-sms-setup", 0o755),
    "usr/share/vigie/vigie.toml": (CONFIG / "vigie.toml", 0o644),
    "usr/share/vigie/gammu-smsdrc": (CONFIG / "gammu-smsdrc", 0o644),
    "usr/share/doc/vigie/copyright": (IMAGE / "deb/copyright", 0o644),
}


def units() -> list[Path]:
    """Return the unit files of image/, in order."""
    return sorted(path for path in IMAGE.iterdir() if path.suffix in UNIT_KINDS)


def lay_environment(root: Path) -> None:
    """Write what makes /opt/vigie an environment; the folders of libraries are filled apart."""
    opt = root / "opt/vigie"
    (opt / "bin").mkdir(parents=True)
    (opt / "pyvenv.cfg").write_text(PYVENV, encoding="ascii")
    (opt / "bin/vigie").write_text(COMMAND, encoding="ascii")
    (opt / "bin/vigie").chmod(0o755)
    for name in ("python", "python3"):
        (opt / "bin" / name).symlink_to("/usr/bin/python3")
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/vigie").symlink_to("/opt/vigie/bin/vigie")


def lay_system_files(root: Path) -> None:
    """Copy the units and the system's other files to their places."""
    for unit in units():
        put(unit, root / UNITS / unit.name, 0o644)
    for place, (file, mode) in FILES.items():
        put(file, root / place, mode)


def put(file: Path, place: Path, mode: int) -> None:
    """Copy one file with this mode, its folder made."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, place)
    place.chmod(mode)


def share_equal(first: Path, second: Path) -> int:
    """Make files of `second` that are equal in `first` names of the same file; return the bytes saved."""
    saved = 0
    for file in sorted(path for path in second.rglob("*") if path.is_file() and not path.is_symlink()):
        other = first / file.relative_to(second)
        if other.is_file() and is_equal(file, other):
            saved += file.stat().st_size
            file.unlink()
            file.hardlink_to(other)
    return saved


def is_equal(file: Path, other: Path) -> bool:
    """Return whether two files have the same mode and bytes."""
    left, right = file.stat(), other.stat()
    same = (left.st_mode, left.st_size) == (right.st_mode, right.st_size)
    return same and file.read_bytes() == other.read_bytes()


def settle(root: Path, epoch_s: int) -> None:
    """Give everything below `root` root's usual modes, and one time: what is built twice is equal."""
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            is_program = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_program else 0o644)
        os.utime(path, (epoch_s, epoch_s), follow_symlinks=False)


def md5sums(root: Path) -> str:
    """Return the list that `dpkg --verify` reads: a sum and a path for each file, in order."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    rows = [
        (file.relative_to(root), hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()) for file in files
    ]
    return "".join(f"{digest}  {place}\n" for place, digest in rows if place.parts[0] != "DEBIAN")


def installed_kib(root: Path) -> int:
    """Return the size on a disk in KiB, as dpkg counts: files rounded up, 1 for all else; two names of a file once."""
    sizes = {}
    for path in root.rglob("*"):
        status = path.lstat()
        sizes[status.st_ino] = -(-status.st_size // 1024) if path.is_file() and not path.is_symlink() else 1
    return sum(sizes.values())

"""What of a Debian root no card needs: modules of other machines, firmware of other chips, translations.

Licences stay, as the packages bring them (usr/share/doc/*/copyright).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Final

from image.card.host import run

HERE: Final = Path(__file__).resolve().parent
FIRMWARE: Final = (
    "brcm/brcmfmac43430*",
    "brcm/brcmfmac43436*",
    "brcm/brcmfmac43455*",
    "brcm/brcmfmac43456*",
    "cypress/cyfmac43430*",
    "cypress/cyfmac43439*",
    "cypress/cyfmac43455*",
    "regulatory.db*",
)
"""Wi-Fi of the Zero 2 W, 3, 4 and their modules; the rules of each country's radio."""
EMPTIED: Final = ("var/cache/apt", "var/lib/apt/lists", "var/log", "var/cache/debconf", "tmp", "usr/share/locale")
UNWANTED: Final = (
    "etc/ssh/ssh_host_*",  # made on the box, with its first key
    "etc/machine-id",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/random-seed",
    "usr/lib/udev/hwdb.d/*",  # compiled in hwdb.bin where there is one; keyboards and mice of desktops
    "usr/lib/python3/dist-packages/apt*",
    "etc/*-",  # passwd- and its like: the state before a package's script
)


def module_patterns() -> list[str]:
    """Return what is kept, as it stands in modules.txt."""
    lines = (HERE / "modules.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def dependencies(modules_dep: str) -> dict[str, list[str]]:
    """Return what each module needs, from the kernel's modules.dep: `kernel/a.ko: kernel/b.ko kernel/c.ko`."""
    rows = (line.partition(":") for line in modules_dep.splitlines() if line)
    return {name.strip(): needed.split() for name, _, needed in rows}


def kept_modules(needs: Mapping[str, Sequence[str]], patterns: Iterable[str]) -> set[str]:
    """Return the modules that match, with all that they need."""
    wanted = [f"kernel/{pattern}" for pattern in patterns]
    open_ends = [name for name in needs if any(PurePosixPath(name).match(pattern) for pattern in wanted)]
    kept: set[str] = set()
    while open_ends:
        name = open_ends.pop()
        if name not in kept:
            kept.add(name)
            open_ends += needs.get(name, [])
    return kept


def prune_modules(release: Path) -> None:
    """Take away the modules of one kernel, usr/lib/modules/6.1.0-…, that the card does not need."""
    kept = kept_modules(dependencies((release / "modules.dep").read_text("ascii")), module_patterns())
    for module in sorted((release / "kernel").rglob("*.ko*")):
        if module.relative_to(release).as_posix() not in kept:
            module.unlink()
    for folder in sorted((path for path in release.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    run("depmod", "--basedir", release.parents[3], release.name)


def prune_firmware(folder: Path) -> None:
    """Take away the firmware of chips that no board of ours has."""
    for path in sorted(folder.rglob("*"), reverse=True):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif not any(fnmatch(name, pattern) for pattern in FIRMWARE):
            path.unlink()


def prune(root: Path) -> None:
    """Take away from a Debian root what no card needs, and what no two boxes may share."""
    for release in sorted((root / "usr/lib/modules").iterdir()):
        prune_modules(release)
    if (root / "usr/lib/firmware").is_dir():
        prune_firmware(root / "usr/lib/firmware")
    for name in EMPTIED:
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for pattern in UNWANTED:
        for path in root.glob(pattern):
            path.unlink()

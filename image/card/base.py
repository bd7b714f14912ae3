"""The Debian root of the card: fetched and set up once, then kept under the fingerprint of its recipe.

mmdebstrap fills it; the packages' own scripts run under qemu-user where this machine is no arm64. No initramfs is made
there (INITRD=No: that alone would take longer than all the rest under emulation): the card has its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from image.card.host import Steps, run
from image.card.prune import prune

HERE: Final = Path(__file__).resolve().parent
SUITE: Final = "bookworm"
COMPONENTS: Final = "main,non-free-firmware"
KEPT_DAYS: Final = 7
"""A root older than this is made anew: the recipe brings Debian's security updates of the day."""
LEFT_OUT: Final = ("man", "info", "locale", "doc", "bash-completion", "lintian", "bug", "fish", "zsh")  # of /usr/share
KEPT: Final = ("doc/*/copyright", "doc/gammu-smsd/examples/*")
VIGIE_ID: Final = 900
"""Users and groups that own files on the data partition have one number on every card and in every version."""
GAMMU_ID: Final = 901
GPIO_ID: Final = 902
I2C_ID: Final = 903
ACCOUNTS: Final = f"""set -eu
cd "$1/etc"
printf 'vigie:x:{VIGIE_ID}:\\ngammu:x:{GAMMU_ID}:\\ngpio:x:{GPIO_ID}:vigie\\ni2c:x:{I2C_ID}:vigie\\n' >>group
sed -i 's/^\\(dialout:.*\\)$/\\1vigie,gammu/' group
printf 'vigie:x:{VIGIE_ID}:{VIGIE_ID}::/var/lib/vigie:/usr/sbin/nologin\\n' >>passwd
printf 'gammu:x:{GAMMU_ID}:{GAMMU_ID}::/nonexistent:/usr/sbin/nologin\\n' >>passwd
test ! -e shadow || printf 'vigie:!:1::::::\\ngammu:!:1::::::\\n' >>shadow
"""

FIRMWARE: Final = """set -eu
export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG
listed=$1/etc/apt/sources.list.d/firmware.list
sed -n 's/SUITE/trixie/p;q' "$1/etc/apt/sources.list" >"$listed"
apt-get -qq update
cd "$1/var/cache"
apt-get -qq download raspi-firmware
set -- "$1" raspi-firmware_*.deb
chroot "$1" dpkg --force-unsafe-io --unpack "/var/cache/$2"
rm "$1/var/lib/dpkg/info/raspi-firmware.postinst" # it copies onto a partition that is mounted on a running board
chroot "$1" dpkg --configure raspi-firmware
rm "$2" "$listed"
""".replace("SUITE", SUITE)
"""Debian 13's firmware: Debian 12's does not know autoboot.txt's tryboot_a_b. It depends on nothing newer."""


def packages() -> list[str]:
    """Return the packages that are asked for by name."""
    lines = (HERE / "packages.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def recipe() -> list[str]:
    """Return mmdebstrap's words, but for the folder to fill."""
    words = ["mmdebstrap", "--mode=root", "--architectures=arm64", "--variant=essential", f"--components={COMPONENTS}"]
    # else Debian's usrmerge comes, which brings Perl and a scan of the whole root
    words += ["--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"]
    # force-unsafe-io: a power cut here costs a repetition, and fsync of 20,000 files costs minutes
    words += ["--aptopt=Acquire::Languages none", "--dpkgopt=force-unsafe-io"]
    words += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    words += [f"--dpkgopt=path-include=/usr/share/{name}" for name in KEPT]
    words += [
        f"--essential-hook={ACCOUNTS}",
        f"--customize-hook={FIRMWARE}",
        f"--include={','.join(packages())}",
        SUITE,
    ]
    return words


def fingerprint(words: Sequence[str]) -> str:
    """Return 12 hex digits of the recipe and of what is pruned."""
    return hashlib.sha256("\0".join([*words, (HERE / "prune.py").read_text("utf-8")]).encode()).hexdigest()[:12]


def age_days(place: Path) -> float:
    """Return how long ago it was made."""
    return (time.time() - place.stat().st_mtime) / 86400


def base_root(cache: Path, steps: Steps, *, is_fresh: bool = False) -> Path:
    """Return the folder of the root, made where it is missing, stale or asked for anew. Raises StepError."""
    words = recipe()
    place = cache / f"base-{fingerprint(words)}"
    if place.is_dir() and not is_fresh and age_days(place) < KEPT_DAYS:
        print(f"root of {age_days(place):.1f} days ago taken from {place} (anew: make image ARGS=--fresh)")
        return place
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = cache / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    unfinished.chmod(0o755)
    with steps.step("packages: fetched and set up"):
        run(*words, unfinished, env={"INITRD": "No", "DEBIAN_FRONTEND": "noninteractive"})
    with steps.step("what no card needs taken away"):
        prune(unfinished)
    for old in cache.glob("base-*"):
        shutil.rmtree(old)
    os.utime(unfinished)
    return unfinished.rename(place)

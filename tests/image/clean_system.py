"""A clean Debian in a folder: made once by mmdebstrap, a copy for each test, its programs run without a network."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from pathlib import Path

from tests.support import ROOT

KEPT = ROOT / ".run/image/clean"
MIRROR = "http://deb.debian.org/debian"
RELEASES = {"bookworm": "3.11", "trixie": "3.13"}
MAKING_MAX_S = 1800  # under emulation, on a busy machine
# mounts are the namespace's own and end with it; without --net there is no way out, and lo is down
NAMESPACE = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]
ENTER = """
root=$1; shift
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
exec chroot "$root" "$@"
"""
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "HOME": "/root",
}  # fmt: skip


def archive(release: str, packages: tuple[str, ...], architecture: str) -> Path:
    """Return a tar of a minimal system of this release with these packages; it is made once and kept."""
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    place = KEPT / f"{release}-{architecture}-{key}.tar"
    if not place.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        made = place.with_suffix(".new.tar")
        made.unlink(missing_ok=True)
        command = [
            "mmdebstrap", "--quiet", "--variant=minbase", f"--architectures={architecture}",
            f"--include={','.join(packages)}", release, str(made), f"deb {MIRROR} {release} main",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=MAKING_MAX_S)
        assert done.returncode == 0, done.stderr[-2000:]
        made.replace(place)
    return place


class CleanSystem:
    """A system in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def unpacked(cls, root: Path, tar: Path) -> CleanSystem:
        root.mkdir(parents=True)
        subprocess.run(["tar", "-xf", tar, "-C", root], check=True, timeout=300)
        return cls(root)

    def copied(self, root: Path) -> CleanSystem:
        subprocess.run(["cp", "-a", "--reflink=auto", self.root, root], check=True, timeout=300)
        return CleanSystem(root)

    def command(self, *words: str) -> list[str]:
        return [*NAMESPACE, "sh", "-euc", ENTER, "enter", str(self.root), *words]

    def runs(self, *words: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command in there, whatever it returns."""
        return subprocess.run(
            self.command(*words),
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout_s,
        )  # fmt: skip

    def says(self, *words: str, timeout_s: float = 300) -> str:
        """Return what a command in there says; it must succeed."""
        done = self.runs(*words, timeout_s=timeout_s)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
        return done.stdout

    def take(self, deb: Path) -> str:
        """Lay a file into /root and return its name there."""
        shutil.copy(deb, self.root / "root" / deb.name)
        return f"/root/{deb.name}"

    def listing(self) -> set[str]:
        """Return the path of everything but dpkg's own notes, its logs and the caches of others."""
        passing = ("var/lib/dpkg", "var/log", "var/cache", "root", "tmp", "run", "proc", "dev", "sys")
        found = {str(path.relative_to(self.root)) for path in self.root.rglob("*")}
        return {path for path in found if not path.startswith(passing)}


def own_architecture() -> str:
    """Return this machine's architecture as Debian says it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]

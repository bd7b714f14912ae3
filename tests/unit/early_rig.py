"""Parts of a card's first program under busybox, on partitions that are files: no board, no mount, no loop device."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from image.card.build import BLANK_DATA
from image.card.host import PATH
from tests.support import ROOT

EARLY = ROOT / "image/card/early"
TOOLS = ("busybox", "mkfs.ext4", "e2fsck", "debugfs", "blkid")
NEEDS_TOOLS = pytest.mark.skipif(
    not all(shutil.which(name, path=PATH) for name in TOOLS), reason=f"one of {' '.join(TOOLS)} is not installed here"
)
GAP_SECTORS = 8192
"""Between a partition's table and its first sector, as on the card."""
PREAMBLE = """
system=$1 dev=$1/dev sys=$1/sys run=$1/run disk_id=76696731 slot=${slot:-a}
say() { echo "$*" >>"$system/said"; }
in_system() { PATH=$system_path "$@" </dev/null >>"$system/said" 2>&1; }
find_partition() { [ -e "$sys/p$2" ] && echo "p$2"; }
umount() { rm -f "$system/data/card.json"; }
for part in notes system data; do . "$early/$part"; done
at=$1/mnt
# what the kernel would mount: a whole file system
data_mount() {
    in_system e2fsck -fn "$dev/$data" && in_system debugfs -R "dump card.json $system/data/card.json" "$dev/$data"
}
"""


def busybox(folder: Path) -> Path:
    """Lay busybox's programs into a folder: once for many cards, they are 400 links."""
    subprocess.run(["busybox", "--install", "-s", folder], check=True)
    return folder


def written(file: Path) -> dict[int, bytes]:
    """Return what stands in a file that is mostly holes, by its place."""
    found: dict[int, bytes] = {}
    with file.open("rb") as opened:
        end = 0
        while True:
            try:
                begin = os.lseek(opened.fileno(), end, os.SEEK_DATA)
            except OSError as exc:
                if exc.errno != errno.ENXIO:
                    raise
                return found
            end = os.lseek(opened.fileno(), begin, os.SEEK_HOLE)
            found[begin] = os.pread(opened.fileno(), end - begin, begin)


def write(file: Path, at: int, octets: bytes) -> None:
    """Write into a file, in its place."""
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(octets)


class EarlyCard:
    """A card's partitions as files below a folder."""

    def __init__(self, root: Path, programs: Path, *, data_mib: int = 10) -> None:
        self.root = root
        for name in ("dev", "sys", "data", "devices/disk", "run/vigie-card"):
            (root / name).mkdir(parents=True)
        (root / "bin").symlink_to(programs)
        self.disk = root / "dev/disk"
        self.sectors = 0
        self.data = self.partition(7, data_mib << 20)
        write(self.data, 0, BLANK_DATA)

    def partition(self, number: int, size_bytes: int) -> Path:
        """Add one behind the others; return the file that is its content."""
        start = self.sectors + GAP_SECTORS
        self.sectors = start + size_bytes // 512
        name = f"p{number}"
        entry = self.root / "devices/disk" / name
        entry.mkdir()
        (entry / "start").write_text(f"{start}\n")
        (entry / "size").write_text(f"{size_bytes // 512}\n")
        (self.root / "sys" / name).symlink_to(entry)
        if not (self.root / "sys/disk").exists():
            (self.root / "sys/disk").symlink_to(entry.parent)
        (entry.parent / "size").write_text(f"{self.sectors}\n")
        for file, size in ((self.disk, self.sectors * 512), (self.root / "dev" / name, size_bytes)):
            with file.open("ab") as opened:
                opened.truncate(size)
        return self.root / "dev" / name

    def run(self, script: str, **more: str) -> list[str]:
        """Run a script after the parts of init, with variables of it; return the lines it printed."""
        done = subprocess.run(
            [self.root / "bin/sh", "-c", PREAMBLE + script, "init", self.root],
            env={"PATH": f"{self.root}/bin", "early": str(EARLY), "system_path": PATH, "LC_ALL": "C", **more},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert not done.stderr, done.stderr
        return done.stdout.splitlines()

    def start(self) -> str:
        """Bring the data as a start does; return the state, and why."""
        return ": ".join(line for line in self.run('bring_data; printf "%s\\n%s\\n" "$state" "$reason"') if line)

    def kept(self, name: str) -> str:
        """Return a file of the data partition."""
        words: list[str | Path] = ["debugfs", "-R", f"cat {name}", self.data]
        return subprocess.run(words, capture_output=True, text=True, check=False, env={"PATH": PATH}).stdout

    def keep(self, name: str, text: str) -> None:
        """Put a file onto the data partition."""
        source = self.root / "kept"
        source.write_text(text)
        words: list[str | Path] = ["debugfs", "-w", "-R", f"write {source} {name}", self.data]
        subprocess.run(words, capture_output=True, check=True, env={"PATH": PATH})

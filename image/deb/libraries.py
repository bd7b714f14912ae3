"""Fills a `site-packages` for another machine: its wheels from requirements.lock, by hash, whatever runs the build.

pip judges markers by the Python that it runs under, not by the one it is told (PEP 508 has no word for that). So the
markers are judged here, and pip gets a lock without any.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

from image.lock import Entry, direct, entries, select

EXTRAS = ("gpio", "gsm", "modbus", "display", "card")
PYTHONS = ("3.11", "3.13")  # of Debian 12 and 13
MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}  # Debian's name, and that of wheels
GLIBC_MINOR = 36  # Debian 12's, the older one: wheels for glibc 2.17 up to this run on both


@dataclass(frozen=True)
class Target:
    """One interpreter on one kind of machine; `architecture` as Debian says it, `python` as "3.11"."""

    architecture: str
    python: str

    @property
    def platforms(self) -> list[str]:
        """Return the tags of wheels that run there, the newest first; pip takes no tag for all older ones."""
        machine = MACHINES[self.architecture]
        return [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_MINOR, 16, -1)] + [f"manylinux2014_{machine}"]

    def wants(self, marker: str) -> bool:
        """Return whether a package with this marker ("" for none) belongs there. Raises InvalidMarker."""
        there = {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": MACHINES[self.architecture],
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }
        return not marker or Marker(marker).evaluate(there)


def locked(root: Path) -> list[Entry]:
    """Return what a box with everything needs, from this folder's lock. Raises ValueError when it is not locked."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    lock = entries((root / "requirements.lock").read_text(encoding="utf-8"))
    return select(lock, direct(project, list(EXTRAS)))


def lock_for(target: Target, wanted: list[Entry]) -> str:
    """Return the part of the lock for this target, without markers, for pip."""
    return "".join(
        "\n".join([f"{entry.name}=={entry.version} \\", *entry.lines[1:]]) + "\n"
        for entry in wanted
        if target.wants(entry.marker)
    )


def fill(target: Target, site: Path, wanted: list[Entry], wheel: Path) -> None:
    """Fill the folder `site` with the wanted packages and our own wheel. Raises CalledProcessError with pip's words."""
    site.mkdir(parents=True)
    lock = site.parent / "lock.txt"
    lock.write_text(lock_for(target, wanted), encoding="utf-8")
    platforms = [word for tag in target.platforms for word in ("--platform", tag)]
    chosen = ["--implementation", "cp", "--python-version", target.python, *platforms]
    by_hash = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--requirement", str(lock)]
    pip("install", "--no-compile", "--target", str(site), *chosen, *by_hash)
    pip("install", "--no-compile", "--target", str(site), "--no-deps", "--no-index", str(wheel))
    lock.unlink()
    # commands and pages of libraries, which nothing on a box calls
    for name in ("bin", "share"):
        shutil.rmtree(site / name, ignore_errors=True)
    for direct_url in site.glob("*.dist-info/direct_url.json"):  # where the wheel lay on this machine
        record = direct_url.with_name("RECORD")
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        record.write_text("".join(line for line in lines if direct_url.name not in line), encoding="utf-8")
        direct_url.unlink()


def wheel_of(source: Path, folder: Path, epoch_s: int) -> Path:
    """Return our own wheel, built into `folder` by the locked hatchling of this environment."""
    pip(
        *("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder), str(source)),
        SOURCE_DATE_EPOCH=str(epoch_s),
    )
    (found,) = folder.glob("vigie-*.whl")
    return found


def pip(action: str, *words: str, **environment: str) -> None:
    """Run this environment's pip quietly. Raises CalledProcessError; what pip says of it goes to stderr."""
    # its warnings name places of this machine's settings, nothing of the packages
    command = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", action, *words]
    subprocess.run(command, check=True, env={**os.environ, **environment})

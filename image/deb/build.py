"""Builds `vigie_VERSION+BUILD_ARCH.deb`: for Debian 12 and 13, arm64 and amd64, on any of these machines.

    python -m image.deb.build [--arch arm64|amd64] [--output FOLDER]

Nothing is compiled and nothing emulated: libraries are wheels of the target, by hash from requirements.lock. Built
twice from one commit the packages are equal byte for byte: SOURCE_DATE_EPOCH, or else the commit's time, is the only
date.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from image.deb import libraries, tree

OUTPUT = tree.SOURCE / ".run/image"
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
SHARED = "# (image/setup.sh)\n"  # the line of a maintainer script that the shared functions take the place of
CONTROL = """Package: vigie
Version: {version}
Architecture: {architecture}
Maintainer: The maintainers of vigie <maintainers@vigie.invalid>
Installed-Size: {installed_kib}
Depends: python3 (>= 3.11), python3 (<< 3.14), libc6 (>= 2.36), passwd, tzdata, ca-certificates
Recommends: gammu-smsd, libdbd-sqlite3
Section: misc
Priority: optional
Description: service of a small box that watches a site
 Reads electricity, water, gas and heat meters, temperatures and contacts at
 GPIO, I2C, 1-Wire, serial and Modbus; judges, keeps and sends what they give,
 over MQTT or by text messages.
 .
 Its Python libraries come with it, below /opt/vigie: nothing is downloaded.
"""


def version_of(source: Path, epoch_s: int) -> str:
    """Return "0.1.0+1763000000": the project's version and its build, ordered by both as an update's is."""
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))
    return f"{project['project']['version']}+{epoch_s}"


def commit_epoch_s(source: Path, environment: Mapping[str, str] = os.environ) -> int:
    """Return SOURCE_DATE_EPOCH, or else the time of the last commit. Raises ValueError where there is neither."""
    if stated := environment.get("SOURCE_DATE_EPOCH"):
        if not stated.isdecimal():
            raise ValueError(f"SOURCE_DATE_EPOCH is {stated!r}: seconds since 1970 are needed")
        return int(stated)
    command = ["git", "-C", str(source), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{source} is no checkout with a commit: set SOURCE_DATE_EPOCH")
    return int(done.stdout)


def deb_name(version: str, architecture: str) -> str:
    """Return the file's name as Debian forms it."""
    return f"vigie_{version}_{architecture}.deb"


def maintainer_script(name: str, folder: Path = tree.IMAGE / "deb") -> str:
    """Return preinst, postinst, prerm or postrm, with the functions it shares with install.sh in their place."""
    text = (folder / name).read_text(encoding="utf-8")
    if text.count(SHARED) != 1:
        raise ValueError(f"{folder / name}: the line {SHARED.strip()!r} must stand there once")
    return text.replace(SHARED, (tree.IMAGE / "setup.sh").read_text(encoding="utf-8"))


def lay_control(root: Path, version: str, architecture: str, epoch_s: int) -> None:
    """Write DEBIAN/ for the files that are laid below `root`."""
    control = root / "DEBIAN"
    fields = {"version": version, "architecture": architecture, "installed_kib": tree.installed_kib(root)}
    control.mkdir()
    (control / "control").write_text(CONTROL.format(**fields), encoding="utf-8")
    (control / "md5sums").write_text(tree.md5sums(root), encoding="utf-8")
    shutil.copyfile(tree.IMAGE / "deb/triggers", control / "triggers")
    for name in SCRIPTS:
        (control / name).write_text(maintainer_script(name), encoding="utf-8")
        (control / name).chmod(0o755)
    tree.settle(control, epoch_s)


def packed(root: Path, place: Path, epoch_s: int) -> Path:
    """Return `place`, where dpkg-deb packed what lies below `root`; nothing in it is newer than `epoch_s`."""
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(place)]
    dated = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch_s)}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=dated)
    return place


def build(architecture: str, output: Path = OUTPUT, *, wheel: Path | None = None) -> Path:
    """Return the package for this architecture, built into `output`."""
    epoch_s = commit_epoch_s(tree.SOURCE)
    version = version_of(tree.SOURCE, epoch_s)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".deb-") as name:
        root = Path(name) / "root"
        wheel = wheel or libraries.wheel_of(tree.SOURCE, Path(name), epoch_s)
        tree.lay_environment(root)
        tree.lay_system_files(root)
        wanted = libraries.locked(tree.SOURCE)
        sites = [root / f"opt/vigie/lib/python{python}/site-packages" for python in libraries.PYTHONS]
        for python, site in zip(libraries.PYTHONS, sites, strict=True):
            libraries.fill(libraries.Target(architecture, python), site, wanted, wheel)
        saved = tree.share_equal(*sites)
        tree.settle(root, epoch_s)
        lay_control(root, version, architecture, epoch_s)
        installed_kib = tree.installed_kib(root)
        place = packed(root, Path(name) / deb_name(version, architecture), epoch_s)
        place = place.replace(output / place.name)
    megabytes = [place.stat().st_size / 1e6, installed_kib * 1024 / 1e6, saved / 1e6]
    print("{}: {:.1f} MB, installed {:.1f} MB; {:.1f} MB are the same for both Pythons".format(place, *megabytes))
    return place


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; see the module's first lines."""
    parser = argparse.ArgumentParser(prog="python -m image.deb.build")
    parser.add_argument("--arch", choices=sorted(libraries.MACHINES), action="append", help="default: all of them")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    chosen = parser.parse_args(arguments)
    for architecture in chosen.arch or sorted(libraries.MACHINES):
        build(architecture, chosen.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Make the card: `make image`, or python -m image.card.build.

    --fresh          Debian's packages of today, also where a root of the last days is there
    --draft          no compressed file, for a try in emulation
    --cert FILE      of a key that may sign updates for these boxes; again for each of several

What it leaves in .run/image: vigie-VERSION.img, .img.xz, .sbom.json, .manifest; system.ext4 and boot.vfat, of which
updates are made.
"""

from __future__ import annotations

import argparse
import collections
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from image.card import boot, host, layout, manifest, programs, sbom
from image.card.base import base_root
from image.card.host import HostError, StepError, Steps, run
from image.card.layout import MIB
from image.card.system import Release, build_system, release
from image.deb import build as package
from image.lock import ROOT
from image.update import keys

CACHE: Final = ROOT / ".run" / "image"
PROGRAMS: Final = ("mmdebstrap", "mkfs.ext4", "mkfs.vfat", "mcopy", "depmod", "fdtput", "xz", "dpkg-deb", "systemctl")
BLANK_DATA: Final = b"vigie: empty data partition; the box makes it at its first start\n".ljust(4096, b"\0")
"""What an image leaves where data will be: written by every flashing tool, over what the card held before."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 2 where this machine can't make a card, 1 where a step failed."""
    parser = argparse.ArgumentParser(prog="make image")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--draft", action="store_true")
    parser.add_argument("--cert", type=Path, action="append", default=[])
    chosen = parser.parse_args(arguments)
    try:
        host.check_root()
        host.check_programs(PROGRAMS)
        if done := host.ensure_emulation(platform.machine()):
            print(done)
        make(CACHE, chosen.cert, is_fresh=chosen.fresh, is_draft=chosen.draft)
    except HostError as exc:
        print(f"make image: {exc}", file=sys.stderr)
        return 2
    except StepError as exc:
        print(f"make image: {exc}", file=sys.stderr)
        return 1
    return 0


def make(cache: Path, certificates: Sequence[Path], *, is_fresh: bool, is_draft: bool) -> None:
    """Make everything below cache. Raises StepError."""
    steps, made = Steps(), release()
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or made.build)
    base = base_root(cache, steps, is_fresh=is_fresh)
    root = cache / "system"
    with steps.step("our package"):
        deb = _deb(cache)
    with steps.step("our files and programs"):
        build_system(base, root, deb, made, _keyring(certificates), epoch=epoch)
    table = layout.parts()
    with steps.step("boot partitions"):
        boot.lay_boot(base, cache / "boot", "a", epoch=epoch)
        boot.lay_cfg(base, cache / "cfg")
        boot.check_fits(cache / "boot", layout.named(table, "boot_a"))
        boot.fat(cache / "boot.vfat", layout.named(table, "boot_a"), boot.LABELS["a"], cache / "boot", epoch=epoch)
        boot.fat(cache / "boot_b.vfat", layout.named(table, "boot_b"), boot.LABELS["b"], None, epoch=epoch)
        boot.fat(cache / "cfg.vfat", layout.named(table, "cfg"), "VIGIE", cache / "cfg", epoch=epoch)
    with steps.step("system partition"):
        system_ext4(root, cache / "system.ext4", epoch=epoch)
    image = cache / f"vigie-{made.version}.img"
    with steps.step("the card"):
        assemble(cache, image)
    with steps.step("lists of what is in it"):
        listed = write_sbom(root, image, made, epoch)
    if not is_draft:
        with steps.step("compressed"):
            run("xz", "--keep", "--force", f"--threads={os.cpu_count()}", "-6", image)
        with steps.step("hashes of all of it"):
            write_manifest(cache, image, listed)
    report(steps, image, made)


def _deb(cache: Path) -> Path:
    """Return our package, built unless there is one that is newer than all that it is made of."""
    sources = [ROOT / "requirements.lock", ROOT / "pyproject.toml", *(ROOT / "image").glob("*")]
    sources += [path for name in ("edge", "hal", "sms", "config", "image/deb") for path in (ROOT / name).rglob("*")]
    newest_s = max(path.stat().st_mtime for path in sources if path.is_file() and path.suffix != ".pyc")
    version = package.version_of(ROOT, package.commit_epoch_s(ROOT))
    there = cache / package.deb_name(version, "arm64")
    if there.exists() and there.stat().st_mtime > newest_s:
        return there
    return package.build("arm64", cache)


def _keyring(certificates: Sequence[Path]) -> str:
    try:
        return keys.keyring(certificates or [keys.development_pair().cert])
    except (OSError, ValueError) as exc:
        raise StepError(f"--cert: {exc}") from exc


def system_ext4(root: Path, image: Path, *, epoch: int) -> None:
    """Make the file system of a system, no larger than it must be: it is never written to, so it needs no journal."""
    held = int(run("du", "--summarize", "--block-size=1M", "--apparent-size", root).split()[0])
    image.unlink(missing_ok=True)
    size_mib = min(held * 5 // 4 + 64, layout.Layout().system_mib)
    options = ("-q", "-F", "-O", "^has_journal,^resize_inode", "-m", "0", "-L", "vigie-system", "-U", _uuid(epoch))
    hashed = ("-E", f"hash_seed={_uuid(epoch)},lazy_itable_init=0")
    clock = {"E2FSPROGS_FAKE_TIME": str(epoch), "SOURCE_DATE_EPOCH": str(epoch)}
    run("mkfs.ext4", *options, *hashed, "-d", root, image, f"{size_mib}M", env=clock)


def _uuid(epoch: int) -> str:
    return f"76696731-0000-4000-8000-{epoch:012x}"


def assemble(cache: Path, image: Path) -> None:
    """Put the partitions and their table into one sparse file."""
    table = layout.parts()
    unfinished = image.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    with unfinished.open("wb") as card:
        card.truncate(layout.disk_bytes(table))
        for number, sector in layout.table_sectors(table).items():
            card.seek(number * layout.SECTOR_BYTES)
            card.write(sector)
        card.seek(layout.named(table, "data").start_bytes)
        card.write(BLANK_DATA)
    for name, source in (("cfg", "cfg"), ("boot_a", "boot"), ("boot_b", "boot_b"), ("system_a", "system")):
        held = cache / f"{source}.{'ext4' if source == 'system' else 'vfat'}"
        part = layout.named(table, name)
        if held.stat().st_size > part.size_bytes:
            raise StepError(f"{held.name} is larger than {name}")
        at = f"seek={part.start_bytes // MIB}"
        run("dd", f"if={held}", f"of={unfinished}", "bs=1M", at, "conv=notrunc,sparse", "status=none")
    unfinished.rename(image)


def write_sbom(root: Path, image: Path, made: Release, epoch: int) -> Path:
    """Write the list of what the card is made of."""
    parts = [*sbom.debian_parts(root), *sbom.python_parts(root / programs.LIBRARY / "site-packages")]
    path = image.with_suffix(".sbom.json")
    path.write_text(sbom.as_json(parts, version=f"{made.version}+{made.build}", epoch=epoch), "utf-8")
    counted = collections.Counter(part.kind for part in parts)
    print(f"{counted['deb']} Debian packages, {counted['pypi']} of Python")
    return path


def write_manifest(cache: Path, image: Path, listed: Path) -> None:
    """Write the hashes of each file on the card and of what was made."""
    folders = {"system_a": cache / "system", "boot_a": cache / "boot", "cfg": cache / "cfg"}
    outputs = [image, Path(f"{image}.xz"), listed, cache / "system.ext4", cache / "boot.vfat"]
    image.with_suffix(".manifest").write_text("\n".join(manifest.lines(folders, outputs)) + "\n", "utf-8")


def report(steps: Steps, image: Path, made: Release) -> None:
    """Print the figures of docs/image.md."""
    wall_s, cpu_s = (sum(getattr(step, name) for step in steps.taken) for name in ("wall_s", "cpu_s"))
    print(f"{'in all':<44} {wall_s:7.1f} s  {cpu_s:7.1f} CPU-s")
    for path in (image, Path(f"{image}.xz"), image.with_name("system.ext4"), image.with_name("boot.vfat")):
        if path.exists():
            used = path.stat().st_blocks * 512
            print(f"{path.name:<44} {path.stat().st_size / 1e6:7.1f} MB, {used / 1e6:.1f} MB on disk")
    print(f"version {made.version}+{made.build}; {shutil.disk_usage(image).free >> 30} GiB are free here")


if __name__ == "__main__":
    sys.exit(main())

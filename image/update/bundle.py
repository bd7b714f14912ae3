"""`make bundle`: a signed update of the systems that `make image` made, as a RAUC bundle.

    python -m image.update.bundle [--system F --boot F] [--version V+BUILD] [--key F --cert F] [--out F]

The bundle holds the system's file system and its boot partition, which the box writes into the slot that does not run.
Its format is verity: what is signed is the hash of all blocks, and each block is checked when it is read.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge.core.release import Release, release_of, version_of
from image.update.keys import FOLDER, Pair, development_pair

BUILT: Final = Path(".run/image")
COMPATIBLE: Final = "vigie-rpi-arm64"
MANIFEST: Final = """\
[update]
compatible={compatible}
version={version}

[bundle]
format=verity

[image.system]
filename=system.ext4

[image.boot]
filename=boot.vfat
"""


def release_in(system: Path) -> Release:
    """Return what a system's file system says of itself. Raises ValueError where it does not."""
    done = subprocess.run(
        ["debugfs", "-R", "cat /etc/vigie-release", system], capture_output=True, text=True, check=False
    )
    if done.returncode or not done.stdout:
        raise ValueError(f"{system}: no /etc/vigie-release in it ({done.stderr.strip().splitlines()[-1:]})")
    return release_of(done.stdout)


def bundle(system: Path, boot: Path, release: Release, pair: Pair, out: Path, packing: str = "") -> Path:
    """Write the bundle, in one step, and return its path. Raises ValueError with what RAUC says.

    `packing` is for mksquashfs; what a kernel of a card can read.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as name:
        folder = Path(name)
        content = folder / "content"
        content.mkdir()
        for source, image in ((system, "system.ext4"), (boot, "boot.vfat")):
            _put(source, content / image)
        manifest = MANIFEST.format(compatible=release.compatible, version=release.version)
        (content / "manifest.raucm").write_text(manifest, encoding="ascii")
        made = folder / "made.raucb"
        words: list[str | Path] = ["rauc", f"--cert={pair.cert}", f"--key={pair.key}", "bundle"]
        words += [f"--mksquashfs-args={packing}"] if packing else []
        words += [content, made]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError(f"rauc made no bundle: {done.stderr.strip()}")
        made.rename(out)
    return out


def _put(source: Path, target: Path) -> None:
    """Give a file another name where that is possible, copy it where it is not: a system has a gigabyte."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def main(words: Sequence[str] | None = None) -> int:
    """Make a bundle; return 1 when it can't be made, 2 for words that make no sense together."""
    parser = argparse.ArgumentParser(prog="make bundle", description="a signed update for boxes made by make image")
    parser.add_argument("--system", type=Path, default=BUILT / "system.ext4", help="the system's file system, ext4")
    parser.add_argument("--boot", type=Path, default=BUILT / "boot.vfat", help="its boot partition, FAT")
    parser.add_argument("--version", help="such as 0.1.0+1795166000 (default: what the system says of itself)")
    parser.add_argument("--compatible", default="", help=f"(default: what the system says of itself, {COMPATIBLE})")
    parser.add_argument("--key", type=Path, help="the private key, PEM")
    parser.add_argument("--cert", type=Path, help="its certificate, PEM, in the keyring of the boxes")
    parser.add_argument("--out", type=Path, help="(default: .run/image/vigie-VERSION.raucb)")
    args = parser.parse_args(words)
    if (args.key is None) != (args.cert is None):
        parser.error("--key and --cert go together")
    try:
        release = (
            Release(version_of(args.version), args.compatible or COMPATIBLE)
            if args.version
            else release_in(args.system)
        )
        pair = Pair(args.key, args.cert) if args.key else development_pair(FOLDER)
        out = bundle(args.system, args.boot, release, pair, args.out or BUILT / f"vigie-{release.version}.raucb")
    except (OSError, ValueError) as exc:
        sys.stderr.write(f"make bundle: {exc}\n")
        return 1
    print(f"{out}: {release.compatible} {release.version}, {out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

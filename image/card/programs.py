"""Our programs on the card: the same Debian package that other systems get, installed by dpkg, compiled beforehand.

dpkg runs the package's script in the card's own Debian; what that script would compile under emulation is compiled by
this machine's interpreter where it is of the same version.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from image.card.host import StepError, run

TAG: Final = "3.11"
LIBRARY: Final = f"opt/vigie/lib/python{TAG}"
MAGIC: Final = (3495).to_bytes(2, "little") + b"\r\n"
"""Of compiled files of Python 3.11: Lib/importlib/_bootstrap_external.py."""
FOREIGN: Final = "opt/vigie/lib/python3.13"
"""Libraries for another Debian, which the package holds too."""
POLICY: Final = "usr/sbin/policy-rc.d"


def install(root: Path, deb: Path) -> None:
    """Install the package into the root of a card. Raises StepError."""
    inside = root / "var/cache" / deb.name
    policy = root / POLICY
    policy.write_text("#!/bin/sh\nexit 101\n", "ascii")  # nothing is started in a folder
    policy.chmod(0o755)
    run("cp", deb, inside)
    try:
        run("chroot", root, "dpkg", "--force-unsafe-io", "--unpack", f"/var/cache/{deb.name}")
        run("rm", "-rf", root / FOREIGN)
        compile_library(root)
        run(
            "chroot",
            root,
            "dpkg",
            "--force-unsafe-io",
            "--configure",
            "vigie",
            env={"DEBIAN_FRONTEND": "noninteractive"},
        )
    finally:
        inside.unlink()
        policy.unlink()
    check_compiled((root / LIBRARY).rglob("*.py"))


def compile_library(root: Path) -> None:
    """Compile our library by this interpreter, if the card's understands it; else its package's script does."""
    if importlib.util.MAGIC_NUMBER == MAGIC:
        words = ("-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "timestamp")
        run(sys.executable, *words, "-s", root, "-p", "/", root / LIBRARY)


def check_compiled(sources: Iterable[Path]) -> None:
    """Raise StepError that names the first source without its compiled file: each start of a box would compile it."""
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-311.pyc"
        if not compiled.exists():
            raise StepError(f"{source} is not compiled")

"""A folder that stands for / of a Debian system, as much of it as an installation looks at."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

DEBIAN_12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="makes a user, below a root of its own: needs root")


def release(name: str, system: str, version: str) -> str:
    return f'PRETTY_NAME="{name}"\nID={system}\nVERSION_ID="{version}"\n'


def made_up_root(folder: Path, os_release: str | None = DEBIAN_12) -> Path:
    root = folder / "root"
    (root / "etc").mkdir(parents=True)
    if os_release is not None:
        (root / "etc/os-release").write_text(os_release, encoding="utf-8")
    for name, line in {
        "passwd": "root:x:0:0:root:/root:/bin/sh",
        "group": "root:x:0:\ndialout:x:20:",
        "shadow": "root:*:19000:0:99999:7:::",
        "gshadow": "root:*::\ndialout:*::",
    }.items():
        (root / "etc" / name).write_text(f"{line}\n", encoding="utf-8")
    return root


def snapshot(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return every file below the root with its mode, time of change and text; `etc/*-` are shadow's own copies."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.name.endswith("-")]
    return {
        str(path.relative_to(root)): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes()) for path in files
    }


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)

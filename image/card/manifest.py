"""The hashes of everything on a card and of the files that were made: lines as sha256sum writes and checks them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return a file's hash, as hexadecimal digits."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def lines(folders: Mapping[str, Path], files: Iterable[Path]) -> list[str]:
    """Return a line for each file below the folders, as NAME/path, then for each file; links and folders have none."""
    found = [
        (f"{name}/{path.relative_to(folder).as_posix()}", path)
        for name, folder in folders.items()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    ]
    found += [(path.name, path) for path in files]
    return [f"{sha256_of(path)}  {name}" for name, path in found]

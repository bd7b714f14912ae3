"""Where an export goes: written beside its name and renamed when it is whole, so that no half file ever bears the name.

A file that is there is left alone unless told otherwise. A pipe, a terminal or a device is written straight.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

CHUNK: Final = 1 << 16
STDOUT: Final = "-"


class OutputError(OSError):
    """The output can't be written; `filename` is the name that the person wrote, and nothing bears it."""


class ExistsError(OutputError):
    """There is a file of that name already."""


class Written(msgspec.Struct, frozen=True):
    """A file as it was written: its octets and their SHA-256."""

    octets: int
    sha256: str


class Folder(Protocol):
    """A folder, or what stands for one in an archive."""

    def write(self, name: str, lines: Iterable[str]) -> Written:
        """Write a file in UTF-8, piece by piece. Raises OutputError."""


def write_lines(lines: Iterable[str], path: Path | None, *, force: bool) -> None:
    """Write text to a file, or to standard output where there is no path. Raises OutputError, BrokenPipeError."""
    if path is None:
        _pour(lines, sys.stdout.write, STDOUT)
        with _named(STDOUT):
            sys.stdout.flush()
    elif _is_there(path) and path.exists() and not path.is_file() and not path.is_dir():  # a pipe or a device
        with _named(path):
            device = path.open("wb", buffering=0)
        with device:
            _write_file(lines, device, path)
    else:
        with beside(path, force=force) as part:
            with _named(path):
                file = part.open("xb", buffering=0)
            with file:
                _write_file(lines, file, path)
                with _named(path):
                    _flush(file)


@contextlib.contextmanager
def folder(path: Path, *, force: bool) -> Iterator[Folder]:
    """Give a folder to write into; a name that ends in .zip becomes an archive. Raises OutputError."""
    with beside(path, force=force) as part:
        if path.suffix.lower() == ".zip":
            with _named(path):
                archive = zipfile.ZipFile(part, "x", zipfile.ZIP_DEFLATED)
            try:
                yield _Archive(archive, path)
                with _named(path):
                    archive.close()
                    with part.open("rb+") as file:
                        _flush(file)
            except BaseException:
                with contextlib.suppress(OSError, ValueError):  # it would finish a file that goes away
                    archive.close()
                raise
        else:
            with _named(path):
                part.mkdir()
            yield _RealFolder(part, path)


@contextlib.contextmanager
def beside(path: Path, *, force: bool) -> Iterator[Path]:
    """Give a name in the same folder to write to; at the end it takes the name `path`, on a failure it goes."""
    is_there = _is_there(path)
    if is_there and path.is_dir() and not _is_replaceable(path):
        raise OutputError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if is_there and not (force and _is_replaceable(path)):
        raise ExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        with _named(path):
            if path.is_dir() and force:
                shutil.rmtree(path)
            if _is_there(path) and not force:  # came meanwhile
                raise ExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            part.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
        raise


def _is_there(path: Path) -> bool:
    with _named(path):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def _is_replaceable(path: Path) -> bool:
    """Return whether --force may replace this: a file, or a folder that an export made."""
    return path.is_file() or path.is_symlink() or (path / "datapackage.json").is_file()


@contextlib.contextmanager
def _named(path: Path | str) -> Iterator[None]:
    """Give a failure of the disk the name that the person wrote; a pipe that nobody reads any more keeps its own."""
    try:
        yield
    except (OutputError, BrokenPipeError):
        raise
    except OSError as exc:
        raise OutputError(exc.errno or 0, exc.strerror or str(exc), str(path)) from exc


def _pour(lines: Iterable[str], write: Callable[[str], Any], path: Path | str) -> None:
    """Write text in larger pieces: a system call for each line would cost more than making it.

    Only the writing is named after the file: what makes the lines has failures of its own.
    """
    kept: list[str] = []
    size = 0
    for line in lines:
        kept.append(line)
        size += len(line)
        if size >= CHUNK:
            with _named(path):
                write("".join(kept))
            kept, size = [], 0
    with _named(path):
        write("".join(kept))


def _write_file(lines: Iterable[str], file: Any, path: Path) -> Written:
    found = hashlib.sha256()
    octets = 0

    def write(text: str) -> None:
        nonlocal octets
        piece = text.encode()
        while piece:
            taken = file.write(piece)
            found.update(piece[:taken])
            octets += taken
            piece = piece[taken:]

    _pour(lines, write, path)
    return Written(octets, found.hexdigest())


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


class _RealFolder:
    def __init__(self, part: Path, path: Path) -> None:
        self._part = part
        self._path = path

    def write(self, name: str, lines: Iterable[str]) -> Written:
        with _named(self._path):
            file = (self._part / name).open("xb", buffering=0)
        with file:
            written = _write_file(lines, file, self._path)
            with _named(self._path):
                _flush(file)
        return written


class _Archive:
    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._path = path

    def write(self, name: str, lines: Iterable[str]) -> Written:
        file = self._archive.open(name, "w", force_zip64=True)
        try:
            written = _write_file(lines, file, self._path)
            with _named(self._path):
                file.close()
        except BaseException:
            with contextlib.suppress(OSError, ValueError):
                file.close()
            raise
        return written

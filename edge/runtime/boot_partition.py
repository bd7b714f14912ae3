"""The card's first partition: read-only but for the moment of a write, so that a power cut finds it whole."""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge.store.fs import flush_folder

MOUNT: Final = "/bin/mount"
LOCK: Final = "/run/vigie-boot-cfg.lock"
WITHIN_S: Final = 30.0

log = logging.getLogger(__name__)


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Let this partition be written, and mount it read-only again behind it. Raises OSError where that can't be had.

    A folder that is no mount of its own is left as it is. Who comes second waits: the card's file and an update
    may meet, and the first to end would close it under the other.
    """
    if not os.path.ismount(folder):
        yield
        return
    with _alone():
        was_read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
        if was_read_only:
            _remount(folder, "rw")
        try:
            yield
        finally:
            if was_read_only:
                flush_folder(folder)
                try:
                    _remount(folder, "ro")
                except OSError as exc:  # the next start mounts it read-only; it is flushed
                    log.warning("%s", exc)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock of whoever writes there; /run is RAM and root's."""
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remount(folder: Path, how: str) -> None:
    try:
        subprocess.run(
            [MOUNT, "-o", f"remount,{how}", os.fspath(folder)],
            check=True, capture_output=True, timeout=WITHIN_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as exc:
        why = getattr(exc, "stderr", b"") or str(exc).encode()
        raise OSError(None, f"{folder} can't be mounted {how}: {why.decode('utf-8', 'replace').strip()}") from exc

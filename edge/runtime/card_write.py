"""What a start writes on the card's first partition: one that takes nothing is told in the log, and stops nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing

from edge.store.checked import replace_file
from edge.store.fs import File, Fs, write_all

log = logging.getLogger(__name__)


class CardWriter:
    """Writes whole files there, and takes them away."""

    def __init__(self, boot: Fs, open_boot: Callable[[], AbstractContextManager[None]]) -> None:
        """`open_boot` lets the partition `boot` be written, for the moment."""
        self._boot = boot
        self._open_boot = open_boot

    def write(self, name: str, octets: bytes, *, is_erased: bool = False) -> bool:
        """Write a file in one step; tell whether it is there. What was there before can be erased."""
        try:
            with self._open_boot(), ExitStack() as stack:
                old = stack.enter_context(closing(self._boot.open(name))) if is_erased else None
                replace_file(self._boot, name, octets)
                if old is not None:
                    _zero(old)
        except OSError as exc:
            log.warning("%s can't be written on the card: %s", name, exc)
            return False
        return True

    def erase(self, name: str) -> None:
        """Overwrite a file and remove it."""
        try:
            with self._open_boot():
                with closing(self._boot.open(name)) as file:
                    _zero(file)
                self._unlink(name)
        except OSError as exc:
            log.warning("%s can't be erased on the card: %s", name, exc)

    def remove(self, name: str) -> None:
        """Remove a file; nothing where there is none."""
        try:
            if self._boot.exists(name):
                with self._open_boot():
                    self._unlink(name)
        except OSError as exc:
            log.warning("%s can't be removed from the card: %s", name, exc)

    def _unlink(self, name: str) -> None:
        self._boot.unlink(name)
        self._boot.fsync_dir("")


def _zero(file: File) -> None:
    write_all(file, bytes(file.size()), 0)
    file.fdatasync()

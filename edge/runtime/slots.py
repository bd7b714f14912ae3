"""Which of the two systems of a card runs here, how it was started, and what starts next.

The kernel's command line says the slot (`vigie.slot=a`), autoboot.txt what an ordinary start takes: the other one is
started for a try alone. Another installation has no slots.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import msgspec

from edge.core.autoboot import SLOTS, Autoboot, Slot
from edge.core.release import Release, release_of
from edge.runtime.boot_partition import writable
from edge.store.autoboot_file import read_autoboot, write_autoboot
from edge.store.fs import Fs, RealFs

BOOT: Final = "boot/cfg"
RELEASE: Final = "etc/vigie-release"
LOST: Final = "run/vigie-card/lost"


class Booted(msgspec.Struct, frozen=True):
    """What was started: its slot, None on a machine without slots, and whether it is a try."""

    slot: Slot | None
    is_try: bool


class Slots:
    """The two systems of the machine whose files are below `root`."""

    def __init__(
        self,
        root: Path = Path("/"),
        opened: Callable[[Path], AbstractContextManager[None]] = writable,
        disk: Callable[[Path], Fs] = RealFs,
    ) -> None:
        """`opened` makes the installer's partition writable for a moment; `disk` gives a folder as the Fs it is."""
        self.root = root
        self.disk = disk
        self._opened = opened
        self.boot = root / BOOT

    def booted(self) -> Booted:
        """Return what was started: a try is a start of the slot that autoboot.txt does not name.

        Where that can't be read, the firmware's device tree says it; without either the start is an ordinary one.
        """
        words = self._text("proc/cmdline").split()
        named = [word.removeprefix("vigie.slot=") for word in words if word.startswith("vigie.slot=")]
        slot = next((slot for slot in SLOTS if named[-1:] == [slot]), None)
        try:
            return Booted(slot, is_try=slot is not None and self.autoboot().primary != slot)
        except (OSError, ValueError):
            flag = self._octets("proc/device-tree/chosen/bootloader/tryboot")
            return Booted(slot, is_try=slot is not None and any(flag))

    def lost(self) -> Slot | None:
        """Return the committed system that the initramfs could not start, and took the other one for."""
        words = self._text(LOST).split()
        return next((slot for slot in SLOTS if words == [slot]), None)

    def release(self) -> Release | None:
        """Return what runs here; None where no card was made of it. Raises ValueError for a damaged file."""
        text = self._text(RELEASE)
        return release_of(text) if text else None

    def autoboot(self) -> Autoboot:
        """Return what starts next. Raises OSError or ValueError when the file does not say."""
        return read_autoboot(self.disk(self.boot))

    def change(self, how: Callable[[Autoboot], Autoboot]) -> Autoboot:
        """Change what starts next; return it as it stands on the card. Raises OSError or ValueError."""
        before = self.autoboot()
        wanted = how(before)
        if wanted != before:
            with self._opened(self.boot):
                write_autoboot(self.disk(self.boot), wanted)
        return wanted

    def _text(self, path: str) -> str:
        return self._octets(path).decode("utf-8", "replace")

    def _octets(self, path: str) -> bytes:
        try:
            return (self.root / path).read_bytes()
        except OSError:
            return b""

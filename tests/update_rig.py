"""A box of two systems in a folder: firmware, kernel, RAUC and a running station as far as an update meets them."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge.core.autoboot import Autoboot, Slot, octets, parsed
from edge.core.release import version_of
from edge.runtime.rauc import Bundle, UpdateError
from edge.runtime.slots import Slots
from edge.runtime.updating import Updating
from edge.store.autoboot_file import FILE
from edge.store.fs import Fs, RealFile, RealFs
from tests.support import ManualClock

BUILD = 1_795_166_000
COMPATIBLE = "vigie-rpi-arm64"


class PowerCutError(Exception):
    """The power went: nothing below may catch it."""


class Card:
    """A root folder as a card's system has it: what the kernel and the firmware say, and the installer's partition."""

    def __init__(self, root: Path, version: str = "0.1.0") -> None:
        self.root = root
        for folder in ("boot/cfg", "proc/device-tree/chosen/bootloader", "etc/vigie", "data/update", "run"):
            (root / folder).mkdir(parents=True)
        (root / "boot/cfg" / FILE).write_bytes(octets(Autoboot("a", "a")))
        self.systems: dict[Slot, str] = {"a": f"{version}+{BUILD}", "b": ""}
        """The version in each slot, "" for one that is not whole."""
        self.start()

    @property
    def autoboot(self) -> Autoboot:
        return parsed((self.root / "boot/cfg" / FILE).read_bytes())

    def start(self, *, is_try: bool = False) -> Slot:
        """Start as the firmware does; fails for a system that is not whole."""
        slot = self.autoboot.tried if is_try else self.autoboot.primary
        version, _, build = self.systems[slot].partition("+")
        assert version, f"slot {slot} starts and is not whole"
        (self.root / "proc/cmdline").write_text(f"console=tty1 vigie.slot={slot} rauc.slot={slot}\n")
        node = self.root / "proc/device-tree/chosen/bootloader"
        (node / "tryboot").write_bytes(struct.pack(">I", is_try))
        (self.root / "etc/vigie-release").write_text(f"VERSION={version}\nBUILD={build}\nCOMPATIBLE={COMPATIBLE}\n")
        return slot


class CountedFs(RealFs):
    """A folder whose changes are counted, and whose power is cut before one of them."""

    def __init__(self, root: Path, power: Power) -> None:
        super().__init__(root)
        self._power = power

    def open(self, path: str, *, create: bool = False) -> RealFile:
        return CountedFile(super().open(path, create=create), self._power)

    def rename(self, old: str, new: str) -> None:
        self._power.use()
        super().rename(old, new)

    def unlink(self, path: str) -> None:
        self._power.use()
        super().unlink(path)


class CountedFile(RealFile):
    def __init__(self, file: RealFile, power: Power) -> None:
        super().__init__(file._fd)
        self._power = power

    def pwrite(self, octets: bytes, offset: int) -> int:
        self._power.use()
        return super().pwrite(octets, offset)


class Power:
    """Goes at the change of this number, counted from 1; 0: never."""

    def __init__(self, goes_at: int = 0) -> None:
        self.goes_at = goes_at
        self.changes = 0

    def use(self) -> None:
        self.changes += 1
        if self.changes == self.goes_at:
            raise PowerCutError


class FakeRauc:
    """Takes a file's text for its bundle: `0.2.0+5 vigie-rpi-arm64`; writes slots as RAUC does, step by step."""

    def __init__(self, card: Card, slots: Callable[[], Slots], power: Power) -> None:
        self.card = card
        self.slots = slots
        self.power = power
        self.fails: UpdateError | None = None
        self.installed: list[str] = []

    def info(self, file: Path) -> Bundle:
        words = file.read_text().split()
        if len(words) != 2:
            raise UpdateError("not_a_bundle")
        return Bundle(version_of(words[0]), words[1])

    def install(self, file: Path) -> None:
        slots = self.slots()
        target: Slot = "b" if slots.booted().slot == "a" else "a"
        slots.change(lambda autoboot: autoboot.without(target))  # set-state bad
        self.power.use()
        self.card.systems[target] = ""
        if self.fails is not None:
            raise self.fails
        self.power.use()
        self.card.systems[target] = file.read_text().split()[0]
        self.installed.append(self.card.systems[target])
        self.power.use()
        slots.change(lambda autoboot: autoboot.with_tried(target))  # the last handler


def live(
    *, points: int = 4, bad: int = 0, boot: int = 1, readings: int = 100, index: float = 1000.0, link: str = "up",
    degraded: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return the local API's answer `live`, as far as a health check reads it."""
    values = [
        {
            "point": f"t.{n}",
            "kind": "gauge",
            "value": None if n < bad else 20.5,
            "quality": "bad" if n < bad else "good",
        }
        for n in range(points - 1)
    ]
    values.append({"point": "water", "kind": "counter", "value": index, "quality": "good"})
    return {
        "box": {"boot": boot, "readings": readings},
        "values": values,
        "buffer": {"records": {"degraded": degraded}, "links": {"mqtt": {"state": link}}},
    }


class Box:
    """A card with what runs on it."""

    def __init__(self, root: Path, power: Power | None = None) -> None:
        self.card = Card(root)
        self.root = root
        self.power = power or Power()
        self.clock = ManualClock()
        self.live: dict[str, Any] | None = live()
        self.machine: dict[str, float | None] = {}
        self.rauc = FakeRauc(self.card, self.slots, self.power)
        self.ids = 0

    def disk(self, folder: Path) -> Fs:
        return CountedFs(folder, self.power)

    def slots(self) -> Slots:
        return Slots(self.root, _as_it_is, self.disk)

    def updating(self) -> Updating:
        """Return the updates as a program that was just started sees them."""
        return Updating(
            self.slots(), self.rauc, live=lambda: self.live, backup=lambda: b"a backup",
            machine=lambda: self.machine, utc_ms=self.clock.utc_ms, new_id=self._id,
        )  # fmt: skip

    def bundle(self, version: str, compatible: str = COMPATIBLE) -> Path:
        file = self.root / "up.raucb"
        file.write_text(f"{version} {compatible}")
        return file

    def _id(self) -> str:
        self.ids += 1
        return f"id{self.ids}"


@contextlib.contextmanager
def _as_it_is(_folder: Path) -> Iterator[None]:
    yield

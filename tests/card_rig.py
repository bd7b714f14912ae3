"""A card and a box for the tests of `vigie card`: two disks in RAM, and an installer's file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from edge.runtime.card_take import SETTINGS, Taking
from edge.settings.card_verdict import Verdict
from edge.store.fs import File, Room, read_file, write_all
from edge.store.fs_memory import MemoryFs

NOW_S = 1_795_166_000  # 20 Nov 2026
GOOD = """\
# the card of b0042
[box]
id = "b0042"

[site]
name = "Gymnase Sud"
lang = "fr"

[network]
kind = "wifi"
ssid = "Gymnase"
password = "wifi-secret"

[link.mqtt]
host = "broker.example.org"
username = "b0042"
password = "mqtt-secret"   # of the broker

[bus.gpio]
kind = "gpio"

[[point]]
id = "water.cold"
bus = "gpio"
driver = "pulse"
pin = 17
weight = 0.001
weight_unit = "m3"

[start]
test = true

[[start.meter]]
meter = "water.cold"
index = "482,137"
"""


class Under:
    """A folder of a disk as a disk of its own, so that both partitions of a card lose power together."""

    def __init__(self, disk: MemoryFs, folder: str) -> None:
        self.disk = disk
        self.folder = folder
        disk.mkdir(folder)

    def _at(self, path: str) -> str:
        return f"{self.folder}/{path}" if path else self.folder

    def open(self, path: str, *, create: bool = False) -> File:
        """See edge.store.fs.Fs."""
        return self.disk.open(self._at(path), create=create)

    def rename(self, old: str, new: str) -> None:
        """See edge.store.fs.Fs."""
        self.disk.rename(self._at(old), self._at(new))

    def unlink(self, path: str) -> None:
        """See edge.store.fs.Fs."""
        self.disk.unlink(self._at(path))

    def listdir(self, path: str) -> list[str]:
        """See edge.store.fs.Fs."""
        return self.disk.listdir(self._at(path))

    def mkdir(self, path: str) -> None:
        """See edge.store.fs.Fs."""
        self.disk.mkdir(self._at(path))

    def exists(self, path: str) -> bool:
        """See edge.store.fs.Fs."""
        return self.disk.exists(self._at(path))

    def fsync_dir(self, path: str) -> None:
        """See edge.store.fs.Fs."""
        self.disk.fsync_dir(self._at(path))

    def room_left(self, path: str) -> Room:
        """See edge.store.fs.Fs."""
        return self.disk.room_left(self._at(path))


class Rig:
    """The card's first partition, the machine's files, and the clock of a start."""

    def __init__(self, disk: MemoryFs | None = None) -> None:
        self.disk = disk or MemoryFs(keep_cuts=True)
        self.boot = Under(self.disk, "boot")
        self.root = Under(self.disk, "root")
        self.now_s = NOW_S
        self.data = "ok"
        self.opened = 0

    def put(self, name: str, content: str | bytes) -> None:
        """Lay a file on the card, as a PC does."""
        octets = content.encode() if isinstance(content, str) else content
        file = self.boot.open(name, create=True)
        file.truncate(0)
        if octets:
            write_all(file, octets, 0)
        file.fdatasync()
        file.close()
        self.boot.fsync_dir("")

    def take(self) -> Verdict:
        """Start once."""
        taking = Taking(self.boot, self.root, utc_s=self.now_s, open_boot=self.open_boot, data=self.data)
        verdict = taking.take()
        return msgspec.structs.replace(verdict, is_configured=not taking.ensure_settings())

    @contextmanager
    def open_boot(self) -> Iterator[None]:
        """Count how often the card is opened for writing."""
        self.opened += 1
        yield

    def on_card(self, name: str = "vigie.toml") -> str:
        """Return a file of the card."""
        return read_file(self.boot, name).decode()

    def on_box(self, path: str = SETTINGS) -> str:
        """Return a file of the machine."""
        return read_file(self.root, path).decode()

    def octets_written(self) -> int:
        """Return what went to both disks so far."""
        return self.disk.counts.octets_written

    def everything(self) -> bytes:
        """Return all octets of the disk, also those of files that are gone."""
        return b"".join(image.read(1 << 24, 0) for image in self.disk.images.values())

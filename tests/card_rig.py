"""A card and a box for the tests of `vigie card`: two disks in RAM, and an installer's file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edge.runtime.card_take import SETTINGS, Taking
from edge.settings.card_verdict import Verdict
from edge.store.fs import read_file, write_all
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


class Rig:
    """The card's first partition, the machine's files, and the clock of a start."""

    def __init__(self) -> None:
        self.boot = MemoryFs()
        self.root = MemoryFs()
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
        return Taking(self.boot, self.root, utc_s=self.now_s, open_boot=self.open_boot, data=self.data).take()

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
        return self.boot.counts.octets_written + self.root.counts.octets_written

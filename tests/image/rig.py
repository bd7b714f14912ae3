"""What the tests of a flashed card share: an installer's file, a server outside, a look at a card that is off."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from hal.fake.meter import PtyMeter
from tests.fault.harness import Command, receive_command
from tests.hil.guest.qmp import Qmp
from tests.image.emulated import Card
from tests.mqtt_broker import Broker, broker
from tests.support import eventually

HOST = "10.0.2.2"
"""This machine, as a guest of QEMU's own network sees it."""
UNREAD_OCTETS = 1000
"""Of a meter's line: about a second of it, older is gone when a board opens its port."""
BOOT_S = 420
"""A board under emulation, while the machine does other work as well."""

SITE = """
[box]
id = "b0042"
buffer_mb = 32
[site]
name = "Gymnase Sud"
tz = "Europe/Paris"
lang = "fr"
[network]
kind = "dhcp"
[link.mqtt]
host = "@HOST@"
port = @PORT@
[bus.linky]
kind = "serial"
port = "/dev/ttyAMA0"
[bus.gpio]
kind = "gpio"
[bus.box]
kind = "box"
[[point]]
id = "tic.index"
bus = "linky"
driver = "teleinfo"
label = "EASF01"
period_s = 2
record_s = 2
[[point]]
id = "tic.power"
bus = "linky"
driver = "teleinfo"
label = "SINSTS"
period_s = 2
record_s = 2
[[point]]
id = "water"
bus = "gpio"
driver = "pulse"
pin = 17
weight = 0.001
weight_unit = "m3"
period_s = 2
record_s = 2
"""


def card_file(port: int, text: str = SITE) -> bytes:
    """Return an installer's file whose broker is this machine's."""
    return text.replace("@HOST@", HOST).replace("@PORT@", str(port)).encode()


@contextmanager
def server(folder: Path) -> Iterator[tuple[Broker, Command]]:
    """A Mosquitto outside the box, and who stores and acknowledges."""
    with broker(folder / "mosquitto") as running:
        consumer = receive_command(folder, running.port).start()
        try:
            yield running, consumer
        finally:
            consumer.end()


def stored(folder: Path, question: str, *values: object) -> list[tuple[Any, ...]]:
    """Return what the server has stored; nothing while its file is not there yet."""
    try:
        with closing(sqlite3.connect(f"file:{folder / 'site.db'}?mode=ro", uri=True)) as db:
            return db.execute(question, values).fetchall()
    except sqlite3.OperationalError:
        return []


@contextmanager
def playing(meter: PtyMeter) -> Iterator[None]:
    """The meter sends at its own bit rate until the end."""
    is_over = threading.Event()

    def turn() -> None:
        while not is_over.is_set():
            meter.lose_unread(UNREAD_OCTETS)
            is_over.wait(max(0.01, meter.step(time.monotonic()) - time.monotonic()))

    thread = threading.Thread(target=turn, name="the meter's line")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


class Acknowledgements:
    """When the first acknowledgement of a record passed the broker: to ask the board itself would cost it seconds."""

    def __init__(self, port: int, box: str = "b0042") -> None:
        self._streams: set[str] = set()
        self.first_s: float | None = None
        """On this machine's monotonic clock."""
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([(f"vigie/v1/{box}/up/m", 1), (f"vigie/v1/{box}/down/ack", 1)])
        self._client.loop_start()

    def _hear(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        told = json.loads(message.payload)
        if message.topic.endswith("/up/m"):
            self._streams.add(told["stream"])
        elif told["stream"] in self._streams and self.first_s is None:
            self.first_s = time.monotonic()

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()


def file_of(card: Card, part: str, path: str) -> bytes:
    """Return a file of one of the card's ext4 partitions while no board uses it; empty when it is not there."""
    start, _ = card.part(part)
    done = subprocess.run(
        ["debugfs", "-R", f"cat {path}", f"{card.path}?offset={start}"], capture_output=True, check=False
    )
    return done.stdout


def modes_of(card: Card, folder: str, names: str = "") -> dict[str, tuple[str, str]]:
    """Return path -> (mode in octal, owner:group) of all below a folder of the running box.

    Of a log's hundreds of new segments those that are alike are one: many KiB at once can get stuck on the line.
    """
    alike = r"sed 's/-[0-9]\{4,\}\.new$/-N.new/' | sort -u"
    found = card.shell(f"find {folder} {names} -printf '%m %U:%G %y %p\\n' | {alike}")
    rows = [line.split(" ", 3) for line in found.splitlines() if line.strip()]
    return {path: (mode, kind) for mode, _, kind, path in rows}


def listening(card: Card) -> set[str]:
    """Return what listens on the network of the running box: protocol, address, port.

    Without the interface: ss says it only where the kernel has its module for it.
    """
    found: set[str] = set()
    for line in card.shell("ss -H -lntu").splitlines():
        words = line.split()
        if len(words) > 4:
            found.add(f"{words[0]} {re.sub(r'%[^:]*', '', words[4])}")
    return found


def told(card: Card, command: str) -> Any:
    """Return what a command of the box printed as JSON."""
    printed = card.shell(command, 120)
    return json.loads(printed[printed.index(re.search(r"[{\[]", printed)[0]) :])  # type: ignore[index]


def is_free(port: int) -> bool:
    """Return whether nothing listens there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return False
    return True


@contextmanager
def counted(card: Card) -> Iterator[Callable[[], int]]:
    """Start a board, and cut its power at the end; then the number says how many octets it wrote to its card."""
    door = card.path.with_name("monitor.sock")
    door.unlink(missing_ok=True)
    card.arguments = ["-qmp", f"unix:{door},server=on,wait=off"]
    card.start()
    eventually(door.exists, 30, "QEMU's monitor is there")
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(door))
    monitor = Qmp(line)
    written = 0
    try:
        yield lambda: written
        written = sum(disk["stats"]["wr_bytes"] for disk in monitor.ask("query-blockstats"))
    finally:
        monitor.close()
        card.cut()
        card.arguments = []


def wait_s(seconds: float) -> None:
    """Let a board that is on have its power for so long."""
    threading.Event().wait(seconds)

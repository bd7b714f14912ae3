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


@contextmanager
def subscribed(port: int, *topics: str) -> Iterator[list[tuple[str, str, float]]]:
    """Give what the broker hands to a subscriber of these topics: topic, payload, when on this machine's clock (s)."""
    told: list[tuple[str, str, float]] = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)

    def hear(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        told.append((message.topic, message.payload.decode(), time.monotonic()))

    client.on_message = hear
    client.connect("127.0.0.1", port)
    client.subscribe([(topic, 1) for topic in topics])
    client.loop_start()
    try:
        yield told
    finally:
        client.disconnect()
        client.loop_stop()


def first_acknowledged_s(told: list[tuple[str, str, float]]) -> float | None:
    """Return when the first acknowledgement of a record passed the broker; to ask the board would cost it seconds."""
    streams = {json.loads(payload)["stream"] for topic, payload, _ in told if topic.endswith("/up/m")}
    acks = ((json.loads(payload), at_s) for topic, payload, at_s in told if topic.endswith("/down/ack"))
    return next((at_s for ack, at_s in acks if ack["stream"] in streams), None)


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

"""A USB stick is plugged into a running card: udev, systemd, mount, RAUC and the lamp's absence are the card's own."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from image.card import layout
from image.card.host import run
from tests.hil.guest.qmp import Qmp
from tests.image import rig
from tests.image.emulated import Card
from tests.support import eventually

pytestmark = pytest.mark.image
RUNS = "until vigie status >/dev/null 2>&1; do sleep 1; done"
WITHIN_S = 420
STICK_BYTES = 64 << 20
PART_BYTES = 1 << 20  # where its partition begins
LOOKS = "journalctl -q -u 'vigie-usb@*' | grep -c 'Failed with result\\|Deactivated successfully'"


def stick(folder: Path, kind: str, files: dict[str, bytes]) -> Path:
    """Return a stick with one partition of this kind, as it is sold."""
    held, made = folder / "partition", folder / f"{kind}.img"
    content = folder / f"{kind}-files"
    content.mkdir()
    for name, octets in files.items():
        (content / name).write_bytes(octets)
    with held.open("wb") as opened:
        opened.truncate(STICK_BYTES - PART_BYTES)
    if kind == "ext4":
        run("mkfs.ext4", "-q", "-F", "-d", content, held)
    else:
        run("mkfs.vfat", held)
        run("mcopy", "-s", "-i", held, *sorted(content.iterdir()), "::")
    table = bytearray(512)
    start, size = PART_BYTES // 512, (STICK_BYTES - PART_BYTES) // 512
    table[446:462] = bytes([0, 0xFE, 0xFF, 0xFF, 0x0C if kind == "vfat" else 0x83, 0xFE, 0xFF, 0xFF]) + (
        start.to_bytes(4, "little") + size.to_bytes(4, "little")
    )
    table[510:] = layout.SIGNATURE
    made.write_bytes(bytes(table).ljust(PART_BYTES, b"\0") + held.read_bytes())
    return made


@contextmanager
def plugged(card: Card, file: Path) -> Iterator[None]:
    """Put a stick into the running board, and take it out again."""
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(card.path.with_name("monitor.sock")))
    monitor = Qmp(line)
    try:
        monitor.ask("blockdev-add", driver="raw", node_name="stick", file={"driver": "file", "filename": str(file)})
        monitor.ask("device_add", driver="usb-storage", id="plug", drive="stick", bus="usb.0")
        yield
        monitor.ask("device_del", id="plug")
        monitor.wait("DEVICE_DELETED", 60)
        monitor.ask("blockdev-del", node_name="stick")
    finally:
        monitor.close()


@pytest.fixture
def card(tmp_path: Path, card_image: Path) -> Iterator[Card]:
    with Card(card_image, tmp_path / "box") as made:
        made.write("vigie.toml", rig.card_file(1))
        door = made.path.with_name("monitor.sock")
        made.arguments = ["-device", "qemu-xhci,id=usb", "-qmp", f"unix:{door},server=on,wait=off"]
        made.start()
        eventually(door.exists, 30, "QEMU's monitor is there")
        made.shell(RUNS, WITHIN_S)
        made.shell("systemctl start vigie-card-status || true", WITHIN_S)
        yield made


def looked(card: Card, times: int) -> None:
    """Wait until sticks were looked at so often."""
    card.shell(f"until [ $({LOOKS}) -ge {times} ]; do sleep 1; done", WITHIN_S)


def test_a_stick_is_looked_at_and_what_is_on_it_is_judged(card: Card, tmp_path: Path) -> None:
    made = stick(tmp_path, "vfat", {"vigie-9.9.9.raucb": b"no bundle at all", "holiday.jpg": b"x" * 100_000})
    with plugged(card, made):
        looked(card, 1)
        facts = json.loads(card.shell("cat /run/vigie-update/state.json"))
        print(card.shell("journalctl -q --no-pager -u 'vigie-usb@*'"))
        assert (facts["last"]["outcome"], facts["last"]["why"]) == ("refused", "not_a_bundle")
        assert card.shell("findmnt -rn -o TARGET | grep vigie-usb || true").strip() == ""
        told = "grep -q 'last update not taken' /boot/cfg/vigie-status.txt"
        card.shell(f"until {told}; do sleep 2; done", WITHIN_S)
    failed = card.shell("systemctl list-units --failed --no-legend --plain | grep -v vigie-usb || true")
    assert failed.strip() == ""
    before = made.read_bytes()
    with plugged(card, made):
        looked(card, 2)
    assert made.read_bytes() == before, "nothing is written onto a stick"


def test_a_stick_with_nothing_for_the_box_is_no_event(card: Card, tmp_path: Path) -> None:
    with plugged(card, stick(tmp_path, "ext4", {"notes.txt": b"nothing"})):
        looked(card, 1)
        assert json.loads(card.shell("cat /run/vigie-update/state.json"))["last"] is None
    assert card.shell("systemctl list-units --failed --no-legend --plain").strip() == ""

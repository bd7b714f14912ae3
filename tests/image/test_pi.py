"""The card in an emulated Raspberry Pi 3B: from the file on its FAT to a record that a server has acknowledged."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hal.fake.meter import Meter, PtyMeter
from hal.fake.meter_frames import EPOCH_UTC
from tests.image import rig
from tests.image.emulated import Card
from tests.support import eventually

pytestmark = pytest.mark.image

FIRST_ACK_S = 120
"""Of the guest's time, from power on to the first acknowledged record."""


@pytest.fixture
def meter(tmp_path: Path) -> PtyMeter:
    made = Meter("standard")
    made.clock_off_s = time.time() - EPOCH_UTC.timestamp()  # the box has no other clock than its meter's
    return PtyMeter(made, tmp_path / "meter")


def test_a_card_reads_its_meter_and_its_records_are_acknowledged(
    tmp_path: Path, card_image: Path, meter: PtyMeter
) -> None:
    with rig.server(tmp_path) as (broker, _), Card(card_image, tmp_path / "pi", "raspi3b") as card, rig.playing(meter):
        card.write("vigie.toml", rig.card_file(broker.port))
        card.arguments = ["-chardev", f"serial,id=tic,path={meter.port.resolve()}"]
        card.meter = "tic"
        card.start()
        question = "SELECT value FROM records WHERE point = ? AND value IS NOT NULL"
        with rig.subscribed(broker.port, "vigie/v1/b0042/up/m", "vigie/v1/b0042/down/ack") as told:
            eventually(lambda: rig.first_acknowledged_s(told) is not None, rig.BOOT_S, "a record is acknowledged")
        acknowledged_s, asked_s = rig.first_acknowledged_s(told), time.monotonic()
        assert acknowledged_s is not None
        first_s = float(card.shell("cat /proc/uptime").split()[0]) - (asked_s - acknowledged_s)
        held = rig.told(card, "/opt/vigie/bin/vigie buffer --json")
        assert held["records"]["acknowledged"]["mqtt"] > 0
        eventually(lambda: rig.stored(tmp_path, question, "tic.index"), 60, "a record of the meter is stored")
        print(f"\nRaspberry Pi 3B, emulated: first acknowledged record after {first_s:.0f} s of its own time")
        eventually(lambda: rig.stored(tmp_path, question, "water"), 60, "the GPIO is open: a count of 0 is a value")
        line = card.shell("stty -a -F /dev/ttyAMA0").replace(";", " ")
        assert {"cs7", "parenb", "-parodd"} <= set(line.split())
        assert "54" in card.shell("gpioinfo 2>/dev/null | head -1 || cat /sys/bus/gpio/devices/gpiochip0/uevent; "
                                  "cat /sys/class/gpio/gpiochip*/ngpio")  # fmt: skip
        index = rig.stored(tmp_path, "SELECT max(value) FROM records WHERE point = 'tic.index'")[0][0]
        assert 5_000_000 < index < 20_000_000
        assert not rig.stored(tmp_path, "SELECT 1 FROM records WHERE quality = 'bad' AND value IS NOT NULL")
        card.cut()
        left = card.read("vigie.toml").decode()
        assert 'id = "b0042"' in left
        assert "vigie-label.svg" in card.names()
        assert "vigie-errors.txt" not in card.names()
        assert first_s <= FIRST_ACK_S

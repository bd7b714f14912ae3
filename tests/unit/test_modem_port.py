"""The simulated modem on its pseudo-terminal: plugged out and in, under another name, hanging, starting anew."""

from __future__ import annotations

import math
import os
import select
from pathlib import Path

import pytest

from hal.fake.modem import FakeModem
from hal.fake.modem_network import Network
from hal.fake.modem_sim import Sim

BOX, OFFICE = "+33600000001", "+33600000100"


def asked(modem: FakeModem, descriptor: int, command: bytes) -> bytes:
    """Return what comes back for it; b"" when nothing does."""
    os.write(descriptor, command)
    select.select(modem.filenos(), [], [], 1.0)  # the kernel hands octets over when it comes to it
    modem.step(1.0)
    found = b""
    while select.select([descriptor], [], [], 0.02)[0]:
        found += os.read(descriptor, 4096)
    return found


def test_a_modem_answers_at_its_port_and_goes_with_its_plug(tmp_path: Path) -> None:
    network = Network()
    port = tmp_path / "modem"
    modem = FakeModem(network, Sim(BOX), port)
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)
    assert asked(modem, descriptor, b"ATE0\r") == b"ATE0\r\r\nOK\r\n"
    assert asked(modem, descriptor, b"AT+CMGF=0\r") == b"\r\nOK\r\n"
    modem.unplug()
    assert not port.exists()
    assert modem.filenos() == []
    assert modem.step(2.0) == math.inf
    with pytest.raises(OSError, match="Input/output error"):
        os.write(descriptor, b"AT\r")
    os.close(descriptor)
    network.send(OFFICE, BOX, "while it is out", 0.0)
    network.step(0.0)
    assert modem.sim.slots == {}

    modem.renumber(tmp_path / "modem7")
    assert not port.exists()
    network.step(60.0)
    assert len(modem.sim.slots) == 1
    descriptor = os.open(tmp_path / "modem7", os.O_RDWR | os.O_NOCTTY)
    assert b"+CMGF: 1" in asked(modem, descriptor, b"AT+CMGF?\r")  # it has started anew
    os.close(descriptor)
    modem.close()


def test_only_a_power_cycle_wakes_one_that_hangs_and_the_card_asks_again(tmp_path: Path) -> None:
    modem = FakeModem(Network(), Sim(BOX, asks=True), tmp_path / "modem")
    descriptor = os.open(modem.port, os.O_RDWR | os.O_NOCTTY)
    assert asked(modem, descriptor, b'AT+CPIN="1234"\r').endswith(b"OK\r\n")
    modem.faults.mute = "idle"
    assert asked(modem, descriptor, b"AT\r") == b""
    modem.reboot(1.0)
    modem.step(1.0)
    assert asked(modem, descriptor, b"AT\r") == b""  # still hangs: starting anew is not its power
    os.close(descriptor)
    modem.power_cycle()
    descriptor = os.open(modem.port, os.O_RDWR | os.O_NOCTTY)
    assert b"SIM PIN" in asked(modem, descriptor, b"AT+CPIN?\r")
    os.close(descriptor)
    modem.close()

"""What wakes a modem, under a real systemd: a modem on a USB port whose power can be cut, gammu-smsd, and the station.

The modem is simulated here, behind QEMU's USB serial adapter on a hub that switches its ports. Its octets come in the
host's time, so the guest skips no idle time: its clock is then never ahead of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from hal.fake.modem import FakeModem
from hal.fake.modem_network import Network
from hal.fake.modem_pdu import Content
from hal.fake.modem_sim import Sim
from tests.hil.guest import Guest
from tests.hil.modules.build import build
from tests.hil.results import Results
from tests.hil.site import HEAD

pytestmark = pytest.mark.hil

BOX, CARETAKER = "+33600000001", "+33600000002"
TITLE: Final = "What wakes a modem, under systemd"
HOST_S: Final = 1800.0
SITE: Final = f"""{HEAD}[bus.i2c]
kind = "i2c"
number = 1
[[point]]
id = "air"
bus = "i2c"
driver = "sht3x"
channel = "temperature"
period_s = 1
[[limit]]
id = "air.high"
point = "air"
kind = "high"
value = 30
priority = "high"
[link.sms]
device = "@PORT@"
[[recipient]]
id = "caretaker"
number = "{CARETAKER}"
lang = "en"
"""


class Site:
    """A guest with a modem, and the phone of who is told."""

    def __init__(self, folder: Path) -> None:
        self.network = Network(epoch_s=datetime(2026, 11, 21, 6, tzinfo=UTC).timestamp() - time.monotonic())
        self.modem = FakeModem(self.network, Sim(BOX), folder / "modem")
        self.texts: list[str] = []
        self.powers = 0
        """How often the port's power was cut."""
        self.network.attach(CARETAKER, self._rings)
        self._trace = folder / "trace.log"
        self._trace.touch()
        self._traced = self._trace.open(encoding="ascii")
        options = [
            "-device", "usb-hub,id=hub,bus=usb.0,port=1,port-power=on",
            "-chardev", f"serial,id=modem,path={self.modem.port.resolve()}",
            "-device", "usb-serial,chardev=modem,bus=usb.0,port=1.1,always-plugged=on,serial=GSM00001",
            "-trace", "usb_hub_*_port_feature", "-D", str(self._trace),
        ]  # fmt: skip
        files = {file.name: file for file in build(Guest.release())}
        modules = ["i2c-dev", files["i2c_sim.ko"]]
        self.guest = Guest(folder, init="systemd", modules=modules, options=options, clock="polled", shift=3)
        self.guest.meanwhile = self._meanwhile
        (self.guest.share / "modem.toml").write_text(SITE, "utf-8")

    def boot(self) -> None:
        self.guest.boot()

    def does(self, words: str, timeout_s: float = HOST_S) -> list[dict[str, Any]]:
        """Run `inside/modem.py` with these words; return what it said."""
        script = f"cd /opt/vigie/tree; exec /opt/vigie/bin/python -m tests.hil.inside.modem {words}"
        return [json.loads(line) for line in self.guest.run(script, timeout_s).lines if line.startswith("{")]

    def text(self, text: str) -> None:
        """Text the box."""
        self.network.send(CARETAKER, BOX, text, time.monotonic())

    def close(self) -> None:
        self.guest.close()
        self.modem.close()
        self._traced.close()

    def _rings(self, sender: str, content: Content, _stamp_s: float) -> None:
        self.texts.append(content.text if sender == BOX else "")

    def _meanwhile(self, now_s: float) -> float:
        for line in self._traced:
            if line.endswith("port 1, feature power\n"):
                if "_clear_" in line:
                    self.powers += 1
                    self.modem.faults.mute = ""
                self.modem.dialogue.power(now_s)
        return min(now_s + 0.02, self.network.step(now_s), self.modem.step(now_s))


@pytest.fixture(scope="module")
def site(guest_folder: Path) -> Iterator[Site]:
    made = Site(guest_folder)
    try:
        made.boot()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def ready(site: Site) -> dict[str, Any]:
    """What `vigie-sms-setup` did."""
    (said,) = site.does("setup")
    return said


@pytest.fixture(scope="module")
def running(site: Site, ready: dict[str, Any], *, is_full: bool) -> dict[str, Any]:
    """What the station said as it was started."""
    if not is_full:
        pytest.skip("takes some minutes: make hil FULL=1")
    assert ready["rc"] == 0
    (said,) = site.does("start")
    return said


def asked(site: Site, name: str, line: str, results: Results) -> dict[str, Any]:
    """Ask as vigie does, and see that it was answered and gammu-smsd is back."""
    (said,) = site.does(f"ask {name} '{line}'")
    assert said["was_running"]
    assert not said["asked"]
    assert (said["answer"]["number"], said["answer"]["fault"]) == (int(line.split(maxsplit=1)[0]), "")
    assert "request" not in said["left"]
    results.add(
        TITLE, what=line.partition(" ")[2], answered_after_s=said["answered_s"], gammu_smsd_back_after_s=said["back_s"]
    )
    return said


def test_a_modem_is_made_ready_and_woken_by_the_units(site: Site, ready: dict[str, Any], results: Results) -> None:
    assert ready["rc"] == 0, ready["said"]
    assert ready["rights"].pop("/var/lib/vigie-sms") == "2770 gammu:vigie"
    assert ready["rights"]
    assert set(ready["rights"].values()) == {"0660 gammu:vigie"}
    assert ready["enabled"] == ["gammu-smsd.service", "vigie-modem-exclusive.path", "vigie-modem-reset.path"]
    assert (ready["daemon"], ready["user"]) == ("active", "gammu")
    site.guest.run("install -d -o vigie -g vigie -m 0750 /run/vigie")
    found = asked(site, "modem-exclusive", "5 signal", results)
    assert found["answer"]["modem"]["operator"] == "Fake mobile"
    assert found["rights"] == "0640 gammu:vigie"
    assert asked(site, "modem-reset", "6 usb", results)["rights"] == "0640 root:vigie"
    said = site.guest.run("dmesg | grep -c 'authorized to connect'").text
    assert (said, site.powers) == ("1", 0)


def test_texts_come_in_and_go_out_through_the_units(site: Site, running: dict[str, Any], results: Results) -> None:
    assert running["values"]["air"][1] == "good"
    asked(site, "modem-exclusive", "7 identity", results)
    site.text("STATUS")
    site.guest.run("sleep 30", HOST_S)
    assert site.texts[:1] == [text for text in site.texts if text.startswith("Gymnase Sud b0042")]
    asked(site, "modem-reset", "8 power", results)
    assert site.powers == 1

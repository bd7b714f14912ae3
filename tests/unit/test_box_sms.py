"""A running box that texts: it pairs, alarms and answers over a mailbox in RAM; a reload repeats nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from edge.cli.main import main
from edge.runtime.box import Box
from edge.settings.load import load
from edge.sim.sms_gateway import SimGateway
from hal.fake.gpio import FakeGpio
from hal.fake.i2c import FakeI2c
from sms.forms import Order, body
from sms.memory_mailbox import MemoryMailbox
from sms.wire import Type
from tests.box_rig import Bench
from tests.plant import Plant
from tests.reload_rig import change, events, reload
from tests.support import eventually

GATEWAY = "+33600000100"
CARETAKER = "+33600000001"


class Texting:
    """A plant with a modem: what leaves its mailbox reaches a gateway, which answers."""

    def __init__(self, folder: Path) -> None:
        self.plant = Plant(folder)
        self.gateway = SimGateway()
        self.mailbox = MemoryMailbox(time.time)
        self.texts: list[tuple[str, str]] = []
        self.lock = threading.Lock()
        document = tomlkit.parse(self.plant.config.read_text())
        document["link"] = {
            "sms": {"gateway": GATEWAY, "gateway_key": self.gateway.own.text, "plan": "hourly", "per_day": 50}
        }
        document["recipient"] = [{"id": "caretaker", "number": CARETAKER, "lang": "en"}]
        self.plant.config.write_text(tomlkit.dumps(document))

    @contextmanager
    def box(self, state: Path, **options: Any) -> Iterator[Box]:
        """Run the box; `carry` is the network."""
        plant = self.plant
        box = Box(
            load(plant.config), state, config=plant.config,
            hardware=lambda _: Bench(i2c1=plant.bus, gpio=plant.board.factory), **options,
        )  # fmt: skip
        box.open_mailbox = lambda _sms: self.mailbox  # type: ignore[method-assign]
        box.mailbox_poll_s = 0.05
        box.start()
        try:
            yield box
        finally:
            assert box.stop() == []

    def carry(self) -> bool:
        """Let everything that waits arrive; True for use in conditions."""
        while (message := self.mailbox.leave()) is not None:
            if not message.octets:
                self.texts.append((message.number, message.text))
                continue
            for answer in self.gateway.take(message.octets, round(time.time())):
                self.mailbox.bring(GATEWAY, octets=answer)
        return True

    def await_paired(self, box: Box) -> None:
        eventually(lambda: self.carry() and box.links["sms"].status().get("paired"), 10, "the box is accepted")


def test_a_box_pairs_tells_alarms_answers_people_and_carries_out_orders(tmp_path: Path) -> None:
    texting = Texting(tmp_path)
    with texting.box(tmp_path / "state") as box:
        eventually(lambda: box.links["sms"].status()["code"] == "unpaired", 10, "it says that nobody has accepted it")
        texting.await_paired(box)
        eventually(lambda: box.links["sms"].status()["state"] == "up", 10, "the link is up")
        told = box.desk.buffer()
        assert told["records"]["acknowledged"] == {}, "by SMS no cursor of the records moves"
        assert told["records"]["waiting"] == 0
        texting.plant.chip.volts[0] = 3.0
        eventually(
            lambda: texting.carry() and ("alarm_begin", "volts") in {(k, p) for _, k, p in texting.gateway.events},
            10, "the alarm is at the gateway",
        )  # fmt: skip
        eventually(lambda: texting.carry() and texting.texts, 10, "the caretaker is told")
        assert "volts" in texting.texts[0][1]
        texting.mailbox.bring(CARETAKER, "STATUS")
        eventually(lambda: texting.carry() and len(texting.texts) > 1, 10, "the caretaker is answered")
        assert {number for number, _ in texting.texts} == {CARETAKER}
        session = texting.gateway.session
        assert session is not None
        order = Order("1", "relay", {"output": "lamp", "to": "on"}, round(time.time()) + 600)
        octets = session.seal(Type.COMMAND, body(order))
        texting.mailbox.bring(GATEWAY, octets=octets)
        texting.mailbox.bring(GATEWAY, octets=octets)
        eventually(lambda: texting.carry() and texting.gateway.answers, 10, "the server is answered")
        commands = [event for event in events(box) if event.kind == "command"]
        assert [event.values["verb"] for event in commands] == ["relay"]
        assert commands[0].values["channel"] == "sms"
        assert not texting.mailbox.inbox


def test_a_reload_and_a_restart_go_on_with_the_same_conversation(tmp_path: Path) -> None:
    texting = Texting(tmp_path)
    with texting.box(tmp_path / "state") as box:
        texting.await_paired(box)
        change(texting.plant.config, "per_day = 50", "per_day = 40")
        before = box.links["sms"]
        report = reload(box)
        assert report.state == "done", report.restart
        assert box.links["sms"] is not before
        eventually(lambda: texting.carry() and box.links["sms"].status().get("budget", {}).get("per_day") == 40)
        assert box.links["sms"].status()["paired"]
    texting.plant.bus = FakeI2c({0x48: texting.plant.chip})
    texting.plant.board = FakeGpio()
    with texting.box(tmp_path / "state") as box:
        eventually(lambda: texting.carry() and box.links["sms"].status().get("paired"), 10, "it is still paired")
        texting.plant.chip.volts[0] = 3.0
        eventually(lambda: texting.carry() and texting.gateway.events, 10, "the alarm is at the gateway")
    sealed = {m.octets for m in texting.mailbox.left if m.octets and m.octets[1:3] != b"\0\0"}
    assert len({octets[3:6] for octets in sealed}) == len(sealed), "no counter was used for two messages"
    assert texting.gateway.missing == ()
    assert not (tmp_path / "state" / "sms").stat().st_mode & 0o077


def hellos(texting: Texting) -> int:
    return sum(message.octets[1:3] == b"\0\0" for message in texting.mailbox.left if message.octets)


def test_a_box_that_was_told_to_forget_pairs_anew_with_the_same_print(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert main(["sms", "forget", "--state", str(state)]) == 2, "nothing is there yet"
    texting = Texting(tmp_path)
    with texting.box(state) as box:
        texting.await_paired(box)
        known = box.links["sms"].status()["fingerprint"]
    before = hellos(texting)
    for _ in range(2):
        assert main(["sms", "forget", "--state", str(state)]) == 0
    texting.plant.bus, texting.plant.board = FakeI2c({0x48: texting.plant.chip}), FakeGpio()
    with texting.box(state) as box:
        texting.await_paired(box)
        assert hellos(texting) == before + 1
        assert box.links["sms"].status()["fingerprint"] == known
        assert not (state / "sms" / "forget").exists()
        texting.plant.chip.volts[0] = 3.0
        eventually(lambda: texting.carry() and texting.gateway.events, 10, "the alarm is at the gateway")


def test_a_box_whose_modem_is_missing_runs_and_says_so(tmp_path: Path) -> None:
    texting = Texting(tmp_path)
    texting.mailbox.trouble = "smsd.db: no such file: is gammu-smsd installed?"
    with texting.box(tmp_path / "state") as box:
        eventually(lambda: "mailbox" in box.links["sms"].status()["problems"], 10, "it is said")
        eventually(lambda: Plant.value(box) is not None, 10, "the voltage is read")
        found: dict[str, Any] = box.desk.buffer()
        assert found["links"]["sms"]["state"] != "up"


def test_the_commands_tell_link_and_pairing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texting = Texting(tmp_path)
    socket = tmp_path / "api.sock"
    with texting.box(tmp_path / "state", socket=socket) as box:
        eventually(lambda: "fingerprint" in box.links["sms"].status(), 10, "the link has begun")
        print_ = box.links["sms"].status()["fingerprint"]
        assert main(["sms", "pair", "--socket", str(socket)]) == 0
        told = capsys.readouterr().out
        assert print_ in told
        assert "vigie gateway accept b0042" in told
        texting.await_paired(box)
        assert main(["sms", "pair", "--socket", str(socket), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"fingerprint": print_, "paired": True, "number": 1}
        eventually(lambda: box.links["sms"].status()["state"] == "up", 10, "the link is up")
        assert main(["sms", "status", "--socket", str(socket)]) == 0
        assert "of 50 SMS today" in capsys.readouterr().out
        assert main(["status", "--socket", str(socket)]) == 0
        assert "of 150 this month" in capsys.readouterr().out

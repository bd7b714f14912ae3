"""Wrong hardware in a whole box: each fault has one clear message with what to do, and the rest runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edge.cli.client import Client, NotRunningError
from edge.cli.diagnosis import words_of
from edge.cli.main import main
from edge.cli.words import Words
from edge.core.doctor import Facts, examine
from edge.core.types import Record
from edge.store.fs import RealFs
from edge.store.log import Log
from tests.fault.bad_hardware_box import HEALTHY, SOCKET, STATE, STRANGER, UNPLUG
from tests.support import ROOT, eventually

IS_ROOT = os.geteuid() == 0
RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if IS_ROOT else ()
"""What makes root heed rights like anybody else; others do by themselves."""
"""Root without these two may open what its mode allows, as any user."""
PERIOD_MS = 1000


class Fault(NamedTuple):
    """What the doctor must say of a device: words of the English text and remedy, and of the French remedy."""

    code: str
    text: str
    remedy: str
    french: str


FAULTS = {
    "hall.t": Fault("no_answer", "SHT3x at 0x45 on i2c-1: no answer (errno 121)", "the address", "et adresse"),
    "pump.a": Fault("not_open", "/dev/i2c-97 does not exist", "dtparam=i2c_arm=on in /boot/", "dtparam=i2c_arm=on"),
    "solar.i": Fault("not_open", "shut.tty: no permission", "group", "groupe dialout"),
    "roof.p": Fault("wrong_device", "BME280 at 0x76 on i2c-1: a BME680 answers (id 0x61)", "vigie scan", "vigie scan"),
    "shop.i": Fault("unplugged", "dongle.tty: ", "check the plug", "rebrancher le lecteur"),
}


class Bad(NamedTuple):
    """The running box."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def client(self) -> Client:
        return Client(self.folder / SOCKET)

    def values(self) -> dict[str, Any]:
        """Return the present values by point; none before the box answers."""
        assert self.process.poll() is None, (self.folder / "box.log").read_text()
        try:
            return {view["point"]: view for view in self.client.get("values")}
        except NotRunningError:
            return {}

    def doctor(self, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
        """Return the doctor's findings that are not well, by what they are about."""
        assert main(["doctor", "--json", "--socket", str(self.folder / SOCKET)]) == 1
        answer = json.loads(capsys.readouterr().out)
        assert not answer["ready"]
        return {each["subject"]: each for each in answer["findings"] if each["level"] != "ok"}


@contextmanager
def bad_box(folder: Path, lang: str) -> Iterator[Bad]:
    """Run the box, and end it in order."""
    module = ["-m", "tests.fault.bad_hardware_box", str(folder), lang]
    with (folder / "box.log").open("wb") as out:
        process = subprocess.Popen(
            [*RIGHTS, sys.executable, *module], stdin=subprocess.PIPE, stdout=out, stderr=out, cwd=ROOT
        )
    try:
        yield Bad(folder, process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(5) == 0, (folder / "box.log").read_text()
    finally:
        process.kill()
        process.wait(5)
        if process.stdin is not None:
            process.stdin.close()


def records(folder: Path) -> list[Record]:
    """Return all that the box kept."""
    log: Log[Record] = Log(RealFs(folder / STATE), "records", "records", capacity_bytes=8 << 20)
    try:
        return list(log.read(log.first_seq(), 10_000).entries)
    finally:
        log.close()


@pytest.mark.skipif(IS_ROOT and shutil.which("setpriv") is None, reason="setpriv (util-linux) is missing")
def test_each_fault_of_the_hardware_has_one_clear_message_with_its_remedy_and_the_rest_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with bad_box(tmp_path, "en") as bad:
        eventually(lambda: "shop.i" in bad.values() and bad.values()["shop.i"]["value"] is not None, 15, "all read")
        eventually(lambda: all(bad.values()[name]["quality"] == "good" for name in HEALTHY), 5, "the rest is read")
        assert bad.process.stdin is not None
        bad.process.stdin.write(UNPLUG)
        bad.process.stdin.flush()
        eventually(lambda: bad.values()["shop.i"]["reason"] == "unplugged", 5, "the dongle is missed")
        found = bad.doctor(capsys)
        views = bad.values()
        facts = Facts(live=bad.client.get("live"), buses=bad.client.get("buses"))
        french = {each.subject: words_of(each, Words("fr"))[1] for each in examine(facts)}
        assert main(["doctor", "--socket", str(tmp_path / SOCKET)]) == 1
        screen = capsys.readouterr().out.splitlines()
    for name, fault in FAULTS.items():
        assert (found[name]["level"], found[name]["code"]) == ("fail", fault.code)
        assert fault.text in found[name]["text"], found[name]
        assert fault.remedy in found[name]["remedy"], found[name]
        assert fault.french in french[name], french[name]
        assert (views[name]["value"], views[name]["reason"]) == (None, fault.code)
    assert found.keys() == {*FAULTS, STRANGER, "server"}, "nothing else is found, the healthy ones least of all"
    assert screen[-1].startswith("5 FAIL, 2 warn, "), screen
    assert "Not ready to leave." in screen[-1]
    assert max(len(line) for line in screen if str(tmp_path) not in line) <= 80
    assert found["hall.t"]["text"].startswith("Hall: ")
    assert found["hall.t"]["text"].endswith(", with 1 more point"), "the humidity of the same device"
    log = (tmp_path / "box.log").read_text(encoding="utf-8")
    for fault in FAULTS.values():
        assert log.count(fault.text) == 1, log
    kept = records(tmp_path)
    for name in HEALTHY:
        own = [record for record in kept if record.point == name]
        assert all(one.start_ms + one.dt_ms == other.start_ms for one, other in pairwise(own)), (name, own)
        assert {record.dt_ms for record in own[1:-1]} == {PERIOD_MS}, (name, own)
        good = [record.value is not None for record in own]
        assert all(good[good.index(True) :]), (name, own)

"""A Linky's customer output behind a USB adapter (FTDI), read by the installed unit: pulled out, plugged in again.

The host plays the meter at 1,200 bit/s, so this guest keeps the host's time. The emulated adapter carries no parity.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hal.fake.meter import Meter, PtyMeter
from tests.hil.guest import Guest
from tests.hil.guest.guest import Job
from tests.hil.results import Results
from tests.hil.site import HEAD

pytestmark = pytest.mark.hil

# a real adapter keeps its serial number in whichever socket it is plugged; QEMU's would hold the number of the socket
ADAPTER = {"driver": "usb-serial", "id": "ftdi", "chardev": "tic", "always_plugged": True, "serial": "TIC00001"}
SITE = f"""{HEAD}[bus.linky]
kind = "serial"
port = "@PORT@"
[[point]]
id = "power"
bus = "linky"
driver = "teleinfo"
label = "PAPP"
period_s = 2
[[point]]
id = "index"
bus = "linky"
driver = "teleinfo"
label = "HCHP"
period_s = 2
"""


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[PtyMeter]:
    made = PtyMeter(Meter("historique"), tmp_path / "meter")
    yield made
    made.close()


@pytest.fixture
def guest(guest_folder: Path, meter: PtyMeter) -> Iterator[Guest]:
    options = ["-chardev", f"serial,id=tic,path={meter.port.resolve()}"]
    options += ["-device", "usb-serial,chardev=tic,id=ftdi,always-plugged=on,serial=TIC00001"]
    made = Guest(guest_folder, clock="host", init="systemd", options=options)
    made.meanwhile = meter.step
    (made.share / "tic.toml").write_text(SITE, "utf-8")
    try:
        made.boot()
        yield made
    finally:
        made.close()


def said(line: str) -> tuple[Any, float]:
    """Return what a line says, and at which second of the guest."""
    words, _, at_s = line.partition(" ")[2].rpartition(" ")
    return json.loads(words), float(at_s)


def values(job: Job, name: str) -> list[list[Any]]:
    """Return what was said of a point so far: its quality, value and reason at each change."""
    return [said(line)[0][1:] for line in job.lines if line.startswith(f'value ["{name}"')]


def test_a_meter_behind_a_usb_adapter_is_read_lost_and_found_again(guest: Guest, results: Results) -> None:
    job = guest.start("exec /opt/vigie/bin/python /opt/vigie/tree/tests/hil/inside/tic.py")
    guest.wait_line(job, '["power", "good"', 180)
    guest.wait_line(job, '["index", "good"', 60)

    seen = len(job.lines)
    guest.qmp.ask("device_del", id="ftdi")
    _, pulled_s = said(guest.wait_line(job, "ports []", 60, seen))
    (_, _, value, reason), lost_s = said(guest.wait_line(job, '["power", "bad"', 60, seen))
    assert (value, reason) == (None, "unplugged")
    guest.qmp.wait("DEVICE_DELETED", 60)

    seen = len(job.lines)
    guest.qmp.ask("device_add", **ADAPTER)
    _, plugged_s = said(guest.wait_line(job, "ports [", 60, seen))
    _, good_s = said(guest.wait_line(job, '["power", "good"', 120, seen))
    guest.wait_line(job, 'kind "device_back"', 60, seen)
    (guest.share / "tic.end").touch()
    errors, _ = said(guest.wait_line(job, "errors ", 60, seen))
    guest.wait(job, 60)

    assert set(errors) <= {"no_frame", "unplugged", "not_open"}  # no group with a wrong checksum
    indexes = [value for quality, value, _ in values(job, "index") if quality != "bad"]
    assert indexes == sorted(indexes)
    assert all(value is None for quality, value, _ in values(job, "power") if quality == "bad")
    kinds = [said(line)[0] for line in job.lines if line.startswith("kind ")]
    assert kinds.count("device_lost") == kinds.count("device_back") == 1
    results.add(
        "Téléinfo behind a USB adapter that is pulled out", what="pulled out", power="bad, unplugged",
        after_s=f"{max(0.0, lost_s - pulled_s):.1f}",
    )  # fmt: skip
    results.add(
        "Téléinfo behind a USB adapter that is pulled out", what="plugged in again", power="good",
        after_s=f"{good_s - plugged_s:.1f}",
    )  # fmt: skip

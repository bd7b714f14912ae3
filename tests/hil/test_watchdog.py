"""The installed unit under the real systemd: a station that hangs is started again, one dead probe is no reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hil.guest import Guest
from tests.hil.modules.build import build
from tests.hil.results import Results
from tests.hil.site import HEAD

pytestmark = pytest.mark.hil

WATCHDOG_S = 60  # image/vigie.service
RESTART_S = 10
HARDWARE_S = 30
TITLE = "The watchdogs, under systemd"
SITE = f"""{HEAD}[bus.gpio]
kind = "gpio"
[bus.w1]
kind = "onewire"
path = "/run/w1"
[[point]]
id = "m0"
bus = "gpio"
driver = "pulse"
pin = 0
weight = 1.0
weight_unit = "l"
period_s = 1
[[point]]
id = "probe"
bus = "w1"
driver = "ds18b20"
probe = "28-000000000001"
period_s = 5
"""


@pytest.fixture(scope="module")
def guest(guest_folder: Path) -> Iterator[Guest]:
    files = {file.name: file for file in build(Guest.release())}
    options = ["-device", "i6300esb", "-action", "watchdog=pause"]
    made = Guest(guest_folder, init="systemd", modules=[files["pulse_gen.ko"], "i6300esb"], options=options)
    (made.share / "site.toml").write_text(SITE, "utf-8")
    try:
        made.boot()
        yield made
    finally:
        made.close()


def test_a_station_that_hangs_is_started_again_and_a_dead_probe_is_no_reason_to(
    guest: Guest, results: Results, is_full: bool
) -> None:
    quiet_s = 3600 if is_full else 180
    run = f"exec /opt/vigie/bin/python /opt/vigie/tree/tests/hil/inside/unit.py {quiet_s}"
    steps = {step["step"]: step for step in map(json.loads, guest.run(run, 600).lines)}
    assert steps["start"]["user"] == "vigie"
    quiet, stopped, killed = steps["left alone"], steps["SIGSTOP"], steps["SIGKILL"]
    assert quiet["same"]
    assert quiet["values"]["m0"] == [0, ""]
    assert quiet["values"]["probe"] == [None, "bus_blocked"]
    assert (stopped["restarts"], killed["restarts"]) == (1, 2)
    assert WATCHDOG_S / 2 - 1 <= stopped["ended_s"] <= WATCHDOG_S + 5
    assert killed["ended_s"] <= 1
    for step in (stopped, killed):
        assert RESTART_S - 1 <= step["back_s"] <= RESTART_S + 20
    assert steps["stop"]["result"] == "success"
    results.add(TITLE, what=f"a probe never answers, {quiet_s} s", ended_after_s="never", back_after_s="")
    for what, step in (("SIGSTOP: a station that hangs", stopped), ("SIGKILL", killed)):
        results.add(TITLE, what=what, ended_after_s=f"{step['ended_s']:.1f}", back_after_s=f"{step['back_s']:.1f} more")


def test_a_system_that_hangs_is_reset_by_its_hardware(guest: Guest, results: Results) -> None:
    """RuntimeWatchdogSec lets systemd feed the watchdog of the machine, here an Intel 6300ESB, until it crashes."""
    guest.run(
        "mkdir -p /etc/systemd/system.conf.d; "
        f"printf '[Manager]\\nRuntimeWatchdogSec={HARDWARE_S}\\n' >/etc/systemd/system.conf.d/watchdog.conf; "
        f"systemctl daemon-reexec; [ $(cat /sys/class/watchdog/watchdog0/timeout) = {HARDWARE_S} ]"
    )
    guest.run(f"sleep {10 * HARDWARE_S}")
    guest.qmp.ask("query-status")
    assert "WATCHDOG" not in guest.qmp.events
    guest.run("kill -SEGV 1")
    guest.resume()
    guest.qmp.wait("WATCHDOG", 120)
    results.add(
        TITLE,
        what=f"systemd itself crashes: the machine's watchdog, {HARDWARE_S} s",
        ended_after_s="reset",
        back_after_s="",
    )

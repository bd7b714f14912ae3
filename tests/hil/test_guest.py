"""The guest itself: whose kernel it is, that its time is its own, and what a power cut leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hil.guest import Guest, GuestError
from tests.hil.modules.build import build

pytestmark = pytest.mark.hil


def test_a_guest_runs_this_trees_station_in_a_time_of_its_own_and_survives_a_power_cut(tmp_path: Path) -> None:
    guest = Guest(tmp_path)
    try:
        guest.boot()
        assert guest.run("uname -r").lines == [Guest.release()]
        assert guest.run("vigie --version").text.startswith("vigie ")
        with pytest.raises(GuestError, match="nothing of the sort"):
            guest.run("echo nothing of the sort; exit 3")
        assert guest.run("echo kept; exit 3", check=False).rc == 3
        slept = guest.run("read a _ </proc/uptime; sleep 7200; read b _ </proc/uptime; echo $a $b", 60)
        before_s, after_s = map(float, slept.text.split())
        assert 7200 <= after_s - before_s < 7210
        guest.run("cd /var/lib/vigie; echo here >flushed; sync flushed .; echo here >not-flushed")
        guest.power_cut()
        guest.boot()
        assert guest.run("cd /var/lib/vigie; cat flushed; ls").lines == ["here", "flushed"]
    finally:
        guest.close()


def test_the_pin_tests_of_this_folder_pass_on_the_guests_kernel(guest_folder: Path, is_full: bool) -> None:
    """They need gpio-sim and root, so elsewhere they are mostly skipped."""
    if not is_full:
        pytest.skip("takes a minute: make hil FULL=1")
    files = {file.name: file for file in build(Guest.release())}
    guest = Guest(guest_folder, clock="host", modules=[files["irq_sim_vigie.ko"], files["gpio-sim.ko"]])
    try:
        guest.boot()
        done = guest.run(
            "cd /opt/vigie/tree; exec /opt/vigie/bin/python -m pytest -p no:xdist -p no:hypothesispytest "
            "-p no:cacheprovider tests/hil/test_gpio_sim.py",
            300,
        )
        assert " passed" in done.lines[-1]
        assert "skipped" not in done.lines[-1]
    finally:
        guest.close()

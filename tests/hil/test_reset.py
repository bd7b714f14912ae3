"""What starts the machine anew when the service alone is not enough: softdog, a panic, vigie's last resort."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hil.guest import Guest
from tests.hil.results import Results

pytestmark = pytest.mark.hil

SOFTDOG_S = 15  # RuntimeWatchdogSec of a card
QUIET_S = 4 * SOFTDOG_S
PANIC_S = 10
DAY_S = 24 * 3600
HOST_S = 600.0
TITLE = "What starts the machine anew, under systemd"


@pytest.fixture(autouse=True)
def full(*, is_full: bool) -> None:
    if not is_full:
        pytest.skip("boots seven times: make hil FULL=1")


@pytest.fixture(scope="module")
def softdog(guest_folder: Path) -> Iterator[Guest]:
    """A guest whose systemd feeds softdog; on the host's time, as it waits for nothing but seconds."""
    made = Guest(guest_folder / "softdog", init="systemd", modules=["softdog"], clock="host")
    try:
        made.boot()
        made.run(
            "mkdir -p /etc/systemd/system.conf.d; "
            f"printf '[Manager]\\nRuntimeWatchdogSec={SOFTDOG_S}\\n' >/etc/systemd/system.conf.d/watchdog.conf; sync"
        )
        yield made
    finally:
        made.close()


def armed(guest: Guest) -> None:
    """Start it again if need be, and wait until softdog is fed.

    Not by `systemctl daemon-reexec`: systemd gives the watchdog back for that, and the kernel (6.1) stops it at
    the next close, which is then a crash's.
    """
    guest.close()
    guest.boot()
    guest.run(
        "cd /sys/class/watchdog/watchdog0; grep -q ^Software identity; "
        f"until [ $(cat state) = active ] && [ $(cat timeout) = {SOFTDOG_S} ]; do systemctl list-jobs -q; sleep 1; done"
    )


def reset_by(guest: Guest, script: str, said: str) -> float:
    """Run this, wait for the machine's reset, and return how long after it the kernel said so (s)."""
    console = guest.folder / "console.log"
    seen = console.stat().st_size
    job = guest.start(f"cut -d' ' -f1 /proc/uptime\n{script}\nexec sleep 600")
    began_s = float(guest.wait_line(job, "."))
    guest.qmp.wait("SHUTDOWN", HOST_S)
    told = console.read_bytes()[seen:].decode("utf-8", "replace")
    stamp = re.search(rf"\[ *([0-9.]+)\] {re.escape(said)}", told)  # perhaps behind the prompt "guest login: "
    assert stamp, told
    return float(stamp[1]) - began_s


def test_softdog_leaves_a_system_alone_that_runs(softdog: Guest, results: Results) -> None:
    armed(softdog)
    softdog.run(f"sleep {QUIET_S}", HOST_S)
    softdog.qmp.ask("query-status")
    assert softdog.qemu.poll() is None
    results.add(TITLE, what=f"ordinary running, softdog of {SOFTDOG_S} s, for {QUIET_S} s", reset_after_s="never")


@pytest.mark.parametrize(
    ("what", "script"),
    [
        ("systemd hangs (frozen)", "echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze"),
        ("systemd crashes", "kill -SEGV 1"),
    ],
)
def test_softdog_resets_a_machine_whose_systemd_feeds_it_no_more(
    softdog: Guest, results: Results, what: str, script: str
) -> None:
    armed(softdog)
    after_s = reset_by(softdog, script, "softdog: Initiating system reboot")
    assert SOFTDOG_S / 2 - 1 <= after_s <= SOFTDOG_S + 5
    results.add(TITLE, what=f"{what}: softdog of {SOFTDOG_S} s", reset_after_s=f"{after_s:.1f}")


def test_a_kernel_that_panics_starts_anew(guest_folder: Path, results: Results) -> None:
    guest = Guest(guest_folder / "panic", init="systemd", clock="host")  # it counts the seconds in a loop
    try:
        guest.boot()
        began_s = time.monotonic()  # the guest's time is the host's here
        reset_by(
            guest,
            f"echo {PANIC_S} >/proc/sys/kernel/panic; echo c >/proc/sysrq-trigger",
            f"Rebooting in {PANIC_S} seconds",
        )
        after_s = time.monotonic() - began_s
        assert after_s >= PANIC_S
        results.add(TITLE, what=f"the kernel panics, panic={PANIC_S}", reset_after_s=f"{after_s:.1f}")
    finally:
        guest.close()


def test_a_wish_for_a_reboot_is_granted_once_and_not_within_a_day(guest_folder: Path, results: Results) -> None:
    """As vigie leaves it for a card that can't be written (edge/runtime/last_resort.py)."""
    guest = Guest(guest_folder / "day", init="systemd")
    wanted = "/run/vigie/reboot-wanted"
    units = "systemctl is-active vigie-reboot.timer vigie-reboot.path vigie-reboot.service"
    try:
        guest.boot()
        guest.run(
            "systemctl enable -q --now vigie-reboot.timer; sync; install -d -o vigie -g vigie -m 0750 /run/vigie; "
            f"setpriv --reuid vigie --regid vigie --clear-groups touch {wanted}; sleep {23 * 3600}",
            HOST_S,
        )
        assert guest.run(f"{units}; ls {wanted}", check=False).lines == ["active", "inactive", "inactive", wanted]
        uptime_s = 23 * 3600 + reset_by(guest, "exec sleep 36000", "reboot: Restarting system")
        guest.close()
        guest.boot()
        guest.run("sleep 90000", HOST_S)
        assert guest.run(f"{units}; ls {wanted}", check=False).lines[:3] == ["active", "active", "inactive"]
        assert DAY_S - 300 <= uptime_s <= DAY_S + 1800
        results.add(
            TITLE,
            what="vigie asks for a reboot at once",
            reset_after_s=f"{uptime_s:.0f}, and not again in the next 90000",
        )
    finally:
        guest.close()

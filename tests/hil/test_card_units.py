"""The units of a card behind their walls, under a real systemd: mounting, a Wi-Fi, a call, an update's two ends.

Kernel and systemd are real, and so are wpa_supplicant, pppd and RAUC; the card is a file with a FAT, the radios are the
kernel's simulated ones, the modem is a pseudo-terminal with a second pppd behind it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from edge.core.release import Release, version_of
from image.update.bundle import COMPATIBLE, bundle
from image.update.keys import keyring, made
from tests.hil.guest import Guest
from tests.hil.guest.build import PATH
from tests.hil.results import Results
from tests.unit_exposure import MOST

pytestmark = pytest.mark.hil

TITLE: Final = "The units of a card, under systemd"
MODULES: Final = ("loop", "vfat", "mac80211_hwsim", "usb-storage", "sd_mod", "usbserial")
PROGRAMS: Final = ("rauc", "mksquashfs", "openssl", "mkfs.vfat", "mcopy")
HOST_S: Final = 600.0
SITE: Final = """
[box]
id = "b0042"
[site]
name = "Gymnase Sud"
[network]
kind = "wifi"
ssid = "Chaufferie"
password = "correct horse"
[bus.self]
kind = "box"
[[point]]
id = "box.uptime"
bus = "self"
driver = "box"
measure = "uptime"
period_s = 5
"""


def stick_in(folder: Path) -> Path:
    """Return a USB stick with three bundles, of a foreign key, an older one and a good one; its keyring beside it."""
    ours, foreign = made(folder, "ours", "ours"), made(folder, "foreign", "foreign")
    (folder / "keyring.pem").write_text(keyring([ours.cert]), "ascii")
    image = folder / "image"
    image.write_bytes(os.urandom(1 << 16))
    bundles = [
        bundle(
            image, image, Release(version_of(f"{version}+1700000001"), COMPATIBLE), pair, folder / f"{version}.raucb"
        )
        for version, pair in (("9.0.0", foreign), ("0.0.9", ours), ("0.2.0", ours))
    ]
    stick = folder / "stick.img"
    with stick.open("wb") as file:
        file.truncate(16 << 20)
    environment = {**os.environ, "PATH": PATH}
    words: list[str | Path]
    for words in (["mkfs.vfat", "-n", "STICK", stick], ["mcopy", "-i", stick, *bundles, "::"]):
        subprocess.run(words, check=True, env=environment, stdout=subprocess.DEVNULL)
    return stick


@pytest.fixture(scope="module")
def guest(guest_folder: Path, *, is_full: bool) -> Iterator[Guest]:
    if not is_full:
        pytest.skip("takes three minutes: make hil FULL=1")
    if lacking := [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]:
        pytest.skip(f"this machine lacks {', '.join(lacking)}")
    keys = guest_folder / "keys"
    options = ["-drive", f"if=none,id=stick,format=raw,file={stick_in(keys)}"]
    made_one = Guest(guest_folder, init="systemd", words="vigie.slot=a", shift=3, modules=MODULES, options=options)
    shutil.copy(keys / "keyring.pem", made_one.share)
    (made_one.share / "card.toml").write_text(SITE, "utf-8")
    try:
        made_one.boot()
        yield made_one
    finally:
        made_one.close()


def script(words: str, of: str = "card") -> str:
    """Run a program of `inside`. No second is skipped while it waits for a disk: something idle runs beside it."""
    return (
        "cd /opt/vigie/tree; chrt --idle 0 sh -c 'while :; do :; done' & trap \"kill $!\" EXIT; "
        f"/opt/vigie/bin/python -m tests.hil.inside.{of} {words}"
    )


def plug(guest: Guest) -> None:
    guest.qmp.ask("device_add", driver="usb-storage", bus="usb.0", drive="stick", id="stick")


def does(guest: Guest, words: str, of: str = "card") -> list[dict[str, Any]]:
    return [json.loads(line) for line in guest.run(script(words, of), HOST_S).lines if line.startswith("{")]


@pytest.fixture(scope="module")
def taken(guest: Guest) -> dict[str, dict[str, Any]]:
    return {found["step"]: found for found in does(guest, "take")}


def test_the_installers_file_is_taken_and_the_card_is_read_only_before_and_after(
    taken: dict[str, dict[str, Any]], results: Results
) -> None:
    assert {name: found["mounted"] for name, found in taken.items()} == dict.fromkeys(taken, "ro")
    wrong, good, same = taken["wrong"], taken["good"], taken["same"]
    assert wrong["state"] == "refused"
    assert "vigie-errors.txt" in wrong["names"]
    assert (good["state"], good["host"], good["is_secret_there"]) == ("applied", "b0042", False)
    assert "vigie-errors.txt" not in good["names"]
    assert "vigie-label.svg" in good["names"]
    assert set(good["secrets"].values()) == {"640 root:vigie"}
    assert {"network-password", "access-code"} <= set(good["secrets"])
    assert (same["state"], same["is_written"]) == ("unchanged", False)
    assert taken["status"]["is_there"]
    results.add(
        TITLE, unit="vigie-card, vigie-card-status", did="refused a wrong file, took a good one, wrote its page"
    )


def test_a_wifi_is_joined(guest: Guest, taken: dict[str, Any], results: Results) -> None:
    (found,) = does(guest, "wifi")
    assert found["restarts"] == 0
    results.add(TITLE, unit="vigie-wifi", did=f"joined with WPA2 in {found['after_s']:.0f} s")


def test_a_call_brings_a_route_and_names(guest: Guest, taken: dict[str, Any], results: Results) -> None:
    """The modules are loaded by the kernel, as pppd opens /dev/ppp: the unit itself may load none."""
    (found,) = does(guest, "call")
    assert (found["is_loaded_before"], found["is_loaded"], found["restarts"]) == (False, True, 0)
    assert found["route"] == ["default", "dev", "ppp0"]
    assert found["names"] == ["nameserver 10.9.0.53"]
    results.add(TITLE, unit="vigie-gsm-data", did="ppp0, the default route, name servers")


def test_text_messages_are_made_ready(guest: Guest, taken: dict[str, Any], results: Results) -> None:
    (found,) = does(guest, "texts")
    assert (found["rights"], found["daemon"], found["path"]) == ("660 gammu:vigie", "enabled", "active")
    results.add(TITLE, unit="vigie-card-sms", did="the database, the daemon, who waits for its requests")


def test_an_update_that_was_cut_is_given_up_and_one_that_is_well_is_committed(
    guest: Guest, taken: dict[str, Any], results: Results
) -> None:
    (cut,) = does(guest, "cut")
    assert (cut["why"], cut["partitions"], cut["mounted"]) == ("cut", ["2", "2"], "ro")
    (committed,) = does(guest, "commit")
    assert (committed["result"], committed["partitions"], committed["mounted"]) == ("success", ["2", "3"], "ro")
    results.add(TITLE, unit="vigie-update-settle, -confirm", did="took a cut update back, committed another")


def test_a_stick_is_looked_at_and_what_could_not_be_written_is_not_tried(
    guest: Guest, taken: dict[str, Any], results: Results
) -> None:
    """RAUC's own service is not in the guest: the good bundle stops there."""
    job = guest.start(script("stick"))
    guest.wait_line(job, "plug", HOST_S)
    plug(guest)
    guest.wait(job, HOST_S)
    (found,) = [json.loads(line) for line in job.lines if line.startswith("{")]
    said = "\n".join(found["said"])
    for told in ("9.0.0.raucb: foreign_key", "0.0.9.raucb: older", "sda: failed: D-Bus error"):
        assert told in said
    assert (found["why"], found["partitions"], found["mounted"]) == ("failed", ["2", "2"], "ro")
    results.add(TITLE, unit="vigie-usb@", did="judged three bundles, took back what was not written")


def test_every_unit_is_walled_in_as_its_file_says(guest: Guest, results: Results) -> None:
    """As systemd has loaded them, with their drop-ins."""
    (found,) = does(guest, "exposures", "modem")
    most = {name.replace("@", "@sda") + ".service": level for name, level in MOST.items()}
    most["gammu-smsd.service"] = MOST["vigie"]
    rows = {name: level for name, level in found.items() if name != "step"}
    for name, level in rows.items():
        results.add("What systemd-analyze security says", unit=name, exposure=level)
    assert rows.keys() == most.keys()
    assert {name: level for name, level in rows.items() if level > most[name]} == {}

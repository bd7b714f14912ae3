"""In the guest, under systemd: the units of a card, each doing its work behind its walls.

card.py take       the installer's partition, mounted read-only: a wrong file, a good one, the same again
card.py wifi       joins the Wi-Fi of that file; another radio of the guest is the access point
card.py call       a data call over a pseudo-terminal, at whose other end a second pppd answers
card.py texts      makes text messages ready for a modem that is not there yet
card.py cut        what a cut update left is finished
card.py commit     a version on trial is committed, with a service that answers
card.py stick      waits for what becomes of a stick that is plugged in

Each prints a line of JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import threading
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.core import update_state as steps
from edge.core.autoboot import Autoboot
from edge.core.autoboot import octets as sector
from edge.store.fs import RealFs
from edge.store.update_store import UpdateStore
from tests.hil.inside.unit import say, systemctl, wait

BOOT, UPDATES = Path("/boot/cfg"), Path("/data/update")
FAT = Path("/var/tmp/cfg.img")
UNITS = Path("/etc/systemd/system")
CARD = Path("/run/vigie-card")
RELEASE = "VERSION=0.1.0\nBUILD=1700000000\nCOMPATIBLE=vigie-rpi-arm64\n"
HERE, NEWER = "0.1.0+1700000000", "0.2.0+1700000001"
READ_ONLY = "ro,nosuid,nodev,noexec,fmask=0177,dmask=0077"
HOLD = "Environment=VIGIE_UPDATE_HOLD_S=5 VIGIE_UPDATE_WITHIN_S=60"
POINT = """
network={
    ssid="Chaufferie"
    mode=2
    frequency=2412
    key_mgmt=WPA-PSK
    proto=RSN
    pairwise=CCMP
    psk="correct horse"
}
"""
PEER = "115200\nnoauth\nlocal\nnodetach\nnocrtscts\ndefaultroute\nusepeerdns\nnoipdefault\npersist\n"
OTHER_END = "115200 noauth local nocrtscts 10.9.0.1:10.9.0.2 ms-dns 10.9.0.53 persist"


def run(*words: str | Path) -> str:
    return subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True).stdout


def add(unit: str, *lines: str) -> None:
    """Add lines to a unit's [Service]."""
    folder = UNITS / f"{unit}.d"
    folder.mkdir(exist_ok=True)
    (folder / "test.conf").write_text("\n".join(["[Service]", *lines, ""]), "ascii")
    systemctl("daemon-reload")


def mounts() -> str:
    """Return how the installer's partition is mounted: ro or rw."""
    line = next(line for line in Path("/proc/mounts").read_text("ascii").splitlines() if f" {BOOT} " in line)
    return line.split()[3].partition(",")[0]


def put(name: str, octets: bytes) -> None:
    """Write a file as an installer's PC does: elsewhere, while the box is off."""
    run("mount", "-o", "remount,rw", BOOT)
    (BOOT / name).write_bytes(octets)
    run("mount", "-o", "remount,ro", BOOT)


def taken(name: str) -> dict[str, Any]:
    systemctl("restart", "vigie-card")
    verdict = json.loads((CARD / "verdict.json").read_text("utf-8"))
    names = sorted(path.name for path in BOOT.iterdir())
    return {"step": name, "state": verdict["state"], "mounted": mounts(), "names": names, "host": os.uname().nodename}


def on_disk() -> str:
    os.sync()
    return hashlib.sha256(FAT.read_bytes()).hexdigest()


def take() -> None:
    for folder in (BOOT, UPDATES, Path("/etc/vigie")):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.chown("/etc/vigie", "root", "vigie")
    run("install", "-d", "-o", "vigie", "-g", "vigie", "-m", "0700", "/var/lib/vigie")
    Path("/etc/vigie-release").write_text(RELEASE, "ascii")
    with FAT.open("wb") as file:
        file.truncate(16 << 20)
    run("mkfs.vfat", "-n", "VIGIE", FAT)
    run("mount", "-o", READ_ONLY, run("losetup", "-f", "--show", FAT).strip(), BOOT)
    good = Path("/hil/card.toml").read_bytes()
    put("autoboot.txt", sector(Autoboot("a", "b")))
    put("vigie (1).toml", good.replace(b"ssid", b"sid"))
    say(**taken("wrong"))
    put("vigie (1).toml", good)
    found = taken("good")
    text = (BOOT / "vigie (1).toml").read_text("utf-8")
    secrets = {path.name: f"{path.stat().st_mode & 0o777:o} {path.owner()}:{path.group()}"
               for path in Path("/etc/vigie/secrets").iterdir()}  # fmt: skip
    say(**found, is_secret_there="correct horse" in text, secrets=secrets)
    before = on_disk()
    say(**taken("same"), is_written=on_disk() != before)
    systemctl("start", "vigie")
    wait(lambda: Path("/run/vigie/api.sock").exists())
    systemctl("start", "vigie-card-status")
    say("status", mounted=mounts(), is_there=(BOOT / "vigie-status.txt").stat().st_size > 0)


def wifi() -> None:
    file = Path("/run/point.conf")
    file.write_text(POINT, "ascii")
    run("wpa_supplicant", "-B", f"-c{file}", "-Dnl80211", "-iwlan1")
    systemctl("start", "vigie-wifi")
    after_s = wait(lambda: Path("/sys/class/net/wlan0/operstate").read_text("ascii").strip() == "up")
    say("wifi", after_s=after_s, restarts=int(systemctl("show", "-P", "NRestarts", "vigie-wifi")))


def call() -> None:
    ends = [pty.openpty() for _ in range(2)]
    for _, port in ends:
        tty.setraw(port)
    masters = [master for master, _ in ends]

    def pump() -> None:
        while True:
            for master in select.select(masters, [], [])[0]:
                os.write(masters[1 - masters.index(master)], os.read(master, 4096))

    threading.Thread(target=pump, daemon=True).start()
    mine, other = (os.ttyname(port) for _, port in ends)
    add("vigie-gsm-data.service", "DeviceAllow=char-pts rw")
    modules = Path("/proc/modules")
    is_loaded_before = "ppp" in modules.read_text("ascii")
    (CARD / "gsm-peer").write_text(f"{mine}\n{PEER}", "ascii")
    systemctl("start", "vigie-gsm-data")
    wait(lambda: Path("/sys/class/net/ppp0").exists())
    with subprocess.Popen(["pppd", other, "nodetach", *OTHER_END.split()], stdout=subprocess.DEVNULL) as answering:
        names = Path("/etc/ppp/resolv.conf")
        wait(lambda: names.exists() and run("ip", "route", "show", "default"))
        say("call", is_loaded_before=is_loaded_before, is_loaded="ppp_async" in modules.read_text("ascii"),
            route=run("ip", "route", "show", "default").split()[:3], names=names.read_text("ascii").splitlines()[:1],
            restarts=int(systemctl("show", "-P", "NRestarts", "vigie-gsm-data")))  # fmt: skip
        systemctl("stop", "vigie-gsm-data")
        answering.terminate()


def texts() -> None:
    (CARD / "sms").write_text("/dev/ttyUSB9\n", "ascii")
    run("install", "-d", "-o", "gammu", "-g", "vigie", "-m", "2770", "/var/lib/vigie-sms")
    systemctl("start", "vigie-card-sms")
    database = Path("/var/lib/vigie-sms/smsd.db")
    say(
        "texts", rights=f"{database.stat().st_mode & 0o777:o} {database.owner()}:{database.group()}",
        daemon=systemctl("is-enabled", "gammu-smsd"), path=systemctl("is-active", "vigie-modem-reset.path"),
    )  # fmt: skip


def cut() -> None:
    store = UpdateStore(RealFs(UPDATES))
    store.save(steps.begun(store.load(), "b", NEWER, HERE))
    systemctl("start", "vigie-update-settle")
    last = UpdateStore(RealFs(UPDATES)).load().last
    say("cut", why=last.why if last else "", **starts())


def starts() -> dict[str, Any]:
    lines = (BOOT / "autoboot.txt").read_text("ascii").splitlines()
    return {"partitions": [line[-1] for line in lines if line.startswith("boot_partition=")], "mounted": mounts()}


def commit() -> None:
    put("autoboot.txt", sector(Autoboot("b", "a")))
    add("vigie-update-confirm.service", "ExecCondition=", HOLD)
    systemctl("start", "vigie-update-confirm")
    wait(lambda: systemctl("show", "-P", "ActiveState", "vigie-update-confirm") != "active")
    say("commit", result=systemctl("show", "-P", "Result", "vigie-update-confirm"), **starts())


def stick() -> None:
    put("autoboot.txt", sector(Autoboot("a", "b")))
    shutil.copy("/hil/keyring.pem", "/etc/rauc/keyring.pem")
    print("plug", flush=True)
    unit = "vigie-usb@sda.service"
    wait(lambda: systemctl("show", "-P", "ActiveState", unit) == "failed")
    said = run("journalctl", "-b", "-u", unit, "-o", "cat", "--no-pager").splitlines()
    last = UpdateStore(RealFs(UPDATES)).load().last
    say("stick", said=said, why=last.why if last else "", **starts())


def main() -> None:
    does: dict[str, Callable[..., None]] = {
        "take": take, "wifi": wifi, "call": call, "texts": texts, "cut": cut, "commit": commit, "stick": stick,
    }  # fmt: skip
    does[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()

"""The image that `make image` left: no secret in it, and rights as they should be. The console has the rest."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.card import layout
from image.card.host import PATH, run
from tests.image import emulated

SECRETS = {
    "password hash": rb"(?m)^[a-z_][a-z0-9_-]{0,31}:\$(?:1|2[aby]|5|6|7|y|gy)\$[./A-Za-z0-9$=,]{10,}:",
    "private key": rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\r?\n(?:[A-Za-z0-9+/]{64}\r?\n){2}",
    "machine-id": rb"(?m)^MACHINE_ID=[0-9a-f]{32}$",
}
SETUID = {
    "usr/bin/chage",
    "usr/bin/chfn",
    "usr/bin/chsh",
    "usr/bin/expiry",
    "usr/bin/gpasswd",
    "usr/bin/mount",
    "usr/bin/newgrp",
    "usr/bin/passwd",
    "usr/bin/ssh-agent",
    "usr/bin/su",
    "usr/bin/umount",
    "usr/bin/wall",
    "usr/bin/write.ul",
    "usr/lib/dbus-1.0/dbus-daemon-launch-helper",
    "usr/lib/openssh/ssh-keysign",
    "usr/sbin/pppd",
    "usr/sbin/unix_chkpwd",
}
"""As Debian ships them."""

pytestmark = pytest.mark.image


@pytest.fixture(scope="module")
def card() -> Path:
    found = emulated.image()
    if found is None:
        pytest.skip("no image: make image")
    return found


@pytest.fixture(scope="module")
def system(card: Path) -> Path:
    return card.parent / "system"


def in_system(card: Path, name: str) -> str:
    return run("debugfs", "-R", f"cat /{name}", card.with_name("system.ext4"))


def extents(card: Path) -> Iterator[bytes]:
    """Yield what is not a hole of the sparse file."""
    with card.open("rb") as opened:
        at, end = 0, card.stat().st_size
        while at < end:
            try:
                begin = os.lseek(opened.fileno(), at, os.SEEK_DATA)
            except OSError:  # only a hole is left
                return
            at = os.lseek(opened.fileno(), begin, os.SEEK_HOLE)
            opened.seek(begin)
            yield opened.read(at - begin)


@pytest.mark.parametrize("kind", SECRETS)
def test_image_holds_no_secret(card: Path, system: Path, kind: str) -> None:
    # GnuTLS tries itself with keys that everybody has
    public = b"".join(path.read_bytes() for path in system.glob("usr/lib/*/libgnutls.so.*"))
    found = [match[0] for held in extents(card) for match in re.finditer(SECRETS[kind], held)]
    assert [match[:80] for match in found if match not in public] == []


@pytest.mark.parametrize(
    ("kind", "planted"),
    [
        ("password hash", b"\nroot:$y$j9T$abcdefghijklmnop$0123456789:19000:0:99999:7:::\n"),
        ("private key", b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + (b"b" * 64 + b"\n") * 3),
    ],
)
def test_planted_secret_would_be_found(kind: str, planted: bytes) -> None:
    assert re.search(SECRETS[kind], b"\0" * 100 + planted)


def test_nobody_has_a_password_and_no_two_cards_share_an_identity(card: Path) -> None:
    rows = [line.split(":") for line in in_system(card, "etc/shadow").splitlines()]
    assert {row[0] for row in rows} >= {"root", "vigie", "gammu"}
    assert [row[0] for row in rows if row[1] not in {"*", "!", "!*", "!!"}] == []
    assert in_system(card, "etc/machine-id") == ""
    listed = run("debugfs", "-R", "ls -p /etc/ssh", card.with_name("system.ext4"))
    assert "ssh_host" not in listed
    assert "vigie.toml" not in run("debugfs", "-R", "ls -p /etc/vigie", card.with_name("system.ext4"))


def test_owners_of_data_have_the_same_numbers_on_every_card(card: Path) -> None:
    users = {row.split(":")[0]: row.split(":")[2] for row in in_system(card, "etc/passwd").splitlines()}
    assert (users["vigie"], users["gammu"]) == ("900", "901")
    groups = {row.split(":")[0]: row.split(":") for row in in_system(card, "etc/group").splitlines()}
    assert groups["vigie"][2] == "900"
    for name in ("gpio", "i2c", "dialout"):
        assert "vigie" in groups[name][3].split(",")


def test_no_program_has_more_rights_than_debian_gives_it(system: Path) -> None:
    found = {
        path.relative_to(system).as_posix()
        for path in system.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)
    }
    assert found - SETUID == set()


def test_nothing_is_writable_for_everybody_but_what_must_be(system: Path) -> None:
    found = {
        path.relative_to(system).as_posix()
        for path in system.rglob("*")
        if not path.is_symlink() and path.stat().st_mode & stat.S_IWOTH
    }
    assert found <= {
        "tmp",
        "var/tmp",
        "run/lock",
        "dev/null",
        "dev/zero",
        "dev/full",
        "dev/random",
        "dev/urandom",
        "dev/tty",
        "dev/ptmx",
        "dev/console",
    }


def test_services_that_wait_for_a_person_are_off_and_the_station_is_on(system: Path) -> None:
    wanted = system / "etc/systemd/system/multi-user.target.wants"
    on = {path.name for path in wanted.iterdir()}
    assert {"vigie.service", "vigie-card.service", "systemd-networkd.service"} <= on
    assert not {"ssh.service", "gammu-smsd.service"} & on
    assert (system / "etc/systemd/system/getty@tty1.service").readlink() == Path("/dev/null")


@pytest.mark.skipif(shutil.which("sfdisk", path=PATH) is None, reason="sfdisk is not installed here")
def test_table_of_the_image_is_the_layout(card: Path) -> None:
    told = json.loads(run("sfdisk", "--json", card))["partitiontable"]["partitions"]
    assert [(row["start"], row["size"]) for row in told] == [(part.start, part.sectors) for part in layout.parts()]


def test_release_says_what_the_card_is(card: Path) -> None:
    fields = dict(line.split("=") for line in in_system(card, "etc/vigie-release").splitlines())
    assert fields["COMPATIBLE"] == "vigie-rpi-arm64"
    assert card.name == f"vigie-{fields['VERSION']}.img"
    assert int(fields["BUILD"]) > 1_700_000_000


def test_compressed_card_is_small_enough_to_fetch(card: Path) -> None:
    packed = Path(f"{card}.xz")
    if not packed.exists():
        pytest.skip("made with --draft")
    assert packed.stat().st_size <= 180_000_000

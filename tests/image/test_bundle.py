"""Bundles as RAUC itself sees them: signatures, damage, the roll of a key, and an install by the real program."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.core.autoboot import Autoboot
from edge.core.release import Release, version_of
from edge.runtime.rauc import Rauc, UpdateError
from image.update import keys
from image.update.bundle import bundle, main, release_in
from image.update.files import FILES, HERE, KEYRING
from image.update.keys import Pair
from tests.update_rig import COMPATIBLE, Card

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(shutil.which("rauc") is None, reason="rauc is not installed on this machine"),
]
OLD, NEW = version_of("0.1.0+5"), version_of("0.2.0+6")
MUTATIONS = 1000
CMDLINE = "root=PARTUUID=76696731-05 vigie.slot=a rauc.slot=a console=tty1 ro panic=10\n"


def system(folder: Path, release: str = "VERSION=0.2.0\nBUILD=6\n", keyring: str = "") -> Path:
    """Return a small system, its file system made of files as a card's is."""
    root = folder / "root"
    (root / KEYRING).parent.mkdir(parents=True, exist_ok=True)
    (root / KEYRING).write_text(keyring)
    (root / "etc/vigie-release").write_text(f"{release}COMPATIBLE={COMPATIBLE}\n")
    (root / "filler").write_bytes(random.Random(7).randbytes(200_000))
    image = folder / "system.ext4"
    image.unlink(missing_ok=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-d", root, image, "2M"], check=True)
    return image


def boot(folder: Path, *, is_empty: bool = False) -> Path:
    """Return a boot partition, ext4 in place of FAT, which not every machine that makes cards can mount."""
    image, root = folder / "boot.vfat", folder / "boot"
    image.unlink(missing_ok=True)
    root.mkdir(exist_ok=True)
    if not is_empty:
        (root / "cmdline.txt").write_text(CMDLINE)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-d", root, image, "2M"], check=True)
    return image


def cmdline_in(image: Path) -> str:
    return subprocess.run(["debugfs", "-R", "cat /cmdline.txt", image], capture_output=True, check=True).stdout.decode()


class Maker:
    """Two pairs of keys and the bundles of one system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.old = keys.made(folder / "keys", "old", "old")
        self.new = keys.made(folder / "keys", "new", "new")
        self.system, self.boot = system(folder), boot(folder)

    def bundle(self, pair: Pair | None = None, name: str = "up.raucb") -> Path:
        release = release_in(self.system)
        return bundle(self.system, self.boot, release, pair or self.old, self.folder / name)

    def ring(self, *pairs: Pair) -> Path:
        file = self.folder / "keyring.pem"
        file.write_text(keys.keyring([pair.cert for pair in pairs]))
        return file


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("bundles"))


def why(file: Path, ring: Path) -> str:
    with pytest.raises(UpdateError) as refused:
        Rauc(keyring=ring).info(file)
    return refused.value.code


def test_a_bundle_says_the_version_of_the_system_in_it(maker: Maker) -> None:
    found = Rauc(keyring=maker.ring(maker.old)).info(maker.bundle())
    assert (found.version, found.compatible) == (NEW, COMPATIBLE)


def test_a_foreign_key_a_cut_file_and_other_files_are_told_apart(maker: Maker, tmp_path: Path) -> None:
    good, ring = maker.bundle(), maker.ring(maker.old)
    assert why(good, maker.ring(maker.new)) == "foreign_key"
    octets = good.read_bytes()
    for name, text, code in (
        ("half", octets[: len(octets) // 2], "truncated"), ("one short", octets[:-1], "truncated"),
        ("empty", b"", "empty"), ("text", b"hello\n" * 100, "not_a_bundle"), ("zeros", bytes(9000), "not_a_bundle"),
        ("squashfs alone", octets[:4096], "truncated"),
    ):  # fmt: skip
        file = tmp_path / f"{name}.raucb"
        file.write_bytes(text)
        assert why(file, ring) == code, name


def test_no_bundle_with_a_changed_octet_gives_anything_but_what_was_signed(maker: Maker, tmp_path: Path) -> None:
    good, ring = maker.bundle(), maker.ring(maker.old)
    octets = good.read_bytes()
    dice, taken, same = random.Random(42), 0, 0
    file, out = tmp_path / "up.raucb", tmp_path / "out"
    for number in range(MUTATIONS):
        text = bytearray(octets)
        # a third of them behind the payload: hash tree, signature and its length
        low = 0 if number % 3 else len(text) - 6000
        at = dice.randrange(low, len(text))
        match number % 4:
            case 0:
                del text[at : at + dice.randrange(1, 5000)]
            case 1:
                text[at:at] = dice.randbytes(dice.randrange(1, 64))
            case _:
                text[at] ^= 1 << dice.randrange(8)
        file.write_bytes(text)
        shutil.rmtree(out, ignore_errors=True)
        done = subprocess.run(
            ["rauc", f"--keyring={ring}", "extract", file, out], capture_output=True, check=False, timeout=60
        )
        if done.returncode == 0:
            is_same = all((out / part.name).read_bytes() == part.read_bytes() for part in (maker.system, maker.boot))
            same, taken = same + is_same, taken + (not is_same)
    print(f"{MUTATIONS} damaged bundles: {taken} taken with other contents, {same} with what was signed")
    assert taken == 0


def test_the_roll_of_a_key_takes_two_updates_and_the_old_key_then_counts_for_nothing(maker: Maker) -> None:
    """Update 1, by the old key, brings the keyring old+new; update 2 is by the new one and may bring new alone."""
    maker.system = system(maker.folder, keyring=keys.keyring([maker.old.cert, maker.new.cert]))
    first = maker.bundle(maker.old, "first.raucb")
    assert Rauc(keyring=maker.ring(maker.old)).info(first)
    assert why(maker.bundle(maker.new, "second.raucb"), maker.ring(maker.old)) == "foreign_key"
    out = maker.folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run(
        ["rauc", f"--keyring={maker.ring(maker.old)}", "extract", first, out], check=True, capture_output=True
    )
    brought = maker.folder / "brought.pem"
    text = subprocess.run(["debugfs", "-R", f"cat /{KEYRING}", out / "system.ext4"], capture_output=True, check=True)
    brought.write_bytes(text.stdout)
    assert Rauc(keyring=brought).info(maker.folder / "second.raucb"), "the box of update 1 takes update 2"
    assert Rauc(keyring=brought).info(first)
    assert why(first, maker.ring(maker.new)) == "foreign_key", "after update 2 with the new one alone"


def test_keys_are_made_once_never_by_halves_and_none_goes_into_a_keyring(tmp_path: Path) -> None:
    pair = keys.made(tmp_path, "x", "x")
    before = pair.key.read_bytes()
    assert keys.made(tmp_path, "x", "x") == pair
    assert pair.key.read_bytes() == before
    assert pair.key.stat().st_mode & 0o077 == 0
    with pytest.raises(ValueError, match="no certificate"):
        keys.keyring([pair.key])
    with pytest.raises(ValueError, match="needs a certificate"):
        keys.keyring([])
    pair.cert.unlink()
    with pytest.raises(FileNotFoundError, match="is missing beside"):
        keys.made(tmp_path, "x", "x")


def test_make_bundle_says_what_it_lacks(maker: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--boot", str(maker.boot), "--out", str(tmp_path / "o.raucb"), "--key", str(maker.old.key)]
    words += ["--cert", str(maker.old.cert)]
    assert main([*words, "--system", str(tmp_path / "none")]) == 1
    assert "no /etc/vigie-release" in capsys.readouterr().err
    assert main([*words, "--system", str(maker.system), "--version", "new"]) == 1
    assert main([*words[:-2], "--cert", str(maker.new.cert), "--system", str(maker.system)]) == 1, "not of one pair"
    assert main([*words, "--system", str(maker.system)]) == 0
    assert "0.2.0+6" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["o.raucb"]


# -- an install by the real program, on files in place of partitions; blocks are checked by dm-verity on a card only


class RealRauc:
    """RAUC's service on a bus of its own, with the card's settings but for their paths."""

    def __init__(self, folder: Path, maker: Maker) -> None:
        self.folder, self.maker = folder, maker
        self.card = Card(folder / "root")
        text = (HERE / "system.conf").read_text()
        for number in (2, 3, 5, 6):
            slot = folder / f"76696731-0{number}"
            shutil.copyfile(maker.system if number > 4 else maker.boot, slot)
            text = text.replace(f"/dev/disk/by-partuuid/76696731-0{number}", str(slot))
        for name, module in (("boot-slot", "boot_slot"), ("slot-written", "bundle_handler")):
            program = folder / f"vigie-{name}"
            words = "sys.argv[1:]" if name == "boot-slot" else "['written', *sys.argv[1:]]"
            kind = "" if name == "boot-slot" else ", 'ext4'"
            program.write_text(
                f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\nfrom edge.cli.{module} import main\n"
                f"sys.exit(main({words}, Path('{self.card.root}'){kind}))\n"
            )
            program.chmod(0o755)
            text = text.replace(f"/usr/lib/vigie/vigie-{name}", str(program))
        text = text.replace("pre-install=/usr/lib/vigie/vigie-bundle-allowed\n", "")  # its partitions are on no disk
        text = text.replace("bundle-formats=verity", "bundle-formats=plain").replace("/data/update", str(folder))
        text = text.replace(f"/{KEYRING}", str(maker.ring(maker.old))).replace("/run/rauc", str(folder / "mounts"))
        (folder / "system.conf").write_text(text)
        (folder / "mounts").mkdir()

    def plain(self) -> Path:
        content = self.folder / "content"
        content.mkdir(exist_ok=True)
        for image, name in ((self.maker.system, "system.ext4"), (self.maker.boot, "boot.vfat")):
            shutil.copyfile(image, content / name)
        (content / "manifest.raucm").write_text(
            f"[update]\ncompatible={COMPATIBLE}\nversion={NEW}\n[bundle]\nformat=plain\n"
            "[image.system]\nfilename=system.ext4\n[image.boot]\nfilename=boot.vfat\n"
        )
        out = self.folder / "plain.raucb"
        out.unlink(missing_ok=True)
        pair = self.maker.old
        words: list[Any] = ["rauc", f"--cert={pair.cert}", f"--key={pair.key}", "bundle", content, out]
        subprocess.run(words, check=True, capture_output=True)
        return out

    def install(self, file: Path) -> subprocess.CompletedProcess[str]:
        ask = "dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetNameOwner"
        script = (
            "export DBUS_STARTER_BUS_TYPE=session\n"
            f"rauc --conf={self.folder}/system.conf --override-boot-slot=a service >{self.folder}/log 2>&1 & s=$!\n"
            f"n=0; until {ask} string:de.pengutronix.rauc >/dev/null 2>&1 || [ $n -gt 500 ]; do n=$((n+1)); done\n"
            f"rauc install {file}; code=$?; kill $s; exit $code\n"
        )
        words = ["dbus-run-session", "--", "sh", "-c", script]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="dbus-run-session is not installed")
def test_the_real_program_writes_a_slot_gives_it_its_command_line_and_lets_it_be_tried(
    maker: Maker, tmp_path: Path
) -> None:
    real = RealRauc(tmp_path, maker)
    done = real.install(real.plain())
    assert done.returncode == 0, done.stderr + (tmp_path / "log").read_text()
    assert real.card.autoboot == Autoboot("a", "b")
    assert (tmp_path / "76696731-06").read_bytes()[: maker.system.stat().st_size] == maker.system.read_bytes()
    words = cmdline_in(tmp_path / "76696731-03").split()
    assert {"root=PARTUUID=76696731-06", "vigie.slot=b", "rauc.slot=b", "panic=10"} <= set(words)
    assert cmdline_in(tmp_path / "76696731-02") == CMDLINE, "the slot that runs is not touched"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="dbus-run-session is not installed")
def test_a_boot_partition_that_can_not_be_finished_is_an_install_that_failed(maker: Maker, tmp_path: Path) -> None:
    real = RealRauc(tmp_path, maker)
    good, maker.boot = maker.boot, boot(tmp_path, is_empty=True)
    try:
        done = real.install(real.plain())
    finally:
        maker.boot = good
    assert done.returncode != 0
    assert "cmdline.txt" in (tmp_path / "log").read_text() + done.stderr
    assert real.card.autoboot == Autoboot("a", "a"), "and the slot is never tried"


def test_all_files_of_the_card_are_there_and_name_each_other() -> None:
    assert all(each.source.is_file() for each in FILES)
    conf = (HERE / "system.conf").read_text()
    placed = {f"/{each.target}" for each in FILES}
    assert {word.split("=", 1)[1] for word in conf.split() if "=/usr/lib/vigie/" in word} <= placed
    assert Release(OLD, COMPATIBLE).compatible in conf

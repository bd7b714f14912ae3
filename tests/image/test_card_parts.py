"""What is kept of a Debian root, the initramfs, the boot partitions' files, the machine that builds."""

from __future__ import annotations

import gzip
import os
import shutil
import tomllib
from pathlib import Path

import pytest

from edge.core.autoboot import Autoboot, parsed
from image.card import boot, host, initramfs, prune, system, trees
from image.card.base import packages, recipe

DEP = """kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/jbd2/jbd2.ko
kernel/fs/jbd2/jbd2.ko:
kernel/lib/crc16.ko:
kernel/fs/btrfs/btrfs.ko: kernel/lib/raid6.ko
kernel/lib/raid6.ko:
kernel/drivers/w1/wire.ko:
kernel/drivers/w1/slaves/w1_therm.ko: kernel/drivers/w1/wire.ko
"""


def test_modules_are_kept_with_all_that_they_need_and_others_go() -> None:
    needs = prune.dependencies(DEP)
    assert prune.kept_modules(needs, ["fs/ext4/*"]) == {
        "kernel/fs/ext4/ext4.ko", "kernel/lib/crc16.ko", "kernel/fs/jbd2/jbd2.ko",
    }  # fmt: skip
    assert prune.kept_modules(needs, ["drivers/w1/*"]) == {"kernel/drivers/w1/wire.ko"}  # * stays in a folder
    assert prune.kept_modules(needs, []) == set()
    assert prune.kept_modules({}, ["fs/*"]) == set()


def test_firmware_of_other_chips_goes_and_links_of_ours_stay(tmp_path: Path) -> None:
    for name in ("brcm/brcmfmac43455-sdio.bin", "brcm/brcmfmac4354-sdio.bin", "regulatory.db", "other/chip.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "brcm/brcmfmac43455-sdio.board.bin").symlink_to("brcmfmac43455-sdio.bin")
    prune.prune_firmware(tmp_path)
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert left == [
        "brcm", "brcm/brcmfmac43455-sdio.bin", "brcm/brcmfmac43455-sdio.board.bin", "regulatory.db",
    ]  # fmt: skip


def test_packages_are_named_once_and_no_compiler_is_among_them() -> None:
    named = packages()
    assert len(named) == len(set(named)) > 20
    assert not {"gcc", "build-essential", "initramfs-tools", "sudo"} & set(named)
    assert {"rauc", "rauc-service"} <= set(named)  # the second is a package of its own
    assert any(word.endswith("doc/gammu-smsd/examples/*") for word in recipe())  # the schema of the SMS database


def test_archive_is_the_same_wherever_it_is_made_and_names_devices_first(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "init").write_bytes(b"#!/bin/busybox sh\n")
        (tmp_path / name / "init").chmod(0o700)
        (tmp_path / name / "bin/sh").symlink_to("busybox")
    one = initramfs.archive(tmp_path / "one", epoch=5)
    assert one == initramfs.archive(tmp_path / "two", epoch=5)
    assert len(one) % 4 == 0
    assert one.startswith(b"070701")
    assert one.index(b"dev/console") < one.index(b"bin/sh") < one.index(b"TRAILER!!!")
    assert gzip.decompress(gzip.compress(one, 9, mtime=0)) == one


def test_record_is_padded_and_holds_its_lengths() -> None:
    entry = initramfs.record("init", 0o100755, b"abc", number=1, epoch=0)
    assert len(entry) % 4 == 0
    assert entry[54:62] == b"00000003"  # c_filesize
    assert entry[94:102] == b"00000005"  # c_namesize, its end included
    assert entry[110:115] == b"init\0"


@pytest.mark.parametrize(("slot", "number"), [("a", "05"), ("b", "06")])
def test_command_line_is_one_line_that_names_no_disk(slot: boot.Slot, number: str) -> None:
    line = boot.cmdline(slot)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    words = line.split()
    assert {f"root=PARTUUID=76696731-{number}", f"vigie.slot={slot}", f"rauc.slot={slot}", "ro", "panic=10"} <= set(
        words
    )
    assert not any(name in line for name in ("mmcblk", "vda", "serial", "ttyAMA", "ttyS"))


def test_config_is_read_by_the_firmware_and_leaves_the_serial_port_alone() -> None:
    assert boot.config_is_sound(boot.CONFIG)
    assert not boot.config_is_sound("x" * 99)
    assert not boot.config_is_sound("été=1")
    assert "enable_uart=0" in boot.CONFIG.splitlines()
    assert "initramfs initrd.img followkernel" in boot.CONFIG.splitlines()


def test_boot_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    part = boot.layout.named(boot.layout.parts(), "boot_a")
    with (tmp_path / "vmlinuz").open("wb") as opened:
        opened.truncate(part.size_bytes - (2 << 20))
    with pytest.raises(host.StepError, match="do not fit"):
        boot.check_fits(tmp_path, part)


def test_drive_for_people_has_a_text_in_both_languages_and_a_file_to_start_from(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/raspi-firmware").mkdir(parents=True)
    (tmp_path / "usr/lib/raspi-firmware/bootcode.bin").write_bytes(b"code")
    boot.lay_cfg(tmp_path, tmp_path / "cfg")
    there = {path.name: path.read_bytes() for path in (tmp_path / "cfg").iterdir()}
    assert set(there) == {
        "README.txt", "LISEZMOI.txt", "autoboot.txt", "bootcode.bin", "config.txt", "vigie-example.toml",
    }  # fmt: skip
    assert there["config.txt"] == b""  # there, and empty: it marks the partition for the boot ROM
    assert len(there["autoboot.txt"]) == 512
    assert parsed(there["autoboot.txt"]) == Autoboot("a", "a"), "the other system is empty: nothing leads to it"
    text = there["LISEZMOI.txt"].decode("utf-8-sig")
    assert "Annuler" in text
    assert text.count("\r\n") == text.count("\n")
    assert not any(f" {sign}" in text for sign in ":;?!")
    tomllib.loads(there["vigie-example.toml"].decode("utf-8-sig"))


TREE = """/dts-v1/;
/ {
    chosen { stdout-path = "serial1:115200n8"; };
    leds { compatible = "gpio-leds"; led-act { gpios = <&gpio 29 0>; }; led-pwr { label = "PWR"; }; };
    soc {
        watchdog@7e100000 { compatible = "brcm,bcm2835-pm"; };
        gpio: gpio@7e200000 {
            uart0_gpio14 { brcm,pins = <14 15>; };
            uart0_gpio32: uart0_gpio32 { brcm,pins = <32 33>; };
            uart1_gpio14: uart1_gpio14 { brcm,pins = <14 15>; };
        };
        serial@7e201000 { pinctrl-0 = <&uart0_gpio32>; uart-has-rtscts; bluetooth { compatible = "brcm,bt"; }; };
        serial@7e215040 { pinctrl-0 = <&uart1_gpio14>; status = "okay"; };
        i2c@7e804000 { status = "disabled"; };
    };
};
"""
DTC = shutil.which("dtc") and shutil.which("fdtput")


def asked(tree: Path, node: str, name: str, kind: str = "s") -> str:
    return host.run("fdtget", "-t", kind, tree, node, name).strip()


@pytest.mark.skipif(not DTC, reason="device-tree-compiler is not installed here")
def test_tree_gives_the_pins_to_the_pl011_and_switches_the_buses_on(tmp_path: Path) -> None:
    tree = tmp_path / "board.dtb"
    host.run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", tree, given=TREE.encode())
    trees.switch_on(tree)
    assert trees.nodes(tree, trees.PL011) == []  # no Bluetooth
    assert asked(tree, trees.PL011, "pinctrl-0", "x") == asked(tree, f"{trees.PINS}/uart0_gpio14", "phandle", "x")
    assert "uart-has-rtscts" not in trees.properties(tree, trees.PL011)
    assert asked(tree, trees.MINI_UART, "status") == "disabled"
    assert asked(tree, trees.I2C1, "status") == "okay"
    assert asked(tree, trees.ONE_WIRE, "gpios", "u").split() == [asked(tree, trees.PINS, "phandle", "u"), "4", "6"]
    assert asked(tree, "/leds/led-act", "label") == "ACT"
    assert asked(tree, "/leds/led-pwr", "label") == "PWR"
    assert "stdout-path" not in trees.properties(tree, "/chosen")
    once = tree.read_bytes()
    trees.switch_on(tree)
    assert asked(tree, trees.ONE_WIRE, "gpios", "u").split()[1:] == ["4", "6"]
    assert len(tree.read_bytes()) == len(once)


@pytest.mark.skipif(not DTC, reason="device-tree-compiler is not installed here")
def test_tree_of_another_machine_is_refused(tmp_path: Path) -> None:
    tree = tmp_path / "other.dtb"
    host.run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", tree, given=b"/dts-v1/; / { };")
    with pytest.raises(host.StepError, match="fdtput"):
        trees.switch_on(tree)


def test_settled_root_tells_nothing_of_its_run_and_links_keep_their_target(tmp_path: Path) -> None:
    for name in ("var/log/apt", "var/cache/ldconfig", "etc", "tmp"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "var/log/apt/term.log").write_text("today")
    (tmp_path / "var/cache/ldconfig/aux-cache").write_text("today")
    (tmp_path / "etc/old").write_text("kept")
    os.utime(tmp_path / "etc/old", (500, 500))
    (tmp_path / "etc/link").symlink_to("/nowhere")
    system.settle(tmp_path, 1000)
    assert not any((tmp_path / "var/log").iterdir())
    assert not any((tmp_path / "var/cache/ldconfig").iterdir())
    assert (tmp_path / "etc/old").stat().st_mtime == 500
    assert (tmp_path / "etc/link").lstat().st_mtime == 1000
    assert {path.lstat().st_mtime for path in tmp_path.rglob("*")} == {500, 1000}


# --- the machine


def test_no_emulation_is_needed_on_the_card_s_own_processor(tmp_path: Path) -> None:
    assert host.ensure_emulation("aarch64", tmp_path / "none") == ""


def test_emulation_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "register").touch()
    (tmp_path / "qemu-aarch64").write_text("enabled\ninterpreter /usr/bin/qemu-aarch64-static\n")
    assert host.ensure_emulation("x86_64", tmp_path) == ""


def test_emulation_that_is_switched_off_is_an_error_that_names_the_packages(tmp_path: Path) -> None:
    (tmp_path / "register").touch()
    (tmp_path / "qemu-aarch64").write_text("disabled\n")
    with pytest.raises(host.HostError, match="qemu-user-static and binfmt-support"):
        host.ensure_emulation("x86_64", tmp_path)


def test_missing_programs_are_all_named() -> None:
    with pytest.raises(host.HostError, match="no-such-tool no-other-tool"):
        host.check_programs(["sh", "no-such-tool", "no-other-tool"])


def test_program_that_fails_says_what_it_complained_of() -> None:
    with pytest.raises(host.StepError, match=r"sh failed \(3\): why it failed"):
        host.run("sh", "-c", "echo why it failed >&2; exit 3")

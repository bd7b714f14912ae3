"""What the next start begins with: the register that the firmware reads, and which start is a try."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from edge.core.autoboot import Autoboot, Slot, octets
from edge.runtime.slots import Slots
from tests.support import ROOT
from tests.unit.early_rig import EARLY, NEEDS_TOOLS

HOOK = ROOT / "image/card/vigie-next-start"
TRIAL = ROOT / "image/update/vigie-is-trial"
FAKE = """
. {early}/restart
tree={root}/tree
register() {{
    [ "$1" = {address} ] && [ "$2" = 32 ] || exit 9
    if [ $# = 2 ]; then cat {root}/register; else echo "$3" >>{root}/writes; fi
}}
"""
PI_3, PI_4 = "raspberrypi,3-model-b\0brcm,bcm2837\0", "raspberrypi,4-model-b\0brcm,bcm2711\0"


def board(root: Path, compatible: str = PI_3, register: str = "0x00001020", address: str = "0x3f100020") -> None:
    (root / "tree/soc/watchdog@7e100000").mkdir(parents=True)
    (root / "tree/compatible").write_text(compatible)
    (root / "register").write_text(f"{register}\n")
    (root / "restart").write_text(FAKE.format(early=EARLY, root=root, address=address))


def writes(root: Path) -> list[str]:
    file = root / "writes"
    return file.read_text().splitlines() if file.exists() else []


def shut_down(root: Path, verb: str = "reboot", parameter: str | None = "0 tryboot", slot: str = "a") -> list[str]:
    (root / "cmdline").write_text(f"console=tty1 vigie.slot={slot} ro\n")
    if parameter is not None:
        (root / "parameter").write_text(f"{parameter}\n")
    names = {"VIGIE_RESTART": "restart", "VIGIE_PARAMETER": "parameter", "VIGIE_CMDLINE": "cmdline"}
    subprocess.run(
        ["busybox", "sh", HOOK, verb],
        env={"PATH": "/usr/bin:/bin", **{name: str(root / file) for name, file in names.items()}},
        check=False, timeout=20,
    )  # fmt: skip
    return writes(root)


@NEEDS_TOOLS
@pytest.mark.parametrize(("slot", "value"), [("a", "0x5a001025"), ("b", "0x5a001024")])
def test_a_try_starts_from_the_boot_partition_of_the_other_system(tmp_path: Path, slot: str, value: str) -> None:
    board(tmp_path)
    assert shut_down(tmp_path, slot=slot) == [value]


@NEEDS_TOOLS
@pytest.mark.parametrize(
    ("register", "expected"), [("0x00001020", []), ("0x00001025", ["0x5a001020"]), ("0x00000555", ["0x5a000000"])]
)
@pytest.mark.parametrize("parameter", [None, "", "0", "3 tryboot"])
def test_any_other_restart_starts_as_autoboot_txt_says(
    tmp_path: Path, register: str, expected: list[str], parameter: str | None
) -> None:
    board(tmp_path, register=register)
    assert shut_down(tmp_path, parameter=parameter) == expected


@NEEDS_TOOLS
@pytest.mark.parametrize("verb", ["poweroff", "halt", "kexec"])
def test_what_is_no_restart_leaves_the_register_alone(tmp_path: Path, verb: str) -> None:
    board(tmp_path, register="0x00001025")
    assert shut_down(tmp_path, verb) == []


@NEEDS_TOOLS
def test_each_kind_of_board_has_its_address_and_another_board_none(tmp_path: Path) -> None:
    board(tmp_path / "pi4", PI_4, address="0xfe100020")
    assert shut_down(tmp_path / "pi4") == ["0x5a001025"]
    board(tmp_path / "other", "linux,dummy-virt\0")
    assert shut_down(tmp_path / "other") == []
    board(tmp_path / "without")
    (tmp_path / "without/tree/soc/watchdog@7e100000").rmdir()
    assert shut_down(tmp_path / "without") == []


@NEEDS_TOOLS
def test_a_register_that_cannot_be_read_is_not_written(tmp_path: Path) -> None:
    board(tmp_path)
    (tmp_path / "register").unlink()
    with (tmp_path / "restart").open("a") as opened:
        opened.write("register() { return 1; }\n")
    assert shut_down(tmp_path) == []


@NEEDS_TOOLS
def test_the_first_thing_of_a_start_forgets_the_try(tmp_path: Path) -> None:
    board(tmp_path, register="0x00001025")
    lines = (ROOT / "image/card/init").read_text().splitlines()
    assert lines.index("start_next_from 0") < lines.index("root=$(word root)")
    subprocess.run(["busybox", "sh", "-c", f". {tmp_path}/restart; start_next_from 0"], check=True, timeout=20)
    assert writes(tmp_path) == ["0x5a001020"]


@pytest.mark.parametrize("slot", ["a", "b"])
@pytest.mark.parametrize("flag", [None, 0, 1])
@pytest.mark.parametrize(
    ("text", "committed"),
    [(octets(Autoboot("a", "b")), "a"), (octets(Autoboot("b", "a")), "b"), (octets(Autoboot("a", "a")), "a"),
     (b"", ""), (b"x" * 512, ""), (None, "")],
)  # fmt: skip
def test_a_start_of_the_system_that_is_not_committed_is_a_try(
    tmp_path: Path, slot: Slot, flag: int | None, text: bytes | None, committed: str
) -> None:
    """The shell's answer and the program's are one; without autoboot.txt the firmware's word counts."""
    for folder in ("boot/cfg", "proc/device-tree/chosen/bootloader"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "proc/cmdline").write_text(f"ro vigie.slot={slot} rauc.slot={slot}\n")
    if flag is not None:
        (tmp_path / "proc/device-tree/chosen/bootloader/tryboot").write_bytes(struct.pack(">I", flag))
    if text is not None:
        (tmp_path / "boot/cfg/autoboot.txt").write_bytes(text)
    expected = slot != committed if committed else bool(flag)
    assert Slots(tmp_path).booted().is_try == expected
    assert (subprocess.run(["/bin/sh", TRIAL, tmp_path], check=False, timeout=20).returncode == 0) == expected


def test_another_machine_tries_nothing(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text("console=tty1\n")
    assert not Slots(tmp_path).booted().is_try
    assert subprocess.run(["/bin/sh", TRIAL, tmp_path], check=False, timeout=20).returncode == 1

"""What is told of a serial port that can't be used: by whom it is held, and what to change."""

from __future__ import annotations

import errno
import os
import pty
import termios
from pathlib import Path

import pytest

from hal import serial_facts
from hal.driver import DriverError


def process(proc: Path, number: int, *command: str, opens: str = "") -> None:
    folder = proc / str(number)
    (folder / "fd").mkdir(parents=True)
    (folder / "cmdline").write_bytes(b"\0".join(word.encode() for word in command) + b"\0")
    if opens:
        (folder / "fd" / "3").symlink_to(opens)


@pytest.mark.parametrize(
    ("port", "name"),
    [("/dev/ttyAMA0", "ttyAMA0"), ("/dev/pts/7", "pts/7"), ("relative", "relative"), ("", Path.cwd().name)],
)
def test_the_device_behind_a_name(port: str, name: str) -> None:
    assert serial_facts.node(port) == name


def test_a_name_that_is_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "by-id").symlink_to("/dev/null")
    assert serial_facts.node(str(tmp_path / "by-id")) == "null"


@pytest.mark.parametrize(
    ("compatible", "is_mini"),
    [(b"brcm,bcm2835-aux-uart\0", True), (b"arm,pl011\0arm,primecell\0", False), (b"", False), (None, False)],
)
def test_the_mini_uart_is_known_by_the_device_tree(tmp_path: Path, compatible: bytes | None, is_mini: bool) -> None:
    if compatible is not None:
        node = tmp_path / "class/tty/ttyS0/device/of_node"
        node.mkdir(parents=True)
        (node / "compatible").write_bytes(compatible)
    assert serial_facts.is_mini_uart("/dev/ttyS0", tmp_path) is is_mini


def test_a_console_is_known_by_the_kernel_or_by_its_login(tmp_path: Path) -> None:
    proc, sys = tmp_path / "proc", tmp_path / "sys"
    assert not serial_facts.is_console("/dev/ttyAMA0", proc, sys), "nothing can be read: not known"
    active = sys / "class/tty/console"
    active.mkdir(parents=True)
    (active / "active").write_text("tty1 ttyAMA10\n", encoding="ascii")
    process(proc, 1, "/sbin/init")
    process(proc, 800, "/sbin/agetty", "-o", "-p -- \\u", "--noclear", "tty1", "linux")
    assert not serial_facts.is_console("/dev/ttyAMA0", proc, sys)
    process(proc, 801, "/sbin/agetty", "--keep-baud", "115200", "ttyAMA0", "vt220")
    assert serial_facts.is_console("/dev/ttyAMA0", proc, sys)
    assert not serial_facts.is_console("/dev/ttyAMA1", proc, sys)
    (active / "active").write_text("tty1 ttyS0\n", encoding="ascii")
    assert serial_facts.is_console("/dev/ttyS0", proc, sys)


def test_the_process_that_holds_a_port_is_named(tmp_path: Path) -> None:
    process(tmp_path, 812, "/usr/bin/picocom", "/dev/null", opens="/dev/null")
    process(tmp_path, 813, "/usr/bin/other", opens="/dev/zero")
    process(tmp_path, os.getpid(), "ourselves", opens="/dev/full")
    (tmp_path / "self").mkdir()
    assert serial_facts.holder("/dev/null", tmp_path) == "picocom (process 812)"
    assert serial_facts.holder("/dev/full", tmp_path) == "", "ourselves"
    assert serial_facts.holder("/dev/tty", tmp_path) == ""
    assert serial_facts.holder("/dev/null", tmp_path / "none") == ""


@pytest.mark.parametrize(
    ("exc", "reason", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "not_open", "to group dialout .*usermod"),
        (OSError(errno.EBUSY, "busy"), "not_open", "another program holds it; find it with `sudo fuser"),
        (BlockingIOError(errno.EAGAIN, "again"), "not_open", "another program holds it"),
        (
            FileNotFoundError(errno.ENOENT, "No such file"),
            "not_open",
            "no such port; switch it on in /boot/firmware/config.txt",
        ),
        (termios.error(errno.EIO, "Input/output error"), "unplugged", "check the plug"),
        (OSError("device reports readiness to read but returned no data"), "unplugged", "check the plug"),
    ],
)
def test_each_fault_says_where_why_and_what_to_do(tmp_path: Path, exc: BaseException, reason: str, words: str) -> None:
    found = serial_facts.fault("Téléinfo", "/dev/ttyAMA9", exc, tmp_path, tmp_path)
    assert isinstance(found, DriverError)
    assert found.reason == reason
    assert "/dev/ttyAMA9" in str(found)
    with pytest.raises(DriverError, match=words):
        raise found


def test_a_missing_adapter_is_looked_for_at_its_plug(tmp_path: Path) -> None:
    missing = FileNotFoundError(errno.ENOENT, "No such file")
    found = serial_facts.fault("Téléinfo", "/dev/serial/by-id/usb-x-port0", missing, tmp_path, tmp_path)
    assert "check the plug" in str(found)


def test_the_group_is_that_of_the_port() -> None:
    master, slave = pty.openpty()
    try:
        group = Path(os.ttyname(slave)).stat().st_gid
        assert serial_facts.group_of(os.ttyname(slave)) == ("dialout" if group == 0 else "tty")
        assert serial_facts.group_of("/nowhere") == "dialout"
    finally:
        os.close(master)
        os.close(slave)

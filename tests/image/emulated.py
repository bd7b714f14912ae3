"""A card in an emulated board: `Card` copies the image, plays the firmware, and takes the power away.

Two boards. `virt` is QEMU's own: quick, and its network, disk and a root shell come by virtio. `raspi3b` is a Raspberry
Pi 3B: the card's own controller, PL011 and GPIO; it has no virtio, and opening its watchdog resets it, so systemd is
told to leave that closed.

The firmware's part: autoboot.txt of the first partition names the boot partition, and another one for a restart with
`reboot "0 tryboot"`; kernel, initramfs, device tree and command line come from there; what was started stands in
/proc/device-tree/chosen/bootloader.

Taking the power away is the end of QEMU by SIGKILL: what the guest has handed to its disk stays, also what it has not
flushed, so this finds writes that are out of order in time, not those that a card's cache reorders.
"""

from __future__ import annotations

import gzip
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from image.card import initramfs, layout, trees
from image.card.host import run

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGES: Final = ROOT / ".run" / "image"
TRIED: Final = "reboot: Restarting system with command '0 tryboot'"
MEMORY_MIB: Final = {"virt": 1024, "raspi3b": 1024}
CARD_BYTES: Final = 4 << 30
"""The emulated card reader of the Pi takes powers of two only."""
LOOK_EACH_S: Final = 0.1
"""At a console that is a file: oftener takes time from the board."""
SHELL_LINE: Final = {"virt": "hvc0", "raspi3b": "ttyS1"}
SHELL: Final = """mkdir -p /run/systemd/system/sysinit.target.wants
cat >/run/systemd/system/harness.service <<'UNIT'
[Unit]
Description=Root shell of the harness
DefaultDependencies=no
StartLimitIntervalSec=0
[Service]
# without a terminal behind its errors it prints no prompts among the answers
ExecStart=/bin/sh -c 'stty -echo; exec /bin/bash --noprofile --norc'
StandardError=journal
Environment=TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
Restart=always
RestartSec=1
StandardInput=tty
TTYPath=/dev/LINE
KillMode=process
UNIT
ln -s ../harness.service /run/systemd/system/sysinit.target.wants/
"""
PI_TREE: Final = "bcm2837-rpi-3-b.dtb"
MINI_UART: Final = "/soc/serial@7e215040"
PI_REVISION: Final = "a02082"

Board = Literal["virt", "raspi3b"]


class CardError(RuntimeError):
    """The card does not do what was waited for; the message ends with what its console said last."""


def image() -> Path | None:
    """Return the image that `make image` left, the newest; None where there is none."""
    return max(IMAGES.glob("vigie-*.img"), key=lambda path: path.stat().st_mtime, default=None)


class Card:
    """One card, and the board that it is in."""

    def __init__(self, source: Path, folder: Path, board: Board = "virt", *, size_bytes: int = CARD_BYTES) -> None:
        """Copy the image into folder, as large as a card. Raises StepError."""
        self.path = folder / "card.img"
        self.console = folder / "console.log"
        self.board = board
        self.arguments: list[str] = []
        """Of QEMU, added at each start: serial lines, devices."""
        self.meter = ""
        """The chardev, one of the arguments, that the Pi's PL011 hears; empty: no meter is wired."""
        self.words = ""
        """Of the kernel's command line, added at each start."""
        self.has_shell = True
        """A root shell for `shell`: a unit that the harness adds to the initramfs, never to the card."""
        self.wants_try = False
        """The next start is one of `reboot "0 tryboot"`."""
        self.start_from = 0
        """The boot partition to start from whatever autoboot.txt says; 0: as it says."""
        self.booted = 0
        """The boot partition of the last start."""
        self._folder = folder
        self._qemu: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._heard = b""
        self._from = 0
        folder.mkdir(parents=True, exist_ok=True)
        run("cp", "--sparse=always", "--reflink=auto", source, self.path)
        with self.path.open("r+b") as card:
            card.truncate(size_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.cut()

    # --- what is on the card, while no board uses it

    def fat(self, number: int = 1) -> str:
        """Return the FAT partition as mtools name it."""
        part = next(part for part in layout.parts() if part.number == number)
        return f"{self.path}@@{part.start_bytes}"

    def names(self, number: int = 1) -> list[str]:
        """Return the files in a FAT partition."""
        listed = run("mdir", "-b", "-i", self.fat(number), "::", env={"MTOOLS_SKIP_CHECK": "1"})
        return [line.removeprefix("::/") for line in listed.splitlines() if line]

    def read(self, name: str, number: int = 1) -> bytes:
        """Return a file of a FAT partition. Raises StepError where there is none."""
        held = self._folder / "read"
        run("mcopy", "-n", "-o", "-i", self.fat(number), f"::{name}", held, env={"MTOOLS_SKIP_CHECK": "1"})
        return held.read_bytes()

    def write(self, name: str, content: bytes, number: int = 1) -> None:
        """Put a file onto a FAT partition."""
        held = self._folder / "written"
        held.write_bytes(content)
        run("mcopy", "-D", "o", "-o", "-i", self.fat(number), held, f"::{name}", env={"MTOOLS_SKIP_CHECK": "1"})

    def part(self, name: str) -> tuple[int, int]:
        """Return where a partition begins and how large it is in the image, in octets; the data grows on the card."""
        found = layout.named(layout.parts(), name)
        return found.start_bytes, found.size_bytes

    # --- its life

    def start(self) -> None:
        """Switch the board on: the firmware's part, then QEMU. Returns at once."""
        self.cut()
        self.booted = self.start_from or self._boot_partition()
        boot = self._folder / "boot"
        shutil.rmtree(boot, ignore_errors=True)
        boot.mkdir()
        for name in ("vmlinuz", "initrd.img", "cmdline.txt", PI_TREE):
            run("mcopy", "-n", "-i", self.fat(self.booted), f"::{name}", boot / name, env={"MTOOLS_SKIP_CHECK": "1"})
        if self.has_shell:
            _add_shell(boot / "initrd.img", SHELL_LINE[self.board])
        words = [(boot / "cmdline.txt").read_text("ascii").strip().replace("quiet loglevel=4", ""), self.words]
        line = self._folder / "shell.sock"
        line.unlink(missing_ok=True)
        self._from = self.console.stat().st_size if self.console.exists() else 0
        shell = f"socket,id=shell,path={line},server=on,wait=off"
        console = f"file,id=console,path={self.console},append=on"
        qemu = ["qemu-system-aarch64", "-m", str(MEMORY_MIB[self.board]), "-display", "none", "-no-reboot"]
        qemu += ["-nodefaults", "-kernel", str(boot / "vmlinuz"), "-initrd", str(boot / "initrd.img")]
        if self.board == "virt":
            qemu += ["-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-dtb", str(self._virt_tree(boot))]
            qemu += ["-drive", f"file={self.path},format=raw,if=none,id=card", "-device", "virtio-blk-pci,drive=card"]
            qemu += ["-chardev", console, "-serial", "chardev:console"]
            qemu += ["-device", "virtio-serial-pci", "-chardev", shell, "-device", "virtconsole,chardev=shell"]
            qemu += ["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net"]
            words.append("console=ttyAMA0 systemd.show_status=1")
        else:
            qemu += ["-M", "raspi3b", "-dtb", str(self._pi_tree(boot)), "-drive", f"file={self.path},format=raw,if=sd"]
            # the first serial line is the PL011, the meter's; the second the mini UART, the console's and the shell's
            qemu += ["-serial", f"chardev:{self.meter}" if self.meter else "null"]
            qemu += ["-chardev", f"{shell},logfile={self.console},logappend=on", "-serial", "chardev:shell"]
            qemu += ["-netdev", "user,id=net", "-device", "usb-net,netdev=net"]
            words.append("console=ttyS1,115200 systemd.watchdog_sec=0 systemd.show_status=1")
        qemu += [*self.arguments, "-append", " ".join(words)]
        with (self._folder / "qemu.log").open("ab") as log:
            self._qemu = subprocess.Popen(qemu, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def cut(self) -> None:
        """Take the power away."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait(30)
            self._qemu = None

    def said(self) -> str:
        """Return what the console has said since the last start."""
        if not self.console.exists():
            return ""
        with self.console.open("rb") as log:
            log.seek(self._from)
            return log.read().decode(errors="replace")

    def wait_for(self, pattern: str, within_s: float) -> str:
        """Return what the console said that matches. Raises CardError when it has not after so long, or QEMU ended."""
        until = time.monotonic() + within_s
        while True:
            is_over = self._is_over()
            if found := re.search(pattern, self.said()):
                return found[0]
            if is_over or time.monotonic() > until:
                raise CardError(f"no {pattern!r} after {within_s:.0f} s: {self.said()[-1500:]}")
            self._is_over(LOOK_EACH_S)

    def ended(self, within_s: float) -> None:
        """Wait for the board to be off, or about to start again. Raises CardError."""
        if self._qemu is None:
            return
        try:
            self._qemu.wait(within_s)
        except subprocess.TimeoutExpired as exc:
            raise CardError(f"still on after {within_s:.0f} s: {self.said()[-1500:]}") from exc
        self.wants_try = TRIED in self.said()

    def is_off(self, within_s: float) -> bool:
        """Return whether the board is off within this time, or about to start again."""
        try:
            self.ended(within_s)
        except CardError:
            return False
        return True

    def shell(self, command: str, within_s: float = 60) -> str:
        """Return what a command of the root shell printed. Raises CardError when it fails or does not end."""
        token = secrets.token_hex(4)
        # from its own mark on: what a slow shell was asked before it answered at all may come late
        begin = f"printf '%s-%s\\n' {token} begin"
        self._send(f"{begin}; {{ {command}\n}} 2>&1; printf '%s-%s=%d=\\n' {token} end $?\n", within_s)
        found = self._hear(rf"(?s){token}-begin\r?\n(.*?){token}-end=(\d+)=\r?\n", within_s)
        printed = re.sub(r"^(bash-[\d.]+# |> )*", "", found[1].decode(errors="replace").replace("\r\n", "\n"))
        if int(found[2]):
            raise CardError(f"{command!r} gave {int(found[2])}: {printed[-1500:]}")
        return printed

    def off(self, within_s: float = 120) -> None:
        """Switch it off as a person would who can."""
        self._send("systemctl poweroff\n", within_s)
        self.ended(within_s)

    def guest_s(self) -> float:
        """Return the time of the kernel's last line, in seconds since its start."""
        stamps = re.findall(r"^\[ *(\d+\.\d+)\]", self.said(), re.MULTILINE)
        return float(stamps[-1]) if stamps else 0.0

    # --- inside

    def _is_over(self, within_s: float = 0.0) -> bool:
        """Return whether no board runs, or ends within so long: what it does meanwhile is looked at afterwards."""
        if self._qemu is None:
            return True
        try:
            self._qemu.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _boot_partition(self) -> int:
        section, chosen = "all", {"all": 1, "tryboot": 1}
        for line in self.read("autoboot.txt").decode("ascii").splitlines():
            if found := re.fullmatch(r"\[(\w+)\]", line):
                section = found[1]
            elif found := re.fullmatch(r"boot_partition=(\d)", line):
                chosen[section] = int(found[1])
        return chosen["tryboot" if self.wants_try else "all"]

    def _virt_tree(self, boot: Path) -> Path:
        tree = boot / "virt.dtb"
        line = ("-M", f"virt,dumpdtb={tree}", "-cpu", "cortex-a53", "-smp", "2", "-m", str(MEMORY_MIB["virt"]))
        run("qemu-system-aarch64", *line, "-display", "none")
        return self._told(tree)

    def _pi_tree(self, boot: Path) -> Path:
        tree = boot / PI_TREE
        run("fdtput", "-p", "-c", tree, "/system")
        run("fdtput", "-t", "x", tree, "/system", "linux,revision", PI_REVISION)
        # the card leaves the pins to the PL011; the console of the harness is the mini UART, without pins
        run("fdtput", "-t", "s", tree, MINI_UART, "status", "okay")
        run("fdtput", "-d", tree, MINI_UART, "pinctrl-0", "pinctrl-names")
        # an input of the emulated GPIO reads 0: a shorted bus, whose search is done 64 times each ten seconds
        run("fdtput", "-t", "s", tree, trees.ONE_WIRE, "status", "disabled")
        return self._told(tree)

    def _told(self, tree: Path) -> Path:
        run("fdtput", "-p", "-c", tree, "/chosen/bootloader")
        for name, value in (("tryboot", int(self.wants_try)), ("partition", self.booted)):
            run("fdtput", "-t", "u", tree, "/chosen/bootloader", name, str(value))
        return tree

    def _send(self, text: str, within_s: float) -> None:
        self._open(within_s).sendall(text.encode())

    def _open(self, within_s: float) -> socket.socket:
        if self._line is None:
            until = time.monotonic() + within_s
            line = self._plugged(until)
            line.settimeout(1)
            self._line, self._heard = line, b""
            token = secrets.token_hex(4)
            while time.monotonic() < until:  # until a shell is there that answers
                try:
                    line.sendall(f"\nprintf '%s-%s\\n' {token} here\n".encode())
                    self._hear(rf"{token}-here", 3)
                except (CardError, TimeoutError):  # nobody reads the line yet: what was asked before fills it
                    continue
                return line
            raise CardError(f"no shell after {within_s:.0f} s: {self.said()[-1500:]}")
        return self._line

    def _plugged(self, until: float) -> socket.socket:
        while True:  # QEMU makes the line when it has read kernel and initramfs
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(str(self._folder / "shell.sock"))
            except (FileNotFoundError, ConnectionRefusedError):
                line.close()
                if time.monotonic() > until or self._is_over(LOOK_EACH_S):
                    raise
            else:
                return line

    def _hear(self, pattern: str, within_s: float) -> re.Match[bytes]:
        until = time.monotonic() + within_s
        while not (found := re.search(pattern.encode(), self._heard)):
            if time.monotonic() > until or self._is_over() or self._line is None:
                raise CardError(f"no answer after {within_s:.0f} s: {self._heard[-500:]!r} {self.said()[-1000:]}")
            try:
                self._heard += self._line.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError as exc:
                raise CardError(f"switched off while it was asked: {self.said()[-1000:]}") from exc
        self._heard = self._heard[found.end() :]
        return found


def _add_shell(initrd: Path, line: str) -> None:
    """Append an archive with an init that also leaves a unit in /run; the kernel takes the later file of a name."""
    script = held_file(gzip.decompress(initrd.read_bytes()), "init").decode()
    head, found, tail = script.rpartition("exec switch_root")
    if not found:
        raise CardError("the card's init does not hand over as it did")
    changed = head + SHELL.replace("LINE", line) + found + tail
    more = initramfs.record("init", 0o100755, changed.encode(), number=1, epoch=0)
    more += initramfs.record("TRAILER!!!", 0, b"", number=0, epoch=0)
    packed = initrd.read_bytes()
    initrd.write_bytes(packed + bytes(-len(packed) % 4) + more)


def held_file(archive: bytes, name: str) -> bytes:
    """Return a file of a newc archive. Raises CardError where there is none."""
    at = 0
    while archive[at : at + 6] == b"070701":
        fields = [int(archive[n : n + 8], 16) for n in range(at + 6, at + 110, 8)]
        size, length = fields[6], fields[11]
        begin = at + 110 + length
        begin += -begin % 4
        if archive[at + 110 : at + 110 + length - 1].decode() == name:
            return archive[begin : begin + size]
        at = begin + size
        at += -at % 4
    raise CardError(f"no {name} in the initramfs")


def needs() -> Sequence[str]:
    """Return what this machine lacks to emulate a card."""
    programs = ("qemu-system-aarch64", "qemu-img", "mcopy", "fdtput")
    return [name for name in programs if shutil.which(name) is None]

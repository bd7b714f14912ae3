"""One guest: booted, asked to run scripts, cut off in the middle, booted again from the same disk.

In virtual time (`-icount`) an instruction of the guest takes 4 ns and idle time is skipped: what happens in the guest
does not depend on how busy the host is. Each boot begins a day after the one before. While nothing runs in it the guest
stands still, so that its time does not run away. What the host answers or sends (disks, shared folder, serial streams)
still comes in the host's time, in which the guest's may run far ahead; so a flush is answered at once (`cache=unsafe`:
the host does not lose its power), and a file on a disk or in the shared folder is no place to measure time by.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, Self

import msgspec

from tests.hil.guest.build import PATH, Parts, build, in_load_order, modules_tree, said
from tests.hil.guest.qmp import Qmp, QmpError

BOOT_S: Final = 240.0
"""Host seconds that a boot may take on a busy machine."""
END: Final = "#hil-rc "
MACHINE: Final = (
    "-cpu", "max", "-M", "q35", "-nodefaults", "-display", "none", "-no-reboot", "-monitor", "none",
    "-device", "virtio-rng-pci", "-device", "virtio-serial-pci", "-device", "qemu-xhci,id=usb",
)  # fmt: skip
KERNEL_WORDS: Final = (
    "console=ttyS0 panic=-1 mitigations=off nokaslr tsc=reliable net.ifnames=0 systemd.show_status=no loglevel=4"
)


class GuestError(RuntimeError):
    """The guest died, did not answer in time, or a script failed. The message ends with its console's last lines."""


class Result(msgspec.Struct, frozen=True):
    """What a script printed (both streams), its exit code, and the folder where its files in $HIL are."""

    rc: int
    lines: list[str]
    folder: Path

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


class Job:
    """A script that runs in the guest; its lines so far."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.folder = folder
        self.lines: list[str] = []
        self.rc: int | None = None


class Guest:
    """One virtual machine with a disk of its own in `folder`, which is kept from one boot to the next.

    `clock` is "virtual"; "polled", where idle time is spent and not skipped, so that what the host answers is not late;
    or "host" for streams that the host sends at their own pace. `init` is "bare" (our agent alone, ready at once) or
    "systemd". `modules` are names of the kernel's own modules, and .ko files built for
    `Guest.release()`, loaded in this order with what they need. `options` are further words for QEMU,
    `words` for the kernel.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Literal["virtual", "polled", "host"] = "virtual",
        init: Literal["bare", "systemd"] = "bare",
        modules: Sequence[str | Path] = (),
        options: Sequence[str] = (),
        words: str = "",
        shift: int = 2,
        cpus: int = 1,
        memory_mib: int = 512,
    ) -> None:
        self.folder = folder
        self.share = folder / "share"
        self.disk = folder / "disk.raw"
        self.share.mkdir(parents=True, exist_ok=True)
        self.meanwhile: Callable[[float], float] | None = None
        """Called while the host waits for the guest, with the monotonic time; returns when to be called again."""
        self._meanwhile_due_s = 0.0
        self._boots = 0
        self._parts = build()
        self._clock, self._init, self._modules, self._options = clock, init, tuple(modules), tuple(options)
        self._words = words
        self._shift, self._cpus, self._memory_mib = shift, cpus, memory_mib
        self._process: subprocess.Popen[bytes] | None = None
        self._agent: socket.socket | None = None
        self._qmp: Qmp | None = None
        self._jobs: dict[int, Job] = {}
        self._rest = b""
        self._number = 0
        self._is_paused = False

    @staticmethod
    def release() -> str:
        """Return the release of the guest's kernel, such as 6.1.0-56-amd64."""
        return build().release

    def __enter__(self) -> Self:
        self.boot()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- life

    def boot(self) -> None:
        """Start QEMU on this guest's disk and wait for its agent. Raises GuestError."""
        self._boots += 1
        if not self.disk.exists():
            said("cp", "--sparse=always", "--reflink=auto", self._parts.root, self.disk)
        (self.share / "modules.order").write_text(self._module_list(), "ascii")
        ours, theirs = socket.socketpair()
        monitor, monitored = socket.socketpair()
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                self._command(theirs.fileno(), monitored.fileno()),
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(), monitored.fileno()), env={**os.environ, "PATH": PATH},
            )  # fmt: skip
        theirs.close()
        monitored.close()
        self._agent, self._rest, self._is_paused = ours, b"", False
        self._jobs = {0: Job(0, self.share)}
        try:
            self._qmp = Qmp(monitor)
        except QmpError as exc:
            monitor.close()
            raise self._failure("QEMU did not start") from exc
        self._finish(self._jobs[0], BOOT_S)

    def close(self) -> None:
        """End QEMU; the disk stays. May be called twice."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process = None
        if self._qmp is not None:
            self._qmp.close()
        if self._agent is not None:
            self._agent.close()
        self._agent = self._qmp = None

    def power_cut(self) -> None:
        """Take the power away at this instant: what the guest's kernel had not yet written to its disk is lost.

        The disk has no cache of its own: a write that reached it is there. (What a disk with a cache loses is tested
        by recorded writes, tests/fault.)
        """
        self.qemu.send_signal(signal.SIGKILL)
        self.close()

    # -- scripts

    def run(self, script: str, timeout_s: float = 120.0, *, check: bool = True) -> Result:
        """Run a script in the guest and return what it printed; `timeout_s` is the host's time.

        A shell's script, unless its first line is `#!` and a program (`#!/opt/vigie/bin/python`). Files that it writes
        to $HIL are in `Result.folder`. Raises GuestError when it takes longer or, with `check`, fails.
        """
        job = self.start(script)
        self._finish(job, timeout_s)
        result = Result(job.rc or 0, job.lines, job.folder)
        if check and result.rc:
            raise self._failure(f"a script failed ({result.rc}): {chr(10).join(job.lines[-30:])}")
        return result

    def start(self, script: str) -> Job:
        """Start a script in the guest; while it runs the guest's time passes."""
        self._number = 1 + max(int(path.name) if path.name.isdigit() else 0 for path in self.share.iterdir())
        folder = self.share / str(self._number)
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
        run = folder / "run"
        run.write_text(script if script.startswith("#!") else f"#!/bin/sh\nset -e\n{script}\n", "utf-8")
        run.chmod(0o755)
        job = self._jobs[self._number] = Job(self._number, folder)
        self._connection.sendall(f"{self._number}\n".encode())
        self.resume()
        return job

    def wait(self, job: Job, timeout_s: float = 120.0) -> Result:
        """Wait for the end of a script that was started."""
        self._finish(job, timeout_s)
        return Result(job.rc or 0, job.lines, job.folder)

    def wait_line(self, job: Job, text: str, timeout_s: float = 120.0, seen: int = 0) -> str:
        """Return the first line of a running script, after those `seen`, that holds this text."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            for line in job.lines[seen:]:
                seen += 1
                if text in line:
                    return line
            if job.rc is not None:
                raise self._failure(f"a script ended ({job.rc}) without {text!r}: {chr(10).join(job.lines[-30:])}")
            self._listen(deadline_s, f"no line with {text!r} from a script: {chr(10).join(job.lines[-30:])}")

    def pause(self) -> None:
        """Let the guest's time stand still."""
        if not self._is_paused:
            self.qmp.ask("stop")
            self._is_paused = True

    def resume(self) -> None:
        """Let the guest's time pass."""
        if self._is_paused:
            self.qmp.ask("cont")
            self._is_paused = False

    @property
    def qmp(self) -> Qmp:
        """QEMU's monitor."""
        if self._qmp is None:
            raise GuestError("the guest is not running")
        return self._qmp

    @property
    def qemu(self) -> subprocess.Popen[bytes]:
        """QEMU's process."""
        if self._process is None:
            raise GuestError("the guest is not running")
        return self._process

    def memory(self, address: int, count: int) -> list[int]:
        """Return so many 32-bit numbers from this address of the guest's kernel, as they are at this instant."""
        said = self.qmp.ask("human-monitor-command", command_line=f"x /{count}wd {address:#x}")
        numbers = [int(word) for line in said.splitlines() for word in line.partition(":")[2].split()]
        if len(numbers) != count:
            raise GuestError(f"no memory at {address:#x}: {said.strip()}")
        return numbers

    def cpu_s(self) -> float:
        """Return the CPU seconds that QEMU has taken so far."""
        fields = Path(f"/proc/{self.qemu.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def console(self, lines: int = 30) -> str:
        """Return the last lines of the guest's console."""
        text = (self.folder / "console.log").read_bytes().decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])

    # -- inside

    @property
    def _connection(self) -> socket.socket:
        if self._agent is None:
            raise GuestError("the guest is not running")
        return self._agent

    def _finish(self, job: Job, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while job.rc is None:
            self._listen(deadline_s, f"a script took longer than {timeout_s:g} s: {chr(10).join(job.lines[-30:])}")
        if all(other.rc is not None for other in self._jobs.values()) and self._clock != "host":
            self.pause()

    def _listen(self, deadline_s: float, complaint: str) -> None:
        """Take what the agent sends next."""
        while not select.select([self._connection], [], [], self._patience_s(deadline_s))[0]:
            if time.monotonic() >= deadline_s:
                raise self._failure(complaint)
        try:
            received = self._connection.recv(65536)
        except ConnectionResetError:
            received = b""
        if not received:
            raise self._failure("QEMU is gone")
        *whole, self._rest = (self._rest + received).split(b"\n")
        for line in whole:
            number, _, text = line.decode("utf-8", "replace").partition(" ")
            job = self._jobs[int(number)]
            text, mark, code = text.rpartition(END) if END in text else (text, "", "")
            if text or not mark:
                job.lines.append(text)
            if mark:
                job.rc = int(code)

    def _patience_s(self, deadline_s: float) -> float:
        """Return how long to wait for the agent, after what else is due has been done."""
        now_s = time.monotonic()
        if self.meanwhile is not None and now_s >= self._meanwhile_due_s:
            self._meanwhile_due_s = self.meanwhile(now_s)
        due_s = deadline_s if self.meanwhile is None else min(deadline_s, self._meanwhile_due_s)
        return max(0.0, due_s - now_s)

    def _failure(self, what: str) -> GuestError:
        return GuestError(f"{what}\n-- console ({self.folder / 'console.log'}):\n{self.console()}")

    def _module_list(self) -> str:
        """Return names to modprobe and files to insmod, in order, and put the files where the guest finds them."""
        ours = self.share / "modules"
        shutil.rmtree(ours, ignore_errors=True)
        ours.mkdir()
        files = [item for item in self._modules if isinstance(item, Path)]
        names = {file.stem.replace("-", "_") for file in files}
        order: list[str] = []
        for item in self._modules:
            if isinstance(item, str):
                order.append(item)
                continue
            needs = said("modinfo", "-F", "depends", item).split(",")
            order += [need for need in needs if need and need.replace("-", "_") not in names and need not in order]
            shutil.copy(item, ours / item.name)
            order.append(f"/hil/modules/{item.name}")
        return "".join(f"{line}\n" for line in order)

    def _command(self, agent: int, monitor: int) -> list[str]:
        parts: Parts = self._parts
        words = f"{KERNEL_WORDS} hil.init={self._init} {self._words}"
        if self._clock == "polled":
            words += " idle=poll"
        if self._clock != "host":
            clock = ["-accel", "tcg", "-icount", f"shift={self._shift},sleep=off", "-smp", "1"]
            clock += ["-rtc", f"clock=vm,base=2026-11-{20 + self._boots:02d}T06:00:00"]
        else:
            clock = ["-accel", "tcg,thread=multi", "-smp", str(self._cpus)]
        return [
            "nice", "qemu-system-x86_64", *clock, "-m", str(self._memory_mib), *MACHINE, "-serial", "stdio",
            "-chardev", f"socket,id=agent,fd={agent}", "-device", "virtserialport,chardev=agent,name=hil",
            "-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control",
            "-bios", "qboot.rom", "-kernel", str(parts.kernel), "-initrd", str(parts.initramfs),
            "-append", words,
            "-drive", f"file={self.disk},if=none,id=root,format=raw,cache=unsafe",
            "-device", "virtio-blk-pci,drive=root",
            "-drive", f"file={parts.station},if=none,id=station,format=raw,readonly=on",
            "-device", "virtio-blk-pci,drive=station",
            "-virtfs", f"local,path={self.share},mount_tag=share,security_model=none",
            *self._options,
        ]  # fmt: skip


def shipped(name: str) -> list[Path]:
    """Return the files of one of the kernel's own modules and of what it needs, in the order of loading."""
    parts = build()
    return in_load_order(modules_tree(parts) / "lib" / "modules" / parts.release, [name])


__all__ = ["Guest", "GuestError", "Job", "Result", "shipped"]

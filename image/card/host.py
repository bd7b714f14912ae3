"""What the building machine must have, and how its programs are run: every step with its wall and CPU time."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
BINFMT: Final = Path("/proc/sys/fs/binfmt_misc")
EMULATION: Final = "qemu-aarch64"


class HostError(RuntimeError):
    """No card can be made on this machine; the message says what is missing and what to do."""


class StepError(RuntimeError):
    """A program failed; the message holds what it complained of."""


class Step(msgspec.Struct):
    """What one step of the build took."""

    name: str
    wall_s: float
    cpu_s: float


class Steps:
    """The steps of a build in their order, each printed when it is over."""

    def __init__(self) -> None:
        """None yet."""
        self.taken: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is done inside, its programs included."""
        wall_s, cpu_s = time.monotonic(), _cpu_s()
        yield
        self.taken.append(Step(name, time.monotonic() - wall_s, _cpu_s() - cpu_s))
        print(f"{name:<44} {self.taken[-1].wall_s:7.1f} s  {self.taken[-1].cpu_s:7.1f} CPU-s", flush=True)


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def run(*words: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None, given: bytes = b"") -> str:
    """Run a program and return what it printed. Raises StepError with the end of what it complained of."""
    done = subprocess.run(
        list(map(str, words)),
        capture_output=True,
        check=False,
        input=given,
        cwd=cwd,
        env={**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8", **(env or {})},
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).decode(errors="replace")[-3000:]
        raise StepError(f"{words[0]} failed ({done.returncode}): {said}")
    return done.stdout.decode(errors="replace")


def check_programs(programs: Sequence[str]) -> None:
    """Raise HostError that names the missing ones."""
    if missing := [name for name in programs if shutil.which(name, path=PATH) is None]:
        raise HostError(f"missing on this machine: {' '.join(missing)}; `make image` installs them by apt")


def check_root() -> None:
    """Raise HostError for an ordinary user: the card's files are those of root, its packages set up in a chroot."""
    if os.geteuid() != 0:
        raise HostError("a card is made as root: sudo make image")


def ensure_emulation(machine: str, binfmt: Path = BINFMT) -> str:
    """Let this kernel run arm64 programs; return what was done for it, empty when nothing.

    The packages' own scripts are run while the root is filled, by qemu-user on another processor. In a container
    binfmt_misc may not be mounted, and then the registration that came with the package went nowhere.
    Raises HostError where it can't be had.
    """
    if machine == "aarch64":
        return ""
    done: list[str] = []
    try:
        if not (binfmt / "register").exists():
            run("mount", "-t", "binfmt_misc", "none", binfmt)
            done.append(f"mounted {binfmt}")
        if not (binfmt / EMULATION).exists():
            run("update-binfmts", "--enable", EMULATION)
            done.append(f"switched {EMULATION} on")
    except (StepError, OSError) as exc:
        raise HostError(f"{_NO_EMULATION} ({exc})") from exc
    state = binfmt / EMULATION
    if not state.exists() or not state.read_text("ascii").startswith("enabled"):
        raise HostError(_NO_EMULATION)
    return ", ".join(done)


_NO_EMULATION: Final = (
    f"this kernel can't run arm64 programs: {BINFMT}/{EMULATION} is missing. Install qemu-user-static and "
    "binfmt-support; in a container, the machine outside needs them (docs/image.md)"
)

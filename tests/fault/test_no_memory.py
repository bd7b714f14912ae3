"""No memory left, as an exception in the process: wherever it strikes, what was durable is there at the next start."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.cli.client import Client
from edge.store.offline import stored_logs
from tests.box_rig import Service, service
from tests.fault.test_brown_out import write_config
from tests.support import ROOT, eventually


def records(box: Service) -> int:
    return int(Client(box.socket).get("buffer")["records"]["next"])


def virtual_octets(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmPeak"))


def starve(folder: Path, words: tuple[str, ...], most_octets: int) -> str:
    """Run a box for three seconds with so much address space, then kill it; return what it said."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (most_octets, most_octets))

    program = [sys.executable, "-m", "edge.cli.main", "run", "--socket", str(folder / "starved.sock"), *words]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=limit, cwd=folder,  # noqa: PLW1509
        env={"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "1"},
    ) as box:  # fmt: skip
        timer = threading.Timer(3.0, box.kill)
        timer.start()
        said = box.communicate(timeout=30)[0]
        timer.cancel()
    return said


def sweep(folder: Path, steps: int) -> None:
    """Take away memory in so many steps, from all that a box takes down to too little to begin."""
    words = ("--demo", "--config", str(write_config(folder)), "--state", str(folder / "state"))
    with service(folder, *words, name="first", MALLOC_ARENA_MAX="1") as box:
        eventually(lambda: records(box) > 3, 20, "records are durable")
        durable, whole = records(box), virtual_octets(box.pid)
    struck = 0
    for step in range(steps):
        said = starve(folder, words, whole - (step + 1) * (whole // 2) // steps)
        struck += "MemoryError" in said or "can't start new thread" in said or "Cannot allocate" in said
        with stored_logs(folder / "state") as logs:
            assert logs.records.notes + logs.events.notes == []
            assert logs.records.next_seq() >= durable
            durable = logs.records.next_seq()
    with service(folder, *words, name="last") as box:
        eventually(lambda: records(box) > durable, 20, "a start with memory goes on")
    print(f"\n{steps} starts with {whole >> 20} to {whole >> 21} MiB of address space: {struck} were struck, 0 lost")
    assert struck


@pytest.mark.slow(reason="five starts of a real process, three of them with too little memory")
def test_a_process_that_gets_too_little_memory_loses_nothing_durable(tmp_path: Path) -> None:
    sweep(tmp_path, 3)


@pytest.mark.campaign(reason="forty starts of three seconds")
def test_memory_may_end_anywhere(tmp_path: Path) -> None:
    sweep(tmp_path, 40)

"""What a running process has cost so far, as Linux counts it: CPU, memory, threads, switches, bytes written."""

from __future__ import annotations

import re
import time
from pathlib import Path

import msgspec


class Spent(msgspec.Struct, frozen=True):
    """The counters of one process at one instant; two of them make a figure."""

    at_s: float
    cpu_ns: int
    switches: int
    written: int
    """Bytes sent to the block layer (write_bytes of /proc/PID/io).

    From Linux 6.16 on it can be several times too high on ext4: one changed block of a large page in the cache counts
    as the whole page, although only the block goes to the disk.
    """
    handed: int
    """Bytes handed to write calls (wchar): files, and 8 for each ring of a bell between threads."""

    def __sub__(self, earlier: Spent) -> Spent:
        return Spent(
            self.at_s - earlier.at_s,
            self.cpu_ns - earlier.cpu_ns,
            self.switches - earlier.switches,
            self.written - earlier.written,
            self.handed - earlier.handed,
        )


class Memory(msgspec.Struct, frozen=True):
    """Memory of one process in MB: its own, its share of what is shared, all that is resident."""

    uss: float
    pss: float
    rss: float


def cpu_ns(pid: int) -> int:
    """Return the CPU time of all threads of a process in ns, by its own CPU clock (clock_getcpuclockid(3)).

    /proc/PID/stat counts ticks of 10 ms, which is 0.8 ms a thousand readings over a minute of 200 readings a second.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)


def spent(pid: int) -> Spent:
    """Return what the process has cost up to now."""
    folder = Path(f"/proc/{pid}")
    counts = dict(re.findall(r"^(\w+): (\d+)", (folder / "io").read_text("ascii"), re.MULTILINE))
    switches = 0
    for task in (folder / "task").iterdir():
        try:
            status = (task / "status").read_text("ascii", "replace")
        except FileNotFoundError:  # a thread that has just ended
            continue
        switches += sum(int(count) for count in re.findall(r"ctxt_switches:\s+(\d+)", status))
    return Spent(time.monotonic(), cpu_ns(pid), switches, int(counts["write_bytes"]), int(counts["wchar"]))


def memory(pid: int) -> Memory:
    """Return what the process holds now (/proc/PID/smaps_rollup)."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    kb = {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB", rollup, re.MULTILINE)}
    return Memory((kb["Private_Clean"] + kb["Private_Dirty"]) / 1024, kb["Pss"] / 1024, kb["Rss"] / 1024)


def threads(pid: int) -> int:
    """Return how many threads the process has now."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())

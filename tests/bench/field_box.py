"""The station of the field bench, in a process of its own: `python -m tests.bench.field_box SITE STATE SECONDS`.

Prints as JSON what each thread's CPU clock says, so that the simulated devices' thread can be left out, and how late
the buses came to their ticks.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from edge.runtime.box import Box
from edge.runtime.demo import Demo
from edge.settings.load import load
from tests.bench import procfs

SETTLE_S = 15.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(thread: threading.Thread) -> float:
    """Return the CPU time of a thread of this process, in s to a microsecond (schedstat)."""
    text = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text(encoding="ascii")
    return int(text.split()[0]) / 1e9


def spent() -> dict[str, float]:
    return {thread.name: cpu_s(thread) for thread in threading.enumerate() if thread.native_id}


def main(site: Path, state: Path, seconds: float) -> dict[str, Any]:
    """Run the box for so long after it has settled and return the figures."""
    settings = load(site)
    box = Box(settings, state, hardware=lambda folder: Demo(settings, folder, time.monotonic()))
    box.start()
    pause = threading.Event()
    pause.wait(SETTLE_S)
    before, readings = spent(), box.station.readings
    pause.wait(seconds)
    after = spent()
    readings = box.station.readings - readings
    values = box.desk.view("values")
    memory = procfs.memory(os.getpid())
    found = {
        "cpu_s": {name: after[name] - before.get(name, 0.0) for name in after},
        "readings": readings,
        "seconds": seconds,
        "uss_mb": memory.uss,
        "pss_mb": memory.pss,
        "threads": len(after),
        "bad": sorted(f"{view.point} {view.reason}" for view in values if view.quality == "bad"),
        "points": len(values),
        "late_ms": {bus.bus: bus.late.told() for bus in box.buses},
    }
    box.stop()
    return found


if __name__ == "__main__":
    print(msgspec.json.encode(main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))).decode())

"""The process that is killed: lives a box's life on a real folder and says, a line each, what is durable.

python -m tests.fault.kept_child lives             for each line "<folder> <point>" a life that dies at that point
python -m tests.fault.kept_child goes-on <folder>  one life, until it is killed
"""

from __future__ import annotations

import os
import sys

import msgspec

from edge.store.fs import Fs, RealFs
from tests.fault.crashing_fs import CrashingFs
from tests.fault.kept_box import Kept, KeptBox


def tell(kept: Kept) -> None:
    """Say it in one write, which a kill can't cut in two."""
    os.write(1, msgspec.json.encode(kept) + b"\n")


def whole_life(fs: Fs, told: list[Kept]) -> None:
    """Live from the first start through a clean stop, and a second life to its end."""
    for steps in (14, 6):
        box = KeptBox(fs, told.append)
        box.start()
        box.live(steps)
        box.stop()


class Spoken(list[Kept]):
    """What was told, said as well."""

    def append(self, kept: Kept) -> None:
        tell(kept)


def lives() -> None:
    """Fork a life for each line; answer how it ended, after what it said."""
    for line in iter(sys.stdin.readline, ""):
        folder, _, point = line.rstrip("\n").partition(" ")
        child = os.fork()
        if not child:
            whole_life(CrashingFs(RealFs(folder), point), Spoken())
            os._exit(0)
        os.write(1, b"%d\n" % os.waitpid(child, 0)[1])


def goes_on(folder: str) -> None:
    """Live until the end."""
    box = KeptBox(RealFs(folder), tell)
    box.start()
    while True:
        box.live(1)


if __name__ == "__main__":
    lives() if sys.argv[1] == "lives" else goes_on(sys.argv[2])

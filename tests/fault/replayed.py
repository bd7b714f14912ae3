"""Writers judged by replayed cuts: each life is recorded once and cut at many places, by every model."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from tests.disks import clone, make_ext4, mounted
from tests.fault.cut_judge import Judge
from tests.fault.cut_store import Claim
from tests.fault.cut_writers import WRITERS
from tests.fault.cuts import DISK_MIB, Tally, judge
from tests.fault.recorded import Model, Recording, Replay, read_recording, writing

LIFE_S: Final = 2.0
NOTHING: Final = Claim(0, 0, 0, 0, 0)


def recorded_life(folder: Path, image: Path, *words: str, life_s: float = LIFE_S) -> Recording:
    """Let a writer write for a while on a disk that records."""
    with writing(folder, image, folder / "life.log", "-m", *words) as writer:
        with suppress(subprocess.TimeoutExpired):
            writer.wait(life_s)
        assert writer.poll() is None, "the writer ended by itself"
    return read_recording(folder / "life.log")


def replayed_tally(name: str, folder: Path, model: Model, cuts: int, seed: int = 1) -> Tally:
    """Cut the power of one of WRITERS at so many places of one life."""
    dice, tally = Random(seed), Tally()
    image, copy = folder / "start.ext4", folder / "cut.ext4"
    make_ext4(image, DISK_MIB)
    recording = recorded_life(folder, image, "tests.fault.cut_writers", name)
    replay = Replay(image, recording)
    for place in sorted(dice.sample(range(recording.length + 1), cuts)):
        replay.cut(place, model, dice, copy)
        if not mounts(copy, folder / "cut"):
            tally.not_mounted += 1
            continue
        with mounted(copy, folder / "cut") as cut:
            judge(tally, int(recording.claimed(place) or 0), WRITERS[name].found, cut.folder)
    replay.close()
    return tally


def replayed_store(folder: Path, model: Model, lives: int, cuts_a_life: int, seed: int = 1) -> Judge:
    """Cut the power of the box's store; each life begins with what a cut of the one before left."""
    dice, judged, claim = Random(seed), Judge(), NOTHING
    start, following, copy = (folder / f"{name}.ext4" for name in ("start", "following", "cut"))
    make_ext4(start, DISK_MIB)
    for life in range(1, lives + 1):
        recording = recorded_life(folder, start, "tests.fault.cut_store", str(life))
        replay = Replay(start, recording)
        places = sorted(dice.sample(range(recording.length + 1), cuts_a_life))
        before, goes_on = claim, False
        for place in places:
            replay.cut(place, model, dice, copy)
            clone(copy, following)
            if not mounts(copy, folder / "cut"):
                judged.tally.not_mounted += 1
                continue
            claimed = recording.claimed(place)
            claim = msgspec.json.decode(claimed, type=Claim) if claimed else before
            goes_on = place == places[-1]
            with mounted(copy, folder / "cut") as cut:
                judged.look(cut.folder, claim, goes_on=goes_on)
        replay.close()
        if goes_on:
            following.rename(start)
        else:  # this life never was
            claim = before
    return judged


def mounts(image: Path, folder: Path) -> bool:
    """Return whether the ext4 itself survived: noise in its own blocks may be more than it can bear."""
    try:
        with mounted(image, folder):
            return True
    except AssertionError:
        return False

"""Power for a few seconds only, again and again: what a start writes is bounded, no file grows, starts are counted."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from edge.store.offline import stored_logs
from tests.box_rig import Service, point, write_site
from tests.support import eventually

FIRST_KB = 9000  # a segment of each log is filled with zeros when it is first used
LATER_KB = {6: 200, 60: 300}  # by how long a start may last; measured 190 and 193 to 209
EVENTS_EACH = 12
AHEAD_OCTETS = 5 << 20  # SQLite writes it back after 1,000 pages of 4 KiB


def write_config(folder: Path) -> Path:
    return write_site(
        folder,
        bus={"i2c1": {"kind": "i2c", "number": 1}, "gpio": {"kind": "gpio"}},
        point=[
            point("volts", "i2c1", "ads1115", address=0x48, input="AIN0"),
            point("water", "gpio", "pulse", pin=17, weight=0.001, weight_unit="m3"),
        ],
        link={"mqtt": {"host": "127.0.0.1", "port": 1}},
    )


def written_octets(pid: int) -> int:
    """Return what a process has written to files on the card; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def used_octets(state: Path) -> int:
    """Return what the files take; history's write-ahead log, which fills up to a bound of its own, counts as full."""
    files = [path for path in state.rglob("*") if path.is_file()]
    ahead = sum(path.stat().st_size for path in files if path.name.endswith("-wal"))
    assert ahead < AHEAD_OCTETS
    return AHEAD_OCTETS - ahead + sum(path.stat().st_blocks * 512 for path in files)


def brown_out(folder: Path, starts: int, longest_s: float) -> None:
    """Start and kill a box so many times, and check what each start left."""
    config, state, dice = write_config(folder), folder / "state", Random(1)
    octets: list[int] = []
    reached: list[int] = []
    used: list[int] = []
    for number in range(starts):
        box = Service(folder, "--demo", "--config", str(config), "--state", str(state), name=f"run{number % 2}")
        began_s = time.monotonic()
        box.start()
        if number == 0:
            eventually(box.answers, 30, "the first start comes about")
        power_s = dice.uniform(0.0, longest_s)
        eventually(lambda b=began_s, p=power_s: time.monotonic() - b > p, 60)  # type: ignore[misc]
        octets.append(written_octets(box.pid))
        box.kill()
        with stored_logs(state) as logs:
            boot = max(logs.records.boot, logs.events.boot)
            events = logs.events.next_seq() - 1
            assert not logs.records.notes + logs.events.notes
        assert boot >= (reached[-1] if reached else 0)  # it answers before its first entry is durable
        assert events <= EVENTS_EACH * boot + 12, "what a start tells is bounded"
        reached.append(boot)
        used.append(used_octets(state))
    whole = sum(after > before for before, after in pairwise(reached)) + 1
    later = sorted(octets[2:])
    print(f"\n{starts} starts of 0 to {longest_s:g} s: {whole} got as far as the card, {reached[-1]} counted; "
          f"written each {later[len(later) // 2] / 1000:.0f} kB, at most {later[-1] / 1000:.0f} kB, the first "
          f"{octets[0] / 1000:.0f} kB; folder {used[0] / 2**20:.1f} then {used[-1] / 2**20:.1f} MiB")  # fmt: skip
    assert octets[0] < FIRST_KB * 1000
    assert later[-1] < FIRST_KB * 1000
    assert later[len(later) // 2] < next(kb for most_s, kb in LATER_KB.items() if longest_s <= most_s) * 1000
    assert used[-1] <= used[1] + (1 << 20), "no file grows"
    assert reached[-1] >= starts // 4


@pytest.mark.slow(reason="six starts of a real process, each killed within three seconds")
def test_a_few_brown_outs(tmp_path: Path) -> None:
    brown_out(tmp_path, 6, 3.0)


@pytest.mark.campaign(reason="two hundred starts, each killed within six seconds")
def test_two_hundred_brown_outs(tmp_path: Path) -> None:
    """VIGIE_BROWN_OUT=50x60: fifty starts, each killed within a minute; four such side by side take 25 minutes."""
    starts, _, longest_s = os.environ.get("VIGIE_BROWN_OUT", "200x6").partition("x")
    brown_out(tmp_path, int(starts), float(longest_s))

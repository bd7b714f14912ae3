"""Settings that were ordered from afar and that nobody keeps, with a power cut at every write: the old ones come back.

Before the new ones read a device their trial is on the card; taken back they are told so once, whatever was cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.core.commands import Command, Result
from edge.core.on_trial import RESTARTS_MOST
from edge.core.types import Event
from edge.runtime.box import Box
from edge.runtime.station import Order
from edge.settings.load import load
from edge.store.fs_memory import MODELS, MemoryFs, prefixes
from edge.store.log import Log
from hal.fake.i2c import Ads1115Chip, FakeI2c
from tests.box_rig import Bench
from tests.plant import Plant
from tests.reload_rig import change, reload
from tests.support import eventually

OLD, NEW = 2.0, 2.5
MORE = """[bus.i2c2]
kind = "i2c"
number = 2

[[point]]
id = "more"
bus = "i2c2"
driver = "ads1115"
address = 0x49
input = "AIN0"

"""


class Noting(FakeI2c):
    """A bus of the new settings alone: notes how much had been written when it was first used."""

    def __init__(self, disk: MemoryFs) -> None:
        super().__init__({0x49: Ads1115Chip(0.25)})
        self._disk = disk
        self.first: int | None = None

    def __getattribute__(self, name: str) -> Any:
        if name.startswith(("read_", "write_", "i2c_")) and self.first is None:
            self.first = len(self._disk.calls or [])
        return super().__getattribute__(name)


class Site:
    """A box on a disk in RAM that is cut, again and again; its settings file is elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.plant = Plant(folder)
        self.state = folder / "state"
        self.disk = MemoryFs(keep_cuts=True)
        self.noting = Noting(self.disk)
        self._starts = 0

    @contextmanager
    def start(self) -> Iterator[Box]:
        """Start on what is on the disk, and end by a cut."""
        self._starts += 1
        self.noting = Noting(self.disk)
        bench = Bench(i2c1=FakeI2c({0x48: self.plant.chip}), gpio=self.plant.board.factory, i2c2=self.noting)
        box = Box(
            load(self.plant.config), self.state / f"{self._starts}", config=self.plant.config, fs=self.disk,
            hardware=lambda _: bench,
        )  # fmt: skip
        box.start()
        try:
            eventually(lambda: "running" in box.events.registers, 5, "it has started")
            yield box
            cut = self.disk.after_cut("lost")
        finally:
            box.stop()
        self.disk = cut

    def order(self, box: Box, id_: str, verb: str = "reload") -> Result:
        results: list[Result] = []
        box.station.post(Order(Command(id_, verb, {}, "+33600000001", "sms", "configure"), results.append))
        eventually(lambda: results, 5, f"{verb} is answered")
        return results[0]


def limit(box: Box) -> float | None:
    return box.station.engine.limits["volts.high"].spec.value


def trial(box: Box) -> dict[str, Any]:
    found: dict[str, Any] = box.events.registers["trials"]["trials"]["sms-1"]
    return found


def trials(disk: MemoryFs) -> tuple[dict[str, Any], int]:
    """Return what a disk has of trials, and how often something was told as taken back."""
    log: Log[Event] = Log(disk, "events", "events", capacity_bytes=8 << 20, consumers=[])
    told, seq = 0, log.first_seq()
    while entries := log.read(seq, 5000).entries:
        told += sum(entry.kind == "command_undone" for entry in entries)
        seq += len(entries)
    found = log.registers.get("trials") or {}
    log.close()
    return found, told


def after_each(calls: list[Any], start: MemoryFs) -> Iterator[tuple[int, dict[str, Any], int]]:
    """Yield how many of the calls were made before the power went, and what `trials` says then."""
    for place, disk in enumerate(prefixes(calls, start)):
        yield place, *trials(disk.after_cut(MODELS[place % len(MODELS)], place))


def test_a_cut_at_every_write_leaves_them_on_trial_or_taken_back_and_told_once(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.start() as box:
        start = site.disk.after_cut("kept")
        change(site.plant.config, "value = 2.0", "value = 2.5")
        change(site.plant.config, "[[limit]]", f"{MORE}[[limit]]")
        site.disk.calls = []
        assert site.order(box, "sms-1").done
        eventually(lambda: box.reloading.report.state == "done", 10)
        eventually(lambda: site.noting.first, 5, "the new device is read")
        calls, in_force = list(site.disk.calls), site.noting.first or 0
    for place, found, told in after_each(calls, start):
        assert told == 0
        assert place < in_force or set(found["trials"]) == {"sms-1"}, f"{place} of {len(calls)}, {in_force} in force"
    for number in range(RESTARTS_MOST):
        with site.start() as box:
            eventually(lambda: trial(box)["restarts"] == number + 1, 5)  # noqa: B023 - it is waited for here
            assert limit(box) == NEW
            assert trials(site.disk.after_cut("lost"))[1] == 0
    start = site.disk.after_cut("kept")
    site.disk.calls = []
    with site.start() as box:
        eventually(lambda: limit(box) == OLD, 10, "it starts for the third time")
        assert "more" not in box.station.engine.points
        eventually(lambda: trials(site.disk.after_cut("lost"))[1], 5)
        calls = list(site.disk.calls)
    states = set()
    for place, found, told in after_each(calls, start):
        assert (set(found), told) in (({"trials"}, 0), ({"back"}, 1)), f"{place} of {len(calls)}"
        states.add(told)
    assert states == {0, 1}
    for _ in range(2):  # the file is as it was: what cut the box off does not come back with it
        with site.start() as box:
            eventually(lambda: limit(box) == OLD, 10)
    assert trials(site.disk)[1] == 1
    with site.start() as box:
        eventually(lambda: limit(box) == OLD, 10)
        assert reload(box).state == "done", "who is there decides"
        assert limit(box) == NEW
        eventually(lambda: trials(site.disk.after_cut("lost"))[0] == {}, 5)
    with site.start() as box:
        assert limit(box) == NEW


def test_what_was_kept_is_kept_once_that_was_answered(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.start() as box:
        change(site.plant.config, "value = 2.0", "value = 2.5")
        assert site.order(box, "sms-1").done
        eventually(lambda: box.reloading.report.state == "done", 10)
        start = site.disk.after_cut("kept")
        site.disk.calls = []
        assert site.order(box, "sms-2", "keep").done
        answered = len(site.disk.calls)
        calls = list(site.disk.calls)
    for place, found, told in after_each(calls, start):
        assert (set(found), told) in (({"trials"}, 0), (set(), 0))
        assert place < answered or not found
    for _ in range(RESTARTS_MOST + 2):
        with site.start() as box:
            assert limit(box) == NEW


def test_a_card_that_takes_nothing_takes_no_settings_from_afar(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.start() as box:
        change(site.plant.config, "value = 2.0", "value = 2.5")
        site.disk.is_read_only = True
        assert site.order(box, "sms-1").done
        eventually(lambda: box.reloading.report.state == "failed", 30)
        assert "card takes nothing" in box.reloading.report.why
        assert limit(box) == OLD
        site.disk.is_read_only = False

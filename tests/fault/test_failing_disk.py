"""The n-th call to the disk fails, for every n, once or until the card is well again: nothing that was told is lost.

Both logs, cursors, notebook and settings on one disk, a new one or one with a past. A start that fails is tried again,
as systemd does.
"""

from __future__ import annotations

import errno
import logging
import os
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
import pytest

from edge.runtime.stores import Stores
from edge.settings.load import loads
from edge.store.fs_memory import Fault, MemoryFs
from tests.fault.kept_box import Kept, KeptBox
from tests.fault.kept_judge import contiguous
from tests.unit.settings_good import GOOD

CALLS = ("open", "pread", "pwrite", "fdatasync", "truncate", "allocate", "rename", "unlink", "fsync_dir")
EVER = 10**9
STRIDE = 7  # of every n, in the tests that run with each change
SEGMENTS = (12, 6)  # no ring turns: whatever is missing was lost


class Case(msgspec.Struct, frozen=True):
    """Which calls fail, and how."""

    is_new: bool
    call: str
    error: int
    times: int
    short: int = -1

    def __str__(self) -> str:
        what = f"{self.short} octets only" if self.short >= 0 else errno.errorcode[self.error]
        disk = "new" if self.is_new else "used"
        return f"{disk} disk, {self.call} {what} {'once' if self.times == 1 else 'until well'}"


CASES = [
    Case(is_new, call, error, times)
    for is_new in (True, False)
    for call in CALLS
    for error in ((errno.EIO, errno.ENOSPC) if call != "pread" else (errno.EIO,))
    for times in (1, EVER)
    if call not in ({"pread", "unlink"} if is_new else {"allocate"})  # there is nothing to read, remove, reserve
]
CASES += [Case(is_new, "pwrite", 0, times, short) for is_new in (True, False) for times in (1, EVER)
          for short in (0, 512, 4000)]  # fmt: skip
PAST = 6


@cache
def used_disk() -> MemoryFs:
    """Return a disk on which a box lived, with two segments more than are wanted now, and stopped."""
    fs = MemoryFs(keep_cuts=True)
    box = KeptBox(fs, segments=(SEGMENTS[0] + 2, SEGMENTS[1] + 2))
    box.start()
    box.live(PAST)
    box.stop()
    return fs


def started(fs: MemoryFs, told: list[Kept], fault: Fault) -> KeptBox:
    """Start as systemd does, again and again; after three tries the card is well."""
    for _ in range(3):
        try:
            return KeptBox(fs, told.append, segments=SEGMENTS)
        except OSError:
            fs.locked.clear()  # with the process that failed
    fault.times = 0
    return KeptBox(fs, told.append, segments=SEGMENTS)


def wrong_after(case: Case, place: int) -> list[str] | None:
    """Live with the fault at the place-th call; return what is wrong in the end, None when there was no such call."""
    fs = MemoryFs(keep_cuts=True) if case.is_new else used_disk().after_cut("lost")
    fault = Fault(case.call, case.error, times=case.times, after=place, short=case.short)
    fs.fail(fault)
    told = [Kept()]
    box = started(fs, told, fault)
    box.start()
    box.live(9)
    left = fault.times
    if case.times == EVER:
        fault.times = 0  # the card is well again; what fails once may also fail at the stop
    wrong = []
    at_least = told[-1]
    cut = KeptBox(fs.after_cut("lost"), segments=SEGMENTS).kept()  # the power goes while the card is ill
    if (
        any(now < then for now, then in zip(cut.last, at_least.last, strict=True))
        or cut.note < at_least.note
        or cut.settings < at_least.settings
    ):
        wrong.append("lost by a cut")
    box.clock.advance(60)
    box.live(3)
    box.stop()
    left, fault.times = min(left, fault.times) if case.times == 1 else left, 0
    wrong += wrong_in_the_end(fs, box, case)
    return wrong if left < case.times else None


def wrong_in_the_end(fs: MemoryFs, box: KeptBox, case: Case) -> Iterator[str]:
    """Give what is wrong with the disk that a box left, when the power was cut right after its end."""
    again = KeptBox(fs.after_cut("lost"), segments=SEGMENTS)
    kept = again.kept()
    for place, (read, posted) in enumerate(zip(again.read(), (box.record_number, box.event_number), strict=True)):
        numbers = [number for number in read.numbers if number]
        if kept.last[place] != posted or not numbers or numbers[-1] != posted:
            yield "lost"
        if not contiguous(numbers) or (numbers[:1] != [1] and case.call != "allocate") or read.gaps:
            yield "hole"
    changes = 3 if case.is_new else 4
    was_said = any(".bad-" in name for name in fs.listdir(""))  # a notebook that could not be read, set aside
    if kept.settings != changes or (kept.note != changes and not was_said):
        yield f"notebook {kept.note}, settings {kept.settings}"
    if again.notebook.damage or again.notebook.refused:
        yield "notebook"
    if box.writer.degraded:
        yield "still degraded"
    said = Counter(event.kind for event in again.events.read(again.events.first_seq(), 500).entries)
    if said["store_degraded"] != said["store_ok"] or said["store_ok"] > 1:
        yield f"said {said}"


def swept(case: Case, stride: int) -> Counter[str]:
    """Return what is wrong over every stride-th n, and under "runs" how many there were."""
    wrong: Counter[str] = Counter()
    place = 0
    while (found := wrong_after(case, place)) is not None:
        wrong.update(found)
        wrong["runs"] += 1
        place += stride
    return wrong


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_call_that_fails_loses_nothing(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    wrong = swept(case, STRIDE)
    assert wrong.pop("runs") > 0
    assert not wrong


@pytest.mark.campaign(reason="every n of every call")
def test_every_call_that_fails(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    wrong: Counter[str] = Counter()
    for case in CASES:
        wrong += swept(case, 1)
    runs = wrong.pop("runs")
    with capsys.disabled():
        print(f"\n{len(CASES)} sorts of failing calls: {runs} lives, wrong: {dict(wrong) or 0}")
    assert not wrong
    assert runs > 1500


@pytest.mark.parametrize("call", ["open", "pwrite", "fdatasync", "allocate", "rename", "fsync_dir"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EROFS], ids=errno.errorcode.__getitem__)
def test_a_start_on_a_card_that_fails_names_the_folder_and_the_cause(
    call: str, error: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Or it starts, where the card can be read: that it can't be written is a state, and said."""
    settings = loads(GOOD)
    fs = MemoryFs()
    fs.fail(Fault(call, error, times=EVER))
    try:
        Stores(settings, tmp_path / "state", fs).close()
    except OSError as exc:
        message = str(exc)
        assert str(tmp_path / "state") in message
        assert os.strerror(error) in message
        assert "\n" not in message
    else:
        assert call in {"pwrite", "rename"} or f"records can't be written: [Errno {error}]" in caplog.text

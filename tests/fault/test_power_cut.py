"""Power cuts over everything a box keeps: both logs, cursors, notebook and settings on one disk, cut at each call."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from edge.store.fs_image import Naming, Write
from edge.store.fs_memory import MODELS, MemoryFs, prefixes
from tests.fault.kept_box import Kept, KeptBox
from tests.fault.kept_judge import figures, judge

Told = list[tuple[int, Kept]]
CAMPAIGN_SEEDS = 17


@cache
def life() -> tuple[list[Write | Naming | int | str], Told]:
    """Return the calls of a box's life, from an empty disk through a stop and a start, and what was told after each."""
    fs = MemoryFs()
    calls = fs.calls = []
    told: Told = [(0, Kept())]

    def tell(kept: Kept) -> None:
        told.append((len(calls), kept))

    for steps in (20, 13):
        box = KeptBox(fs, tell)
        tell(box.kept())
        box.start()
        box.live(steps)
        box.stop()
    return calls, told


def empty_disk() -> MemoryFs:
    fs = MemoryFs(keep_cuts=True)
    fs.folders |= {"records", "events"}
    return fs


def around(told: Told, place: int) -> tuple[Kept, Kept]:
    """Return what was durable when so many calls were made, and what would have been next."""
    last = max(number for number, (calls, _) in enumerate(told) if calls <= place)
    return told[last][1], told[min(last + 1, len(told) - 1)][1]


def test_a_cut_at_any_call_loses_nothing_that_was_told() -> None:
    """Every prefix of the calls, the models in turn; all models of all prefixes are in the campaign."""
    calls, told = life()
    wrong: Counter[str] = Counter()
    for place, disk in enumerate(prefixes(calls, empty_disk())):
        last, following = around(told, place)
        wrong += judge(disk.after_cut(MODELS[place % len(MODELS)], place), last, following)
    assert not wrong
    assert len(calls) > 290


def test_a_kill_at_any_call_and_a_cut_after_the_next_start_lose_nothing() -> None:
    """What a start finds in the page cache only is durable before it counts."""
    calls, told = life()
    wrong: Counter[str] = Counter()
    for place in range(0, len(calls) + 1, 3):
        *_, disk = prefixes(calls[:place], empty_disk())
        wrong += judge(disk, *around(told, place))
    assert not wrong


@pytest.mark.parametrize("kind", [int, str], ids=["files", "folders"])
def test_a_disk_that_does_not_mean_its_flushes_is_found_out(kind: type) -> None:
    """The same life without the flushes of files, then of folders: these cuts do find what is wrong."""
    calls, told = life()
    wrong: Counter[str] = Counter()
    unflushed = [call for call in calls if not isinstance(call, kind)]
    places = [place for place, call in enumerate(calls, 1) if not isinstance(call, kind)]
    for place, disk in zip([0, *places], prefixes(unflushed, empty_disk()), strict=True):
        if place % 5 == 0:
            wrong += judge(disk.after_cut("subset", place), *around(told, place))
    assert wrong["lost"] > 10, figures(wrong)


@pytest.mark.campaign(reason="15,000 cuts and more, every call in every model")
def test_every_cut_of_a_boxs_life(capsys: pytest.CaptureFixture[str]) -> None:
    calls, told = life()
    wrong: Counter[str] = Counter()
    states = 0
    for place, disk in enumerate(prefixes(calls, empty_disk())):
        last, following = around(told, place)
        for model in MODELS:
            for seed in range(1 if model in {"lost", "kept"} else CAMPAIGN_SEEDS):
                wrong += judge(disk.after_cut(model, seed), last, following)
                states += 1
    with capsys.disabled():
        print(f"\na box's life: {len(calls)} calls, {states} cuts: {figures(wrong)}")
    assert not wrong
    assert states >= 15_000

"""Power cuts at every write of a box that texts: nothing is lost, done twice, or sent without being counted."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from edge.store.fs_memory import MODELS, Model
from tests.fault.sms_box_life import BoxLife

QUICK = 6
AFTER_H = 9
"""From the last thing that happens until all must be told and settled; after one cut."""
LONG_H = 12 * 24
"""After many: a gateway asks once a day for the counters that each cut left out."""


def life(folder: Path, cut_at: int | None, model: Model = "lost", every: int = 0) -> BoxLife:
    """Live with a cut before this change, and `every` so many after it; fail where anything is wrong in the end."""
    folder.mkdir()
    made = BoxLife(folder)
    made.fuse.cut_at, made.fuse.every = cut_at, every
    try:
        made.live(model, LONG_H if every else AFTER_H)
        made.judge()
    finally:
        made.close()
    return made


def test_a_box_whose_power_is_cut_at_some_writes_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    whole = life(tmp_path / "whole", None)
    assert whole.cuts == 0
    dice = Random(5)
    for number in range(QUICK):
        cut_at = dice.randrange(whole.fuse.changes)
        model = MODELS[number % len(MODELS)]
        assert life(tmp_path / str(number), cut_at, model).cuts == 1, (cut_at, model)


@pytest.mark.campaign(reason="a life of 18 hours for each write by each model of a cut: some 2,600 lives")
def test_a_cut_at_every_write_by_every_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = life(tmp_path / "whole", None).fuse.changes
    for cut_at in range(changes):
        for model in MODELS:
            life(tmp_path / f"{cut_at}-{model}", cut_at, model)
            shutil.rmtree(tmp_path / f"{cut_at}-{model}")
    with capsys.disabled():
        print(f"\n{changes} writes, {changes * len(MODELS)} cuts: nothing lost, done twice or sent uncounted")


@pytest.mark.campaign(reason="100 lives of 12 days with a cut every few writes")
def test_cuts_that_follow_one_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dice = Random(11)
    cuts = 0
    for number in range(100):
        every = dice.randrange(25, 200)  # a start writes 12 times before it goes on: none would get any further
        made = life(tmp_path / str(number), dice.randrange(200), MODELS[number % len(MODELS)], every)
        cuts += made.cuts
        shutil.rmtree(tmp_path / str(number))
    assert cuts > 200
    with capsys.disabled():
        print(f"\n{cuts} cuts in 100 lives")

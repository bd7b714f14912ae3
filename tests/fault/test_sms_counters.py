"""Power cuts at every write of the counters of sealed messages, at either end: no nonce comes again."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Literal

import pytest

from edge.store.fs_memory import MODELS, MemoryFs, prefixes
from edge.store.kept_file import KeptFile
from sms.session import BLOCK
from tests.fault.recorder import record, why_not
from tests.fault.sms_lives import PATH, counter_of, go_on, judge, lived

ROLES: tuple[Literal["box", "gateway"], ...] = ("box", "gateway")
STEPS = 14
LIVES = 40
SEALS = 140

PROGRAM = """
import os, sys
from edge.store.fs import RealFs
from tests.fault.sms_lives import Life, counter_of
life = Life("box", RealFs(sys.argv[1]))
life.pair()
for _ in range(%d):
    os.write(1, b"%%d\\n" %% (counter_of(life.send()) + 1))
    if len(life.sealed) %% 20 == 0:
        life.come(life.told())
"""


@pytest.mark.parametrize("role", ROLES)
def test_no_counter_comes_again_and_nothing_is_taken_twice_after_a_cut_at_any_write(
    role: Literal["box", "gateway"],
) -> None:
    life, start = lived(role, Random(3), STEPS)
    assert isinstance(life.fs, MemoryFs)
    assert life.fs.calls is not None
    sealed = [counter_of(message.octets) for message in life.sealed]
    assert len(set(sealed) - {-1}) == len(sealed) - sealed.count(-1) > 2 * BLOCK
    for at, disk in enumerate(prefixes(life.fs.calls, start)):
        for model in MODELS:
            judge(life, disk.after_cut(model, at), at)


@pytest.mark.campaign(reason="80 lives in a row, each cut at every write by every model")
@pytest.mark.parametrize("role", ROLES)
def test_forty_lives_in_a_row_each_from_what_a_cut_left(
    role: Literal["box", "gateway"], capsys: pytest.CaptureFixture[str]
) -> None:
    dice = Random(11)
    life, start = lived(role, dice, STEPS)
    cuts = 0
    for _ in range(LIVES):
        assert isinstance(life.fs, MemoryFs)
        assert life.fs.calls is not None
        for at, disk in enumerate(prefixes(life.fs.calls, start)):
            for model in MODELS:
                judge(life, disk.after_cut(model, at), at)
                cuts += 1
        start = go_on(life, life.fs.after_cut(dice.choice(MODELS), dice.randrange(99)), dice, STEPS)
    sealed = [counter_of(message.octets) for message in life.sealed]
    assert len(set(sealed) - {-1}) == len([counter for counter in sealed if counter >= 0])
    with capsys.disabled():
        print(f"\n{role}: {cuts} cuts in {LIVES} lives, {len(sealed)} messages sealed, {len(life.taken)} taken")


def test_a_real_process_s_calls_cut_anywhere_leave_no_counter_that_it_had_used(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    recording = record(PROGRAM % SEALS, tmp_path / "watched")
    assert max(number for _, number in recording.said) >= SEALS
    for at, disk in enumerate(prefixes(recording.calls, recording.disk())):
        said = max((number for calls, number in recording.said if calls <= at), default=0)
        for model in MODELS:
            found = disk.after_cut(model, at)
            found.mkdir("sms")
            saved = KeptFile(found, PATH, "vigie-sms-session").load()
            assert (0 if saved is None else saved["next"]) >= said, (at, model)

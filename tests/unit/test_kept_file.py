"""A file of one document: whole after any cut, and honest about what it lost."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edge.store.checked import sealed
from edge.store.fs import FormatError, RealFs, StoreError
from edge.store.fs_memory import MODELS, Fault, MemoryFs, prefixes
from edge.store.kept_file import KeptFile
from sms.keys import Identity

PATH = "sms/session"
MAGIC = "vigie-sms-session"


def kept(fs: MemoryFs) -> KeptFile:
    return KeptFile(fs, PATH, MAGIC)


def spoil(fs: MemoryFs, path: str) -> None:
    fs.images[fs.names[path]].write(b"\0\0", 30)


def test_what_was_saved_is_there_again_and_for_nobody_else(tmp_path: Path) -> None:
    file = KeptFile(RealFs(tmp_path), PATH, MAGIC)
    assert (file.load(), file.notes, file.is_older) == (None, [], False)
    for n in range(2):
        file.save({"n": n, "text": "é", "none": None})
    found = KeptFile(RealFs(tmp_path), PATH, MAGIC)
    assert (found.load(), found.notes, found.is_older) == ({"n": 1, "text": "é", "none": None}, [], False)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "sms").iterdir()} == {0o600}


def test_every_prefix_of_its_calls_leaves_the_last_one_saved_or_the_one_being_saved() -> None:
    fs = MemoryFs(keep_cuts=True)
    start = fs.after_cut("lost")
    fs.calls = []
    saved_at: list[int] = []
    for n in range(4):
        kept(fs).save({"n": n})
        saved_at.append(len(fs.calls))
    for at, disk in enumerate(prefixes(fs.calls, start)):
        least = sum(1 for end in saved_at if end <= at) - 1
        for model in MODELS:
            for seed in range(3):
                found = disk.after_cut(model, seed)
                found.mkdir("sms")
                file = kept(found)
                document = file.load()
                assert file.notes == [], (at, model, seed)
                assert (-1 if document is None else document["n"]) in {least, least + 1}, (at, model, seed)


def test_a_damaged_file_gives_the_state_before_it_says_so_and_says_it_again_until_it_is_saved() -> None:
    fs = MemoryFs()
    for n in range(3):
        kept(fs).save({"n": n})
    spoil(fs, PATH)
    for _ in range(2):  # a start that is cut before it saves must not make the older state pass for the newest
        file = kept(fs)
        assert file.load() == {"n": 1}
        assert file.is_older
        assert file.notes == [
            f"{PATH} is damaged: its first line, length or CRC is wrong", f"{PATH}: the state before it is taken",
        ]  # fmt: skip
    file.save({"n": 9})
    assert (kept(fs).load(), kept(fs).is_older) == ({"n": 9}, False)
    spoil(fs, PATH)
    assert kept(fs).load() == {"n": 9}


def test_with_both_damaged_nothing_is_left_and_that_is_said() -> None:
    fs = MemoryFs()
    for n in range(2):
        kept(fs).save({"n": n})
    spoil(fs, PATH)
    spoil(fs, f"{PATH}.bak")
    file = kept(fs)
    assert (file.load(), file.is_older) == (None, False)
    assert file.notes[-1] == f"{PATH}: nothing is left"


def test_an_empty_file_and_another_store_s_file_are_damaged_and_a_newer_one_is_not_read() -> None:
    fs = MemoryFs()
    kept(fs).save({})
    assert kept(fs).load() == {}
    fs.open(PATH).truncate(0)
    file = kept(fs)
    assert (file.load(), len(file.notes)) == (None, 2)
    KeptFile(fs, PATH, "vigie-other").save({"n": 1})
    assert kept(fs).load() is None
    octets = sealed(MAGIC, 2, b"{}")
    fs.open(PATH).truncate(0)
    fs.open(PATH).pwrite(octets, 0)
    with pytest.raises(FormatError, match="newer vigie"):
        kept(fs).load()


def test_a_disk_that_takes_nothing_keeps_the_last_one() -> None:
    fs = MemoryFs()
    kept(fs).save({"n": 1})
    fs.fail(Fault("fdatasync", 5))
    with pytest.raises(StoreError, match="can't be written"):
        kept(fs).save({"n": 2})
    assert kept(fs).load() == {"n": 1}


def test_a_box_s_key_is_made_once_and_survives_its_file_being_damaged() -> None:
    fs = MemoryFs()
    made = Identity.kept(kept(fs))
    assert Identity.kept(kept(fs)).public == made.public
    spoil(fs, PATH)
    assert Identity.kept(kept(fs)).public == made.public
    assert kept(fs).load() == made.saved()

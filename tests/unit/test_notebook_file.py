"""The file under the notebook: TinyDB over a storage that a power cut leaves whole, old or new."""

from __future__ import annotations

import errno
import zlib
from pathlib import Path

import pytest
from tinydb import TinyDB, where

from edge.store.fs import FormatError, Fs, RealFs, StoreError
from edge.store.fs_memory import MODELS, Fault, MemoryFs, prefixes
from edge.store.notebook_file import CrashSafeStorage, decode, encode

PATH = "notes/inventory.json"


@pytest.fixture
def fs() -> MemoryFs:
    return MemoryFs(keep_cuts=True)


def open_notebook(fs: Fs, path: str) -> tuple[TinyDB, CrashSafeStorage]:
    storage = CrashSafeStorage(fs, path)
    return TinyDB(storage=lambda: storage), storage


def documents(fs: MemoryFs) -> list[int]:
    db, _ = open_notebook(fs, PATH)
    return [document["n"] for document in db]


def write_documents(fs: MemoryFs, numbers: range) -> TinyDB:
    db, _ = open_notebook(fs, PATH)
    for number in numbers:
        db.insert({"n": number})
    return db


def spoil(fs: MemoryFs, path: str, offset: int, octets: bytes) -> None:
    fs.images[fs.names[path]].write(octets, offset)


def test_documents_are_there_again_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        db, storage = open_notebook(RealFs(tmp_path), PATH)
        db.table("inventory").upsert({"point": "boiler.t", "serial": "28-3c01f0950a21"}, where("point") == "boiler.t")
        assert db.table("inventory").all() == [{"point": "boiler.t", "serial": "28-3c01f0950a21"}]
        assert storage.notes == []
        db.close()


def test_an_empty_notebook_is_empty_and_nothing_is_said(fs: MemoryFs) -> None:
    db, storage = open_notebook(fs, PATH)
    assert db.all() == []
    assert storage.notes == []


def test_every_prefix_of_its_calls_leaves_what_was_told_durable(fs: MemoryFs) -> None:
    """At each call, in every model: all documents whose insert had returned, or one more, and nothing damaged."""
    fs.calls = []
    db, _ = open_notebook(fs, PATH)
    returned_at = [0]
    for number in range(4):
        db.insert({"n": number})
        returned_at.append(len(fs.calls))
    start = MemoryFs(keep_cuts=True)
    start.mkdir("notes")
    states = 0
    for place, disk in enumerate(prefixes(fs.calls, start)):
        acknowledged = sum(1 for at in returned_at[1:] if at <= place)
        for model in MODELS:
            for seed in range(6):
                found = documents(disk.after_cut(model, seed))
                assert found in (list(range(acknowledged)), list(range(acknowledged + 1)))
                states += 1
    assert states > 500


def test_a_damaged_file_is_set_aside_the_backup_taken_and_both_said(fs: MemoryFs) -> None:
    write_documents(fs, range(3))
    spoil(fs, PATH, 60, b"\x00\x00")
    db, storage = open_notebook(fs, PATH)
    assert [document["n"] for document in db] == [0, 1]
    assert any(".bad-" in name for name in fs.listdir("notes"))
    assert len(storage.notes) == 2
    assert "backup" in storage.notes[1]


def test_a_damaged_file_without_a_backup_begins_empty_and_says_so(fs: MemoryFs) -> None:
    write_documents(fs, range(1))
    spoil(fs, PATH, 0, b"\x00" * 40)
    db, storage = open_notebook(fs, PATH)
    assert db.all() == []
    assert "begins empty" in storage.notes[-1]
    db.insert({"n": 7})
    assert documents(fs) == [7]


def test_every_bit_of_the_file_is_covered() -> None:
    octets = encode({"_default": {"1": {"n": 1}}})
    for bit in range(len(octets) * 8):
        spoiled = bytearray(octets)
        spoiled[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match="CRC is wrong"):
            decode(bytes(spoiled))


@pytest.mark.parametrize("octets", [b"", b"\x00" * 4096, b"{}", b"[]", b"vigie-notebook 1 2\n{}", b"\xff\n"])
def test_what_is_no_notebook_is_damaged(octets: bytes) -> None:
    with pytest.raises(ValueError, match="CRC is wrong"):
        decode(octets)


def test_every_truncation_is_seen() -> None:
    octets = encode({"_default": {"1": {"n": 1}}})
    for length in range(len(octets)):
        with pytest.raises(ValueError, match="CRC is wrong"):
            decode(octets[:length])


def test_a_newer_versions_file_is_not_touched(fs: MemoryFs) -> None:
    write_documents(fs, range(1))
    body = b'{"later":1}'
    start = f"vigie-notebook 2 {len(body)}"
    octets = f"{start} {zlib.crc32(body, zlib.crc32(start.encode())):08x}\n".encode() + body
    fs.images[fs.names[PATH]].resize(0)
    spoil(fs, PATH, 0, octets)
    with pytest.raises(FormatError, match="newer"):
        open_notebook(fs, PATH)
    assert fs.listdir("notes") == ["inventory.json"]


@pytest.mark.parametrize("call", ["open", "truncate", "pwrite", "fdatasync", "rename", "fsync_dir"])
def test_a_failed_write_leaves_what_was_there_and_can_be_repeated(fs: MemoryFs, call: str) -> None:
    db = write_documents(fs, range(2))
    fs.fail(Fault(call, errno.ENOSPC))
    with pytest.raises(StoreError, match="No space"):
        db.insert({"n": 2})
    assert documents(fs.after_cut("lost")) == [0, 1]
    db.insert({"n": 3})
    assert documents(fs.after_cut("lost")) == [0, 1, 3]


@pytest.mark.parametrize("call", ["open", "pread"])
def test_a_file_that_the_card_cannot_read_is_set_aside_and_the_backup_taken(fs: MemoryFs, call: str) -> None:
    write_documents(fs, range(3))
    fs.fail(Fault(call, errno.EIO, path=PATH, times=2))
    assert documents(fs) == [0, 1]
    assert any(".bad-" in name for name in fs.listdir("notes"))


def test_a_damaged_file_on_a_card_that_cannot_be_written_is_said_and_the_backup_taken(fs: MemoryFs) -> None:
    write_documents(fs, range(3))
    spoil(fs, PATH, 60, b"\x00\x00")
    fs.fail(Fault("rename", errno.EROFS, times=9))
    db, storage = open_notebook(fs, PATH)
    assert [document["n"] for document in db] == [0, 1]
    assert "can't be set aside" in storage.notes[0]


def test_a_document_that_is_no_json_changes_nothing(fs: MemoryFs) -> None:
    db = write_documents(fs, range(2))
    with pytest.raises(ValueError, match="JSON"):
        db.insert({"n": object()})
    assert documents(fs) == [0, 1]


def test_what_is_read_does_not_change_with_what_the_caller_does_to_it(fs: MemoryFs) -> None:
    storage = CrashSafeStorage(fs, PATH)
    storage.write({"_default": {"1": {"n": [1]}}})
    found = storage.read()
    assert found is not None
    found["_default"]["1"]["n"].append(2)
    assert storage.read() == {"_default": {"1": {"n": [1]}}}


@pytest.mark.parametrize("call", ["open", "pread"])
def test_a_file_that_can_not_be_read_once_costs_nothing(fs: MemoryFs, call: str) -> None:
    CrashSafeStorage(fs, PATH).write({"_default": {"1": {"n": 1}}})
    fs.fail(Fault(call, errno.EIO))
    storage = CrashSafeStorage(fs, PATH)
    assert (storage.read(), storage.notes) == ({"_default": {"1": {"n": 1}}}, [])

"""The disk in RAM behaves as the real one does, counts what it is given, and forgets what was not flushed."""

from __future__ import annotations

import errno
from collections.abc import Callable
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.store.fs import BLOCK, Fs, RealFs, StoreError, read_file, write_all
from edge.store.fs_memory import MODELS, Fault, MemoryFs, Model

NAMES = st.sampled_from(["d/a", "d/b"])
SIZES = st.one_of(st.integers(0, 20), st.integers(BLOCK - 2, 2 * BLOCK + 2))
CALLS = st.one_of(
    st.tuples(st.just("create"), NAMES),
    st.tuples(st.just("write"), NAMES, st.binary(min_size=1, max_size=40), SIZES),
    st.tuples(st.just("write"), NAMES, st.just(bytes(BLOCK)), SIZES),
    st.tuples(st.just("truncate"), NAMES, SIZES),
    st.tuples(st.just("allocate"), NAMES, st.integers(1, 2 * BLOCK)),
    st.tuples(st.just("read"), NAMES, SIZES, SIZES),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("unlink"), NAMES),
    st.tuples(st.just("sync"), NAMES),
)

METHODS = {"write": "pwrite", "truncate": "truncate", "allocate": "allocate", "read": "pread", "sync": "fdatasync"}


def outcome(fs: Fs, call: tuple[object, ...]) -> object:
    """Return what a call gives: octets, a number, or the error's number."""
    what, path, *rest = call
    assert isinstance(path, str)
    simple: dict[object, Callable[..., object]] = {"rename": fs.rename, "unlink": fs.unlink}
    try:
        if what in simple:
            return simple[what](path, *rest)
        file = fs.open(path, create=what == "create")
        names = {
            "write": "pwrite",
            "truncate": "truncate",
            "allocate": "allocate",
            "read": "pread",
            "sync": "fdatasync",
        }
        try:
            return file.size() if what == "create" else getattr(file, names[str(what)])(*rest)
        finally:
            file.close()
    except OSError as exc:
        return exc.errno


@settings(max_examples=150, deadline=None)
@given(st.lists(CALLS, max_size=25))
def test_the_disk_in_ram_answers_as_the_real_one(calls: list[tuple[object, ...]]) -> None:
    with TemporaryDirectory() as folder:
        real, memory = RealFs(folder), MemoryFs(keep_cuts=True)
        for fs in (real, memory):
            fs.mkdir("d")
        for call in calls:
            assert outcome(real, call) == outcome(memory, call), call
        assert real.listdir("d") == memory.listdir("d")
        for name in real.listdir("d"):
            assert read_file(real, f"d/{name}") == read_file(memory, f"d/{name}")


def test_what_is_not_there_is_an_error_on_both(tmp_path: Path) -> None:
    for fs in (RealFs(tmp_path), MemoryFs()):
        with pytest.raises(FileNotFoundError):
            fs.listdir("none")
        with pytest.raises(FileNotFoundError):
            fs.open("none/file", create=True)
        assert not fs.exists("none")
        fs.mkdir("a/b")
        fs.mkdir("a/b")
        assert fs.listdir("a") == ["b"]


def test_a_cut_forgets_what_was_not_flushed_and_names_without_their_folders_flush() -> None:
    fs = MemoryFs(keep_cuts=True)
    fs.mkdir("d")
    file = fs.open("d/a", create=True)
    write_all(file, b"first", 0)
    file.fdatasync()
    assert fs.after_cut("lost").listdir("d") == []
    fs.fsync_dir("d")
    write_all(file, b"SECOND", 0)
    assert read_file(fs.after_cut("lost"), "d/a") == b"first"
    assert read_file(fs.after_cut("kept"), "d/a") == b"SECOND"
    fs.rename("d/a", "d/b")
    assert fs.after_cut("lost").listdir("d") == ["a"]
    assert fs.after_cut("kept").listdir("d") == ["b"]


def cuts(fs: MemoryFs, path: str, seeds: int = 60) -> dict[Model, set[bytes]]:
    return {model: {read_file(fs.after_cut(model, seed), path) for seed in range(seeds)} for model in MODELS}


def blocks(octets: bytes) -> str:
    """Return a letter a block; ~ where a block is not all of one octet."""
    whole = [octets[at : at + BLOCK] for at in range(0, len(octets), BLOCK)]
    return "".join(chr(block[0]) if len(set(block)) == 1 else "~" for block in whole)


def test_torn_and_garbage_cuts_really_tear() -> None:
    fs = MemoryFs(keep_cuts=True)
    file = fs.open("a", create=True)
    write_all(file, b"o" * 4 * BLOCK, 0)
    file.fdatasync()
    fs.fsync_dir("")
    write_all(file, b"N" * 4 * BLOCK, 0)
    found = cuts(fs, "a", 100)
    assert found["lost"] == {b"o" * 4 * BLOCK}
    assert found["kept"] == {b"N" * 4 * BLOCK}
    assert {blocks(octets) for octets in found["subset"]} == {"".join(four) for four in product("oN", repeat=4)}
    assert len(found["torn"]) > 90
    assert all(set(octets) == set(b"oN") for octets in found["torn"])
    assert all(sum(len(set(octets[at : at + BLOCK])) > 100 for at in range(0, 4 * BLOCK, BLOCK)) == 1
               for octets in found["garbage"])  # fmt: skip


def test_writes_arrive_in_any_order() -> None:
    fs = MemoryFs(keep_cuts=True)
    file = fs.open("a", create=True)
    write_all(file, b"o" * 3 * BLOCK, 0)
    file.fdatasync()
    fs.fsync_dir("")
    for place in range(3):
        write_all(file, b"N" * BLOCK, place * BLOCK)
    assert {blocks(octets) for octets in cuts(fs, "a")["subset"]} == {
        "".join(three) for three in product("oN", repeat=3)
    }


def test_noise_takes_what_was_durable_in_its_block_and_makes_no_file_longer() -> None:
    fs = MemoryFs(keep_cuts=True)
    file = fs.open("a", create=True)
    write_all(file, b"o" * 100, 0)
    file.fdatasync()
    fs.fsync_dir("")
    write_all(file, b"N" * 100, 100)
    for octets in cuts(fs, "a")["garbage"]:
        assert len(octets) == 200
        assert octets[:100] != b"o" * 100


def test_names_are_kept_in_their_order_whatever_became_of_the_octets() -> None:
    fs = MemoryFs(keep_cuts=True)
    for name in "abc":
        write_all(fs.open(name, create=True), b"x", 0)
    found = [fs.after_cut("subset", seed) for seed in range(100)]
    assert {"".join(disk.listdir("")) for disk in found} == {"", "a", "ab", "abc"}
    assert {read_file(disk, "a") for disk in found if disk.exists("a")} == {b"", b"x"}


def test_a_flush_that_failed_is_not_made_up_for_by_the_next_one() -> None:
    fs = MemoryFs(keep_cuts=True)
    file = fs.open("a", create=True)
    fs.fsync_dir("")
    write_all(file, b"x", 0)
    fs.fail(Fault("fdatasync", errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        file.fdatasync()
    assert {read_file(fs.after_cut("subset", seed), "a") for seed in range(20)} == {b"", b"x"}
    file.fdatasync()
    assert read_file(fs, "a") == b"x"
    assert read_file(fs.after_cut("kept"), "a") == b""
    write_all(file, b"x", 0)
    file.fdatasync()
    assert read_file(fs.after_cut("lost"), "a") == b"x"


def test_the_same_seed_cuts_the_same_way() -> None:
    fs = MemoryFs(keep_cuts=True)
    write_all(fs.open("a", create=True), b"N" * 4 * BLOCK, 0)
    assert fs.after_cut("garbage", 7).images[1].blocks == fs.after_cut("garbage", 7).images[1].blocks


def test_a_disk_made_without_cuts_says_so() -> None:
    with pytest.raises(RuntimeError, match="keep_cuts"):
        MemoryFs().after_cut("lost")


def test_it_counts_octets_and_flushes() -> None:
    fs = MemoryFs()
    file = fs.open("a", create=True)
    write_all(file, b"x" * 5000, 0)
    file.fdatasync()
    fs.fsync_dir("")
    assert (fs.counts.octets_written, fs.counts.writes, fs.counts.flushes) == (5000, 1, 2)


def test_a_full_disk_takes_what_fits_and_reserved_room_stays_usable() -> None:
    fs = MemoryFs(2 * BLOCK)
    reserved = fs.open("reserved", create=True)
    reserved.allocate(BLOCK)
    other = fs.open("other", create=True)
    assert other.pwrite(bytes(2 * BLOCK), 0) == BLOCK
    with pytest.raises(OSError, match="No space") as failed:
        other.pwrite(b"x", BLOCK)
    assert failed.value.errno == errno.ENOSPC
    write_all(reserved, b"x" * BLOCK, 0)
    with pytest.raises(StoreError, match="full"):
        write_all(other, bytes(2 * BLOCK), 0)
    fs.unlink("reserved")
    write_all(other, b"x", BLOCK)


def test_a_fault_strikes_the_nth_matching_call_only() -> None:
    fs = MemoryFs()
    fs.fail(Fault("pwrite", errno.EIO, "a", times=1, after=1))
    file, other = fs.open("a", create=True), fs.open("b", create=True)
    file.pwrite(b"1", 0)
    other.pwrite(b"1", 0)
    with pytest.raises(OSError, match="error"):
        file.pwrite(b"2", 0)
    file.pwrite(b"3", 0)
    assert read_file(fs, "a") == b"3"


def test_a_lock_is_for_one_at_a_time_and_goes_with_the_file(tmp_path: Path) -> None:
    for fs in (RealFs(tmp_path), MemoryFs()):
        first, second = fs.open("lock", create=True), fs.open("lock")
        assert first.lock()
        assert first.lock()
        assert not second.lock()
        first.close()
        first.close()
        assert second.lock()
        second.close()

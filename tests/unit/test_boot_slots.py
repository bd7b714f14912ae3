"""Which system starts: autoboot.txt in one sector under power cuts, and the answers that RAUC gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cli.boot_slot import main
from edge.core.autoboot import PARTITIONS, SECTOR, SLOTS, Autoboot, Slot, octets, other, parsed
from edge.runtime.slots import Slots
from edge.store.autoboot_file import FILE, read_autoboot, write_autoboot
from edge.store.fs import StoreError
from edge.store.fs_memory import Fault, MemoryFs, prefixes
from tests.update_rig import Card

slots = st.sampled_from(SLOTS)


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


@given(slots, slots)
def test_the_file_is_one_sector_of_text_and_says_what_it_was_given(primary: Slot, tried: Slot) -> None:
    wanted = Autoboot(primary, tried)
    text = octets(wanted)
    assert len(text) == SECTOR == 512
    assert text.isascii()
    assert text.endswith(b"\n")
    assert parsed(text) == wanted
    # as the firmware reads it: sections and keys at the beginning of lines
    lines = text.decode().splitlines()
    assert lines[:5] == [
        "[all]", "tryboot_a_b=1", f"boot_partition={PARTITIONS[primary]}", "[tryboot]",
        f"boot_partition={PARTITIONS[tried]}",
    ]  # fmt: skip
    assert all(line.startswith("#") for line in lines[5:])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "names no boot partition"),
        (b"\0" * 512, "names no boot partition"),
        (b"[tryboot]\nboot_partition=3\n", "names no boot partition"),
        (b"[all]\nboot_partition=7\n", "boot partition 7"),
        (b"[all]\nboot_partition=-2\n", "names no boot partition"),
        (b"\xff\xfe[all]", "names no boot partition"),
    ],
)
def test_a_file_that_names_no_slot_is_refused_by_name(text: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parsed(text)


def test_one_that_a_person_wrote_is_read_too() -> None:
    assert parsed(b"[all]\r\nboot_partition=3 # mine\r\n") == Autoboot("b", "b")


@pytest.mark.parametrize("model", ["lost", "kept", "subset", "torn"])
def test_a_power_cut_at_any_call_leaves_the_old_file_or_the_new_one(model: str) -> None:
    """A sector is written whole or not at all: what is in the other seven of its block is not ours."""
    old, new = octets(Autoboot("a", "a")), octets(Autoboot("a", "b"))
    fs = MemoryFs(keep_cuts=True)
    _put(fs, old)
    start = fs.after_cut("kept")
    fs.calls = []
    assert write_autoboot(fs, Autoboot("a", "b"))
    calls = list(fs.calls)
    seen = set()
    for cut in prefixes(calls, start):
        for seed in range(8):
            left = cut.after_cut(model, seed)  # type: ignore[arg-type]
            found = _get(left)
            assert found in {old, new}
            seen.add(found)
    assert new in seen


def test_the_same_again_writes_nothing() -> None:
    fs = MemoryFs()
    _put(fs, octets(Autoboot("a", "b")))
    writes = fs.counts.writes
    assert not write_autoboot(fs, Autoboot("a", "b"))
    assert fs.counts.writes == writes


@pytest.mark.parametrize("size", [1, 511, 513, 5000])
def test_a_file_of_another_length_is_not_touched(size: int) -> None:
    fs = MemoryFs()
    _put(fs, octets(Autoboot("a", "a")).ljust(size, b"#")[:size])
    with pytest.raises(StoreError, match="not 512"):
        write_autoboot(fs, Autoboot("a", "b"))


def test_a_partition_that_takes_no_writes_is_an_error_and_never_a_success() -> None:
    fs = MemoryFs()
    _put(fs, octets(Autoboot("a", "a")))
    fs.faults.append(Fault("pwrite", 30))
    with pytest.raises(OSError, match="30"):
        write_autoboot(fs, Autoboot("a", "b"))
    assert read_autoboot(fs) == Autoboot("a", "a")
    fs.faults.append(Fault("pwrite", 28, short=100))
    with pytest.raises(OSError, match=r"28|100 of 512"):
        write_autoboot(fs, Autoboot("a", "b"))


def _put(fs: MemoryFs, text: bytes) -> None:
    file = fs.open(FILE, create=True)
    file.pwrite(text, 0)
    file.fdatasync()
    fs.fsync_dir("")


def _get(fs: MemoryFs) -> bytes:
    file = fs.open(FILE)
    return file.pread(file.size(), 0)


# -- what RAUC asks


def ask(card: Card, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(words, card.root)
    return code, capsys.readouterr().out.strip()


def test_an_installed_slot_is_tried_once_and_starts_by_itself_never(
    card: Card, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(card, capsys, "get-primary") == (0, "a")
    assert ask(card, capsys, "get-state", "b") == (0, "bad")
    assert ask(card, capsys, "set-primary", "b") == (0, "")
    assert card.autoboot == Autoboot("a", "b")
    assert ask(card, capsys, "get-primary") == (0, "a")
    assert ask(card, capsys, "get-state", "b") == (0, "good")
    card.systems["b"] = "0.2.0+1"
    card.start(is_try=True)
    assert ask(card, capsys, "get-current") == (0, "b")
    assert ask(card, capsys, "set-state", "b", "good") == (1, ""), "only the health check commits"
    assert card.autoboot == Autoboot("a", "b")


def test_a_slot_that_is_being_written_is_bad_and_the_one_that_starts_never(
    card: Card, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(card, capsys, "set-primary", "b")
    assert ask(card, capsys, "set-state", "b", "bad") == (0, "")
    assert card.autoboot == Autoboot("a", "a")
    assert ask(card, capsys, "set-state", "a", "bad") == (1, "")
    assert ask(card, capsys, "set-state", "a", "good") == (0, "")
    assert card.autoboot == Autoboot("a", "a")


@pytest.mark.parametrize(
    ("words", "code"),
    [((), 2), (("get-state",), 2), (("set-state", "b", "fine"), 2), (("get-state", "c"), 1), (("set-primary", ""), 1)],
)
def test_what_nobody_should_ask_is_refused(
    card: Card, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int
) -> None:
    assert ask(card, capsys, *words) == (code, "")


@pytest.mark.parametrize("broken", ["missing", "empty", "read-only"])
def test_a_partition_that_does_not_answer_is_said_with_an_exit_code(
    card: Card, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    file = card.root / "boot/cfg" / FILE
    if broken == "missing":
        file.unlink()
    elif broken == "empty":
        file.write_bytes(b"")
    else:
        file.unlink()
        os.mkfifo(file)
    assert main(["set-primary", "b"], card.root) == 1
    assert "autoboot" in capsys.readouterr().err


def test_a_machine_without_slots_has_none(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text("BOOT_IMAGE=/vmlinuz vigie.slot=c\n")
    found = Slots(tmp_path)
    assert (found.booted().slot, found.booted().is_try, found.release()) == (None, False, None)


@given(slots, slots, slots)
def test_a_commit_swaps_and_a_second_one_changes_nothing(primary: Slot, tried: Slot, slot: Slot) -> None:
    after = Autoboot(primary, tried).committed(slot)
    assert after.primary == slot
    assert after.committed(slot) == after
    assert primary in {slot, after.tried}
    assert other(other(slot)) == slot

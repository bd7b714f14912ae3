"""The data partition at a start: whatever a power cut, a worn card or a person left there, no data is formatted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.early_rig import GAP_SECTORS, NEEDS_TOOLS, EarlyCard

pytestmark = NEEDS_TOOLS
BLOCK = 1024
CUT_AT_MKFS = 'in_system() { [ "$1" != mkfs.ext4 ] || { echo off; exit; }; }; bring_data'


@pytest.fixture
def card(tmp_path: Path) -> EarlyCard:
    return EarlyCard(tmp_path)


def changed_blocks(before: bytes, after: bytes) -> list[int]:
    return [at for at in range(0, len(after), BLOCK) if before[at : at + BLOCK] != after[at : at + BLOCK]]


def half_made(before: bytes, after: bytes) -> Iterator[bytes]:
    """Yield what a cut leaves: some of the blocks in the order of their place, or any of them, as caches write."""
    changed = changed_blocks(before, after)
    chosen = random.Random(8)
    some = [changed[:n] for n in (0, 1, 2, 3, len(changed) // 2, len(changed) - 1)]
    some += [chosen.sample(changed, chosen.randrange(len(changed))) for _ in range(4)]
    # the first superblock last, as mkfs writes it, and first, as a cache may
    some += [[at for at in changed if at != BLOCK], [BLOCK]]
    for blocks in some:
        held = bytearray(before)
        for at in blocks:
            held[at : at + BLOCK] = after[at : at + BLOCK]
        yield bytes(held)


def test_an_empty_partition_is_made_once_and_found_then(card: EarlyCard) -> None:
    assert card.start() == "formatted"
    card.keep("card.json", '{"layout": 1}\n')
    assert card.start() == "ok"
    assert card.kept("card.json") == '{"layout": 1}\n'


def test_a_cut_while_it_is_made_ends_in_a_usable_partition(card: EarlyCard) -> None:
    blank = card.data.read_bytes()
    assert card.start() == "formatted"
    whole = card.data.read_bytes()
    for number, left in enumerate(half_made(blank, whole)):
        card.data.write_bytes(blank)
        assert card.run(CUT_AT_MKFS) == ["off"]
        card.data.write_bytes(left)
        assert card.start() == "formatted", number
    card.keep("card.json", '{"layout": 1}\n')
    assert card.start() == "ok"


def used(card: EarlyCard) -> bytes:
    """Return the partition of a box that has run."""
    assert card.start() == "formatted"
    card.keep("card.json", '{"layout": 1}\n')
    card.keep("index", "482137")
    return card.data.read_bytes()


def lay(card: EarlyCard, at: int, octets: bytes) -> None:
    with card.data.open("r+b") as opened:
        opened.seek(at)
        opened.write(octets)


def test_the_note_is_gone_once_the_partition_is_made_and_stands_on_no_partition(card: EarlyCard) -> None:
    before = card.disk.read_bytes()
    used(card)
    after = card.disk.read_bytes()
    assert "".join(card.run("noted p7")) == ""
    changed = [at // 512 for at in range(0, len(after), 512) if before[at : at + 512] != after[at : at + 512]]
    assert changed == [GAP_SECTORS - 1]


def test_a_note_that_the_card_did_not_forget_costs_no_data(card: EarlyCard) -> None:
    used(card)
    card.run('note p7 "$making"')
    assert card.start() == "ok"
    assert card.kept("index") == "482137"


def test_a_card_that_keeps_no_note_is_not_made(card: EarlyCard) -> None:
    assert card.run('note() { return 1; }; bring_data; echo "$state"') == ["damaged"]
    assert card.data.read_bytes().startswith(b"vigie: empty data partition")


@pytest.mark.parametrize(
    ("at", "octets"),
    [
        (1024, bytes(1024)),  # the first superblock
        (1024, b"\xff" * 1024),
        (1024 + 56, b"\0\0"),  # its magic alone
        (1024 + 100, b"\xff" * 400),  # all but its magic: a torn write
        (0, bytes(2048)),
        (0, b"\xff" * 2048),
    ],
)
def test_a_lost_first_superblock_is_taken_from_a_copy(card: EarlyCard, at: int, octets: bytes) -> None:
    used(card)
    lay(card, at, octets)
    assert card.start() == "ok"
    assert card.kept("index") == "482137"
    assert card.start() == "ok"


def test_data_behind_zeros_is_repaired_or_left_but_never_formatted(card: EarlyCard) -> None:
    used(card)
    behind = card.data.read_bytes().index(b"482137") // BLOCK * BLOCK
    assert behind > 65536
    lay(card, 0, bytes(behind))  # with it the table of nodes
    assert card.start().startswith("damaged: ")
    assert card.data.read_bytes()[behind:].startswith(b"482137")


@pytest.mark.parametrize(
    "head",
    [
        b"\xeb\x52\x90NTFS    " + b"\x11" * 499 + b"\x55\xaa",
        b"\xeb\x76\x90EXFAT   " + bytes(53) + b"\0" * 8 + b"\x11" * 438 + b"\x55\xaa",
        b"\x5a" * 65536,
    ],
)
def test_what_a_person_put_there_is_not_touched(card: EarlyCard, head: bytes) -> None:
    lay(card, 0, head)
    left = card.data.read_bytes()
    assert "formatted on a PC" in card.start()
    assert card.data.read_bytes() == left


def test_a_file_system_of_a_pc_over_ours_is_not_mended_away(card: EarlyCard) -> None:
    used(card)
    words = "mkfs.vfat -n PHOTOS"
    assert card.run(f'in_system {words} "$dev/p7" && echo made') == ["made"]
    left = card.data.read_bytes()
    assert "formatted on a PC" in card.start()
    assert card.data.read_bytes() == left


def test_a_flashed_image_over_an_older_card_is_empty(card: EarlyCard) -> None:
    head = card.data.read_bytes()[:4096]
    used(card)
    lay(card, 0, head)
    assert card.start() == "formatted"
    assert not card.kept("index")

"""The data partition at a start: whatever a power cut, a worn card or a person left there, no data is formatted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.early_rig import GAP_SECTORS, NEEDS_TOOLS, EarlyCard, busybox, write, written

pytestmark = NEEDS_TOOLS
BLOCK = 1024
CUT_AT_MKFS = 'in_system() { [ "$1" != mkfs.ext4 ] || { echo off; exit; }; }; bring_data'


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return busybox(tmp_path_factory.mktemp("busybox"))


@pytest.fixture
def card(tmp_path: Path, programs: Path) -> EarlyCard:
    return EarlyCard(tmp_path, programs)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, programs: Path) -> EarlyCard:
    """The card of a box that has run; tests take a copy."""
    return used(EarlyCard(tmp_path_factory.mktemp("ran"), programs))


@pytest.fixture
def used_card(card: EarlyCard, ran: EarlyCard) -> EarlyCard:
    for source, copy in ((ran.data, card.data), (ran.disk, card.disk)):
        for at, octets in written(source).items():
            write(copy, at, octets)
    return card


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
    assert card.run(CUT_AT_MKFS) == ["off"]
    assert card.data.read_bytes() == blank
    ((at, note),) = written(card.disk).items()
    assert card.start() == "formatted"
    whole = card.data.read_bytes()
    for number, left in enumerate(half_made(blank, whole)):
        write(card.disk, at, note)
        write(card.data, 0, left)
        assert card.start() == "formatted", number
    card.keep("card.json", '{"layout": 1}\n')
    assert card.start() == "ok"


def used(card: EarlyCard) -> EarlyCard:
    """Let the card's box run."""
    assert card.start() == "formatted"
    card.keep("card.json", '{"layout": 1}\n')
    card.keep("index", "482137")
    return card


def test_the_note_is_gone_once_the_partition_is_made_and_stands_on_no_partition(card: EarlyCard) -> None:
    before = card.disk.read_bytes()
    used(card)
    after = card.disk.read_bytes()
    assert "".join(card.run("noted p7")) == ""
    changed = [at // 512 for at in range(0, len(after), 512) if before[at : at + 512] != after[at : at + 512]]
    assert changed == [GAP_SECTORS - 1]


def test_a_note_that_the_card_did_not_forget_costs_no_data(used_card: EarlyCard) -> None:
    used_card.run('note p7 "$making"')
    assert used_card.start() == "ok"
    assert used_card.kept("index") == "482137"


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
def test_a_lost_first_superblock_is_taken_from_a_copy(used_card: EarlyCard, at: int, octets: bytes) -> None:
    write(used_card.data, at, octets)
    assert used_card.start() == "ok"
    assert used_card.kept("index") == "482137"
    assert used_card.start() == "ok"


def test_data_behind_zeros_is_repaired_or_left_but_never_formatted(used_card: EarlyCard) -> None:
    behind = used_card.data.read_bytes().index(b"482137") // BLOCK * BLOCK
    assert behind > 65536
    write(used_card.data, 0, bytes(behind))  # with it the table of nodes
    assert used_card.start().startswith("damaged: ")
    assert used_card.data.read_bytes()[behind:].startswith(b"482137")


@pytest.mark.parametrize(
    "head",
    [
        b"\xeb\x52\x90NTFS    " + b"\x11" * 499 + b"\x55\xaa",
        b"\xeb\x76\x90EXFAT   " + bytes(53) + b"\0" * 8 + b"\x11" * 438 + b"\x55\xaa",
        b"\x5a" * 65536,
    ],
)
def test_what_a_person_put_there_is_not_touched(card: EarlyCard, head: bytes) -> None:
    write(card.data, 0, head)
    left = card.data.read_bytes()
    assert "formatted on a PC" in card.start()
    assert card.data.read_bytes() == left


def test_a_file_system_of_a_pc_over_ours_is_not_mended_away(used_card: EarlyCard) -> None:
    words = "mkfs.vfat -n PHOTOS"
    assert used_card.run(f'in_system {words} "$dev/p7" && echo made') == ["made"]
    left = used_card.data.read_bytes()
    assert "formatted on a PC" in used_card.start()
    assert used_card.data.read_bytes() == left


def test_a_flashed_image_over_an_older_card_is_empty(card: EarlyCard) -> None:
    head = card.data.read_bytes()[:4096]
    used(card)
    write(card.data, 0, head)
    assert card.start() == "formatted"
    assert not card.kept("index")

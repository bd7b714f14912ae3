"""The card's partition table, read back as the kernel and sfdisk read it, and its growing."""

from __future__ import annotations

import itertools
import json
import shutil
import struct
from pathlib import Path

import pytest

from image.card import grow, layout
from image.card.host import PATH, run
from image.card.layout import MIB, Layout

SFDISK = shutil.which("sfdisk", path=PATH)
CARD_SECTORS = 8 << 21  # 8 GiB


def table_file(folder: Path, sizes: Layout | None = None, *, card_bytes: int = 0) -> Path:
    table = layout.parts(sizes)
    card = folder / "card.img"
    with card.open("wb") as opened:
        opened.truncate(card_bytes or layout.disk_bytes(table))
        for number, sector in layout.table_sectors(table).items():
            opened.seek(number * layout.SECTOR_BYTES)
            opened.write(sector)
    return card


def sector_of(card: Path, number: int) -> bytes:
    with card.open("rb") as opened:
        opened.seek(number * 512)
        return opened.read(512)


def as_sfdisk(card: Path) -> dict[int, tuple[int, int, str]]:
    assert SFDISK is not None
    told = json.loads(run(SFDISK, "--json", card))["partitiontable"]
    assert told["id"] == "0x76696731"
    assert told["label"] == "dos"
    return {
        int(row["node"].removeprefix(str(card))): (row["start"], row["size"], row["type"]) for row in told["partitions"]
    }


def test_parts_are_aligned_follow_each_other_and_never_overlap() -> None:
    table = layout.parts()
    assert [(part.number, part.name) for part in table] == [
        (1, "cfg"), (2, "boot_a"), (3, "boot_b"), (4, "extended"), (5, "system_a"), (6, "system_b"), (7, "data"),
    ]  # fmt: skip
    assert all(part.start_bytes % (4 * MIB) == 0 for part in table)
    inner = [part for part in table if part.name != "extended"]
    for before, after in itertools.pairwise(inner):
        assert before.start + before.sectors <= (after.ebr or after.start)
    extended = layout.named(table, "extended")
    assert extended.start + extended.sectors == inner[-1].start + inner[-1].sectors
    assert layout.disk_bytes(table) < 3_900_000_000  # a card sold as 4 GB


def test_partition_is_named_by_disk_and_number() -> None:
    assert layout.named(layout.parts(), "system_a").partuuid == "76696731-05"
    with pytest.raises(KeyError):
        layout.named(layout.parts(), "system_c")


@pytest.mark.parametrize("mib", [0, -4, 3, 1023])
def test_size_that_is_no_multiple_of_the_alignment_is_refused(mib: int) -> None:
    with pytest.raises(ValueError, match="multiple of 4 MiB"):
        layout.parts(Layout(boot_mib=mib))


@pytest.mark.skipif(SFDISK is None, reason="sfdisk is not installed here")
def test_sfdisk_reads_the_table_as_it_was_meant(tmp_path: Path) -> None:
    found = as_sfdisk(table_file(tmp_path))
    assert found == {part.number: (part.start, part.sectors, f"{part.kind:x}") for part in layout.parts()}


# --- growing


def grown_on(card: Path, disk_sectors: int) -> list[tuple[int, bytes]]:
    return grow.grown(lambda at: sector_of(card, at), disk_sectors)[0]


def put(card: Path, writes: list[tuple[int, bytes]]) -> None:
    with card.open("r+b") as opened:
        for at, sector in writes:
            opened.seek(at * 512)
            opened.write(sector)


@pytest.mark.skipif(SFDISK is None, reason="sfdisk is not installed here")
@pytest.mark.parametrize("done", [0, 1, 2])
def test_growing_leaves_a_sound_table_after_each_of_its_writes(tmp_path: Path, done: int) -> None:
    card = table_file(tmp_path, card_bytes=CARD_SECTORS * 512)
    before = as_sfdisk(card)
    writes = grown_on(card, CARD_SECTORS)
    assert [at for at, _ in writes] == [0, layout.named(layout.parts(), "data").ebr]
    put(card, writes[:done])
    after = as_sfdisk(card)
    assert {n: row for n, row in after.items() if n not in {4, 7}} == {
        n: row for n, row in before.items() if n not in {4, 7}
    }
    assert after[7][0] == before[7][0]
    assert (after[7][1] > before[7][1]) == (done == 2)
    assert after[7][0] + after[7][1] <= after[4][0] + after[4][1] <= CARD_SECTORS
    put(card, grown_on(card, CARD_SECTORS))  # the next start goes on
    assert grown_on(card, CARD_SECTORS) == []
    assert as_sfdisk(card)[7][1] == CARD_SECTORS - before[7][0]


def test_card_as_small_as_the_image_or_smaller_is_left_alone(tmp_path: Path) -> None:
    card = table_file(tmp_path)
    sectors = layout.disk_bytes(layout.parts()) // 512
    assert grown_on(card, sectors) == []
    assert grown_on(card, sectors - 100_000) == []
    assert grown_on(card, sectors + 8191) == []  # less than the alignment


def test_growing_ends_where_an_mbr_can_count_no_further(tmp_path: Path) -> None:
    card = table_file(tmp_path)
    writes, start, sectors = grow.grown(lambda at: sector_of(card, at), 6 << 31)  # 6 TiB
    extended = layout.named(layout.parts(), "extended").start
    assert start + sectors - extended <= 0xFFFFFFFF
    assert len(writes) == 2


def test_foreign_empty_or_circular_table_is_refused_and_never_written(tmp_path: Path) -> None:
    empty = tmp_path / "empty.img"
    empty.write_bytes(bytes(4096))
    with pytest.raises(grow.TableError, match="no partition table"):
        grown_on(empty, CARD_SECTORS)
    primary = bytes(446) + struct.pack("<B3xB3xII", 0, 0x83, 8192, 8192) + bytes(48) + b"\x55\xaa"
    with pytest.raises(grow.TableError, match="no extended"):
        grow.grown(lambda _: primary, CARD_SECTORS)
    card = table_file(tmp_path)
    last = layout.named(layout.parts(), "data").ebr
    first = layout.named(layout.parts(), "system_a").ebr
    circle = bytearray(sector_of(card, last))
    struct.pack_into("<B3xB3xII", circle, 446 + 16, 0, 5, last - first, 8192)
    put(card, [(last, bytes(circle))])
    with pytest.raises(grow.TableError, match="no end"):
        grown_on(card, CARD_SECTORS)


def test_grow_of_a_card_that_cannot_be_opened_says_so_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torn = tmp_path / "torn.img"
    torn.write_bytes(b"\x00" * 100)
    assert grow.main([str(torn)]) == 1
    assert "is not grown" in capsys.readouterr().out

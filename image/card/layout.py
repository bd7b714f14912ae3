"""The card's partition table.

MBR, since the boot ROMs of the Zero 2 W and the 3 read no GPT; three primary partitions and four logical ones:

    p1 VIGIE     FAT32   what any PC shows: the installer's file goes here
    p2 boot_a    FAT     firmware, kernel, initramfs, device trees of system A
    p3 boot_b    FAT     the same of system B
    p4           extended: holds the next three, each behind a sector (EBR) that says where it lies
    p5 system_a  ext4, read-only
    p6 system_b
    p7 data      ext4, made and grown to the card's end at the first boot

A partition is found by the disk's id and its number: PARTUUID=76696731-05 is system_a, wherever the card is plugged in.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import msgspec

SECTOR_BYTES: Final = 512
MIB: Final = 1 << 20
ALIGN_BYTES: Final = 4 * MIB
"""Of each partition's start: a card erases in blocks of up to this size."""
DISK_ID: Final = 0x76696731
FAT32_LBA: Final = 0x0C
EXTENDED_LBA: Final = 0x0F
HIDDEN: Final = 0x27
"""Windows' type of its own rescue partitions: it gives them no drive letter, so it does not offer to format them."""
SIGNATURE: Final = b"\x55\xaa"


class Part(msgspec.Struct, frozen=True):
    """One partition; its extent in sectors. `ebr` is the sector that describes a logical one, else 0."""

    number: int
    name: str
    kind: int
    start: int
    sectors: int
    ebr: int = 0

    @property
    def start_bytes(self) -> int:
        """Where it begins."""
        return self.start * SECTOR_BYTES

    @property
    def size_bytes(self) -> int:
        """How much it holds."""
        return self.sectors * SECTOR_BYTES

    @property
    def partuuid(self) -> str:
        """The name by which the kernel and udev know it."""
        return f"{DISK_ID:08x}-{self.number:02x}"


class Layout(msgspec.Struct, frozen=True):
    """Sizes in MiB. The data partition is only as large as a card needs that cannot be grown."""

    cfg_mib: int = 64
    boot_mib: int = 96
    system_mib: int = 1024
    data_mib: int = 64


def parts(layout: Layout | None = None) -> list[Part]:
    """Return the seven partitions by number. Raises ValueError where a size is no multiple of the alignment."""
    sizes = layout or Layout()
    align = ALIGN_BYTES // SECTOR_BYTES

    def sectors(mib: int) -> int:
        if mib <= 0 or mib * MIB % ALIGN_BYTES:
            raise ValueError(f"{mib} MiB: a partition is a multiple of {ALIGN_BYTES // MIB} MiB")
        return mib * MIB // SECTOR_BYTES

    at = align
    found: list[Part] = []
    for number, name, mib in ((1, "cfg", sizes.cfg_mib), (2, "boot_a", sizes.boot_mib), (3, "boot_b", sizes.boot_mib)):
        found.append(Part(number, name, FAT32_LBA, at, sectors(mib)))
        at += sectors(mib)
    extended = at
    for number, name, mib in (
        (5, "system_a", sizes.system_mib),
        (6, "system_b", sizes.system_mib),
        (7, "data", sizes.data_mib),
    ):
        # the EBR has the first sector of an alignment of its own
        found.append(Part(number, name, HIDDEN, at + align, sectors(mib), ebr=at))
        at += align + sectors(mib)
    found.insert(3, Part(4, "extended", EXTENDED_LBA, extended, at - extended))
    return found


def disk_bytes(table: Sequence[Part]) -> int:
    """Return the size of the image that holds them all."""
    return max(part.start + part.sectors for part in table) * SECTOR_BYTES


def named(table: Sequence[Part], name: str) -> Part:
    """Return the partition of this name. Raises KeyError."""
    for part in table:
        if part.name == name:
            return part
    raise KeyError(name)


def _entry(kind: int, start: int, sectors: int) -> bytes:
    # the three octets of cylinder, head and sector say "too far for you": everything reads the sector numbers
    return struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", start, sectors)


def _sector(entries: Sequence[bytes], disk_id: int = 0) -> bytes:
    table = b"".join(entries).ljust(64, b"\0")
    return bytes(440) + struct.pack("<IH", disk_id, 0) + table + SIGNATURE


def table_sectors(table: Sequence[Part]) -> dict[int, bytes]:
    """Return what stands in which sector: the MBR, and before each logical partition its EBR.

    An EBR holds its own partition, relative to itself, and the next EBR, relative to the extended partition:

        p4 ├ EBR ┤ p5 ……………┼ EBR ┤ p6 ……………┼ EBR ┤ p7 …
             └ next ────────────┘ └ next ───────────┘
    """
    primary = [_entry(part.kind, part.start, part.sectors) for part in table if not part.ebr]
    written = {0: _sector(primary, DISK_ID)}
    extended = next((part for part in table if part.kind == EXTENDED_LBA), None)
    logical = [part for part in table if part.ebr]
    for part, following in zip(logical, [*logical[1:], None], strict=True):
        entries = [_entry(part.kind, part.start - part.ebr, part.sectors)]
        if following is not None and extended is not None:
            span = following.start + following.sectors - following.ebr
            entries.append(_entry(0x05, following.ebr - extended.start, span))
        written[part.ebr] = _sector(entries)
    return written

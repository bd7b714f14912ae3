"""Grows the last partition of a card to the card's end; run by the initramfs, before that partition is in use.

    python3 -I grow.py /dev/mmcblk0

Standard library alone. Two sectors say how large it is: the extended partition's entry in the first one, and the
partition's own before it. Each is one write that is on the card before the next begins, the outer one first: a power
cut between them leaves a sound table, and the next start goes on.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import sys
from collections.abc import Callable

SECTOR_BYTES = 512
ALIGN_SECTORS = 8192
MOST_SECTORS = 0xFFFFFFFF  # an MBR counts in 32 bits: 2 TiB
EXTENDED = (0x05, 0x0F, 0x85)
BLKPG = 0x1269  # linux/blkpg.h
BLKPG_RESIZE_PARTITION = 3

Reader = Callable[[int], bytes]
"""The sector of this number."""


class TableError(ValueError):
    """Not the table of a vigie card."""


def _entries(sector: bytes) -> list[tuple[int, int, int]]:
    if len(sector) != SECTOR_BYTES or sector[510:] != b"\x55\xaa":
        raise TableError("no partition table")
    rows = (struct.unpack_from("<B3xB3xII", sector, 446 + 16 * n) for n in range(4))
    return [(kind, start, size) for _, kind, start, size in rows]


def _with_size(sector: bytes, row: int, sectors: int) -> bytes:
    at = 446 + 16 * row + 12
    return sector[:at] + struct.pack("<I", sectors) + sector[at + 4 :]


def grown(read: Reader, disk_sectors: int) -> tuple[list[tuple[int, bytes]], int, int]:
    """Return the sectors to write, in their order, then where the last partition starts and how large it becomes.

    Nothing to write: it is as large as it can be. Raises TableError where the table is not ours.
    """
    main = read(0)
    rows = _entries(main)
    try:
        row = next(n for n, (kind, _, _) in enumerate(rows) if kind in EXTENDED)
    except StopIteration as exc:
        raise TableError("no extended partition") from exc
    _, base, span = rows[row]
    at = base
    for _ in range(16):  # a table that runs in a circle ends too
        last = read(at)
        (_, start, size), (kind, following, _), *_ = _entries(last)
        if kind not in EXTENDED or not following:
            break
        at = base + following
    else:
        raise TableError("the extended partition has no end")
    if any(begin >= base + span for kind, begin, size in rows if kind and kind not in EXTENDED and size):
        raise TableError("something lies behind the extended partition")
    end = min(disk_sectors, base + MOST_SECTORS) // ALIGN_SECTORS * ALIGN_SECTORS
    writes: list[tuple[int, bytes]] = []
    if end > base + span:
        writes.append((0, _with_size(main, row, end - base)))
    wanted = max(end - at - start, size)
    if wanted > size:
        writes.append((at, _with_size(last, 0, wanted)))
    return writes, at + start, wanted


def _tell_kernel(disk: int, number: int, start: int, sectors: int) -> None:
    # struct blkpg_partition, then blkpg_ioctl_arg that points at it; works while other partitions are in use
    held = ctypes.create_string_buffer(
        struct.pack("<qqi64s64s4x", start * SECTOR_BYTES, sectors * SECTOR_BYTES, number, b"", b"")
    )
    argument = struct.pack("@iiiP", BLKPG_RESIZE_PARTITION, 0, len(held), ctypes.addressof(held))
    fcntl.ioctl(disk, BLKPG, argument)


def main(arguments: list[str]) -> int:
    """Grow the card named; say what was done."""
    disk = os.open(arguments[0], os.O_RDWR | os.O_CLOEXEC)
    try:
        disk_sectors = os.lseek(disk, 0, os.SEEK_END) // SECTOR_BYTES
        writes, start, sectors = grown(lambda at: os.pread(disk, SECTOR_BYTES, at * SECTOR_BYTES), disk_sectors)
        for at, sector in writes:
            os.pwrite(disk, sector, at * SECTOR_BYTES)
            os.fsync(disk)
        _tell_kernel(disk, 7, start, sectors)
    except (OSError, TableError) as exc:
        print(f"vigie-card: {arguments[0]} is not grown: {exc}")
        return 1
    finally:
        os.close(disk)
    print(f"vigie-card: the data partition has {sectors * SECTOR_BYTES >> 20} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""One frame of the segment log: a batch as it lies on the card. Encoding and checking, no file.

A frame starts on a 4 KiB boundary and is padded with zeros to the next, so that a page destroyed while it was written
hits no other frame. Octets, little-endian:

```
  0  4  "VgLg"
  4  1  version of this layout (1)
  5  1  kind: 0 records, 1 events
  6  2  H, length of the head
  8  4  CRC-32 of the head: octets 0..7 and 12..H-1
 12  4  CRC-32 of the body
 16  8  seq of the first entry
 24  4  number of entries (0: registers alone)
 28  4  boot
 32  8  monotonic ms of the first entry
 40  4  length of the registers
 44  4  length of the entries
 48  1  1 when the registers are all registers, 0 when they are those of this batch
 49  1  number of cursors, then for each: length of the name, name (UTF-8), seq (8)
  H     registers, entries, zeros
```
Both CRCs start from the CRC-32 of the stream's id and the segment's base seq: what a recycled segment still holds
from its former life never passes. Octets 0..11 keep their meaning in every later version.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import msgspec

from edge.store.fs import BLOCK, FormatError

MAGIC: Final = b"VgLg"
VERSION: Final = 1
KINDS: Final = ("records", "events")
_HEAD = struct.Struct("<4sBBHII QIIqII BB")
_SEQ = struct.Struct("<Q")
_CRC_AT: Final = 8
HEAD_SIZE: Final = _HEAD.size
MAX_HEAD: Final = BLOCK  # a head always lies in the first block


class Head(msgspec.Struct, frozen=True, gc=False):
    """What a frame's head says."""

    kind: str
    first: int
    count: int
    boot: int
    t_ms: int
    head_size: int
    registers_size: int
    entries_size: int
    body_crc: int
    is_snapshot: bool
    cursors: dict[str, int]

    @property
    def last(self) -> int:
        """The seq of the last entry; first - 1 when there is none."""
        return self.first + self.count - 1

    @property
    def size(self) -> int:
        """Octets without the padding."""
        return self.head_size + self.registers_size + self.entries_size

    @property
    def span(self) -> int:
        """Octets on the card: whole blocks."""
        return -(-self.size // BLOCK) * BLOCK


def seed(stream: str, base: int) -> int:
    """Return what the CRCs of a segment start from."""
    return zlib.crc32(f"{stream}-{base:016x}".encode())


def encode(head: Head, registers: bytes, entries: bytes, crc_seed: int) -> bytes:
    """Return the frame, padded to whole blocks; sizes and CRC of `head` are worked out here."""
    cursors = b"".join(
        bytes([len(name.encode())]) + name.encode() + _SEQ.pack(seq) for name, seq in sorted(head.cursors.items())
    )
    head_size = HEAD_SIZE + len(cursors)
    if head_size > MAX_HEAD:
        raise ValueError(f"{len(head.cursors)} cursors do not fit the head of a frame")
    body_crc = zlib.crc32(entries, zlib.crc32(registers, crc_seed))
    plain = _HEAD.pack(
        MAGIC, VERSION, KINDS.index(head.kind), head_size, 0, body_crc, head.first, head.count, head.boot, head.t_ms,
        len(registers), len(entries), head.is_snapshot, len(head.cursors),
    ) + cursors  # fmt: skip
    crc = struct.pack("<I", _head_crc(plain, crc_seed))
    frame = plain[:_CRC_AT] + crc + plain[_CRC_AT + 4 :] + registers + entries
    return frame + bytes(-len(frame) % BLOCK)


def _head_crc(head: bytes, crc_seed: int) -> int:
    return zlib.crc32(head[_CRC_AT + 4 :], zlib.crc32(head[:_CRC_AT], crc_seed))


def scan_head(block: bytes, crc_seed: int) -> Head | None:
    """Return the head at the start of a block, or None when there is no sound one of this segment.

    Raises FormatError when it is sound and of a version that is not known here.
    """
    if len(block) < HEAD_SIZE or block[:4] != MAGIC:
        return None
    head_size, crc = struct.unpack_from("<HI", block, 6)
    if not HEAD_SIZE <= head_size <= len(block) or _head_crc(block[:head_size], crc_seed) != crc:
        return None
    if block[4] != VERSION:
        raise FormatError(f"frame version {block[4]}, known is {VERSION}: written by a newer vigie")
    fields = _HEAD.unpack_from(block)
    _, _, kind, _, _, body_crc, first, count, boot, t_ms, registers_size, entries_size, is_snapshot, consumers = fields
    cursors = {}
    at = HEAD_SIZE
    for _ in range(consumers):
        end = at + 1 + block[at]
        cursors[block[at + 1 : end].decode()] = _SEQ.unpack_from(block, end)[0]
        at = end + 8
    return Head(
        KINDS[kind], first, count, boot, t_ms, head_size, registers_size, entries_size, body_crc, bool(is_snapshot),
        cursors,
    )  # fmt: skip


def body(head: Head, frame: bytes, crc_seed: int) -> tuple[bytes, bytes] | None:
    """Return (registers, entries) of a frame that begins with this head, or None when they are damaged."""
    if len(frame) < head.size:
        return None
    middle = head.head_size + head.registers_size
    registers, entries = frame[head.head_size : middle], frame[middle : head.size]
    if zlib.crc32(entries, zlib.crc32(registers, crc_seed)) != head.body_crc:
        return None
    return registers, entries

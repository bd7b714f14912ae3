"""The flight recorder of a bus: what its wire brought in the last ten minutes, kept when a device turns bad.

A fault that lasted a second at night is understood from the bytes before it. They are held in blocks, compressed when
a block is full, so that ten minutes of a standard Téléinfo meter (576 kB) cost some 60 kB of memory and no card:

```
block    = zlib(entry …)                     one open bytearray, then a queue of closed ones
entry    = u32 t_ms | u16 device | u16 length | bytes
```
A device's recording is taken at its first BAD sample and stays until it turns bad again after ten good minutes.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

KEEP_MS: Final = 600_000
BLOCK_BYTES: Final = 8192
MOST_BYTES: Final = 256 << 10  # of closed blocks; only incompressible bytes reach it, and then the oldest go
ENTRY_MAX: Final = 0xFFFF
_HEAD: Final = struct.Struct("<IHH")
_T_MASK: Final = 0xFFFF_FFFF


class Entry(msgspec.Struct, frozen=True):
    """What one reading of a device brought, at monotonic `t_ms`."""

    t_ms: int
    device: str
    octets: bytes


class Recording(msgspec.Struct, frozen=True):
    """The last ten minutes of a bus at the first BAD sample of one of its devices, at monotonic `t_ms`."""

    t_ms: int
    device: str
    point: str
    reason: str
    blocks: tuple[bytes, ...]
    tail: bytes
    names: tuple[str, ...]

    def entries(self) -> list[Entry]:
        """Return what was read, oldest first, the reading that turned bad last."""
        found: list[Entry] = []
        for block in (*(zlib.decompress(packed) for packed in self.blocks), self.tail):
            for low_ms, device, octets in _parts(block):
                t_ms = self.t_ms - (self.t_ms - low_ms & _T_MASK)
                found.append(Entry(t_ms, self.names[device], octets))
        return [entry for entry in found if self.t_ms - entry.t_ms <= KEEP_MS]


class Flight:
    """What one bus keeps. Written by the bus's own thread; `recording` may be asked by any."""

    def __init__(self, devices: Sequence[str] = ()) -> None:
        self._names = tuple(devices)
        self._open = bytearray()
        self._blocks: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._kept: dict[str, Recording] = {}
        self._bad_ms: dict[str, int] = {}

    def place(self, device: str) -> int:
        """Return the place of a device, a new one where it has none; a place is never another's."""
        if device not in self._names:
            self._names = (*self._names, device)
        return self._names.index(device)

    def note(self, t_ms: int, device: int, octets: bytes) -> None:
        """Keep what a reading of the device of this place brought."""
        octets = octets[-ENTRY_MAX:]
        self._open += _HEAD.pack(t_ms & _T_MASK, device, len(octets)) + octets
        if len(self._open) >= BLOCK_BYTES:
            self._close_block(t_ms)

    def _close_block(self, t_ms: int) -> None:
        packed = zlib.compress(self._open, 1)
        self._open = bytearray()
        self._blocks.append((t_ms, packed))
        self._bytes += len(packed)
        while self._blocks and (t_ms - self._blocks[0][0] > KEEP_MS or self._bytes > MOST_BYTES):
            self._bytes -= len(self._blocks.popleft()[1])

    def turned_bad(self, t_ms: int, device: str, point: str, reason: str) -> bool:
        """Take a recording unless the device was bad within the last ten minutes; return whether one was taken."""
        before_ms = self._bad_ms.get(device)
        self._bad_ms[device] = t_ms
        if before_ms is not None and t_ms - before_ms < KEEP_MS:
            return False
        blocks = tuple(packed for _t_ms, packed in self._blocks)
        self._kept[device] = Recording(t_ms, device, point, reason, blocks, bytes(self._open), self._names)
        return True

    def recording(self, device: str) -> Recording | None:
        """Return the device's recording, None while it never turned bad."""
        return self._kept.get(device)


def _parts(block: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(block):
        low_ms, device, length = _HEAD.unpack_from(block, at)
        at += _HEAD.size
        yield low_ms, device, block[at : at + length]
        at += length


def told(recording: Recording, offset_ms: int) -> dict[str, Any]:
    """Return a recording for JSON: instants in UTC by this offset (UTC minus monotonic), bytes as text and as hex."""
    return {
        "utc_ms": recording.t_ms + offset_ms,
        "point": recording.point,
        "reason": recording.reason,
        "entries": [
            {
                "utc_ms": entry.t_ms + offset_ms,
                "device": entry.device,
                "hex": entry.octets.hex(),
            }
            for entry in recording.entries()
        ],
    }

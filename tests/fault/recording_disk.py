"""A disk that writes down every write and every flush in their order, with the claims of who writes to it in between.

`python -m tests.fault.recording_disk FOLDER IMAGE LOG` mounts a folder with two files: `disk`, to be put under a loop
device, begins as the image; what is written to `claims` goes into the log where it belongs. It speaks the kernel's FUSE
protocol (<linux/fuse.h>, 7.31) itself, one request after the other, so that the log's order is the disk's; it ends when
the folder is unmounted. The log:
```
1  kind: w write, f flush, c claim     8  offset     4  length     then so many octets
```
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

ENTRY: Final = struct.Struct("<cQI")
ROOT_NODE, DISK, CLAIMS = 1, 2, 3
NODES: Final = {b"disk": DISK, b"claims": CLAIMS}
MAX_WRITE: Final = 1 << 20
DIRECT_IO: Final = 1
MAX_PAGES: Final = 1 << 22

LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC = 1, 2, 3, 4, 14, 15, 16, 17, 18, 20
FLUSH, INIT, INTERRUPT, BATCH_FORGET = 25, 26, 36, 42
_IN = struct.Struct("<IIQQIIIHH")
_OUT = struct.Struct("<IiQ")
_IO = struct.Struct("<QQIIQII")
_ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
_INIT = struct.Struct("<IIIIHHIIHHII24x")


class RecordingDisk:
    """Answers the kernel's requests until it is unmounted."""

    def __init__(self, image: Path, log: Path) -> None:
        self._octets = bytearray(image.read_bytes())
        self._log = log.open("wb")
        self._answers: dict[int, Callable[[int, memoryview], bytes]] = {
            INIT: self._init,
            LOOKUP: self._lookup,
            GETATTR: lambda node, _: struct.pack("<QII", 3600, 0, 0) + self._attributes(node),
            SETATTR: lambda node, _: struct.pack("<QII", 3600, 0, 0) + self._attributes(node),
            OPEN: lambda node, _: struct.pack("<QII", node, DIRECT_IO if node == CLAIMS else 0, 0),
            READ: self._read,
            WRITE: self._write,
            FSYNC: self._fsync,
            STATFS: lambda _node, _: struct.pack("<QQQQQIIII24x", 1 << 20, 1 << 19, 1 << 19, 3, 0, 4096, 255, 4096, 0),
            RELEASE: lambda _node, _: b"",
            FLUSH: lambda _node, _: b"",
        }

    def serve(self, device: int) -> None:
        """Answer until the folder is unmounted."""
        while True:
            try:
                request = os.read(device, MAX_WRITE + 8192)
            except InterruptedError:
                continue
            except OSError as exc:
                if exc.errno == errno.ENOENT:  # a request that was taken back
                    continue
                if exc.errno != errno.ENODEV:
                    raise
                self._log.close()
                return
            _, opcode, unique, node, *_ = _IN.unpack_from(request)
            if opcode in {FORGET, BATCH_FORGET, INTERRUPT}:
                continue
            answer = self._answers.get(opcode)
            try:
                octets = b"" if answer is None else answer(node, memoryview(request)[_IN.size :])
                error = errno.ENOSYS if answer is None else 0
            except OSError as exc:
                octets, error = b"", exc.errno or errno.EIO
            os.write(device, _OUT.pack(_OUT.size + len(octets), -error, unique) + octets)

    def _init(self, _node: int, _body: memoryview) -> bytes:
        return _INIT.pack(7, 31, 0, MAX_PAGES, 0, 0, MAX_WRITE, 1, MAX_WRITE // 4096, 0, 0, 0)

    def _attributes(self, node: int) -> bytes:
        kind = stat.S_IFDIR | 0o700 if node == ROOT_NODE else stat.S_IFREG | 0o600
        size = len(self._octets) if node == DISK else 0
        return _ATTR.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, kind, 1, 0, 0, 0, 4096, 0)

    def _lookup(self, _node: int, body: memoryview) -> bytes:
        node = NODES.get(bytes(body).rstrip(b"\0"))
        if node is None:
            raise FileNotFoundError(errno.ENOENT, "there are two files")
        return struct.pack("<QQQQII", node, 0, 3600, 3600, 0, 0) + self._attributes(node)

    def _read(self, node: int, body: memoryview) -> bytes:
        _, offset, size, *_ = _IO.unpack_from(body)
        return bytes(self._octets[offset : offset + size]) if node == DISK else b""

    def _write(self, node: int, body: memoryview) -> bytes:
        _, offset, size, *_ = _IO.unpack_from(body)
        octets = body[_IO.size : _IO.size + size]
        if node == DISK:
            self._octets[offset : offset + size] = octets
        self._log.write(ENTRY.pack(b"w" if node == DISK else b"c", offset, size))
        self._log.write(octets)
        return struct.pack("<II", size, 0)

    def _fsync(self, node: int, _body: memoryview) -> bytes:
        if node == DISK:
            self._log.write(ENTRY.pack(b"f", 0, 0))
        return b""


def mount(folder: Path) -> int:
    """Mount the folder and return the descriptor on which the kernel asks. Raises OSError."""
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"recording", os.fsencode(folder), b"fuse.recording", 0, options):
        raise OSError(ctypes.get_errno(), "a FUSE folder can't be mounted", str(folder))
    return device


if __name__ == "__main__":
    RecordingDisk(Path(sys.argv[2]), Path(sys.argv[3])).serve(mount(Path(sys.argv[1])))

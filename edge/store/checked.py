"""Small files that say whether they are whole: a first line with length and check sum, then JSON.

```
vigie-notebook 1 <length of the JSON> <CRC-32, 8 hex digits>
{"_default": {"1": {…}}}
```
The CRC covers the line up to its last space, and the JSON. The first word says what the file is.
"""

from __future__ import annotations

import zlib

from edge.store.fs import FormatError, Fs, write_all


def sealed(magic: str, version: int, body: bytes) -> bytes:
    """Return the file's octets."""
    start = f"{magic} {version} {len(body)}"
    return f"{start} {_crc(start, body)}\n".encode() + body


def unsealed(magic: str, version: int, octets: bytes) -> bytes:
    """Return the body. Raises ValueError when the file is damaged or another, FormatError when a newer one wrote it."""
    line, _, body = octets.partition(b"\n")
    start, _, crc = line.decode("ascii", "replace").rpartition(" ")
    words = start.split(" ")
    if words[0] != magic or words[2:] != [str(len(body))] or crc != _crc(start, body):
        raise ValueError("its first line, length or CRC is wrong")
    if words[1] != str(version):
        raise FormatError(f"{magic} version {words[1]}, known is {version}: written by a newer vigie")
    return body


def _crc(start: str, body: bytes) -> str:
    return f"{zlib.crc32(body, zlib.crc32(start.encode())):08x}"


def write_file(fs: Fs, path: str, octets: bytes) -> None:
    """Give a file this content, durable when this returns; a power cut leaves any part of it. Raises OSError."""
    file = fs.open(path, create=True)
    try:
        file.truncate(0)
        write_all(file, octets, 0)
        file.fdatasync()
    finally:
        file.close()


def replace_file(fs: Fs, path: str, octets: bytes, *, keep: str = "") -> None:
    """Give a file new content in one step: after a power cut it is the old one or the new one. Raises OSError.

    With `keep` the old one stays under that name; a cut between the two renames leaves it there, and none at `path`.
    """
    beside = f"{path}.tmp"
    write_file(fs, beside, octets)
    if keep and fs.exists(path):
        fs.rename(path, keep)
    fs.rename(beside, path)
    fs.fsync_dir(path.rpartition("/")[0])

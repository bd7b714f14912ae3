"""autoboot.txt on its partition: overwritten in its place, one sector, and read again.

Never by a new file and a rename: FAT has no journal, and a name that is missing for a moment is a box that starts no
more. The partition is mounted for reading; `edge.runtime.boot_mount` opens it for a moment.
"""

from __future__ import annotations

import errno
from typing import Final

from edge.core.autoboot import SECTOR, Autoboot, octets, parsed
from edge.store.fs import Fs, StoreError, read_file, write_all

FILE: Final = "autoboot.txt"


def read_autoboot(fs: Fs) -> Autoboot:
    """Return what the file says. Raises OSError, or ValueError for a file that names no slot."""
    return parsed(read_file(fs, FILE))


def write_autoboot(fs: Fs, wanted: Autoboot) -> bool:
    """Let the file say this; return whether it had to be written. Raises StoreError when it does not say so then."""
    wished = octets(wanted)
    file = fs.open(FILE)
    try:
        if file.size() != SECTOR:
            raise StoreError(errno.EINVAL, f"{FILE} has {file.size()} octets and not {SECTOR}: it is not touched", FILE)
        if file.pread(SECTOR, 0) == wished:
            return False
        write_all(file, wished, 0)
        file.fdatasync()
    finally:
        file.close()
    if read_file(fs, FILE) != wished:
        raise StoreError(errno.EIO, f"{FILE} was written and says something else", FILE)
    return True

"""Secrets of a box that are made on it, or moved off its card: one file each, for root to write and vigie to read.

None is in an image or a settings file. A file takes its name in one step, so that after a power cut it is whole or not
there; what is not there, or damaged, is made anew at the next start.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from edge.settings.access_code import is_code, new_code
from edge.store.fs import RealFs, flush_folder
from edge.store.kept_file import KeptFile

SECRETS: Final = "etc/vigie/secrets"
STATE: Final = "var/lib/vigie"
ACCESS: Final = "access-code"
IDENTITY: Final = "sms/identity"
FOLDER_MODE: Final = 0o750
FILE_MODE: Final = 0o640
LARGEST: Final = 1 << 16


def keep_secret(folder: Path, name: str, octets: bytes) -> Path:
    """Write a secret so that it is durable when this returns; its group is the folder's owner's. Raises OSError.

    One that is there with the same content and mode is left alone: an unchanged card writes nothing.
    """
    _made(folder)
    file = folder / name
    if secret_in(folder, name) == octets and _mode(file) == FILE_MODE:
        return file
    beside = folder / f"{name}.tmp"
    beside.unlink(missing_ok=True)  # a cut left it, perhaps with another mode
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        written.write(octets)
        written.flush()
        if os.geteuid() == 0:
            os.fchown(descriptor, 0, folder.stat().st_gid)
        os.fchmod(descriptor, FILE_MODE)  # after the group is right
        os.fsync(descriptor)
    beside.replace(file)
    flush_folder(folder)
    return file


def secret_in(folder: Path, name: str) -> bytes | None:
    """Return a secret, None where there is none. Raises OSError when it can't be read."""
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(LARGEST)


def access_code(root: Path) -> str:
    """Return the code of this box's own Wi-Fi and page, made here once; one that the office made is kept. OSError."""
    folder = root / SECRETS
    found = (secret_in(folder, ACCESS) or b"").decode("ascii", "replace").strip()
    if not is_code(found):
        found = new_code()
    keep_secret(folder, ACCESS, f"{found}\n".encode())
    return found


def own_print(state: Path) -> str:
    """Return the print of this box's key, which is made here once; "" where sealing is not installed. OSError."""
    try:
        from sms.keys import Identity  # a box without the extra gsm has no cryptography
    except ImportError:
        return ""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    identity = Identity.kept(KeptFile(RealFs(state), IDENTITY, "vigie-sms-identity"))
    _given_to_owner(state, IDENTITY)
    return identity.fingerprint


def _given_to_owner(state: Path, name: str) -> None:
    """Let the service read what root made in its folder; looked at each time, as the power may go in between."""
    owner = state.stat()
    folder = state / Path(name).parent
    for path in (folder, *folder.glob(f"{Path(name).name}*")):
        found = path.lstat()
        if os.geteuid() == 0 and (found.st_uid, found.st_gid) != (owner.st_uid, owner.st_gid):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _made(folder: Path) -> None:
    """Make the folder of secrets, for the group of the folder above it; one that is there keeps its owner."""
    try:
        folder.mkdir(parents=True, mode=FOLDER_MODE)
    except FileExistsError:
        if not folder.is_dir() or folder.is_symlink():
            raise OSError(errno.ENOTDIR, "no folder: move it away", str(folder)) from None
    else:
        if os.getegid() == 0:
            os.chown(folder, 0, folder.parent.stat().st_gid)
    if _mode(folder) != FOLDER_MODE:
        folder.chmod(FOLDER_MODE)
        flush_folder(folder.parent)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)

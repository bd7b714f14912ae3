"""Putting out of the way what can't be used: another name, in the same folder, for a person to look at.

Nothing is ever removed here.
"""

from __future__ import annotations

import errno
from typing import Final

from edge.store.fs import Fs, NotAFileError
from edge.store.notes import Note, What

NO_ACCESS: Final = frozenset({errno.EACCES, errno.EPERM})


def set_aside(fs: Fs, path: str) -> str:
    """Give what has this name another one, and return it; "" where the disk takes no change."""
    stem = path.removesuffix(".seg").removesuffix(".new")
    number = 1
    aside = f"{stem}.bad"
    while fs.exists(aside):
        number += 1
        aside = f"{stem}.bad{number}"
    try:
        fs.rename(path, aside)
    except OSError:
        return ""
    return aside


def aside_note(fs: Fs, path: str, what: What) -> Note:
    """Set this aside and return what is to be said of it."""
    return Note(path, what, "set_aside", aside=set_aside(fs, path))


def unusable(exc: OSError) -> What | None:
    """Return why a file can't be used at all, None when that may pass: the card, not the file."""
    if isinstance(exc, NotAFileError):
        return "not_a_file"
    return "no_access" if exc.errno in NO_ACCESS else None

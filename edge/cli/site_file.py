"""The settings file of a command that goes on without: read, or why not."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from edge.settings.faults import SettingsError
from edge.settings.load import load
from edge.settings.model import Settings
from edge.settings.report import fault_lines, language


class SiteFile(msgspec.Struct, frozen=True):
    """A settings file, as far as it can be read. Without `is_there` nothing is known."""

    is_there: bool = False
    settings: Settings | None = None
    changed_ms: float = 0.0
    faults: int = 0
    first: str = ""
    """The first fault and what to write instead, in a line."""
    is_unread: bool = False
    """This user may not read it."""


def settings_of(file: Path, lang: str = "") -> SiteFile:
    """Return what is known of a settings file, in this language, else in its own or the reader's; never raises."""
    try:
        changed_ms = file.stat().st_mtime * 1000
        with file.open("rb"):
            pass
    except PermissionError:
        return SiteFile(is_there=True, is_unread=True)
    except OSError:
        return SiteFile()
    try:
        return SiteFile(is_there=True, settings=load(file), changed_ms=changed_ms)
    except SettingsError as exc:
        lines = fault_lines(file.name, exc.faults[0], lang or language(os.environ, file))
        first = " ".join(line.strip() for line in lines[:2])
        return SiteFile(is_there=True, changed_ms=changed_ms, faults=len(exc.faults), first=first)

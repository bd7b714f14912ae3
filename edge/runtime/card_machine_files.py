"""The machine's files of this start, written into RAM from the box's settings (edge.settings.card_machine)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from edge.settings.card_machine import CHAT, FOLDER, HOSTNAME, LOGIN, PEER, SMS, WIFI, MachineFile
from edge.settings.model import Settings

OURS: Final = (WIFI, PEER, CHAT, LOGIN, SMS, f"{FOLDER}/gsm-pin")
"""What a later look at the card removes where it is not set any more."""

log = logging.getLogger(__name__)


def secret_of(root: Path, name: str) -> str:
    """Return the content of a file that the settings name; empty where there is none."""
    if not name:
        return ""
    try:
        return (root / name.lstrip("/")).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as exc:
        log.warning("%s: %s", name, exc)
        return ""


def write_machine_files(root: Path, files: Iterable[MachineFile]) -> None:
    """Write them, each whole or not at all, and remove what is not among them. Raises OSError."""
    written = set()
    for file in files:
        path = root / file.path
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.tmp")
        beside.unlink(missing_ok=True)
        mode = 0o600 if file.is_private else 0o644
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            os.fchmod(descriptor, mode)  # whatever the umask is
            os.write(descriptor, file.text.encode())
        finally:
            os.close(descriptor)
        beside.replace(path)
        written.add(file.path)
    for name in OURS:
        if name not in written:
            (root / name).unlink(missing_ok=True)


def name_host(root: Path, settings: Settings) -> None:
    """Give the machine the box's name, until it is switched off. Where that can't be had, it keeps its own."""
    try:
        with (root / HOSTNAME).open("r+", encoding="ascii") as file:
            file.write(settings.box.id)
    except OSError as exc:
        log.info("the machine keeps its name: %s", exc)

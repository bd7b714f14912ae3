"""What a box remembers of updates, on the data partition, and what everybody may read of it in /run."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.core.update_state import UpdateState
from edge.store.fs import FormatError, Fs
from edge.store.kept_file import KeptFile

MAGIC: Final = "vigie-update"
FILE: Final = "state.json"
PUBLIC: Final = Path("run/vigie-update/state.json")
READABLE: Final = 0o644

log = logging.getLogger(__name__)


class UpdateStore:
    """The document of one box; `fs` is its folder on the data partition."""

    def __init__(self, fs: Fs) -> None:
        self._fs = fs
        self._file = KeptFile(fs, FILE, MAGIC)
        self._is_newer = False

    def load(self) -> UpdateState:
        """Return it; a new one where there is none, where it is damaged, or where a newer version wrote it.

        What is lost then is the floor: what runs is the least version again. Raises OSError when it can't be read.
        A newer version's file is put aside by the next `save`.
        """
        try:
            return msgspec.convert(self._file.load() or {}, UpdateState)
        except FormatError as exc:
            self._is_newer = True
            log.warning("%s; nothing is remembered of updates", exc)
        except msgspec.ValidationError as exc:
            log.warning("%s is not understood (%s): nothing is remembered of updates", FILE, exc)
        return UpdateState()

    def save(self, state: UpdateState) -> None:
        """Return when it is durable. Raises StoreError."""
        if self._is_newer:
            for name in (FILE, f"{FILE}.bak"):
                if self._fs.exists(name):
                    self._fs.rename(name, f"newer-{name}")
            self._is_newer = False
        self._file.save(msgspec.to_builtins(state))


def publish(root: Path, facts: Mapping[str, Any]) -> None:
    """Let everybody on the box read these facts. Raises OSError."""
    file = root / PUBLIC
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.new")
    beside.write_bytes(msgspec.json.encode(facts))
    beside.chmod(READABLE)
    os.replace(beside, file)  # noqa: PTH105 - one call of the system, as in edge.store.fs


def published(root: Path = Path("/")) -> dict[str, Any] | None:
    """Return them; None on a machine without two systems, and where they are not whole."""
    try:
        return msgspec.json.decode((root / PUBLIC).read_bytes(), type=dict[str, Any])
    except (OSError, ValueError):
        return None

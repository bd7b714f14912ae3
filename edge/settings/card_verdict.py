"""What came of the installer's file at this boot: told by doctor, the lamp, the display and every link.

`vigie card take` writes it before the service starts, in RAM, so it is never of another boot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec

VERDICT: Final = "run/vigie-card/verdict.json"
"""Below the root."""
DATA: Final = "run/vigie-card/data"
"""What became of the data partition: written by the initramfs."""
DATA_STATES: Final = ("ok", "formatted", "missing", "damaged", "full", "foreign")
LASTING: Final = frozenset({"ok", "formatted"})

State = Literal["applied", "unchanged", "refused", "absent", "no_data"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found on the card."""

    state: State
    file: str = ""
    """The installer's file by its name; empty where there is none."""
    faults: int = 0
    first: dict[str, str] = {}
    """The first fault, by language."""
    restore: dict[str, str] = {}
    """What is wrong with a backup that lies beside it, by language; empty where nothing is."""
    left: dict[str, str] = {}
    """A backup that was left alone, by language: for the card's own page, and no reason to look."""
    t: int = 0
    """UTC seconds by the clock of the machine, which at that time nobody vouches for."""
    is_configured: bool = True
    """False while the box runs on the settings that it made itself for want of others."""
    data: str = "ok"
    """What became of the data partition: one of DATA_STATES."""

    @property
    def is_kept(self) -> bool:
        """Whether what the box reads outlasts the next power cut."""
        return self.state != "no_data"

    @property
    def is_sound(self) -> bool:
        """Whether there is nothing that the installer should look at."""
        return not self.faults and self.is_configured and not self.restore


def verdict_of(root: Path = Path("/")) -> Verdict | None:
    """Return this boot's verdict; None on a machine that was not made from a card, or where it can't be read."""
    try:
        return msgspec.json.decode((root / VERDICT).read_bytes(), type=Verdict)
    except (OSError, msgspec.MsgspecError):
        return None

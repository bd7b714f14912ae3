"""`vigie card console`: what doctor says, on the screen of a box that nobody can log in to.

No shell and no login: Enter looks again, a code explains itself. Without a keyboard it looks again each minute.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from typing import Final, TextIO

from edge.cli.main import main
from edge.cli.words import own_words

AGAIN_S: Final = 60.0
LONGEST: Final = 40
CLEAR: Final = "\x1b[2J\x1b[H"

Vigie = Callable[[list[str]], int]


def console(
    keys: TextIO = sys.stdin, screen: TextIO = sys.stdout, vigie: Vigie = main, looks: int | None = None
) -> int:
    """Show doctor until the keyboard's line ends, or for so many looks; return 0."""
    say, code = own_words(), ""
    while looks is None or looks > 0:
        looks = None if looks is None else looks - 1
        screen.write(CLEAR)
        screen.flush()
        try:
            vigie(["doctor", code] if code else ["doctor"])
        except SystemExit:  # of argparse: no code at all
            pass
        except Exception as exc:  # noqa: BLE001 - the screen of a broken box says so and goes on
            screen.write(f"{exc}\n")
        screen.write(f"\n{say('console_screen.keys')} ")
        screen.flush()
        line = _line(keys)
        if line == "":
            return 0
        code = "".join(
            character for character in (line or "").strip()[:LONGEST] if character.isalnum() or character == "_"
        )
    return 0


def _line(keys: TextIO) -> str | None:
    """Return what was typed, "" where the keyboard is gone for good, None after a minute of nothing."""
    try:
        ready, _, _ = select.select([keys], [], [], AGAIN_S)
    except (OSError, ValueError):
        return ""
    return keys.readline(1000) if ready else None

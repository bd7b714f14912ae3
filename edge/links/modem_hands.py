"""How the watchdog has the modem woken: a file for systemd's path units, and a file in which their answer stands.

The service may neither stop gammu-smsd nor touch a USB port. It leaves one line in its runtime folder, a RAM disk;
`vigie-modem-exclusive.path` and `vigie-modem-reset.path` watch for it; they take it away and write an answer into
folders of their own. A PIN stands in the line where one is set: only the service and root read it, for a second.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from edge.links.sms_cures import Answer, Cure

EXCLUSIVE: Final = "modem-exclusive"
RESET: Final = "modem-reset"
ANSWER: Final = "answer.json"
ANSWER_MOST: Final = 65_536
WORDS: Final[dict[Cure, tuple[str, str]]] = {
    "look": (EXCLUSIVE, "identity"), "mode": (EXCLUSIVE, "mode"), "pin": (EXCLUSIVE, "pin"),
    "drain": (EXCLUSIVE, "drain"),
    "reset": (RESET, "usb"), "power": (RESET, "power"),
}  # fmt: skip
"""The file that is watched, and the word that its script takes."""

log = logging.getLogger(__name__)


class FileHands:
    """See `sms_watch.Hands`. `folder` is the service's runtime folder, `answers` those of the units."""

    def __init__(self, folder: Path, answers: Sequence[Path], pin: Callable[[], str] = lambda: "") -> None:
        self._folder = folder
        self._answers = [path / ANSWER for path in answers]
        self._pin = pin

    def has_pin(self) -> bool:
        """See Hands."""
        return bool(self._pin())

    def ask(self, cure: Cure, number: int) -> None:
        """See Hands. The line is whole or not there."""
        name, word = WORDS[cure]
        words = [str(number), word, *([pin] if cure == "pin" and (pin := self._pin()) else [])]
        new = self._folder / f".{name}.new"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, f"{' '.join(words)}\n".encode())
        finally:
            os.close(descriptor)
        new.replace(self._folder / name)

    def answer(self) -> Answer | None:
        """See Hands: the newest. What can't be read is no answer, the next one may be."""
        found = [answer for path in self._answers if (answer := _read(path)) is not None]
        return max(found, key=lambda answer: answer.number, default=None)


def _read(path: Path) -> Answer | None:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(ANSWER_MOST), type=Answer)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as exc:
        log.debug("%s: %s", path, exc)
        return None

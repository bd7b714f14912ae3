"""How the watchdog has the modem woken: a file for systemd's path units, and a file in which their answer stands.

The service may neither stop gammu-smsd nor touch a USB port. It leaves one line in its runtime folder, a RAM disk;
`vigie-modem-exclusive.path` and `vigie-modem-reset.path` watch for it, their scripts take it away and write an answer
into a folder of their own. A PIN stands in the line where one is set: only the service and root read it, for a second.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from edge.links.sms_watch import Answer, Cure

EXCLUSIVE: Final = "modem-exclusive"
RESET: Final = "modem-reset"
ANSWER: Final = "answer.json"
ANSWER_MOST: Final = 65_536
WORDS: Final[dict[Cure, tuple[str, str]]] = {
    "look": (EXCLUSIVE, "identity"), "pin": (EXCLUSIVE, "pin"), "drain": (EXCLUSIVE, "drain"),
    "reset": (RESET, "usb"), "power": (RESET, "power"),
}  # fmt: skip
"""The file that is watched, and the word that its script takes."""

log = logging.getLogger(__name__)


class FileHands:
    """See `sms_watch.Hands`. `folder` is the service's runtime folder, `answers` that of the scripts."""

    def __init__(self, folder: Path, answers: Path, pin: Callable[[], str] = lambda: "") -> None:
        self._folder = folder
        self._answer = answers / ANSWER
        self._pin = pin

    def ask(self, cure: Cure, number: int) -> None:
        """See Hands. The line is whole or not there."""
        name, word = WORDS[cure]
        pin = self._pin() if cure not in {"look", "drain"} else ""
        path = self._folder / name
        new = self._folder / f".{name}.new"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, f"{number} {word}{f' {pin}' if pin else ''}\n".encode())
        finally:
            os.close(descriptor)
        new.replace(path)

    def answer(self) -> Answer | None:
        """See Hands. What can't be read is no answer: the next one may be."""
        try:
            with self._answer.open("rb") as file:
                return msgspec.json.decode(file.read(ANSWER_MOST), type=Answer)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as exc:
            log.debug("%s: %s", self._answer, exc)
            return None

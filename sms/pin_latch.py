"""A PIN is tried once: what was tried on which SIM card stands on disk before the modem hears it.

Three wrong PINs block a card until somebody comes with its PUK. So a PIN that was refused is never tried again, none is
tried with fewer than two tries left, and a power cut in the middle counts as a refusal unless the card still has all.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Final

LEAST_TRIES: Final = 2
ALL_TRIES: Final = 3


class PinLatch:
    """What was tried, in a small file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def why_not(self, card: str, pin: str, tries: int | None) -> str:
        """Return why a PIN may not be tried now, empty when it may.

        pin_refused: it was tried; pin_tries: too few are left; pin_unknown: the modem does not tell how many, and one
        was refused already; pin_latch: the file can't be read.
        """
        if tries is not None and tries < LEAST_TRIES:
            return "pin_tries"
        try:
            tried = self._load().get(card, {})
        except (OSError, ValueError):
            return "pin_latch"
        state = tried.get(_print(card, pin))
        if state == "refused" or (state == "trying" and tries != ALL_TRIES):
            return "pin_refused"
        return "pin_unknown" if tries is None and tried else ""

    def trying(self, card: str, pin: str) -> None:
        """Write down that it is tried now; durable at return. Raises OSError."""
        self._note(card, pin, "trying")

    def refused(self, card: str, pin: str) -> None:
        """Write down that it was wrong. Raises OSError."""
        self._note(card, pin, "refused")

    def accepted(self, card: str) -> None:
        """Forget what was tried on this card: all its tries are back. Raises OSError."""
        known = self._known()
        if known.pop(card, None) is not None:
            self._store(known)

    def _note(self, card: str, pin: str, state: str) -> None:
        known = self._known()
        known.setdefault(card, {})[_print(card, pin)] = state
        self._store(known)

    def _known(self) -> dict[str, dict[str, str]]:
        try:
            return self._load()
        except ValueError:
            return {}

    def _load(self) -> dict[str, dict[str, str]]:
        try:
            known = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        if not isinstance(known, dict) or not all(isinstance(tried, dict) for tried in known.values()):
            raise ValueError(f"{self._path} is not what it was")
        return known

    def _store(self, known: dict[str, dict[str, str]]) -> None:
        new = self._path.with_name(f"{self._path.name}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, json.dumps(known).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _print(card: str, pin: str) -> str:
    """Return what tells one PIN from another; slow on purpose, a PIN has ten thousand values."""
    return hashlib.scrypt(pin.encode(), salt=card.encode() or b"-", n=2**12, r=8, p=1, dklen=12).hex()

"""RAUC as a program: what is in a bundle, by whom it is signed, and writing it into the slot that does not run.

RAUC alone judges signatures and blocks. Its sentences become words of ours (`update_why` in the catalogues); what it
said itself goes along.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from edge.core.release import Version, version_of

INFO_WITHIN_S: Final = 120.0
INSTALL_WITHIN_S: Final = 1500.0
SQUASHFS: Final = b"hsqs"
RAUC: Final = ("/usr/bin/rauc",)
_TOLD: Final = (
    (r"signature verification failed|Verify error|[Ff]ailed to verify signature", "foreign_key"),
    (r"payload is corrupted|Verification of data area failed|dm-verity|splicing data: Error reading", "corrupt"),
    (r"No space left", "no_space"),
    (r"Compatible mismatch|compatible", "other_box"),
    (r"older versions are not taken", "older"),
    (r"take the other card out", "two_cards"),
    (r"on trial itself", "on_trial"),
    (r"bundle format .*not allowed|Bundle format", "not_a_bundle"),
    (r"No such file|Failed to open|Failed to read|Input/output error", "not_read"),
)
"""What RAUC says, and our word for it; the first that fits."""


class UpdateError(ValueError):
    """An update that is not taken, or not finished: `code` is a word of the catalogue's table update_why."""

    def __init__(self, code: str, detail: str = "", version: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.version = version


class Bundle(msgspec.Struct, frozen=True):
    """What a bundle says of itself, once its signature is known to be one of the keyring's."""

    version: Version
    compatible: str


class Installer(Protocol):
    """What `vigie update` asks of RAUC."""

    def info(self, file: Path) -> Bundle:
        """Return what is in a bundle. Raises UpdateError: foreign_key, not_a_bundle, truncated, empty, not_read."""

    def install(self, file: Path) -> None:
        """Write it into the slot that does not run. Raises UpdateError; what runs stays."""


class Rauc:
    """The program; `command` is what it is started with."""

    def __init__(
        self, command: Sequence[str] = RAUC, keyring: Path | None = None, run: Callable[..., Any] = subprocess.run
    ) -> None:
        self._command = list(command)
        self._keyring = [] if keyring is None else [f"--keyring={keyring}"]
        self._run = run

    def info(self, file: Path) -> Bundle:
        """See Installer."""
        try:
            with file.open("rb") as opened:
                head = opened.read(len(SQUASHFS))
        except OSError as exc:
            raise UpdateError("not_read", str(exc.strerror)) from exc
        if not head:
            raise UpdateError("empty")
        if head != SQUASHFS:
            raise UpdateError("not_a_bundle")
        code, out, told = self._asked(["info", *self._keyring, "--output-format=json", os.fspath(file)], INFO_WITHIN_S)
        if code:
            last = _last(told)
            is_format = last.startswith("Invalid bundle format") or ("signature" in last and "decode" in last)
            raise UpdateError("truncated" if is_format else _code(told), last)
        try:
            found = msgspec.json.decode(out[out.index("{") :], type=dict[str, Any])
            return Bundle(version_of(str(found["version"])), str(found["compatible"]))
        except (ValueError, KeyError) as exc:
            raise UpdateError("not_a_bundle", str(exc)) from exc

    def install(self, file: Path) -> None:
        """See Installer."""
        code, out, told = self._asked(["install", os.fspath(file)], INSTALL_WITHIN_S)
        if code:
            raise UpdateError(_code(f"{out}\n{told}"), _last(f"{out}\n{told}"))

    def _asked(self, words: list[str], within_s: float) -> tuple[int, str, str]:
        try:
            done = self._run(
                [*self._command, *words], capture_output=True, text=True, check=False, timeout=within_s,
                stdin=subprocess.DEVNULL, errors="replace",
            )  # fmt: skip
        except OSError as exc:
            raise UpdateError("no_rauc", f"{self._command[0]}: {exc.strerror}") from exc
        except subprocess.TimeoutExpired as exc:
            raise UpdateError("failed", f"rauc has not ended within {within_s:.0f} s") from exc
        return done.returncode, done.stdout, done.stderr


def _code(told: str) -> str:
    return next((code for pattern, code in _TOLD if re.search(pattern, told)), "failed")


def _last(told: str) -> str:
    """Return RAUC's reason: its LastError, or the last line that is no progress."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith("LastError:")]
    plain = [line for line in lines if not line.startswith(("rauc-Message", "Installing `"))]
    return (named or plain or lines or [""])[-1].removeprefix("LastError:").strip()[:300]

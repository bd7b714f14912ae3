"""Settings that were ordered from afar, tried out: what goes back to those before, also after a power cut.

The text of the settings in force is noted among the events' registers, and durable before the new ones come into force.
"""

from __future__ import annotations

import base64
import errno
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from edge.core.commands import AFAR, Command
from edge.core.engine import Engine
from edge.settings.load import MOST_BYTES, loads
from edge.settings.model import Settings

T = TypeVar("T")


class Site(Protocol):
    """The box, as far as settings are tried out on it."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""

    def ask(self, task: Callable[[Engine], T]) -> T:
        """Return what this gives on the station's thread, between two cycles. Raises what it raises."""

    def await_durable(self) -> None:
        """Return once all that was posted to the card is on it. Raises OSError when it isn't in time."""


class SettingsText(NamedTuple):
    """A settings file as it was read."""

    text: str

    @classmethod
    def of_file(cls, path: Path | None) -> SettingsText | None:
        """Return what a file holds; None where it holds no text, or there is none."""
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                return cls(file.read(MOST_BYTES).decode())
        except (OSError, ValueError):
            return None

    @classmethod
    def of_note(cls, noted: Any) -> SettingsText | None:
        """Return the settings of a note; None where it is none."""
        try:
            return cls(zlib.decompress(base64.b64decode(noted["before"])).decode())
        except (KeyError, TypeError, ValueError, zlib.error):
            return None

    @property
    def sum(self) -> int:
        """Tells another file from this one."""
        return zlib.crc32(self.text.encode())

    def noted(self, file: SettingsText) -> dict[str, Any]:
        """Return these settings as a note that holds as long as the settings file is this one."""
        return {"before": base64.b64encode(zlib.compress(self.text.encode())).decode(), "file": file.sum}


@contextmanager
def tried_out(site: Site, command: Command, before: SettingsText | None, file: SettingsText | None) -> Iterator[None]:
    """Let the settings of an order come into force within: of one from afar only once its trial is on the card.

    Else a power cut would leave a box with settings that cut it off, and nothing to go back to. `before`: what is in
    force; `file`: what comes. Raises OSError when that can't be noted; nothing is on trial then.
    """
    if command.channel not in AFAR:
        yield
        site.ask(lambda engine: engine.commands.on_trial.settle(command.verb))
        return
    if file is None or before is None or loads(before.text) != site.settings:
        raise OSError(errno.EIO, "what is in force is not known as a text, so it could not be taken back")
    noted = before.noted(file)
    never_mind = site.ask(lambda engine: engine.commands.on_trial.begin(command, noted, engine.now_ms))
    try:
        site.await_durable()
        yield
    except BaseException:
        site.ask(lambda _engine: never_mind())
        raise

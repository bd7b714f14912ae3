"""The candidates on the card, read and judged: what each holds, or what is wrong with it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from edge.settings.card_text import SECRETS_FOLDER, CardText, FormError, card_text
from edge.settings.faults import Fault, SettingsError
from edge.settings.load import MOST_CARD_BYTES, of_card
from edge.settings.model import Settings
from edge.settings.places import KeyPath, scan
from edge.settings.rules_card import BESIDE, SECRETS
from edge.settings.tables import SINGLE
from edge.store.fs import Fs, NotAFileError

SECRETS_AT: Final = SECRETS_FOLDER.removeprefix("/")
MOST_PEM_BYTES: Final = 1 << 16
PEM: Final = b"-----BEGIN "
CARD: Final = "/boot/"
"""Where the installer's partition lies: root's alone."""

log = logging.getLogger(__name__)


class Read(msgspec.Struct, frozen=True):
    """A candidate on the card: its octets, and what they hold; or what is wrong with it."""

    name: str
    content: bytes = b""
    settings: Settings | None = None
    parts: CardText | None = None
    files: Mapping[str, bytes] = {}
    """What lies beside it and goes with it, by its name on the box."""
    faults: Sequence[Fault] = ()

    @property
    def told(self) -> str:
        """What tells this content from others: that of the settings alone where no secret stands in it."""
        if self.parts is None:
            return hashlib.sha256(self.content).hexdigest() if self.content else f"no file: {self.name}"
        moved = {**self.parts.secrets, **self.parts.files}
        secrets = "".join(f"\0{name}\0{value}" for name, value in sorted(moved.items()))
        return self.parts.print + (hashlib.sha256(secrets.encode()).hexdigest() if secrets else "")


class CardReader:
    """Reads the card's first partition, and changes nothing."""

    def __init__(self, boot: Fs, root: Fs) -> None:
        self._boot = boot
        self._root = root

    def read(self, name: str) -> Read:
        """Return a candidate; whatever lies there, it is one, or says what is wrong."""
        try:
            file = self._boot.open(name)
            try:
                content = file.pread(MOST_CARD_BYTES + 1, 0)
            finally:
                file.close()
        except NotAFileError:
            return Read(name, faults=[Fault(0, 0, "", "card.not_a_file")])
        except OSError as exc:
            return Read(name, faults=[Fault(0, 0, "", "file.unreadable", {"why": exc.strerror or str(exc)})])
        try:
            settings, text = of_card(content, name)
            parts = card_text(text)
            files, faults = self._beside(parts, text)
            return Read(name, content, settings, parts, files, faults)
        except SettingsError as exc:
            return Read(name, content, faults=exc.faults)
        except FormError as exc:
            return Read(name, content, faults=[exc.fault])
        except (ValueError, RecursionError) as exc:  # of what nobody thought of: it is no reason not to start
            log.error("%s: %r", name, exc)
            return Read(name, content, faults=[Fault(0, 0, "", "card.cut_short")])

    def _beside(self, parts: CardText, text: str) -> tuple[dict[str, bytes], list[Fault]]:
        """Return the files that go with the installer's; a fault for each that is neither there nor on the box."""
        found, faults = {}, []
        for secret in BESIDE:
            name = parts.files.get(secret.file)
            octets = b"" if name is None else self.page(name, MOST_PEM_BYTES)
            if octets.startswith(PEM) or b"\n" + PEM in octets:
                found[secret.file] = octets
            elif name is not None and not self._root.exists(f"{SECRETS_AT}/{secret.file}"):
                place = scan(text).value(secret.path)
                faults.append(Fault(place.line, place.column, key_name(secret.path), "card.no_pem", {"name": name}))
        return found, faults

    def secrets_gone(self, settings: Settings, parts: CardText) -> list[Fault]:
        """Return a fault for each secret that is neither in the file nor on the box: another's card, or a wish."""
        faults = []
        for secret in (*SECRETS, *BESIDE):
            path = secret.path if secret in BESIDE else (*secret.path[:-1], f"{secret.path[-1]}_file")
            file = file_named(settings, path)
            if secret.file in parts.secrets or secret.file in parts.files or not file or self._is_on_box(file):
                continue
            place = scan(parts.plain).key(path)
            is_pem = secret in BESIDE and not file.startswith(SECRETS_FOLDER)
            why, name = ("card.no_pem", file) if is_pem else ("card.secret_gone", str(secret.path[-1]))
            faults.append(Fault(place.line, place.column, key_name(path), why, {"name": name}))
        return faults

    def _is_on_box(self, file: str) -> bool:
        """Return whether the service finds this file: by its whole name, and not on the card's own partition."""
        return file.startswith("/") and not file.startswith(CARD) and self._root.exists(file.lstrip("/"))

    def page(self, name: str, most: int = MOST_CARD_BYTES) -> bytes:
        """Return a file of the card; empty where it can't be read, or is larger."""
        try:
            file = self._boot.open(name)
        except OSError:
            return b""
        try:
            found = file.pread(most + 1, 0)
        except OSError:
            return b""
        finally:
            file.close()
        return found if len(found) <= most else b""


def key_name(path: KeyPath) -> str:
    """Return a key as people read it, such as link.mqtt.password."""
    return ".".join(map(str, path))


def file_named(settings: Settings, path: KeyPath) -> str:
    """Return the file that settings name for a secret, empty for none."""
    key = str(path[-1])
    if path[0] == "link":
        link = getattr(settings.links, str(path[1]))
        return "" if link is None else str(getattr(link, key))
    return str(getattr(settings.one(SINGLE[str(path[0])]), key))

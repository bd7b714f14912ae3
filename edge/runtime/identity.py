"""Which settings a restore writes: the backup's, with the box's id kept or changed."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from edge.settings.card_bare import id_of, table_in
from edge.settings.faults import SettingsError
from edge.settings.flat import Change, changes, flat
from edge.settings.load import loads
from edge.store.backup_file import Backup

BOX_ID: Final = re.compile(r"[a-z0-9-]{1,32}")
Outcome = Literal["written", "left", "same", "none", "unread"]


class Chosen(msgspec.Struct, frozen=True):
    """The text to write, None where the file stays; what became of it, and what differs (here -> backup)."""

    text: str | None
    outcome: Outcome
    differing: list[Change] = []


def is_choice(box_id: str) -> bool:
    """Return whether this is keep, backup, or an id that a box can have."""
    return BOX_ID.fullmatch(box_id) is not None


def chosen(backup: Backup, here: str | None, *, replace: bool, box_id: str = "") -> Chosen:
    """Return what to do about the settings; `here` is the text of the target's file, None when it has none.

    The id: the backup's where there is no file, the file's where there is one; or as `box_id` says: keep, backup, or
    an id of its own.
    """
    own = "" if here is None else id_of(here)
    wanted = {"keep": own, "backup": backup.box, "": own}.get(box_id, box_id) or backup.box
    if here is None or (replace and backup.settings):
        if not backup.settings:
            return Chosen(None, "none")
        text = with_id(backup.settings, wanted)
        return Chosen(None, "same") if text == here else Chosen(text, "written")
    if box_id not in {"", "keep"} and wanted != own:
        return Chosen(with_id(here, wanted), "written")
    return _left(backup, here)


def _left(backup: Backup, here: str) -> Chosen:
    if not backup.settings:
        return Chosen(None, "left")
    try:
        found = changes(flat(loads(here)), flat(loads(backup.settings)))
    except SettingsError:
        return Chosen(None, "same" if here == backup.settings else "unread")
    return Chosen(None, "left" if found else "same", found)


def trusts_clock(text: str) -> bool:
    """Return whether a settings text says that the machine's clock is kept right."""
    return table_in(text, "box").get("trust_clock") is True


def with_id(text: str, box_id: str) -> str:
    """Return the settings with this id, else unchanged to the octet. Raises ValueError when it is no TOML."""
    if id_of(text) == box_id:
        return text
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
    except TOMLKitError as exc:
        raise ValueError(f"the settings are no TOML: {exc}") from exc
    document.setdefault("box", tomlkit.table())["id"] = box_id
    return tomlkit.dumps(document)

"""A backup that lies on the card, or on a USB stick: a new box goes on as the dead one, without a terminal.

A box that has never run takes `<its id>.vigie` by itself, and so does one that nobody has given settings yet. Any other
takes only what `[start] restore` names, as a file that was forgotten on a card must not turn an index. Each is applied
once; a restore that was cut is finished at the next start, also where the file is gone: its plan is on the data
partition.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from edge.core.text import Text
from edge.runtime.backup import settings_if_good
from edge.runtime.card_read import file_named, key_name
from edge.runtime.card_secrets import keep_secret, own_print, secret_in
from edge.runtime.identity import chosen, trusts_clock
from edge.runtime.restore import Plan, target
from edge.runtime.restore_signs import ENDING, RESTORING, has_run, is_unfinished, own
from edge.runtime.restoring import backup_in, finish, restored_into
from edge.settings.card_bare import id_of, is_bare
from edge.settings.card_choice import shown
from edge.settings.card_text import SECRETS_FOLDER
from edge.settings.rules_card import BESIDE, SECRETS
from edge.store.fs import RealFs
from edge.store.ring import LockedError

SECRETS_NAME: Final = "secrets"
MARK: Final = "restored-from"
MOST_MARKS: Final = 20

Outcome: TypeAlias = Literal[
    "nothing", "restored", "already", "not_new", "other_box", "several", "missing", "no_backup", "busy", "failed"
]


class CardRestore(msgspec.Struct, frozen=True):
    """What became of the backups that lie there."""

    outcome: Outcome
    file: str = ""
    box: str = ""
    counters: int = 0
    blanked: list[str] = []
    """Secrets that the settings of the backup lack, where those were taken."""
    print: str = ""
    """Of the new key of a box that texts a gateway: the dead box's key is the one that is known there."""
    why: str = ""

    @property
    def is_mistake(self) -> bool:
        """Whether somebody has to correct something."""
        return self.outcome in {"missing", "no_backup", "other_box", "several", "failed"}

    @property
    def is_left(self) -> bool:
        """Whether a good file was left alone, which is told and nobody has to correct."""
        return self.outcome == "not_new"

    @property
    def text(self) -> Text | None:
        """What to tell the installer, None where there is nothing to tell."""
        if self.outcome == "nothing":
            return None
        values = {name: value for name, value in msgspec.structs.asdict(self).items() if value not in ("", [])}
        return Text(f"card_restore.{self.outcome}", values)


def restore_from(
    places: Sequence[Path], state: Path, config: Path, *, named: str = "", box_id: str | None = None
) -> CardRestore:
    """Restore what lies in one of these folders, if anything does. Never raises: a box starts without, too.

    `named` is what `[start] restore` says. `box_id` is whose the box is to be, None: as the settings in `config` say,
    and where there are none yet, or only those that the box made itself, the backup brings its own, secrets emptied.
    """
    try:
        if (cut := _unfinished(state, config)) is not None:
            return _done(cut, RESTORING, state, config)
        here = config.read_text(encoding="utf-8") if config.is_file() else None
        is_nobodys = here is not None and is_bare(here)
        here = None if is_nobodys else here
        wanted = box_id if box_id is not None else id_of(here or "")
        found = _found(places, wanted, named, is_new=not has_run(state))
        if isinstance(found, CardRestore):
            return found
        return _restored(found, state, config, here, wanted, is_named=bool(named), is_nobodys=is_nobodys)
    except LockedError as exc:
        return CardRestore("busy", why=str(exc))
    except (OSError, ValueError) as exc:  # the settings are no UTF-8, the disk is full …
        return CardRestore("busy" if getattr(exc, "errno", 0) == errno.EBUSY else "failed", why=str(exc))
    finally:
        with contextlib.suppress(OSError):
            own(state, None)  # also what a cut left to root at the start before


def _unfinished(state: Path, config: Path) -> Plan | None:
    """Finish the restore that a cut interrupted; None when there was none, or its plan is damaged."""
    if not is_unfinished(state):
        return None
    with target(RealFs(state)) as onto:
        try:
            plan = onto.unfinished()
        except ValueError:
            return None  # a new restore replaces it
        if plan is not None:
            finish(plan, onto, state, config)
    return plan


def _found(places: Iterable[Path], wanted: str, named: str, *, is_new: bool) -> Path | CardRestore:
    """Return the one backup that is meant, or why there is none.

    Named as the box, else, for a new box, the only one that lies there: whose it is stands in it.
    """
    if named:
        meant = next((place / named for place in places if _is_file(place / named)), None)
        return meant or CardRestore("missing", named)
    candidates = list(_candidates(places))
    names = {path.name.lower() for path in candidates}
    if wanted and (f"{wanted}{ENDING}" in names or len(names) != 1 or not is_new):
        candidates = [path for path in candidates if path.name.lower() == f"{wanted}{ENDING}"]
    if not candidates:
        return CardRestore("nothing")
    if len({path.name.lower() for path in candidates}) > 1:
        return CardRestore("several", ", ".join(sorted(shown(path.name) for path in candidates)))
    return candidates[0]


def _candidates(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        try:
            found = sorted(place.iterdir())
        except OSError:
            continue  # the stick was drawn, or the partition is damaged: told where it is mounted
        # what a Mac leaves beside a file it copied begins with a dot
        yield from (path for path in found if path.suffix.lower() == ENDING and path.name[0] != "." and _is_file(path))


def _is_file(path: Path) -> bool:
    """Return whether this is a file itself: a pipe on a stick would be waited for, for ever."""
    return path.is_file() and not path.is_symlink()


def _restored(
    file: Path, state: Path, config: Path, here: str | None, wanted: str, *, is_named: bool, is_nobodys: bool
) -> CardRestore:  # fmt: skip
    try:
        backup = backup_in(file)
    except (OSError, ValueError) as exc:  # also FormatError: of a newer version
        return CardRestore("no_backup", shown(file.name), why=str(exc))
    told = CardRestore("already", shown(file.name), backup.box)
    if wanted and backup.box != wanted and not is_named:
        return msgspec.structs.replace(told, outcome="other_box")
    marks, again = _marks(config), is_unfinished(state)  # a plan that is there still is a damaged one
    if not again:
        if backup.id in marks and has_run(state):
            return told
        if not (is_named or is_nobodys or _is_new(state)):
            return msgspec.structs.replace(told, outcome="not_new")
    # marked first: a cut after the last step of the restore must not read like a file that was forgotten
    keep_secret(config.parent / SECRETS_NAME, MARK, "\n".join(dict.fromkeys([*marks, backup.id])).encode())
    settings = chosen(backup, here, replace=False)
    trust_clock = trusts_clock(here or backup.settings)
    plan = restored_into(state, config, backup, settings, trust_clock=trust_clock, again=again)
    if plan is None:
        return told
    return _done(plan, shown(file.name), state, config)


def _done(plan: Plan, file: str, state: Path, config: Path) -> CardRestore:
    settings = settings_if_good(config)
    sms = settings.links.sms if settings is not None else None
    blanked = [*plan.backup.blanked, *missing_secrets(config)] if plan.settings is not None else []
    return CardRestore(
        "restored", file, plan.backup.box, len(plan.counters), blanked,
        own_print(state) if sms is not None and sms.gateway else "",
    )  # fmt: skip


def missing_secrets(config: Path) -> list[str]:
    """Return the secrets that had left the dead box's card, and are in no backup: their files stayed in it."""
    settings, found = settings_if_good(config), []
    if settings is None:
        return []
    for secret in (*SECRETS, *BESIDE):
        path = secret.path if secret in BESIDE else (*secret.path[:-1], f"{secret.path[-1]}_file")
        is_named = file_named(settings, path) == f"{SECRETS_FOLDER}/{secret.file}"
        if is_named and not (config.parent / SECRETS_NAME / secret.file).exists():
            found.append(key_name(secret.path))
    return found


def _marks(config: Path) -> list[str]:
    """Return the ids of the backups that were restored from a card or a stick, the newest last."""
    return (secret_in(config.parent / SECRETS_NAME, MARK) or b"").decode("ascii", "replace").split()[-MOST_MARKS:]


def _is_new(state: Path) -> bool:
    if has_run(state):
        return False
    if not state.is_dir():
        return True
    with target(RealFs(state)) as onto:
        return onto.is_new

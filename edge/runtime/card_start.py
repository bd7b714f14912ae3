"""All that a start does with the card before the service: the file, a backup beside it, the machine, the label."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from edge.runtime.boot_partition import writable
from edge.runtime.card_label import leave_label
from edge.runtime.card_machine_files import name_host, secret_of, write_machine_files
from edge.runtime.card_secrets import STATE
from edge.runtime.card_take import SETTINGS, Taking, provisional
from edge.runtime.restore_signs import is_looked_for, is_unfinished, lies_in, own
from edge.runtime.sticks import sticks
from edge.settings.card_bare import bare_settings, new_id
from edge.settings.card_machine import machine_files
from edge.settings.card_pages import LANGUAGES, stamp
from edge.settings.card_verdict import DATA, DATA_STATES, LASTING, VERDICT, Verdict
from edge.settings.catalogue import written
from edge.settings.faults import SettingsError
from edge.settings.load import load, loads
from edge.settings.model import Settings
from edge.store.fs import RealFs

Opens = Callable[[Path], AbstractContextManager[None]]
Looks = Callable[[Path], AbstractContextManager[list[Path]]]
"""The folders of the sticks in a machine, for the time of a block."""
RESTORED: Final = frozenset({"restored", "already"})

log = logging.getLogger(__name__)


def taking_of(boot: Path, root: Path, utc_s: int, open_boot: Opens = writable) -> Taking:
    """Return what looks at this card. Raises OSError when nothing can be kept on this machine."""
    return Taking(
        RealFs(boot), RealFs(root, for_group=True),
        utc_s=utc_s, open_boot=partial(open_boot, boot), data=data_state(root),
    )  # fmt: skip


def start_from_card(
    boot: Path, root: Path, *, utc_s: int, open_boot: Opens = writable, look: Looks = sticks
) -> Verdict:
    """Do all of it, leave the verdict for the service, and return it. Never raises: a box starts in any case."""
    verdict = provisional(utc_s)
    tell(root, verdict)
    data = data_state(root)
    try:
        taking = taking_of(boot, root, utc_s, open_boot)
        verdict = _restored(taking, taking.take(), boot, root, utc_s, look)
        verdict = msgspec.structs.replace(verdict, is_configured=not taking.ensure_settings())
    except OSError as exc:
        log.error("nothing can be kept: %s", exc)
        verdict = msgspec.structs.replace(verdict, state="no_data", data="full" if data in LASTING else data)
    except Exception:
        log.exception("the card could not be looked at")
    settings = settings_in_force(root)
    _for_machine(root, settings)
    if verdict.is_configured and verdict.state != "no_data":
        _leave_label(root, boot, settings, open_boot)
    tell(root, verdict)
    return verdict


def data_state(root: Path) -> str:
    """Return what became of the data partition; ok on a machine whose start does not say."""
    try:
        found = (root / DATA).read_text("utf-8").partition("\n")[0].strip()  # below it, why
    except FileNotFoundError:
        return "ok"
    except (OSError, ValueError):
        return "damaged"
    return found if found in DATA_STATES else "damaged"


def settings_in_force(root: Path) -> Settings:
    """Return the settings in force; where there are none that are good, those of a box without any: by cable."""
    try:
        return load(root / SETTINGS)
    except SettingsError as exc:
        log.warning("%s", exc)
        return loads(bare_settings(new_id()))


def tell(root: Path, verdict: Verdict) -> None:
    """Lay the verdict where the service reads it."""
    path = root / VERDICT
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.tmp")
        beside.write_bytes(msgspec.json.encode(verdict))
        beside.chmod(0o640)
        beside.replace(path)
    except (OSError, ValueError) as exc:
        log.warning("the verdict can't be told: %s", exc)


def _restored(taking: Taking, verdict: Verdict, boot: Path, root: Path, utc_s: int, look: Looks) -> Verdict:
    """Let the box go on as a dead one whose backup lies beside its file, or on a stick. Not while the file is wrong."""
    if verdict.faults or verdict.data not in LASTING:
        return verdict
    named = next(((name, act.args["file"]) for name, act in taking.waiting().items() if act.verb == "restore"), None)
    file = named[1] if named else ""
    with ExitStack() as stack:
        is_awaited = not verdict.is_configured or is_looked_for(root / STATE, file)
        on_sticks = stack.enter_context(look(root)) if is_awaited else []
        lies_there = lies_in([boot, *on_sticks])
        if not (named or lies_there or is_unfinished(root / STATE)):
            with contextlib.suppress(OSError):
                own(root / STATE, None)  # also what a cut left to root at the start before
            return verdict
        from edge.runtime.card_restore import restore_from

        found = restore_from([boot, *on_sticks], root / STATE, root / SETTINGS, named=file)
    if named and found.outcome in RESTORED:
        taking.conclude(named[0], is_done=True, when=stamp(utc_s, taking.zone()), why=found.text)
        taking.strike()
    elif found.outcome == "restored":
        taking.remember("restore", {"file": found.file}, stamp(utc_s, taking.zone()), found.text)
    if found.text is None or not (found.is_mistake or found.is_left):
        return verdict
    log.warning("%s", written("en", found.text))
    told = {lang: written(lang, found.text) for lang in LANGUAGES}
    return msgspec.structs.replace(verdict, **{"restore" if found.is_mistake else "left": told})


def _for_machine(root: Path, settings: Settings) -> None:
    try:
        write_machine_files(root, machine_files(settings, partial(secret_of, root)))
    except OSError as exc:
        log.warning("the network can't be set: %s", exc)
    name_host(root, settings)


def _leave_label(root: Path, boot: Path, settings: Settings, open_boot: Opens) -> None:
    try:
        leave_label(root, boot, settings, open_boot)
    except OSError as exc:
        log.warning("the label can't be left on the card: %s", exc)

"""One update, from a bundle on the card to the try of it, and what became of it at the start that follows.

Nothing here can leave a box that does not start: until the health check has spoken, an ordinary start takes the system
that ran before. Each step is written down before the next begins (`edge.core.update_state`).
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from edge.core import update_state as steps
from edge.core.autoboot import Slot, other
from edge.core.release import Release, Version
from edge.core.update_health import before_of
from edge.core.update_state import UpdateState
from edge.runtime.rauc import Bundle, Installer, UpdateError
from edge.runtime.slot_files import is_of_this_disk
from edge.runtime.slots import Slots
from edge.store.checked import replace_file
from edge.store.update_store import UpdateStore, publish

STATE: Final = Path("data/update")
OTHERS: Final[dict[Slot, tuple[int, int]]] = {"a": (2, 5), "b": (3, 6)}
"""The partitions of a slot: boot, system. Another card of this kind has some of the same names."""
LOCK: Final = "lock"
BACKUP: Final = "before.vigie"
"""What `vigie backup` would write, made just before a try."""
WANTED: Final = "giving-back.vigie"
"""The same while it is being restored: it is there as long as that is not finished."""
RESERVE_BYTES: Final = 32 << 20
"""What an update leaves of the data partition to the box."""

Live = Callable[[], Mapping[str, Any] | None]
log = logging.getLogger(__name__)


class Updating:
    """The updates of the machine whose files are below `slots.root`."""

    def __init__(
        self,
        slots: Slots,
        installer: Installer,
        *,
        live: Live,
        backup: Callable[[], bytes | None] = lambda: None,
        machine: Callable[[], Mapping[str, float | None]] = dict,
        utc_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex[:12],
    ) -> None:
        """`live` and `backup` ask the box, None where none answers; `machine` gives the driver box's figures."""
        self.slots = slots
        self.folder = slots.root / STATE
        self._installer = installer
        self._live = live
        self._backup = backup
        self._machine = machine
        self._utc_ms = utc_ms
        self._new_id = new_id
        self._store: UpdateStore | None = None

    # -- what is

    @property
    def store(self) -> UpdateStore:
        """The document on the data partition. Raises OSError where there is none."""
        if self._store is None:
            if not self.folder.is_dir():
                raise UpdateError("no_data", str(self.folder))
            self._store = UpdateStore(self.slots.disk(self.folder))
        return self._store

    def here(self) -> tuple[Slot, Release]:
        """Return the slot that runs and its release. Raises UpdateError no_slots for another installation."""
        slot = self.slots.booted().slot
        try:
            release = self.slots.release()
        except ValueError as exc:
            raise UpdateError("no_slots", str(exc)) from exc
        if slot is None or release is None:
            raise UpdateError("no_slots")
        return slot, release

    def facts(self) -> Mapping[str, Any]:
        """Return what everybody may know; also written where they can read it."""
        slot, release = self.here()
        facts = steps.public(
            self.store.load(), slot, str(release.version), is_try=slot != self.slots.autoboot().primary
        )
        publish(self.slots.root, facts)
        return facts

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep another update out. Raises UpdateError: busy, no_data; no_slots on another installation."""
        self.here()
        if not self.folder.is_dir():
            raise UpdateError("no_data", str(self.folder))
        fd = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as exc:
            raise UpdateError("busy") from exc
        finally:
            os.close(fd)

    # -- an update

    def may_begin(self) -> None:
        """Raise UpdateError where this is no time for an update."""
        slot, _release = self.here()
        if self.slots.autoboot().primary != slot:
            raise UpdateError("on_trial")
        for number in OTHERS[other(slot)]:
            device = self.slots.root / f"dev/disk/by-partuuid/76696731-{number:02}"
            if device.exists() and not is_of_this_disk(device, self.slots.boot, self.slots.root):
                raise UpdateError("two_cards", str(device))
        if self._machine().get("undervoltage"):
            raise UpdateError("undervoltage")

    def wanted(self, file: Path, *, again: bool = False) -> Bundle:
        """Return what is in a bundle that is for this box. Raises UpdateError: whose it is, for whom, how old."""
        _slot, release = self.here()
        bundle = self._installer.info(file)
        version = str(bundle.version)
        if bundle.compatible != release.compatible:
            raise UpdateError("other_box", bundle.compatible, version)
        least = self._least(release)
        if bundle.version < least:
            raise UpdateError("older", str(least), version)
        # what was committed and is lost may be written again; what runs only when that is asked for
        if bundle.version == least and not again and self.slots.lost() is None:
            raise UpdateError("same", str(least), version)
        return bundle

    def install(self, file: Path, *, again: bool = False) -> Bundle:
        """Write a bundle into the other slot; return what it was. Raises UpdateError: what runs goes on."""
        with self.alone():
            slot, release = self.here()
            target = other(slot)
            version = ""
            try:
                self.may_begin()
                bundle = self.wanted(file, again=again)
                version = str(bundle.version)
                self._save(steps.begun(self.store.load(), target, version, str(release.version)))
                self._installer.install(file)
                if self.slots.autoboot().tried != target:
                    raise UpdateError("failed", "autoboot.txt does not say that the new version may be tried")
            except UpdateError as exc:
                self._refuse(exc, exc.version or version, target if version else None)
                raise
            except (OSError, ValueError) as exc:
                self._refuse(UpdateError("failed", str(exc)), version, target if version else None)
                raise UpdateError("failed", str(exc), version) from exc
            self._save(steps.installed(self.store.load(), self._new_id()))
            return bundle

    def refuse(self, error: UpdateError) -> None:
        """Write down that something that was to be an update is none."""
        with self.alone():
            self._refuse(error, error.version, None)

    def prepare_try(self) -> str:
        """Write down how the box is, for the try that the next start is to be; return the version that is tried."""
        with self.alone():
            slot, _release = self.here()
            state = self.store.load()
            if state.trial is None or state.trial.phase not in {"installed", "trying"}:
                raise UpdateError("nothing_installed")
            if state.trial.slot == slot or self.slots.autoboot().tried != state.trial.slot:
                raise UpdateError("nothing_installed")
            live = self._live()
            octets = self._backup()
            if octets is not None:
                replace_file(self.slots.disk(self.folder), BACKUP, octets)
            self._save(steps.trying(state, before_of(live)))
            return state.trial.version

    # -- the start that follows

    def settle(self, give_back: Callable[[], object] = lambda: None) -> UpdateState:
        """Finish what was cut short, and say what became of it; called once at each start, before the service.

        `give_back` is called when the version before runs again, and makes its state readable for it.
        """
        slot, release = self.here()
        state, autoboot = self.store.load(), self.slots.autoboot()
        found = steps.settled(
            state, slot, str(release.version),
            is_try=self.slots.booted().is_try, autoboot=autoboot, lost=self.slots.lost(),
            utc_ms=self._utc_ms(), news_id=self._new_id(),
        )  # fmt: skip
        if found.autoboot != autoboot:
            self.slots.change(lambda _: found.autoboot)
        last = found.state.last
        is_back = last is not None and last != state.last and last.outcome == "rolled_back"
        is_back = is_back or (found.state.lost is not None and found.state.lost != state.lost)
        if is_back or (self.folder / WANTED).exists():
            give_back()
        if found.state != state:
            self._save(found.state)
        return found.state

    def commit(self) -> None:
        """Let the version that runs start from now on: autoboot.txt first, which alone decides."""
        slot, _release = self.here()
        self.slots.change(lambda autoboot: autoboot.committed(slot))
        state = self.store.load()
        if state.trial is not None and state.trial.slot == slot:
            self._save(steps.committed(state, self._utc_ms(), self._new_id()))

    def give_up(self, why: str) -> None:
        """Write down why the version that runs goes back: the reboot that follows does it."""
        state = self.store.load()
        if state.trial is not None:
            self._save(steps.found_ill(state, why))

    # -- inside

    def _least(self, release: Release) -> Version:
        return self.store.load().least(release.version) or release.version

    def _refuse(self, error: UpdateError, version: str, written: Slot | None) -> None:
        """Write it down; a slot that was written to is not tried. A card that takes no writes is said in the log."""
        try:
            if written is not None and self.slots.autoboot().tried == written:
                self.slots.change(lambda autoboot: autoboot.without(written))
            self._save(steps.refused(self.store.load(), version, error.code, self._utc_ms(), self._new_id()))
        except (OSError, ValueError) as exc:
            log.error("what became of the update can't be written down: %s", exc)

    def _save(self, state: UpdateState) -> None:
        self.store.save(state)
        with contextlib.suppress(OSError, ValueError):
            self.facts()

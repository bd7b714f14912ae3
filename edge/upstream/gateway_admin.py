"""What the operator does to the gateway's file; the gateway that runs sees it at its next step."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from edge.upstream.gateway_fleet import missing
from edge.upstream.gateway_log import GatewayLog
from edge.upstream.gateway_sessions import Sessions
from edge.upstream.gateway_store import GatewayStore, StoreError


def accept(store: GatewayStore, id_: str, now_s: int, site: str = "") -> bool:
    """Accept a box that asked; False when it was accepted already. Raises ValueError for one that did not ask."""
    with store:
        box = store.box(id_)
        if box is None:
            raise ValueError(f"{id_} has not asked to join; `vigie gateway boxes` lists those that did")
        if site:
            box.site = site
        was = box.state
        box.state = "accepted"
        store.update(box)
        store.journal(now_s, id_, "accepted")
    return was != "accepted"


def revoke(store: GatewayStore, id_: str, now_s: int) -> None:
    """Forget a box's key: its messages are refused, and it may ask again. Raises ValueError for an unknown one."""
    with store:
        if store.box(id_) is None:
            raise ValueError(f"{id_} is not known here; `vigie gateway boxes` lists all")
        store.forget(id_)
        store.journal(now_s, id_, "revoked")


def roll(store: GatewayStore, id_: str, now_s: int) -> None:
    """Have a box use new keys. Raises ValueError for a box that has none yet."""
    with store:
        box = store.box(id_)
        if box is None or box.state != "accepted" or box.session is None:
            raise ValueError(f"{id_} has no keys yet; `vigie gateway boxes` lists those that have")
        sessions = Sessions(store)
        session = sessions.of(box, now_s)
        octets = session.roll()
        sessions.keep(box, session)
        sessions.post(box, octets, "roll", now_s)
        store.journal(now_s, id_, "rolled")


def resend(store: GatewayStore, id_: str) -> int:
    """Have the box asked now for what is missing; return how many. Raises ValueError for an unknown box."""
    with store:
        box = store.box(id_)
        if box is None:
            raise ValueError(f"{id_} is not known here; `vigie gateway boxes` lists all")
        box.nacks, box.gap_s = 0, 0
        store.db.execute("DELETE FROM nacked WHERE box = ?", (id_,))
        store.update(box)
        return missing(store, box)


def backup(store: GatewayStore, target: Path) -> None:
    """Write the whole file as it is now to another one, which holds the gateway's key. Raises OSError, StoreError."""
    if target.exists() and (not target.is_file() or target.samefile(store.path)):
        # in its place a gateway that runs would write on into a file that nobody finds any more
        what = "is the gateway's own file" if target.is_file() else "is no file"
        raise StoreError(f"{target}: {what}; name another one, which is made or replaced")
    partial = _beside(target)
    try:
        _copy(store.db, partial)
        _place(partial, target)
    finally:
        _beside(target)


def restore(source: Path, path: Path) -> int:
    """Make a gateway's file of a backup; return how many boxes it has. Raises StoreError, OSError.

    Numbers of entries that the consumer may have seen are not given again: what comes goes to new streams. Each box is
    told with one message, and until its answer nothing of it is taken: no replay window is opened again. The file takes
    its place when all that stands in it: one that a cut leaves half done is none.
    """
    if path.exists():
        raise StoreError(f"{path}: is there already; move it away first, it may know more than the backup")
    partial = _beside(path)
    try:
        with closing(_backup_at(source)) as old:
            _copy(old, partial)
        try:
            with closing(GatewayStore(partial)) as store:
                count = _restored(store)
                store.db.execute("PRAGMA journal_mode=DELETE")
        except (StoreError, sqlite3.Error) as exc:
            raise StoreError(f"{source}: can't be restored: {exc}; take an older backup") from exc
        _place(partial, path)
    finally:
        _beside(path)
    return count


def _restored(store: GatewayStore) -> int:
    """Have all that comes from here on told from what came before; return how many boxes there are."""
    with store:
        GatewayLog(store).close_all()
        store.db.execute("UPDATE box SET is_restored = 1 WHERE state = 'accepted'")
        # what was to go then is of then; counters of before are not used again
        store.db.execute("DELETE FROM outgoing")
        store.db.execute("UPDATE asked SET fate = 'lost' WHERE fate IN ('waits', 'sent')")
        return sum(box.state == "accepted" for box in store.boxes())


def _backup_at(source: Path) -> sqlite3.Connection:
    """Return a backup, of which nothing is changed. Raises StoreError for what is none."""
    if not source.is_file():
        raise StoreError(f"{source}: no such file")
    found: sqlite3.Connection | None = None
    try:
        found = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
        is_one = found.execute("SELECT 1 FROM setting WHERE key = 'identity'").fetchone() is not None
        if is_one and found.execute("PRAGMA quick_check").fetchone() == ("ok",):
            return found
    except sqlite3.Error:
        pass  # whatever it is
    if found is not None:
        found.close()
    raise StoreError(f"{source}: is no backup of a gateway, or damaged; `vigie gateway backup FILE` makes one")


def _beside(target: Path) -> Path:
    """Return where a file is made before it is whole; what was left there is gone."""
    partial = target.with_name(target.name + ".partial")
    for name in ("", "-wal", "-shm", "-journal"):
        partial.with_name(partial.name + name).unlink(missing_ok=True)
    return partial


def _copy(source: sqlite3.Connection, target: Path) -> None:
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as exc:
        raise StoreError(f"{target}: {exc}") from exc


def _place(partial: Path, target: Path) -> None:
    with partial.open("rb") as made:
        os.fsync(made.fileno())
    partial.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

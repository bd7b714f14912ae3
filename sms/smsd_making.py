"""Make the database of gammu-smsd: `python -m sms.smsd_making /var/lib/vigie-sms/smsd.db`, as the daemon's user.

The tables are those of the schema that Debian ships beside the daemon, so that they always are its own. One that is
there and sound stays as it is; one that is damaged is set aside, with what waited in it.
"""

from __future__ import annotations

import gzip
import os
import sqlite3
import sys
from pathlib import Path
from typing import Final

from sms.mailbox import MailboxError
from sms.smsd_file import SmsdFile

SHIPPED: Final = Path("/usr/share/doc/gammu-smsd/examples")


def made(path: Path, shipped: Path = SHIPPED) -> str:
    """Make the database where there is none that can be used; return what was done, in words. Raises MailboxError."""
    aside = ""
    if path.exists():
        why = fault(path)
        if not why:
            return f"{path} is there and sound"
        aside = f"; {why}: set aside as {_set_aside(path)}"
    text = schema(shipped)
    new = path.with_name(f"{path.name}.new")
    for rest in (new, *_companions(new)):
        rest.unlink(missing_ok=True)
    try:
        connection = sqlite3.connect(new)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(f"BEGIN; {text} COMMIT;")
        finally:
            connection.close()
        new.chmod(0o660)  # the -wal and -shm that SQLite puts beside it get the same
        new.replace(path)
        _sync(path.parent)
        file = SmsdFile(path)
        file.connection()
        file.close()
    except (sqlite3.Error, OSError) as exc:
        raise MailboxError(f"{path} can't be made: {exc}") from exc
    return f"{path} made{aside}"


def schema(shipped: Path = SHIPPED) -> str:
    """Return the SQL of the tables. Raises MailboxError where the package did not bring it."""
    for name in ("sqlite.sql.gz", "sqlite.sql"):
        found = shipped / name
        if found.exists():
            octets = found.read_bytes()
            return (gzip.decompress(octets) if name.endswith(".gz") else octets).decode()
    raise MailboxError(
        f"{shipped}/sqlite.sql is not there: install gammu-smsd; where dpkg leaves documentation out"
        " (path-exclude in /etc/dpkg/dpkg.cfg.d), add path-include=/usr/share/doc/gammu-smsd/* and install it again"
    )


def fault(path: Path) -> str:
    """Return why a database can't be used by the daemon, empty when it can; one that is merely held is no fault."""
    file = SmsdFile(path)
    try:
        rows = file.connection().execute("PRAGMA quick_check(1)").fetchall()
        return "" if rows == [("ok",)] else f"damaged: {rows[0][0]}"
    except MailboxError as exc:
        return "" if "locked" in str(exc) else str(exc).partition(";")[0]
    except sqlite3.DatabaseError as exc:
        return "" if "locked" in str(exc) else str(exc)
    finally:
        file.close()


def _set_aside(path: Path) -> Path:
    """Give a damaged file another name; one that was set aside before goes, so that they never fill the card."""
    aside = path.with_name(f"{path.name}.bad")
    for old in (aside, *_companions(aside)):
        old.unlink(missing_ok=True)
    for suffix in ("-wal", "-shm", ""):  # the file last: as long as it has its name, this is not over
        there = path.with_name(path.name + suffix)
        if there.exists():
            there.rename(aside.with_name(aside.name + suffix))
    _sync(path.parent)
    return aside


def _companions(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(arguments: list[str]) -> int:
    """Make the database named on the command line; exit status 1 with the reason when it can't be made."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m sms.smsd_making PATH\n")
        return 2
    try:
        sys.stdout.write(made(Path(arguments[0])) + "\n")
    except (MailboxError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

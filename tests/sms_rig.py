"""Real gammu-smsd processes, each on a simulated modem or on the dummy phone, in one simulated network.

```python
with Air(tmp_path) as air:
    box, office = air.smsd("+33600000001"), air.smsd("+33600000100")
    ...                       # box.database is gammu-smsd's own; box.modem.faults says what is wrong
```
Time is the real one: a thread of the rig answers for the modems. Everything that was started ends with the block.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from hal.fake.modem import FakeModem
from hal.fake.modem_network import Network
from hal.fake.modem_sim import Sim

SCHEMA = Path("/usr/share/doc/gammu-smsd/examples/sqlite.sql")
LIBRARIES = Path("/usr/lib")
FAST = {
    "checksecurity": "0", "checkbattery": "0", "commtimeout": "1", "receivefrequency": "1", "loopsleep": "1",
    "statusfrequency": "5", "sendtimeout": "10", "maxretries": "2", "retrytimeout": "5", "deliveryreport": "no",
    "debuglevel": "255",
}  # fmt: skip


def missing() -> str:
    """Return what is not installed here; empty when all is."""
    if shutil.which("gammu-smsd") is None:
        return "gammu-smsd is missing: apt-get install gammu-smsd libdbd-sqlite3"
    if not any(LIBRARIES.glob("**/dbd/libdbdsqlite3.so")):
        return "libdbi's driver for SQLite is missing: apt-get install libdbd-sqlite3"
    if not (SCHEMA.exists() or SCHEMA.with_suffix(".sql.gz").exists()):
        return f"{SCHEMA} is missing: documents were left out when gammu-smsd was installed"
    return ""


def new_database(path: Path) -> None:
    """Make gammu-smsd's database from the schema that came with it, in WAL mode as `sms.smsd_making` does."""
    text = SCHEMA.read_bytes() if SCHEMA.exists() else gzip.decompress(SCHEMA.with_suffix(".sql.gz").read_bytes())
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.executescript(text.decode())
        database.execute("PRAGMA journal_mode = WAL")


class Post:
    """One gammu-smsd: `database` is its own, `log` what it wrote."""

    def __init__(self, folder: Path, phone: str, modem: FakeModem | None, settings: dict[str, str]) -> None:
        self.folder = folder
        self.modem = modem
        self.database = folder / "smsd.db"
        self.config = folder / "smsdrc"
        self.logfile = folder / "smsd.log"
        self._process: subprocess.Popen[bytes] | None = None
        if not self.database.exists():
            new_database(self.database)
        lines = [f"{key} = {value}" for key, value in {**FAST, **settings}.items()]
        self.config.write_text(
            f"[gammu]\n{phone}\n[smsd]\nservice = sql\ndriver = sqlite3\ndbdir = {folder}\ndatabase = smsd.db\n"
            f"logfile = {self.logfile}\n" + "\n".join(lines) + "\n"
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Post:
        with (self.folder / "smsd.err").open("ab") as err:
            self._process = subprocess.Popen(
                ["gammu-smsd", "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=err,
                stderr=err,
                env={"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C.UTF-8"},
            )
        return self

    def kill(self) -> None:
        """SIGKILL: what the watchdog does to one that hangs, and what a power cut does."""
        self.stop(0.0)

    def stop(self, patience_s: float = 1.5) -> None:
        """Ask it to end; it is killed when it does not: in some of its waits it hears nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            if patience_s:
                process.send_signal(signal.SIGTERM)
                process.wait(patience_s)
        process.kill()
        process.wait()

    def log(self) -> str:
        return self.logfile.read_text(errors="replace") if self.logfile.exists() else ""

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what the database says."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=5)) as database, database:
            return database.execute(query, values).fetchall()

    def text(self, number: str, text: str) -> None:
        """Put a text into the outbox."""
        self._put(number, "Default_No_Compression", None, text)

    def binary(self, number: str, octets: bytes) -> None:
        """Put 8-bit data into the outbox."""
        self._put(number, "8bit", octets.hex().upper(), "")

    def _put(self, number: str, coding: str, octets: str | None, text: str) -> None:
        self.rows(
            "INSERT INTO outbox (CreatorID, DestinationNumber, Coding, Text, UDH, TextDecoded, DeliveryReport,"
            " RelativeValidity) VALUES ('rig', ?, ?, ?, ?, ?, 'no', 11)",
            number, coding, octets, "" if octets else None, text,
        )  # fmt: skip

    def inbox(self) -> list[tuple[str, str, bytes]]:
        """Return sender, text and octets of all that came, in the order it came."""
        rows = self.rows("SELECT SenderNumber, Coding, TextDecoded, Text FROM inbox ORDER BY ID")
        return [
            (number, "", bytes.fromhex(text)) if coding == "8bit" else (number, decoded, b"")
            for number, coding, decoded, text in rows
        ]

    def dummy_text(self, slot: int, sender: str, text: str) -> None:
        """Let a text come in on the dummy phone, in a slot from 1."""
        self._dummy(slot, sender, text.encode("utf-16-be"), "Default_No_Compression", len(text))

    def dummy_binary(self, slot: int, sender: str, octets: bytes) -> None:
        """Let 8-bit data come in on the dummy phone."""
        self._dummy(slot, sender, octets, "8bit", len(octets))

    def _dummy(self, slot: int, sender: str, octets: bytes, coding: str, length: int) -> None:
        parts = [octets.hex().upper()[at : at + 200] for at in range(0, 2 * len(octets), 200)]
        half = self.folder / "half"
        half.write_text(
            '[SMSBackup000]\nPDU = Deliver\nSMSC = "+33600009000"\nState = UnRead\nDateTime = 20261121T230000\n'
            f'Number = "{sender}"\nCoding = {coding}\nFolder = 1\nLength = {length}\nClass = -1\n'
            + "".join(f"Text{at:02} = {part}\n" for at, part in enumerate(parts))
        )
        half.rename(self.folder / "phone" / "sms" / "1" / str(slot))


class Air:
    """A network, its modems, and the gammu-smsd on each."""

    def __init__(self, folder: Path, network: Network | None = None) -> None:
        """Skips the test where gammu-smsd or its SQLite driver is missing."""
        if reason := missing():
            pytest.skip(reason)
        self.folder = folder
        self.network = network or Network()
        self.network.epoch_s = time.time() - time.monotonic()
        self.posts: list[Post] = []
        self.modems: list[FakeModem] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._turn, name="sms-air", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for post in self.posts:
            post.stop(0.3)
        self._ends.set()
        self._thread.join(5)
        for modem in self.modems:
            modem.close()

    def modem(self, number: str, sim: Sim | None = None) -> FakeModem:
        """Return a modem on a port of its own."""
        serial = len(self.modems) + 1
        self.folder.mkdir(parents=True, exist_ok=True)
        card = sim or Sim(number, imsi=f"20801{serial:010}")
        modem = FakeModem(self.network, card, self.folder / f"modem{serial}", f"35000000000{serial:04}")
        self.modems.append(modem)
        return modem

    def smsd(self, number: str, sim: Sim | None = None, **settings: str) -> Post:
        """Start a gammu-smsd on a simulated modem."""
        modem = self.modem(number, sim)
        return self._start(f"device = {modem.port}\nconnection = at115200", modem, settings)

    def dummy(self, **settings: str) -> Post:
        """Start one on the dummy phone: it takes all that is sent, and brings what `dummy_*` puts there."""
        folder = self.folder / f"smsd{len(self.posts)}" / "phone"
        (folder / "sms" / "1").mkdir(parents=True)
        return self._start(f"model = dummy\nconnection = none\ndevice = {folder}", None, settings)

    def _start(self, phone: str, modem: FakeModem | None, settings: dict[str, str]) -> Post:
        folder = self.folder / f"smsd{len(self.posts)}"
        folder.mkdir(parents=True, exist_ok=True)
        post = Post(folder, phone, modem, settings)
        self.posts.append(post)
        return post.start()

    def _turn(self) -> None:
        while not self._ends.is_set():
            now_s = time.monotonic()
            due_s = min([now_s + 0.05, self.network.step(now_s), *(modem.step(now_s) for modem in self.modems)])
            awake = [fileno for modem in self.modems for fileno in modem.filenos()]
            with contextlib.suppress(OSError, ValueError):  # one was unplugged meanwhile
                select.select(awake, [], [], max(0.0, due_s - time.monotonic()))


@contextlib.contextmanager
def smsd(folder: Path, number: str, network: Network | None = None, **settings: str) -> Iterator[Post]:
    """Give one gammu-smsd on a simulated modem, in a network that others may send into."""
    with Air(folder, network) as air:
        yield air.smsd(number, **settings)


@contextlib.contextmanager
def dummy_smsd(folder: Path, **settings: str) -> Iterator[Post]:
    """Give one gammu-smsd on the dummy phone."""
    with Air(folder) as air:
        yield air.dummy(**settings)

"""The box's small documents in TinyDB: devices, calibrations, acknowledgements, settings made here, registers' copy.

For fewer than 1,000 documents and one write a minute, as each write writes all of them. Changes are made in memory,
by any thread, and count at once; `save` makes them durable, on a thread where nobody waits for the card. A notebook
that a newer version wrote, or that can't be read, is left as it is: the box goes on without it and says so.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from edge.core.notes import Acknowledgement, Baseline, Calibration, Device, MadeSetting, RegisterCopy
from edge.store.fs import Fs
from edge.store.notebook_file import CrashSafeStorage

if TYPE_CHECKING:
    from tinydb import TinyDB

PATH: Final = "notebook.json"
SCHEMA: Final = 1
ACKNOWLEDGEMENTS: Final = 200
CALIBRATIONS: Final = 100
GONE_DEVICES: Final = 200

log = logging.getLogger(__name__)
Document = TypeVar("Document")


class _Held:
    """Tables in memory over the file: TinyDB writes here, `save` writes the file."""

    def __init__(self, file: CrashSafeStorage) -> None:
        self.file = file
        self.tables = file.read() or {}
        self.is_changed = False

    def read(self) -> dict[str, dict[str, Any]]:
        return self.tables

    def write(self, tables: dict[str, dict[str, Any]]) -> None:
        self.tables, self.is_changed = msgspec.json.decode(msgspec.json.encode(tables)), True

    def save(self) -> None:
        self.file.write(self.tables)
        self.is_changed = False

    def close(self) -> None:
        """TinyDB asks for it."""


class _NoFile:
    """What stands for a file that must not be touched."""

    notes: Final[list[str]] = []
    aside: Final[list[str]] = []
    is_empty = True
    octets = 0

    def read(self) -> None:
        return None

    def write(self, tables: dict[str, dict[str, Any]]) -> None:
        """Nothing is written."""


class Notebook:
    """The notebook at `path`. Making it never fails: `refused` says why a file that is there is not used."""

    def __init__(self, fs: Fs, path: str = PATH) -> None:
        from tinydb import TinyDB

        self.refused = ""
        self._lock = threading.RLock()
        file: Any
        try:
            file = CrashSafeStorage(fs, path)
            self._check_schema(file.read() or {})
        except OSError as exc:
            self.refused, file = f"{path}: {exc.strerror or exc}", _NoFile()
        except (ValueError, AttributeError) as exc:
            self.refused, file = f"{path}: {exc}", _NoFile()
        if self.refused:
            log.error("%s; it is left as it is, and nothing is written to it", self.refused)
        self.damage: list[str] = list(file.notes)
        """What was found damaged, and what was taken instead."""
        self.kept_as: list[str] = list(file.aside)
        """The names of damaged files that were set aside."""
        self.was_empty: bool = file.is_empty
        """Whether nothing sound was found."""
        self._held = _Held(file)
        self._db: TinyDB = TinyDB(storage=lambda: self._held)

    @staticmethod
    def _check_schema(tables: Mapping[str, Mapping[str, Any]]) -> None:
        for document in tables.get("box", {}).values():
            found = document.get("schema", SCHEMA)
            if found != SCHEMA:
                raise ValueError(f"its documents are of version {found}, known is {SCHEMA}: written by a newer vigie")

    # -- the file

    @property
    def octets(self) -> int:
        """How large the file is."""
        return self._held.file.octets

    @property
    def is_changed(self) -> bool:
        """Whether something waits for `save`."""
        return self._held.is_changed

    def save(self) -> None:
        """Return when all changes are durable. Raises StoreError: they wait, and `save` may be tried again."""
        with self._lock:
            if self._held.is_changed:
                self._held.save()

    # -- documents: each table holds one a key, as {"id": key, "is": document}

    def _all(self, table: str, kind: type[Document]) -> dict[str, Document]:
        """Return the documents by key; those that can't be understood are left out, and stay where they are."""
        found = {}
        with self._lock:
            for row in self._db.table(table).all():
                try:
                    found[str(row["id"])] = msgspec.convert(row["is"], kind)
                except (KeyError, msgspec.ValidationError):
                    continue
        return found

    def _put(self, table: str, documents: Mapping[str, Any], drop: Iterable[str] = ()) -> None:
        with self._lock:
            held = self._db.table(table)
            before = {row["id"]: row["is"] for row in held.all() if "id" in row and "is" in row}
            plain = {key: msgspec.to_builtins(document) for key, document in documents.items()}
            gone = set(drop)
            after = {key: document for key, document in {**before, **plain}.items() if key not in gone}
            if after != before:
                rows = [{"id": key, "is": document} for key, document in after.items()]
                odd = [dict(row) for row in held.all() if "id" not in row or "is" not in row]
                held.truncate()
                held.insert_multiple([*odd, *rows])

    def box(self) -> dict[str, str]:
        """Return the `id` and `site` of the box that wrote here last; empty at first."""
        with self._lock:
            return next((dict(row["is"]) for row in self._db.table("box").all()), {})

    def set_box(self, box: str, site: str) -> None:
        """Say whose notebook it is."""
        with self._lock:
            if self.box() != {"id": box, "site": site}:
                table = self._db.table("box")
                table.truncate()
                table.insert({"schema": SCHEMA, "is": {"id": box, "site": site}})

    def inventory(self) -> list[Device]:
        """Return the devices, also those gone from the settings, in the order of their ids."""
        return [device for _, device in sorted(self._all("inventory", Device).items())]

    def put_devices(self, devices: Iterable[Device]) -> None:
        """Take in devices; of those gone only the newest 200 stay."""
        found = {device.id: device for device in devices}
        known = {**self._all("inventory", Device), **found}
        gone = sorted((device.gone.boot, key) for key, device in known.items() if device.gone is not None)
        self._put("inventory", found, drop=[key for _, key in gone[:-GONE_DEVICES]])

    def calibrations(self) -> dict[str, list[Calibration]]:
        """Return of each point the calibrations in the order in which they came into force."""
        return self._all("calibration", list[Calibration])

    def put_calibrations(self, dated: Mapping[str, list[Calibration]]) -> None:
        """Set the dated list of each of these points; the newest 100 stay."""
        self._put("calibration", {point: entries[-CALIBRATIONS:] for point, entries in dated.items()})

    def acknowledgements(self) -> list[Acknowledgement]:
        """Return the newest acknowledgements, oldest first."""
        return self._all("acknowledgements", list[Acknowledgement]).get("all", [])

    def add_acknowledgements(self, new: Iterable[Acknowledgement]) -> None:
        """Take in acknowledgements; one that is known is not taken twice."""
        known = self.acknowledgements()
        fresh = [ack for ack in new if not any(_is_same(ack, other) for other in known)]
        self._put("acknowledgements", {"all": [*known, *fresh][-ACKNOWLEDGEMENTS:]} if fresh else {})

    def settings(self) -> dict[str, MadeSetting]:
        """Return the settings made on the box, by key."""
        return self._all("settings", MadeSetting)

    def put_setting(self, made: MadeSetting) -> None:
        """Take in a setting made on the box."""
        self._put("settings", {made.key: made})

    def drop_setting(self, key: str) -> None:
        """Forget a setting made on the box: the file's counts again."""
        self._put("settings", {}, drop=[key])

    def baseline(self) -> Baseline | None:
        """Return the settings of the last start, None before there was one."""
        return self._all("baseline", Baseline).get("file")

    def set_baseline(self, baseline: Baseline) -> None:
        """Remember the settings of this start."""
        self._put("baseline", {"file": baseline})

    def registers(self) -> RegisterCopy | None:
        """Return the safety copy of the logs' registers."""
        return self._all("registers", RegisterCopy).get("copy")

    def set_registers(self, copy: RegisterCopy) -> None:
        """Replace the safety copy, unless nothing but its instant differs."""
        known = self.registers()
        if known is None or msgspec.structs.replace(copy, taken=known.taken) != known:
            self._put("registers", {"copy": copy})


def _is_same(one: Acknowledgement, other: Acknowledgement) -> bool:
    return (one.number, one.when.boot, one.when.at_ms) == (other.number, other.when.boot, other.when.at_ms)

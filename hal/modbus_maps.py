"""Register maps: one TOML file a kind of meter, ours in config/modbus, an installer's in /etc/vigie/modbus or anywhere.

    title = "Maker and model"
    source = "the document that says so"
    table = "input"            # and any other key of a register: what holds where a register does not say it
    [registers]
    voltage = { address = 0x0000, type = "float32", unit = "V" }

Every fault is said with file and line.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, cast

import msgspec
from msgspec import Meta

from hal.decode.modbus import BIT_TABLES, MOST_REGISTERS, Order, Register, Table, Type, size
from hal.sample import Kind

_HAL: Final = Path(__file__).resolve().parent
FOLDERS: Final = (
    Path("/etc/vigie/modbus"),
    _HAL.parent / "edge" / "_config" / "modbus",
    _HAL.parent / "config" / "modbus",
)
"""Where a map is looked for by its name, the installer's first."""
MOST_BYTES: Final = 200_000
MOST_GAP: Final = 120
LAST_ADDRESS: Final = 0xFFFF


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of one register in a map, or of a point without one."""

    address: Annotated[int, Meta(ge=0, le=99_999)]
    table: Table = "holding"
    type: Type = "uint16"
    count: Annotated[int, Meta(ge=1, le=MOST_REGISTERS)] | None = None
    word_order: Order = "big"
    byte_order: Order = "big"
    kind: str = ""
    unit: str = ""
    scale: float = 1.0
    wrap: Annotated[int, Meta(ge=0)] | None = None
    words: list[str] | dict[str, str] = []
    missing: list[Annotated[int, Meta(ge=0)]] = []
    bit: Annotated[int, Meta(ge=0, le=15)] = 0
    width: Annotated[int, Meta(ge=1, le=16)] = 1


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    title: Annotated[str, Meta(min_length=1)]
    source: Annotated[str, Meta(min_length=1)]
    base: Annotated[int, Meta(ge=0, le=LAST_ADDRESS)] = 0
    most: Annotated[int, Meta(ge=1, le=MOST_REGISTERS)] = MOST_REGISTERS
    gap: Annotated[int, Meta(ge=0, le=MOST_GAP)] = 10
    code: dict[str, Annotated[int, Meta(ge=0, le=LAST_ADDRESS)]] = {}

    def __post_init__(self) -> None:
        """Refuse half of a code. Raises ValueError."""
        if self.code and self.code.keys() != {"address", "value"}:
            raise ValueError("code holds the address of the register with the model, and its value")


class RegisterMap(msgspec.Struct, frozen=True):
    """One kind of meter."""

    name: str
    title: str
    registers: dict[str, Register]
    most: int
    """How many words it gives at once."""
    gap: int
    """How many words that nobody asked for are read to save a request."""
    code: dict[str, int]
    """For a search: `address` of the holding register with the model, and its `value`."""


class MapError(ValueError):
    """A map is not there or can't be used. The message names file, line, register and what to write."""


def load(name: str, folders: Sequence[Path] = FOLDERS) -> RegisterMap:
    """Return the map of this name, or of this path where it holds a slash. Raises MapError."""
    paths = [Path(name)] if "/" in name else [folder / f"{name}.toml" for folder in folders]
    path = next((path for path in paths if _is_file(path)), None)
    if path is None:
        known = names(folders)
        near = difflib.get_close_matches(name, known, n=1)
        cure = f"is it {near[0]!r}?" if near else f"there are {', '.join(known)}; write one as {paths[0]}"
        raise MapError(f"there is no register map {name!r}: {cure}")
    try:
        changed = path.stat()
        return _read(path, changed.st_mtime_ns, changed.st_size)
    except OSError as exc:
        raise MapError(f"{path}: {exc.strerror}; may the user vigie read it?") from exc


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no file system has such a name
        return False


def names(folders: Sequence[Path] = FOLDERS) -> list[str]:
    """Return the names of all maps, sorted."""
    return sorted({path.stem for folder in folders if folder.is_dir() for path in folder.glob("*.toml")})


@lru_cache(maxsize=64)
def _read(path: Path, _changed_ns: int, length: int) -> RegisterMap:
    """Return the map in a file; read once, however many points name it."""
    if length > MOST_BYTES:
        raise MapError(f"{path}: longer than {MOST_BYTES} bytes: this is no register map")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = content[: exc.start].count(b"\n") + 1
        raise MapError(f"{path}:{line}: not UTF-8; save the file as UTF-8") from exc
    return parse(text, path)


def parse(text: str, path: Path) -> RegisterMap:
    """Return the map that a text holds. Raises MapError with every fault, each with its line."""
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        found = re.search(r"line (\d+)", str(exc))
        raise MapError(f"{path}:{found[1] if found else 1}: {exc}") from exc
    rows = tables.pop("registers", None)
    if not isinstance(rows, Mapping) or not rows:
        raise MapError(f'{path}:1: no [registers]; each is a line such as: voltage = {{ address = 0, unit = "V" }}')
    shared = {key: tables.pop(key) for key in list(tables) if key in Row.__struct_fields__ and key != "address"}
    faults: list[str] = []
    head = _converted(tables, _Head, "", text, path, faults)
    _converted({"address": 0, **shared}, Row, "", text, path, faults)
    registers = {}
    for name, row in rows.items() if not faults else ():
        if not isinstance(row, Mapping):
            faults.append(f"{path}:{_line(text, name)}: {name}: a table is wanted, such as {{ address = 0 }}")
            continue
        made = _converted({**shared, **row}, Row, name, text, path, faults)
        if made is not None and head is not None:
            try:
                registers[name] = register_of(name, made, head.base, path.stem)
            except ValueError as exc:
                faults.append(f"{path}:{_line(text, name)}: {exc}")
    if faults or head is None:
        raise MapError("\n".join(faults))
    return RegisterMap(path.stem, head.title, registers, head.most, head.gap, head.code)


def _converted(table: Mapping[str, Any], kind: type[Any], name: str, text: str, path: Path, faults: list[str]) -> Any:
    """Return the table in its declared form, None after noting why not."""
    known = kind.__struct_fields__
    where = f"{name}: " if name else ""
    unknown = [key for key in table if key not in known]
    for key in unknown:
        candidates = known if name else (*known, *Row.__struct_fields__)
        near = difflib.get_close_matches(key, candidates, n=1)
        cure = f"is it {near[0]!r}?" if near else f"there are {', '.join(known)}"
        faults.append(f"{path}:{_line(text, name or key)}: {where}unknown key {key!r}: {cure}")
    try:
        return msgspec.convert({key: value for key, value in table.items() if key in known}, kind)
    except msgspec.ValidationError as exc:
        key = next((key for key in known if f"`$.{key}" in str(exc)), "")
        faults.append(f"{path}:{_line(text, name or key)}: {where}{exc}")
        return None


def _line(text: str, key: str) -> int:
    """Return the line on which a key is written, 1 where it is not."""
    wanted = re.compile(rf"""\s*(\[registers\.)?["']?{re.escape(key)}["']?\s*[=\]]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if key and wanted.match(line)), 1)


def register_of(name: str, row: Row, base: int = 0, map_name: str = "") -> Register:
    """Return the register that these keys describe; `base` is the number of the first one. Raises ValueError."""
    address = row.address - base
    is_bit = row.table in BIT_TABLES
    kind_of = "bool" if is_bit else row.type
    if row.type == "bool" and not is_bit:
        raise ValueError(f'{name}: a bool stands in a coil or discrete table; of a register, write type = "bits"')
    count = 1 if is_bit else row.count or size(kind_of)
    if kind_of == "string" and row.count is None:
        raise ValueError(f"{name}: a string needs count, the number of its registers")
    if kind_of != "string" and not is_bit and count != size(kind_of):
        raise ValueError(f"{name}: {kind_of} takes {size(kind_of)} registers, not {count}; leave count out")
    if not 0 <= address <= LAST_ADDRESS + 1 - count:
        raise ValueError(f"{name}: address {row.address} lies outside; the first one is {base} (key base)")
    is_state = kind_of in {"bool", "bits"} or row.words
    kind = row.kind or ("text" if kind_of == "string" else "state" if is_state else "gauge")
    if kind not in {"gauge", "counter", "state", "text"} or (kind == "text") != (kind_of == "string"):
        raise ValueError(
            f"{name}: kind {kind!r} does not go with {kind_of}: gauge, counter or state; text for a string"
        )
    if row.bit + row.width > 16:
        raise ValueError(f"{name}: a register has bits 0 to 15: bit {row.bit} and width {row.width} reach beyond")
    if not row.scale or not math.isfinite(row.scale):
        raise ValueError(f"{name}: scale {row.scale:g} leaves nothing of any value")
    if row.scale < 0 and kind == "counter":
        raise ValueError(f"{name}: a counter only grows: its scale is positive")
    words, codes = _words(name, row, kind)
    unsigned = kind_of.startswith("u") and kind == "counter"
    wrap = row.wrap if row.wrap is not None else (1 << 16 * count if unsigned else 0)
    return Register(
        name, address, row.table, kind_of, count, row.word_order, row.byte_order,
        cast("Kind", kind), row.unit, row.scale, wrap if kind == "counter" else 0, words, codes,
        tuple(row.missing), row.bit, row.width, map_name,
    )  # fmt: skip


def _words(name: str, row: Row, kind: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return a state's words and the raw number of each."""
    if kind != "state":
        if row.words:
            raise ValueError(f"{name}: words are for a state, not for a {kind}")
        return (), ()
    if not row.words:
        return ("off", "on") if row.width == 1 else tuple(str(n) for n in range(1 << row.width)), ()
    if isinstance(row.words, list):
        if len(row.words) < 2:
            raise ValueError(f"{name}: a state has two words at least")
        return tuple(row.words), tuple(range(len(row.words)))
    try:
        found = {int(code, 0): word for code, word in row.words.items()}
    except ValueError as exc:
        raise ValueError(f'{name}: the keys of words are numbers in quotes, such as "0" or "0xffff"') from exc
    if len(found) < 2:
        raise ValueError(f"{name}: a state has two words at least")
    return tuple(found.values()), tuple(found)

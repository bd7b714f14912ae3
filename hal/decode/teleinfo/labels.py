"""What a group may hold, label by label: exact length, characters, words, unit; from `tables`.

The 6-bit checksum is blind to order, to bit 6 and to NUL bytes: these checks are what rejects the rest.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final, Literal, cast

import msgspec

from hal.decode.teleinfo import tables

Mode = Literal["historique", "standard", "pmepmi"]
Role = Literal["id", "index", "tally", "steady", "instant", "clock"]
Value = float | int | str

INDEX_WRAP: Final = 10**9  # nine digits of Wh: 54E §6.2.3
MOMENT = r"(?:0[1-9]|[12][0-9]|3[01])/(?:0[1-9]|1[0-2])/[0-9]{2} (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_HEX: Final = b"0123456789ABCDEF"


class Label(msgspec.Struct, frozen=True, gc=False):
    """One label of one mode: `length` 0 = variable; `pattern` empty = the character class says enough."""

    name: str
    mode: Mode
    role: Role
    unit: str
    length: int
    characters: Literal["digits", "hex", "text", "words", "pattern"]
    numeric: bool
    horodate: bool
    words: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    pattern: str = ""

    def fault(self, data: bytes) -> str:
        """Return why `data` cannot stand here (`length`, `characters`, `value`), or "" when it can."""
        if self.length and len(data) != self.length:
            return "length"
        match self.characters:
            case "digits":
                return "" if data.isdigit() else "characters"
            case "hex":
                return "characters" if data.translate(None, _HEX) else ""
            case "words":
                return "" if data.decode("ascii") in self.words else "value"
            case "pattern":
                return "" if _compiled(self.pattern).fullmatch(data) else "value"
        return ""

    def value(self, data: bytes) -> Value:
        """Return the value of data that has no fault: a number without its unit, or text without its padding."""
        if not self.numeric:
            return data.decode("ascii").strip()
        if self.units:
            return int(data.rstrip(b"VAWkahrv"))
        return float(data.replace(b",", b".")) if b"," in data else int(data)

    def unit_of(self, data: bytes) -> str:
        """Return the unit that stands in the data, or the label's own."""
        if len(self.units) < 2:
            return self.unit
        return data.lstrip(b"0123456789").decode("ascii")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode("ascii"))


def _label(name: str, mode: Mode, row: tables.Row) -> Label:
    role, unit, shape = row
    if isinstance(shape, tuple):
        lengths = {len(word) for word in shape}
        length = lengths.pop() if len(lengths) == 1 else 0
        return Label(name, mode, cast("Role", role), unit, length, "words", numeric=False, horodate=False, words=shape)
    horodate = shape.startswith("h")
    shape = shape.removeprefix("h")
    if shape == "m":
        shape = f"/{MOMENT}"
    elif shape == "f":
        shape = "/-?[0-9]{1,3},[0-9]{1,3}"
    units = tuple(shape.split()[1:]) if shape.startswith("u ") else ()
    if units:
        shape = f"/[0-9]{{1,9}}(?:{'|'.join(units)})"
    is_pattern = shape.startswith("/")
    return Label(
        name=name,
        mode=mode,
        role=cast("Role", role),
        unit=unit,
        length=0 if is_pattern else int(shape[:-1]),
        characters="pattern" if is_pattern else _CHARACTERS[shape[-1]],
        numeric=bool(units) or shape[-1] == "d" or name in _NUMBERS,
        horodate=horodate,
        units=units,
        pattern=shape[1:] if is_pattern else "",
    )


_CHARACTERS: Final[dict[str, Literal["digits", "hex", "text"]]] = {
    "d": "digits",
    "i": "digits",
    "x": "hex",
    "t": "text",
}
_NUMBERS: Final = frozenset({"RELAIS", "NTARF", "NJOURF", "NJOURF+1", "TGPHI_s", "TGPHI_i"})


def _table(mode: Mode, rows: Mapping[str, tables.Row]) -> dict[bytes, Label]:
    return {name.encode("ascii"): _label(name, mode, row) for name, row in rows.items()}


@functools.cache
def spaced() -> dict[bytes, Label]:
    """Return the labels of space-separated groups: historique and PME/PMI have none in common."""
    return _table("historique", tables.HISTORIQUE) | _table("pmepmi", tables.PMEPMI)


@functools.cache
def tabbed() -> dict[bytes, Label]:
    """Return the labels of tab-separated groups: the standard mode."""
    return _table("standard", tables.STANDARD)


def named(name: str) -> list[Label]:
    """Return the labels of that name in any mode (DATE is one of two); empty when no meter sends it."""
    key = name.encode("ascii", "replace")
    return [table[key] for table in (tabbed(), spaced()) if key in table]


def names() -> list[str]:
    """Return every label of every mode, sorted."""
    return sorted({key.decode("ascii") for table in (tabbed(), spaced()) for key in table})

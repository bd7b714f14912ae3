"""What a WES server (Cartelectronic) tells in its page data.cgx: an XML document of sections, each with its tags.

The names are those of the page as it leaves the factory. A document is taken whole or not at all: one that is cut off,
holds a document type (and with it entities), or is nested or long beyond reason is refused.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Final
from xml.parsers import expat  # a document type is refused below

import msgspec

from hal.sample import Kind, Value

PATH: Final = "/data.cgx"
MOST_BYTES: Final = 256 * 1024
MOST_DEPTH: Final = 6
MOST_TAGS: Final = 4000
INDEX_WRAP: Final = 10**9  # nine digits, as the meter's own
SWITCH: Final = ("off", "on")
_NUMBER: Final = re.compile(r"-?\d{1,15}([.,]\d{1,9})?")
_ON, _OFF = frozenset({"1", "on", "oui", "true"}), frozenset({"0", "off", "non", "false"})
LOW_C, HIGH_C = -55.0, 125.0  # what a 1-Wire probe can tell
POWER_ON_C: Final = 85.0


class DocumentError(ValueError):
    """A page is none of a WES. The message says what it is instead."""


class Field(msgspec.Struct, frozen=True):
    """One tag of one section, such as tic1.PAP, and what it tells."""

    name: str
    kind: Kind
    unit: str = ""
    wrap: int = 0

    @property
    def is_probe(self) -> bool:
        """Whether it is a probe on the server's 1-Wire bus."""
        return self.name.startswith("temp.")


_TIC_TEXTS: Final = ("ADCO", "OPTARIF", "PTEC", "DEMAIN")
_TIC_GAUGES: Final = {
    "ISOUSC": "A", "PAP": "VA", "PAPIJ": "VA", "PEJP": "min", "IINST": "A", "IMAX": "A",
    **{f"{tag}{phase}": unit for tag, unit in (("IINST", "A"), ("IMAX", "A"), ("TENSION", "V")) for phase in (1, 2, 3)},
    **{f"{what}_{span}": unit for what, unit in (("CONSO", "kWh"), ("COUT", "")) for span in ("JOUR", "MOIS", "ANNEE")},
}  # fmt: skip
_TIC_INDEXES: Final = (
    "BASE", "H_PLEINE", "H_CREUSE", "EJPHN", "EJPHPM", "BBRHCJB", "BBRHPJB", "BBRHCJW", "BBRHPJW", "BBRHCJR", "BBRHPJR",
    "H_WeekEnd", "HC_Semaine", "HP_Semaine", "HC_WeekEnd", "HP_WeekEnd", "HC_Mercredi", "HP_Mercredi", "H_SUPER_CREUSE",
    "PRODUCTEUR", "INJECTION",
)  # fmt: skip
_SPANS: Final = ("JOUR", "MOIS", "ANNEE")


def _tic() -> Iterator[Field]:
    for line in (1, 2, 3):
        for tag in _TIC_TEXTS:
            yield Field(f"tic{line}.{tag}", "text")
        for tag, unit in _TIC_GAUGES.items():
            yield Field(f"tic{line}.{tag}", "gauge", unit)
        for tag in _TIC_INDEXES:
            yield Field(f"tic{line}.{tag}", "counter", "Wh", INDEX_WRAP)


def _pulses() -> Iterator[Field]:
    """A pulse input counts water, gas, fuel, heat or electricity: its unit is for the point to say."""
    for line in range(1, 7):
        yield Field(f"impulsion.PULSE{line}", "counter", "count")
        yield Field(f"impulsion.INDEX{line}", "counter")
        for tag in ("DEBIT", "CONSO_VEILLE", *(f"{what}_{span}" for what in ("CONSO", "COUT") for span in _SPANS)):
            yield Field(f"impulsion.{tag}{line}", "gauge")


def _clamps() -> Iterator[Field]:
    yield Field("pince.V", "gauge", "V")
    for line in range(1, 5):
        for tag, unit in (("I", "A"), ("PUISSANCE", "VA"), ("WATT", "W")):
            yield Field(f"pince.{tag}{line}", "gauge", unit)
        for tag in ("INDEX", "INJECT"):
            yield Field(f"pince.{tag}{line}", "counter", "kWh")
        yield Field(f"pince.MODINJECT{line}", "state")
        for what, unit in (("CONSO", "kWh"), ("INJEC", "kWh"), ("COUT", ""), ("GAIN", ""), ("MAX", "")):
            for span in _SPANS:
                yield Field(f"pince.{what}_{span}{line}", "gauge", unit)


def _others() -> Iterator[Field]:
    for section, tag, count, kind, unit in (
        ("temp", "SONDE", 30, "gauge", "Cel"), ("relais", "RELAIS", 2, "state", ""),
        ("entree", "ENTREE", 2, "state", ""), ("analogique", "AD", 4, "gauge", ""),
        ("switch_virtuel", "SWITCH", 24, "state", ""), ("variables", "VARIABLE", 8, "gauge", ""),
    ):  # fmt: skip
        for number in range(1, count + 1):
            yield Field(f"{section}.{tag}{number}", kind, unit)  # type: ignore[arg-type]
    for tag in ("date", "time", "firmware", "serverversion"):
        yield Field(f"info.{tag}", "text")
    yield Field("info.alarme", "state")
    yield Field("info.spaceleft", "gauge")


@cache
def fields() -> dict[str, Field]:
    """Return every field that there is, by its name."""
    return {field.name: field for part in (_tic(), _pulses(), _clamps(), _others()) for field in part}


def named(name: str) -> Field:
    """Return the field of this name. Raises ValueError with the nearest one."""
    found = fields().get(name)
    if found is not None:
        return found
    folded = {known.lower(): known for known in fields()}
    near = folded.get(name.lower()) or next(iter(difflib.get_close_matches(name, fields(), n=1)), "")
    cure = f"is it {near!r}?" if near else "it is SECTION.TAG, such as 'tic1.PAP' or 'impulsion.INDEX1'"
    raise ValueError(f"a WES has no field {name!r}: {cure}")


def document(content: bytes) -> dict[str, str]:
    """Return the text of each field of a page, by its name. Raises DocumentError.

    >>> document(b"<data><tic1><PAP>1230</PAP></tic1></data>")
    {'tic1.PAP': '1230'}
    """
    if len(content) > MOST_BYTES:
        raise DocumentError(f"longer than {MOST_BYTES} bytes")
    try:
        return _Reader("").read(content)
    except expat.ExpatError as exc:
        if exc.code == expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN] and not content.isascii():
            try:
                return _Reader("iso-8859-1").read(content)  # names with accents, and no word of the encoding
            except expat.ExpatError as again:
                exc = again
        raise DocumentError(f"no whole XML ({exc}); it begins with {content[:24]!r}") from exc
    except DocumentError:
        raise
    except (LookupError, ValueError) as exc:  # expat asks Python for an encoding that it does not know by itself
        raise DocumentError(f"an encoding that no WES has ({exc}); it begins with {content[:48]!r}") from exc


class _Reader:
    """Reads one document."""

    def __init__(self, encoding: str) -> None:
        self._found: dict[str, str] = {}
        self._path: list[str] = []
        self._text: list[str] = []
        self._tags = 0
        self._parser = expat.ParserCreate(encoding or None)
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text.append

    def read(self, content: bytes) -> dict[str, str]:
        self._parser.Parse(content, True)
        if not self._tags or self._root != "data":
            raise DocumentError(f"its root is <{self._root}>, not <data>")
        return self._found

    def _doctype(self, *_: object) -> None:
        raise DocumentError("it declares a document type, which no WES does")

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        if not self._path:
            self._root = tag
        self._path.append(tag)
        self._text.clear()
        self._tags += 1
        if len(self._path) > MOST_DEPTH or self._tags > MOST_TAGS:
            raise DocumentError(f"more than {MOST_TAGS} tags, or nested deeper than {MOST_DEPTH}")

    def _end(self, _tag: str) -> None:
        text = "".join(self._text).strip()
        if text:
            self._found[".".join(self._path[1:])] = text
        self._text.clear()
        self._path.pop()


def value_of(field: Field, text: str | None) -> tuple[Value | None, str]:
    """Return what a field's text says and ""; or None and the reason why it says nothing; or a value and a doubt.

    A field that is absent or empty is `not_sent`. A probe at exactly 85.0 °C is `suspect`: so reads one that lost its
    supply. Numbers may have a comma.
    """
    if not text:
        return None, "not_sent"
    if field.kind == "text":
        return text, ""
    if field.kind == "state":
        word = text.lower()
        return (int(word in _ON), "") if word in _ON | _OFF else (None, "out_of_range")
    if not _NUMBER.fullmatch(text):
        return None, "not_a_number"
    number = float(text.replace(",", "."))
    if field.is_probe and not LOW_C <= number <= HIGH_C and field.unit == "Cel":
        return None, "out_of_range"
    if field.is_probe and number == POWER_ON_C:
        return number, "suspect"
    is_whole = field.kind == "counter" and math.floor(number) == number
    return (int(number) if is_whole else number), ""

"""One group of a frame: its bytes between LF and CR, checked and taken apart.

historique  `label SP data SP c`            sum of everything before the last SP
standard    `label HT [horodate HT] data HT c`   sum of everything before c, the last HT included
c = (sum & 0x3F) + 0x20. The separator decides which rule holds, never whichever happens to fit: a decoder that tries
both hides line noise (54E §5.3.6 and §6.2.1).
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from hal.decode.teleinfo.labels import Label, Value, spaced, tabbed

HT: Final = 0x09
SP: Final = 0x20
PRINTABLE: Final = bytes((HT, *range(0x20, 0x7F)))
PARITY_MARK: Final = b"\xff\x00"  # what a tty puts before a byte of wrong parity (PARMRK): no 7-bit byte looks like it

# Season, then two digits each of year, month, day, hour, minute, second. A space: the season does not apply.
_HORODATE = re.compile(
    rb"[HEhe ][0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])(?:[0-5][0-9]){2}"
)


class Group(msgspec.Struct, frozen=True, gc=False):
    """A group that is right by itself. `value` is a number, or text as Enedis writes it; `horodate` as sent, or ""."""

    label: str
    value: Value
    unit: str
    horodate: str
    raw: bytes
    spec: Label
    degraded: bool = False
    """The horodate's season is in lower case: the meter says that its own clock is not right."""


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """Bytes that are not a good group, and the first reason found.

    `parity`, `characters`, `format`, `checksum`, `label`, `length`, `horodate`, `value`, or `cut`: broken off by EOT,
    STX or the end of the stream.
    """

    raw: bytes
    why: str


def checksum(covered: bytes) -> int:
    r"""Return the check character's code for the bytes that it covers.

    >>> chr(checksum(b"IINST 002")), chr(checksum(b"ADSC\t031664001115\t"))
    ('Y', ')')
    """
    return (sum(covered) & 0x3F) + 0x20


def parse(raw: bytes) -> Group | str:
    """Return the group in the bytes between LF and CR, or the reason why it is rejected."""
    if raw.translate(None, PRINTABLE):
        return "parity" if PARITY_MARK in raw else "characters"
    return _standard(raw) if HT in raw else _historique(raw)


def _standard(raw: bytes) -> Group | str:
    fields = raw.split(b"\t")
    if not 3 <= len(fields) <= 4 or len(fields[-1]) != 1:
        return "format"
    if raw[-1] != checksum(raw[:-1]):
        return "checksum"
    label = tabbed().get(fields[0])
    if label is None:
        return "label"
    if label.horodate != (len(fields) == 4):
        return "format"
    if label.horodate and not _HORODATE.fullmatch(fields[1]):
        return "horodate"
    return _group(raw, label, fields[-2], fields[1].decode("ascii") if label.horodate else "")


def _historique(raw: bytes) -> Group | str:
    # The check character may itself be a space: the group then ends with two, and must not be stripped.
    if len(raw) < 5 or raw[-2] != SP:
        return "format"
    if raw[-1] != checksum(raw[:-2]):
        return "checksum"
    name, separator, data = raw[:-2].partition(b" ")
    label = spaced().get(name)
    if label is None:
        return "label"
    if not separator:
        return "format"
    return _group(raw, label, data, "")


def _group(raw: bytes, label: Label, data: bytes, horodate: str) -> Group | str:
    fault = label.fault(data)
    if fault:
        return fault
    value = horodate if label.role == "clock" and horodate else label.value(data)
    return Group(label.name, value, label.unit_of(data), horodate, raw, label, degraded=horodate[:1] in ("h", "e"))


def spaced_group(label: str, data: str) -> bytes:
    """Return the bytes between LF and CR of a historique or PME/PMI group.

    >>> spaced_group("PTEC", "HP..")
    b'PTEC HP..  '
    """
    covered = f"{label} {data}".encode("ascii")
    return b"%b %c" % (covered, checksum(covered))


def tabbed_group(label: str, data: str, horodate: str | None = None) -> bytes:
    r"""Return the bytes between LF and CR of a standard group.

    >>> tabbed_group("DATE", "", "H230301091834")
    b'DATE\tH230301091834\t\tC'
    """
    fields = [label, data] if horodate is None else [label, horodate, data]
    covered = "".join(f"{field}\t" for field in fields).encode("ascii")
    return b"%b%c" % (covered, checksum(covered))

"""Rows of gammu-smsd's inbox as messages: long texts from phones put together, letters and stamps read.

A text of more than 160 letters comes in parts, each with a header that says which (3GPP TS 23.040, §9.2.3.24.1 and
§9.2.3.24.8): in any order, twice, or never all of them.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from sms.mailbox import Received

PATIENCE_S: Final = 180.0
"""How long the missing parts of a long text are waited for, after the last that came."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the inbox, as it stands there."""

    id: int
    number: str
    coding: str
    udh: str
    text: str
    decoded: str
    received: str
    stored: str


def messages(rows: Iterable[Row], now_utc_s: float) -> list[Received]:
    """Return the messages that are whole, or whose missing parts nobody waits for any more; oldest row first."""
    groups: dict[object, list[Row]] = {}
    for row in rows:
        part = part_of(row.udh)
        groups.setdefault(row.id if part is None else _group(row, part, groups), []).append(row)
    found = [message for group in groups.values() if (message := _joined(group, now_utc_s)) is not None]
    return sorted(found, key=lambda message: rows_of(message.id)[0])


def rows_of(message_id: str) -> list[int]:
    """Return the rows that a message stands in.

    >>> rows_of("7,9/1a2b3c4d")
    [7, 9]
    """
    return [int(row) for row in message_id.partition("/")[0].split(",")]


def _name(rows: list[Row]) -> str:
    """Return the id of a message: its rows, and what tells it from one in the same rows of a file made anew."""
    said = "\0".join(f"{row.stored}\0{row.received}\0{row.number}\0{row.text}" for row in rows)
    return f"{','.join(str(row.id) for row in rows)}/{crc32(said.encode('utf-8', 'replace')):08x}"


def part_of(udh: str) -> tuple[int, int, int] | None:
    """Return (reference, how many, which) of a part, None for a message of its own or a header that can't be read.

    >>> part_of("050003420201"), part_of("0605040FED0FED"), part_of("06080412340302")
    ((66, 2, 1), None, (4660, 3, 2))
    """
    try:
        octets = bytes.fromhex(udh)[1:]
    except (ValueError, TypeError):
        return None
    while len(octets) >= 2:
        kind, length = octets[0], octets[1]
        body, octets = octets[2 : 2 + length], octets[2 + length :]
        if (kind, length, len(body)) in {(0, 3, 3), (8, 4, 4)}:
            reference, total, which = int.from_bytes(body[:-2]), body[-2], body[-1]
            return (reference, total, which) if 1 <= which <= total and total > 1 else None
    return None


def _group(row: Row, part: tuple[int, int, int], groups: dict[object, list[Row]]) -> object:
    """Return the name of the group that this part completes: a reference is used again after 256 long texts."""
    reference, total, which = part
    turn = 0
    while True:
        name = (row.number, reference, total, turn)
        others = [other for other in groups.get(name, ()) if (part_of(other.udh) or part)[2] == which]
        if all((other.text, other.decoded) == (row.text, row.decoded) for other in others):
            return name
        turn += 1


def _joined(group: list[Row], now_utc_s: float) -> Received | None:
    parts: dict[int, Row] = {}
    total = 1
    for row in group:
        _, total, which = part_of(row.udh) or (0, 1, 1)
        parts.setdefault(which, row)
    if len(parts) < total:
        waited_s = now_utc_s - max(utc_s(row.stored) or 0 for row in group)
        if 0 <= waited_s < PATIENCE_S:
            return None
    ordered = [parts[which] for which in sorted(parts)]
    is_binary = ordered[0].coding in {"8bit", "Default_Compression", "Unicode_Compression"}
    stamps = [stamp for row in ordered if (stamp := utc_s(row.received)) is not None]
    return Received(
        id=_name(sorted(group, key=lambda row: row.id)),
        number=ordered[0].number,
        text="" if is_binary else "".join(letters(row) for row in ordered),
        octets=b"".join(_octets(row.text) for row in ordered) if is_binary else b"",
        stamp_utc_s=max(stamps, default=None),
    )


def letters(row: Row) -> str:
    """Return the text of a row.

    The hexadecimal column is UTF-16 whatever the daemon's locale was; the decoded one is not. gammu 1.42 leaves letters
    of an earlier message behind a NUL when a text has letters of the extension table: what follows a NUL is not text.
    """
    try:
        text = bytes.fromhex(row.text).decode("utf-16-be", "replace")
    except (ValueError, TypeError):
        text = ""
    return (text or str(row.decoded)).partition("\0")[0]


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except (ValueError, TypeError):
        return str(text).encode("utf-8", "replace")


def utc_s(stamp: str) -> int | None:
    """Return the seconds of a stamp such as 2026-11-21 12:00:00, None for none or one that no network sends."""
    try:
        return calendar.timegm(time.strptime(stamp, "%Y-%m-%d %H:%M:%S"))
    except (ValueError, TypeError):
        return None

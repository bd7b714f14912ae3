"""What `vigie doctor` knows of a box, and what a line of its verdict is. Plain: `edge.core.doctor` judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from edge.core.text import Text

Level = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """One line of the verdict."""

    level: Level
    code: str
    subject: str
    """What it is about: a point, a bus, a link, or a word of the catalogue's table doctor_subject."""
    text: Text
    remedy: Text | None = None
    name: Mapping[str, str] = {}
    """What people call the point, by language."""
    others: int = 0
    """How many more points of the same device have the same fault."""
    detail: str = ""
    """The driver's own words, in English: device, bus, cause and, behind a semicolon, what to do."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known; None and empty where nobody could say."""

    live: Mapping[str, Any] | None = None
    """The local API's answer `live`; None when no box answers."""
    buses: Sequence[Mapping[str, Any]] = ()
    """Its answer `buses`: devices, strangers, missing ones, how late it turns to them."""
    outputs: Sequence[Mapping[str, Any]] = ()
    time: Mapping[str, Any] = {}
    cut_ago_ms: float | None = None
    """How long ago the box was cut off last; None where it was not within a day."""
    machine: Mapping[str, float | None] = {}
    """Figures of the driver `box` by measure."""
    settings: str = ""
    """The settings file that was looked at."""
    faults: int = 0
    first_fault: str = ""
    is_newer: bool = False
    """The settings file was changed after the box had started."""
    is_unread: bool = False
    """This user may not read the settings file."""
    extras: Sequence[str] = ()
    """Extras of the installation that the settings need and that are missing."""
    readable: Sequence[str] = ()
    """Files with secrets that other users may read."""
    ports: Sequence[int] | None = None
    """TCP ports on which this machine listens for others; None where that can't be known."""
    update: Mapping[str, Any] | None = None
    """Which of the card's two systems runs, and what became of the last update; None on another installation."""
    card: Mapping[str, Any] | None = None
    """What came of the installer's file at this boot; None on a machine that was not made from a card."""
    has_lamp: bool = True
    """False on a board that has no LED of its own, where the settings name no other: nothing shows how the box is."""
    why_no_box: str = ""
    """A word of the catalogue's table no_box, or the system's own words."""


def ok(subject: str, key: str, **values: Any) -> Finding:
    """Return a line that all is well."""
    return Finding("ok", "ok", subject, Text(f"doctor.{key}", values))


def found(level: Level, code: str, subject: str, /, **values: Any) -> Finding:
    """Return a finding whose sentence and remedy stand in the catalogue under its code."""
    return Finding(level, code, subject, Text(f"doctor.{code}", values), Text(f"doctor_remedy.{code}", values))


def counted(what: str, count: int) -> Text:
    """Return "1 device" or "3 devices"."""
    return Text(f"doctor.{what}_n", {"count": count})

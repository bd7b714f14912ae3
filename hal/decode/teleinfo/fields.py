"""What stands inside single groups: horodates, the status register, relays, day profiles, addresses.

54E §6.2.2 (horodate), §6.2.3.14 (STGE), §6.2.3.16 (RELAIS), §6.2.3.8 (PJOURF+1).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from hal.decode.teleinfo.groups import Group

# 54E gives local legal time without an offset; these hold in mainland France, where H is winter and E summer.
OFFSET_H: Final = {"H": 1, "E": 2}


class Horodate(msgspec.Struct, frozen=True):
    """A meter's date and time. `season` is "H" winter, "E" summer or " " not applicable."""

    local: str
    """ISO 8601 without offset, such as 2023-03-01T09:18:34."""
    season: str
    is_degraded: bool
    """The meter says that its clock is not right: never set another clock from it."""
    utc_s: int | None
    """Seconds since 1970 in UTC; None when the season does not say the offset."""

    def iso(self) -> str:
        """Return ISO 8601 with its offset where the season tells it."""
        return f"{self.local}+0{OFFSET_H[self.season]}:00" if self.season in OFFSET_H else self.local


def horodate(text: str) -> Horodate:
    """Return the date and time of SYYMMDDhhmmss; raises ValueError when the calendar has no such day.

    >>> horodate("H230301091834").iso()
    '2023-03-01T09:18:34+01:00'
    """
    season = text[0].upper()
    year, month, day, hour, minute, second = (int(text[place : place + 2]) for place in range(1, 13, 2))
    local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    offset_h = OFFSET_H.get(season)
    utc_s = None if offset_h is None else int(local.timestamp()) - offset_h * 3600
    return Horodate(local.isoformat()[:19], season, text[0].islower(), utc_s)


def moment_iso(text: str) -> str:
    """Return ISO 8601 of a PME/PMI moment; raises ValueError when the calendar has no such day.

    >>> moment_iso("26/08/16 10:29:04")
    '2016-08-26T10:29:04'
    """
    day, month, year, hour, minute, second = (int(text[place : place + 2]) for place in range(0, 17, 3))
    return (datetime(2000 + year, month, day, tzinfo=UTC) + _time(hour, minute, second)).isoformat()[:19]


def clock_s(group: Group) -> int | None:
    """Return the seconds that the DATE group tells (UTC where the season is known, else local); None if impossible."""
    text = str(group.value)
    try:
        if group.spec.mode == "pmepmi":
            return int(datetime.fromisoformat(f"{moment_iso(text)}+00:00").timestamp())
        found = horodate(text)
        return found.utc_s if found.utc_s is not None else None
    except ValueError:
        return None


def offset_ms(group: Group) -> int:
    """Return what `clock_s` has taken off the DATE group's local time; 0 where no season says it."""
    return OFFSET_H.get(group.horodate[:1].upper(), 0) * 3_600_000


def _time(hour: int, minute: int, second: int) -> timedelta:
    return timedelta(hours=hour, minutes=minute, seconds=second)


class StatusField(msgspec.Struct, frozen=True):
    """Bits `lsb`..`msb` of STGE and the word of each value."""

    name: str
    lsb: int
    msb: int
    words: tuple[str, ...]

    def number(self, register: int) -> int:
        """Return the value that stands in these bits."""
        return (register >> self.lsb) & ((1 << (self.msb - self.lsb + 1)) - 1)


def _index_words(count: int) -> tuple[str, ...]:
    return tuple(f"index_{n}" for n in range(1, count + 1))


_COLOURS: Final = ("none", "blue", "white", "red")
_PEAKS: Final = ("none", "peak_1", "peak_2", "peak_3")

STGE: Final = (
    StatusField("dry_contact", 0, 0, ("closed", "open")),
    StatusField(
        "breaker",
        1,
        3,
        (
            "closed",
            "open_overload",
            "open_overvoltage",
            "open_load_shedding",
            "open_on_order",
            "open_overheat_high_current",
            "open_overheat",
            "undefined",
        ),
    ),
    StatusField("terminal_cover", 4, 4, ("closed", "open")),
    StatusField("overvoltage", 6, 6, ("no", "yes")),
    StatusField("over_reference_power", 7, 7, ("no", "yes")),
    StatusField("producer", 8, 8, ("consumer", "producer")),
    StatusField("active_energy_sign", 9, 9, ("drawn", "injected")),
    StatusField("supplier_tariff", 10, 13, _index_words(16)),
    StatusField("distributor_tariff", 14, 15, _index_words(4)),
    StatusField("clock_degraded", 16, 16, ("no", "yes")),
    StatusField("tic_mode", 17, 17, ("historique", "standard")),
    StatusField("euridis", 19, 20, ("disabled", "unsecured", "undefined", "secured")),
    StatusField("plc_state", 21, 22, ("new_unlock", "new_lock", "registered", "undefined")),
    StatusField("plc_sync", 23, 23, ("no", "yes")),
    StatusField("tempo_today", 24, 25, _COLOURS),
    StatusField("tempo_tomorrow", 26, 27, _COLOURS),
    StatusField("mobile_peak_notice", 28, 29, _PEAKS),
    StatusField("mobile_peak", 30, 31, _PEAKS),
)
RELAYS: Final = tuple(StatusField(f"relay_{n + 1}", n, n, ("open", "closed")) for n in range(8))


def parts(label: str) -> tuple[StatusField, ...]:
    """Return the fields that a point may take out of this label's register; none for most."""
    return {"STGE": STGE, "RELAIS": RELAYS}.get(label, ())


def register(group: Group) -> int:
    """Return STGE or RELAIS as the number whose bits `parts` describes."""
    return int(str(group.value), 16) if group.label == "STGE" else int(group.value)


class Slot(msgspec.Struct, frozen=True):
    """One block of a day profile: from `at` (HH:MM) on. `tariff` 0 = no change of index."""

    at: str
    dry_contact: str
    virtual_contacts: tuple[int, ...]
    tariff: int


_CONTACT: Final = ("none", "tempo", "open", "close")


def day_profile(text: str) -> tuple[Slot, ...]:
    """Return the used blocks of PJOURF+1 or PPOINTE in their order.

    >>> [(slot.at, slot.tariff) for slot in day_profile("00008001 0700C002 NONUTILE")]
    [('00:00', 1), ('07:00', 2)]
    """
    return tuple(_slot(block) for block in text.split() if block != "NONUTILE")


def _slot(block: str) -> Slot:
    bits = int(block[4:], 16)
    tariff = bits & 0xF
    return Slot(
        at=f"{block[:2]}:{block[2:4]}",
        dry_contact=_CONTACT[bits >> 14],
        virtual_contacts=tuple(n for n in range(1, 8) if bits >> (3 + n) & 1),
        tariff=tariff if tariff <= 10 else 0,
    )


def decoded(group: Group) -> Any:
    """Return the group's value as programs read it: a number, text, ISO time, or the fields of a register."""
    try:
        if group.spec.role == "clock":
            return horodate(str(group.value)).iso() if group.horodate else moment_iso(str(group.value))
        if group.label[:3] in ("DPM", "FPM"):
            return horodate(group.horodate).iso()
        if group.label.startswith(("DATEPA", "DebP", "FinP")):
            return moment_iso(str(group.value))
    except ValueError:
        return group.value
    if parts(group.label):
        return {part.name: part.words[part.number(register(group))] for part in parts(group.label)}
    if group.label in ("PJOURF+1", "PPOINTE"):
        return day_profile(str(group.value))
    return group.value

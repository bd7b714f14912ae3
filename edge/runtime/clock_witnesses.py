"""Who vouches for the machine's own clock: a time service that has set it, a battery clock, a person's word for it.

A probe by adjtimex would fail under ProtectClock=yes, even to read. So each time service is asked in the way that it
shows its state to everybody: a flag, or an answer on the loopback, which is there at once or not waited for.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge.core.timekeeping import AGREE, SETTINGS
from edge.runtime.clock import Machine, Witness

SYNCHRONIZED: Final = Path("/run/systemd/timesync/synchronized")
RTC_CLASS: Final = Path("/sys/class/rtc")
RTC_WITHIN_MS: Final = 2000
NTP_ERROR_MS: Final = 50
RTC_ERROR_MS: Final = 1000  # the kernel takes whole seconds from it
LOOPBACK: Final = "127.0.0.1"
ANSWERS_WITHIN_S: Final = 0.02
UNSYNCHRONISED: Final = 3  # the leap indicator of a server that has no time: RFC 5905 §7.3
OWN_CLOCK: Final = (b"\x7f\x7f\x01", b"LOC")  # "synchronised" to its own crystal: a reference that begins so is none


class Timesyncd:
    """systemd-timesyncd makes a flag when it has set the clock, and takes it away at its start."""

    name = "timesyncd"

    def __init__(self, flag: Path = SYNCHRONIZED) -> None:
        self._flag = flag

    def vouches(self, machine: Machine) -> tuple[str, int] | None:
        """Return ntp while the flag is there."""
        return ("ntp", NTP_ERROR_MS) if self._flag.exists() else None


class Person:
    """`trust_clock = true`: the settings say that something we can't see keeps the machine's clock right."""

    name = SETTINGS

    def vouches(self, machine: Machine) -> tuple[str, int] | None:
        """Return person."""
        return ("person", 1000)


class BatteryClock:
    """A battery clock (RTC) from which the kernel set the machine's time, and which still agrees with it.

    `hctosys` alone is not enough: a Pi 5 without a battery has a clock that begins in 1970, and the time that the
    system made up instead (its last stop) would pass for that clock's. Looked at at the start only: what follows is the
    machine's. But as often as a source must agree with itself that says earlier than what was kept: after a month
    without news that ran ahead by more than a minute, and a battery clock is all that such a box has.
    """

    name = "rtc"

    def __init__(self, folder: Path = RTC_CLASS) -> None:
        self._folder = folder
        self._looks = 0

    def vouches(self, machine: Machine) -> tuple[str, int] | None:
        """Return rtc at the first looks, where such a clock agrees with the machine's."""
        self._looks += 1
        if self._looks > AGREE:
            return None
        for clock in sorted(self._folder.glob("rtc*")):
            with contextlib.suppress(OSError, ValueError):  # no such file, no battery, nonsense
                if (clock / "hctosys").read_text(encoding="ascii").strip() == "1":
                    seconds = int((clock / "since_epoch").read_text(encoding="ascii"))
                    if abs(machine.utc_ns() // 1_000_000 - seconds * 1000 - 500) <= RTC_WITHIN_MS:
                        return "rtc", RTC_ERROR_MS
        return None


class _Asked(ABC):
    """A time service of this computer that answers a datagram."""

    name: str
    PORT: int
    QUESTION: bytes

    def __init__(self, port: int | None = None) -> None:
        self._address = (LOOPBACK, self.PORT if port is None else port)

    def vouches(self, machine: Machine) -> tuple[str, int] | None:
        """Return ntp while the service says that it is synchronised."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.settimeout(ANSWERS_WITHIN_S)
            line.connect(self._address)  # so that nobody else can answer, and "nobody serves there" is heard at once
            line.send(self.QUESTION)
            if self.is_synchronised(line.recv(512)):
                return "ntp", NTP_ERROR_MS
        return None

    @staticmethod
    @abstractmethod
    def is_synchronised(answer: bytes) -> bool:
        """Return whether this answer says that the service keeps the machine's clock right."""


class Chronyd(_Asked):
    """chronyd, by the request "tracking" that it answers to everybody on this computer (chrony's candm.h, version 6).

    question  version 6, type 1, 0, 0, command u16 = 33, attempt u16, sequence u32, then padding to 104 octets
    answer    version 6, type 2, 0, 0, command u16 = 33, reply u16 = 5, status u16, 3 u16, sequence u32, 2 u32,
              then at 28: reference id u32, address 20 octets, stratum u16, leap status u16 (3: not synchronised)
    """

    name = "chrony"
    PORT = 323
    QUESTION = struct.pack("!4BHHI", 6, 1, 0, 0, 33, 0, 1).ljust(104, b"\0")
    HEAD: Final = (6, 2, 33, 5, 0)
    REFERENCE_AT: Final = 28
    LEAP_AT: Final = 54

    @staticmethod
    def is_synchronised(answer: bytes) -> bool:
        """Return whether chronyd says so; anything but its answer says nothing."""
        if len(answer) < Chronyd.LEAP_AT + 2:
            return False
        version, kind, command, reply, status = struct.unpack_from("!BBxxHHH", answer)
        leap = int.from_bytes(answer[Chronyd.LEAP_AT : Chronyd.LEAP_AT + 2], "big")
        is_free = answer[Chronyd.REFERENCE_AT :].startswith(OWN_CLOCK)
        return (version, kind, command, reply, status) == Chronyd.HEAD and leap < UNSYNCHRONISED and not is_free


class Ntpd(_Asked):
    """ntpd, openntpd and every other server of NTP on this computer, by a client's question (RFC 5905 §7.3)."""

    name = "ntpd"
    PORT = 123
    QUESTION = b"\x23".ljust(48, b"\0")  # version 4, mode 3: client
    SERVER: Final = 4
    STRATA: Final = range(1, 16)
    REFERENCE_AT: Final = 12

    @staticmethod
    def is_synchronised(answer: bytes) -> bool:
        """Return whether the server says that it has the time."""
        if len(answer) < len(Ntpd.QUESTION):
            return False
        if answer[0] >> 6 == UNSYNCHRONISED or answer[Ntpd.REFERENCE_AT :].startswith(OWN_CLOCK):
            return False
        return answer[0] & 7 == Ntpd.SERVER and answer[1] in Ntpd.STRATA


def witnesses(*, trust_clock: bool) -> Sequence[Witness]:
    """Return all that can vouch for this computer's clock."""
    found: list[Witness] = [Timesyncd(), Chronyd(), Ntpd(), BatteryClock()]
    return [*found, Person()] if trust_clock else found

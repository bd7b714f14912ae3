"""What is wrong with the modem, from what its owner writes of it: pure.

gammu-smsd waits 200 s after one lost reply, never notices a modem that started anew in text mode, and stops for good at
a message on the SIM that it can't read. None of these it says; all show in what does not move any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sms.mailbox import Health

SILENT_S: Final = 180.0
"""Three periods of the heartbeat (statusfrequency = 60 in config/gammu-smsdrc)."""
URGENT_S: Final = 60.0
WAITING_S: Final = 180.0
NETWORK_S: Final = 150.0
MAILBOX_S: Final = 60.0
"""A database that is held by another program for a moment is no fault."""
REFUSED: Final = 2
FAILED: Final = 3
UNCONFIRMED: Final = 3
UNREADABLE: Final = 4
"""Looks at the SIM, one each 15 s (receivefrequency)."""
NO_CREDIT: Final = frozenset({8, 10, 21, 28, 29, 30, 38, 50, 69})
"""+CMS ERROR by which networks refuse a SIM without credit or a barred one (3GPP TS 27.005, TS 24.011 annex E-2)."""

NO_SERVICE: Final = frozenset({331, 332})
"""+CMS ERROR of a modem without network (3GPP TS 27.005 §3.2.5)."""

Code: TypeAlias = Literal[
    "mailbox", "modem_silent", "modem_gone", "modem_deaf", "sim_missing", "sim_locked", "sim_puk", "sim_stuck",
    "not_sending", "not_confirmed", "no_network", "no_credit", "sending_fails", "text_mode",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moves:
    """Since when what should move has not, on the monotonic clock."""

    silent_s: float = 0.0
    """The heartbeat's age."""
    still_s: float = 0.0
    """Something waits, and none left or failed for so long."""
    unregistered_s: float = 0.0
    """No operator is told."""
    unsent_s: float = 0.0
    """Nothing left well, whether something waited or not."""


class Movement:
    """Watches what moves, from one look to the next."""

    def __init__(self, now_s: float) -> None:
        self._start_s = now_s
        self._moved_s = now_s
        self._registered_s = now_s
        self._sent_s = now_s
        self._last: tuple[int, int, int] | None = None

    def moves(self, health: Health, now_s: float) -> Moves:
        """Take a look; return how long nothing has moved."""
        counts = (health.sent, health.waiting, health.failed_in_a_row)
        if not health.waiting or self._last is None or _has_moved(self._last, counts):
            self._moved_s = now_s
        if self._last is None or counts[0] > self._last[0]:
            self._sent_s = now_s
        self._last = counts
        if health.operator or health.heartbeat_age_s is None:
            self._registered_s = now_s
        # a heartbeat from before a power cut is as old as that: the daemon has begun when this has, and gets its time
        since_s = now_s - self._start_s
        age_s = since_s if health.heartbeat_age_s is None else min(health.heartbeat_age_s, since_s)
        return Moves(age_s, now_s - self._moved_s, now_s - self._registered_s, now_s - self._sent_s)


def _has_moved(before: tuple[int, int, int], now: tuple[int, int, int]) -> bool:
    # a daemon that begins anew counts what it sent from 0: nothing has left for that
    return now[0] > before[0] or now[1] < before[1] or now[2] != before[2]


def fault_of(health: Health, moves: Moves) -> Code | None:
    """Return what is wrong, None when nothing is. What explains the others comes first.

    >>> well = Health(True, 5.0, 60, "Orange F", "", "", 0, 0.0, 1, 0)
    >>> fault_of(well, Moves()), fault_of(well, Moves(silent_s=181.0))
    (None, 'modem_silent')
    """
    if moves.silent_s > SILENT_S:
        return "modem_silent"
    if health.failed_in_a_row >= REFUSED and health.failed_code in NO_CREDIT and health.operator:
        return "no_credit"
    has_no_service = health.failed_in_a_row >= REFUSED and health.failed_code in NO_SERVICE
    if moves.unregistered_s > NETWORK_S or has_no_service:
        return "no_network"
    if health.unreadable >= UNREADABLE:
        return "sim_stuck"
    # what the network refused once is tried again by the daemon after a minute
    urgent_s = 0.0 if health.refused else min(health.urgent_waiting_s, moves.still_s)
    if urgent_s > URGENT_S or min(health.oldest_waiting_s, moves.still_s) > WAITING_S:
        return "not_sending"
    if health.failed_in_a_row >= FAILED:
        return "sending_fails"
    if health.unconfirmed >= UNCONFIRMED:
        return "not_confirmed"
    return None

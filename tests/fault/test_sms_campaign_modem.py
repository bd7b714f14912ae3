"""A modem that fails under a real gammu-smsd: how soon the watchdog sees it, and how soon messages go again.

All cases run at once, each with a modem and a daemon of its own, in real time; `pytest -s` prints the table that stands
in docs/sms-faults.md. A fault comes when a message is to be sent; the case is over when that one is in the air.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from hal.fake.modem_network import Network
from hal.fake.modem_pdu import content_of, deliver, stamp
from hal.fake.modem_sim import Sim
from tests.fault.watched_modem import WatchedModem
from tests.sms_rig import Air
from tests.support import eventually

OFFICE = "+33600000100"
DETECTED_S, DETECTED_ALARM_S, RECOVERED_S, GIVEN_UP_S = 240.0, 120.0, 420.0, 750.0
TEXTS_EACH_S = 30.0


@dataclass
class Fault:
    """What is done to a modem, and what a person does later where only one can help."""

    name: str
    break_it: Callable[[WatchedModem], None]
    mends: Callable[[WatchedModem], None] | None = None
    mends_after_s: float = 0.0
    needs_person: bool = False
    pin: str = ""
    capacity: int = 20
    has_begun: Callable[[WatchedModem], bool] = lambda _: True
    """Says when it has come to bear: only then is the message offered."""
    is_inward: bool = False
    """It shows in what comes in: texts from outside have to arrive again."""


def unplug(watched: WatchedModem) -> None:
    watched.modem.unplug()


def replug(watched: WatchedModem) -> None:
    watched.modem.replug()


def hang(watched: WatchedModem) -> None:
    watched.modem.faults.mute = "idle"


def hang_in_send(watched: WatchedModem) -> None:
    watched.modem.faults.mute = "cmgs"


def hang_in_one_send(watched: WatchedModem) -> None:
    watched.modem.faults.mute = "cmgs"
    powered(watched, lambda: setattr(watched.modem.faults, "mute", ""))


def restart(watched: WatchedModem) -> None:
    watched.modem.reboot(time.monotonic())


def deafen(watched: WatchedModem) -> None:
    watched.modem.faults.damaged.append(("+CPMS", "truncated"))


def lock(watched: WatchedModem) -> None:
    watched.modem.sim.asks = True
    watched.modem.power_cycle()


def lose_network(watched: WatchedModem) -> None:
    watched.modem.radio.registration = 2


def find_network(watched: WatchedModem) -> None:
    watched.modem.radio.registration = 1


def lose_network_until_power(watched: WatchedModem) -> None:
    lose_network(watched)
    powered(watched, lambda: find_network(watched))


def powered(watched: WatchedModem, then: Callable[[], None]) -> None:
    """Let this happen when the modem starts anew."""
    power = watched.modem.dialogue.power

    def starts(now_s: float, chatter: bytes = b"") -> None:
        then()
        power(now_s, chatter)

    watched.modem.dialogue.power = starts  # type: ignore[method-assign]


def fill(watched: WatchedModem) -> None:
    for at in range(8):
        watched.air.network.send(OFFICE, watched.number, f"{at}", time.monotonic())


def is_deaf(watched: WatchedModem) -> bool:
    return not watched.modem.faults.damaged


def spoil(watched: WatchedModem) -> None:
    whole = deliver(watched.air.network.centre, OFFICE, content_of("x" * 60), stamp(1_795_166_000, 0))
    watched.modem.sim.store(whole[:-30])


def is_read(watched: WatchedModem) -> bool:
    return "Error getting SMS" in watched.post.log()


def empty(watched: WatchedModem) -> None:
    watched.air.network.credit[watched.number] = 0


def pay(watched: WatchedModem) -> None:
    del watched.air.network.credit[watched.number]


FAULTS = [
    Fault("unplugged, back after 60 s under another device", unplug, replug, 60.0),
    Fault("unplugged for good", unplug, needs_person=True),
    Fault("hangs while idle", hang),
    Fault("hangs within one AT+CMGS", hang_in_one_send),
    Fault("hangs within each AT+CMGS until its power is cut", hang_in_send),
    Fault("starts anew by itself, in text mode", restart),
    Fault("one reply to AT+CPMS cut short", deafen, has_begun=is_deaf),
    Fault("lost its SIM's PIN with its power, PIN known", lock, pin="1234"),
    Fault("lost its SIM's PIN with its power, PIN not known", lock, needs_person=True),
    Fault("no network until it starts anew", lose_network_until_power),
    Fault("no network for 5 minutes", lose_network, find_network, 300.0),
    Fault("SIM full: 8 messages for 5 places", fill, capacity=5),
    Fault("unreadable message on the SIM", spoil, has_begun=is_read, is_inward=True),
    Fault("no credit", empty, needs_person=True),
    Fault("no credit, paid after 3 minutes", empty, pay, 180.0),
]


@dataclass
class Case:
    """A fault with its modem, and the times at which something showed."""

    fault: Fault
    has_alarm: bool
    watched: WatchedModem
    is_broken: bool = False
    began_s: float = 0.0
    mended_s: float = 0.0
    texted_s: float = 0.0
    seen: tuple[float, str] | None = None
    over_s: float | None = None
    given_up: tuple[float, str] | None = None

    @property
    def key(self) -> str:
        return f"{'alarm' if self.has_alarm else 'report'} {self.watched.number[-4:]}"

    def begin(self) -> bool:
        """Break it when it has sent once, and offer the message when the fault has come to bear."""
        if not self.is_broken:
            if not self.watched.said_before:
                self.watched.said_before = True
                self.watched.wants("before", OFFICE, "report")
            self.watched.step()
            if not self.has_sent("before") or self.watched.queue.waiting():
                return False
            self.is_broken = True
            self.fault.break_it(self.watched)
        if not self.fault.has_begun(self.watched):
            return False
        self.began_s = time.monotonic()
        self.watched.wants(self.key, OFFICE, "alarm" if self.has_alarm else "report")
        return True

    def has_sent(self, text: str) -> bool:
        """It is in the air."""
        number = self.watched.number
        return any(
            taken.sender == number and taken.to == OFFICE and taken.content.text == text
            for taken in self.watched.air.network.taken
        )

    def is_over(self) -> bool:
        """The message went, or came."""
        if self.fault.is_inward:
            return self.watched.told("sms_unread", self.began_s, why="nobody") is not None
        return self.has_sent(self.key)

    def step(self) -> bool:
        """Let time pass; True when nothing more is waited for."""
        if not self.began_s and not self.begin():
            return False
        self.watched.step()
        now_s = time.monotonic()
        if self.fault.mends and not self.mended_s and now_s > self.began_s + self.fault.mends_after_s:
            self.mended_s = now_s
            self.fault.mends(self.watched)
        if self.fault.is_inward and now_s > self.texted_s + TEXTS_EACH_S:
            self.texted_s = now_s
            self.watched.air.network.send(OFFICE, self.watched.number, self.key, now_s)
        self.seen = self.seen or self.watched.told("modem_fault", self.began_s)
        self.given_up = self.given_up or self.watched.told("modem_given_up", self.began_s)
        if self.over_s is None and self.is_over():
            self.over_s = now_s
        return self.over_s is not None or now_s > self.began_s + GIVEN_UP_S or self.needed_person()

    def needed_person(self) -> bool:
        """It was said, and whoever hears it has to come."""
        return self.fault.needs_person and self.seen is not None and time.monotonic() > self.began_s + RECOVERED_S

    def judged(self) -> list[str]:
        """Return what is not as it has to be."""
        found = []
        most_s = DETECTED_ALARM_S if self.has_alarm else DETECTED_S
        seen_s = (self.over_s or time.monotonic()) if self.seen is None else self.seen[0]
        if seen_s - self.began_s > most_s:
            found.append(f"not seen within {most_s:.0f} s")
        if not self.fault.needs_person:
            since_s = self.mended_s or self.began_s
            if self.over_s is None or self.over_s - since_s > RECOVERED_S:
                found.append(f"not recovered within {RECOVERED_S:.0f} s")
        return found

    def row(self) -> str:
        """Return its line of the table."""
        codes = ", ".join(values["code"] for _, kind, values in self.watched.said if kind == "modem_fault")
        seen = "not" if self.seen is None else f"{self.seen[0] - self.began_s:.0f} s: {codes}"
        over = "not" if self.over_s is None else f"{self.over_s - self.began_s:.0f} s"
        if self.fault.needs_person and self.over_s is None:
            over = "a person is needed"
        waits = "alarm" if self.has_alarm else "report"
        cures = ", ".join(self.watched.units.cures) or "none"
        return f"| {self.fault.name} | {waits} | {seen} | {cures} | {over} | {'; '.join(self.judged()) or 'yes'} |"


@pytest.mark.campaign("faults in real time: up to ten minutes until a watchdog gives up")
def test_each_fault_is_seen_and_cured_in_time_or_said(tmp_path: Path) -> None:
    network = Network()
    with Air(tmp_path, network) as air:
        network.attach(OFFICE, lambda *_: True)
        cases = []
        for serial, (fault, has_alarm) in enumerate(((fault, alarm) for fault in FAULTS for alarm in (False, True)), 1):
            number = f"+3360000{serial:04}"
            sim = Sim(number, imsi=f"20801{serial:010}", capacity=fault.capacity)
            watched = WatchedModem(air, sim, pin=fault.pin)
            cases.append(Case(fault, has_alarm, watched))
        try:
            eventually(lambda: not [case for case in cases if not case.step()], GIVEN_UP_S + 120, "every case is over")
        finally:
            print("\n| fault | waiting | seen after, as | cures | it went after | in time |\n|---|---|---|---|---|---|")
            for case in cases:
                print(case.row())
            for case in cases:
                story = [
                    (round(at_s - case.began_s), kind, *values.values()) for at_s, kind, values in case.watched.said
                ]
                print(case.fault.name, "alarm" if case.has_alarm else "report", story)
                case.watched.close()
        missed = {(case.fault.name, case.has_alarm): case.judged() for case in cases}
        assert {case: judged for case, judged in missed.items() if judged} == {}

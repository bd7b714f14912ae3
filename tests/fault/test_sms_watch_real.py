"""The watchdog on real gammu-smsd processes with the settings shipped, each on a modem with a fault of its own.

All run at once, in real time: what counts is how long a daemon and its modem take.
"""

from __future__ import annotations

import configparser
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.links.sms_cures import Answer, Cure
from edge.links.sms_watch import SmsWatch
from hal.fake.modem_sim import Slot
from sms.mailbox import Outgoing
from sms.modem_child import ask
from sms.smsd import Smsd
from tests.sms_rig import Air, Post
from tests.support import ROOT, eventually

UNREADABLE = bytes.fromhex("07913306000000F0FF0B")  # a type of message that there is none of
NUMBER = "+33600000099"
WORK: dict[Cure, str] = {"look": "identity", "pin": "pin", "drain": "drain"}
DETECTED_S, DETECTED_URGENT_S, RECOVERED_S = 240.0, 120.0, 420.0


def shipped() -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "config/gammu-smsdrc", encoding="utf-8")
    left_out = ("service", "driver", "dbdir", "database", "logfile")
    return {key: value for key, value in parser["smsd"].items() if key not in left_out}


class Site:
    """A box with its modem: its watchdog stepped by a thread, its units' work done here."""

    def __init__(self, air: Air, number: str, *, pin: str = "", alarm: bool = False) -> None:
        self.post: Post = air.smsd(number, **shipped())
        assert self.post.modem is not None
        self.modem = self.post.modem
        self.pin = pin
        self.alarm = alarm
        self.mailbox = Smsd(self.post.database, log=self.post.folder / "smsd.log")
        self.said: list[tuple[float, str, dict[str, Any]]] = []
        self.begun_s = 0.0
        self._done: Answer | None = None
        self._lock = threading.Lock()
        self._work: threading.Thread | None = None
        self.watch = SmsWatch(self.mailbox, say=self.say, hands=self, now_s=time.monotonic())

    def say(self, kind: str, **values: Any) -> None:
        self.said.append((time.monotonic() - self.begun_s, kind, values))

    # -- the units

    def has_pin(self) -> bool:
        return bool(self.pin)

    def ask(self, cure: Cure, number: int) -> None:
        self._work = threading.Thread(target=self._does, args=(cure, number), daemon=True)
        self._work.start()

    def _does(self, cure: Cure, number: int) -> None:
        self.post.stop(5.0)  # TimeoutStopSec of the unit, which takes the log away too
        (self.post.folder / "smsd.log").unlink(missing_ok=True)
        found: dict[str, Any] = {}
        if cure in WORK:
            found = ask(WORK[cure], str(self.modem.port), pin=self.pin, folder=self.post.folder)
        elif cure == "reset":
            self.modem.unplug()
            self.modem.replug()
        else:
            self.modem.power_cycle()
        self.post.start()
        with self._lock:
            self._done = Answer(number, found.pop("fault", ""), found)

    def answer(self) -> Answer | None:
        with self._lock:
            return self._done

    # -- its life

    def breaks(self, how: Callable[[Site], None], waits: bool) -> None:
        self.begun_s = time.monotonic()
        how(self)
        if waits:
            self.mailbox.enqueue(Outgoing("after", NUMBER, text="ALARME", priority=8 if self.alarm else 0))

    def step(self) -> None:
        """As the link's queue does: what failed is noted, and goes again under another key."""
        failed = self.mailbox.outcomes()
        self.mailbox.noted(failed)
        for outcome in failed:
            if outcome.fate == "failed":
                self.mailbox.enqueue(Outgoing(f"{outcome.key}+", NUMBER, text="ALARME", priority=8))
        self.watch.step(time.monotonic())

    def close(self) -> None:
        if self._work is not None:
            self._work.join(90)
        self.mailbox.close()

    def at(self, kind: str) -> list[tuple[float, str]]:
        return [(at_s, values["code"]) for at_s, said, values in self.said if said == kind]


def deaf(site: Site) -> None:
    site.modem.faults.mute = "idle"


def lost_reply(site: Site) -> None:
    site.modem.faults.damaged.append(("+CPMS", "truncated"))


def stuck(site: Site) -> None:
    site.modem.sim.slots[1] = Slot(UNREADABLE)


def locked(site: Site) -> None:
    site.modem.sim.asks = True
    site.modem.power_cycle()


def unplugged(site: Site) -> None:
    site.modem.unplug()


def rebooted(site: Site) -> None:
    site.modem.reboot(time.monotonic())


def replugged(site: Site) -> None:
    """It comes back under another number; its name leads there."""
    site.modem.unplug()
    site.modem.replug()


def no_credit(site: Site) -> None:
    site.modem.faults.cms_always = 21


def lost(site: Site) -> None:
    site.modem.radio.registration = 2


# name: (how it breaks, something waits, an alarm, the PIN, what it is called, needs a person)
FAULTS: dict[str, tuple[Callable[[Site], None], bool, bool, str, str, bool]] = {
    "deaf": (deaf, False, False, "", "modem_deaf", False),
    "deaf, an alarm waits": (deaf, True, True, "", "modem_deaf", False),
    "one reply lost": (lost_reply, False, False, "", "", False),
    "SIM stuck": (stuck, False, False, "", "sim_stuck", False),
    "unplugged, an alarm waits": (unplugged, True, True, "", "modem_gone", False),
    "no credit": (no_credit, True, True, "", "no_credit", True),
    "SIM locked, PIN known": (locked, False, False, "1234", "sim_locked", False),
    "SIM locked, no PIN": (locked, False, False, "", "sim_locked", True),
    "unplugged inside": (unplugged, False, False, "", "modem_gone", False),
    "rebooted by itself": (rebooted, True, False, "", "", False),
    "rebooted by itself, an alarm waits": (rebooted, True, True, "", "", False),
    "plugged in again": (replugged, True, True, "", "", False),
    "no network": (lost, False, False, "", "no_network", True),
}


@pytest.mark.campaign(reason="eight minutes of real time with real daemons")
def test_each_fault_is_seen_and_cured_or_said_in_time(tmp_path: Path) -> None:
    with Air(tmp_path) as air:
        server = air.smsd(NUMBER, debuglevel="0")
        sites = {
            name: Site(air, f"+336000000{at:02}", pin=case[3], alarm=case[2])
            for at, (name, case) in enumerate(FAULTS.items(), 10)
        }
        eventually(lambda: all(site.post.rows("SELECT 1 FROM phones") for site in sites.values()), 60)
        for name, site in sites.items():
            site.breaks(FAULTS[name][0], FAULTS[name][1])
        end_s = time.monotonic() + 480
        tick = threading.Event()
        while time.monotonic() < end_s:
            for site in sites.values():
                site.step()
            tick.wait(1.0)
        heard = {number for number, _text, _octets in server.inbox()}
        for site in sites.values():
            site.close()
    for name, site in sites.items():
        print(
            f"{name}: " + "; ".join(f"{at:.0f} s {kind} {' '.join(map(str, v.values()))}" for at, kind, v in site.said)
        )
    for at, name in enumerate(FAULTS, 10):
        if FAULTS[name][1] and not FAULTS[name][5]:
            assert f"+336000000{at:02}" in heard, f"{name}: what waited has arrived"
    for name, site in sites.items():
        _how, waits, is_alarm, _pin, code, needs_person = FAULTS[name]
        if not code and not site.said:
            continue  # over by itself before it counts as one
        faults = site.at("modem_fault")
        assert faults[0][0] <= (DETECTED_URGENT_S if waits and is_alarm else DETECTED_S), name
        assert code in {"", faults[-1][1]}, name
        if needs_person:
            assert site.at("modem_ok") == [], name
            assert site.at("modem_given_up")[0][0] <= 480, name
        else:
            assert site.at("modem_ok")[0][0] <= RECOVERED_S, name
            assert site.watch.code == "", name
    stuck_said = [values for _, kind, values in sites["SIM stuck"].said if kind == "sms_unread"]
    assert stuck_said == [{"why": "stuck", "number": "", "raw": UNREADABLE.hex().upper()}]
    assert sites["SIM stuck"].modem.sim.slots == {}
    tried = {name: site.modem.sim.tried for name, site in sites.items()}
    assert tried["SIM locked, PIN known"] == ["1234"]
    assert tried["SIM locked, no PIN"] == []

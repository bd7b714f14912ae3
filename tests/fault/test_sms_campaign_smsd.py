"""Real gammu-smsd on simulated modems, for minutes: what passes it unchanged, and what it does when its modem fails.

`pytest -s` prints the table that stands in docs/sms-faults.md under "gammu-smsd alone".
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from hal.fake.modem_faults import ALWAYS
from hal.fake.modem_network import Network
from hal.fake.modem_pdu import content_of, deliver, stamp
from hal.fake.modem_sim import Sim
from tests.sms_rig import Air, Post
from tests.support import eventually

OFFICE = "+33600000100"


@pytest.mark.campaign("150 messages each way at one a second")
def test_messages_pass_two_daemons_unchanged_and_accounts_are_right(tmp_path: Path) -> None:
    chance = random.Random(6)
    network = Network(6, loss=0.05, duplication=0.05, delay_s=(0.0, 30.0))
    with Air(tmp_path, network) as air:
        box, office = (air.smsd(number, loopsleep="0", commtimeout="0") for number in ("+33600000001", OFFICE))
        sent = [chance.randbytes(chance.randint(1, 140)) for _ in range(150)]
        back = [chance.randbytes(140) for _ in range(130)]
        texts = [f"{at} été ÄÖ{'x' * at}" for at in range(20)]
        for octets in sent:
            box.binary(OFFICE, octets)
        for octets in back:
            office.binary("+33600000001", octets)
        for text in texts:
            office.text("+33600000001", text)
        eventually(lambda: network.counts["taken"] == 300, 600, "all sent")
        eventually(lambda: not network.in_flight and not any(modem.sim.slots for modem in air.modems), 120, "all read")
        assert len(box.inbox()) + len(office.inbox()) == network.counts["delivered"]
        assert network.counts["delivered"] == 300 - network.counts["lost"] + network.counts["doubled"]
        assert [octets for _, _, octets in office.inbox()] != sent
        for post, wanted in ((office, Counter(sent)), (box, Counter([*back, *(text.encode() for text in texts)]))):
            got = Counter(octets or text.encode() for _, text, octets in post.inbox())
            assert set(got) <= set(wanted)
            assert max(got.values()) == 2
        print(f"\n300 messages: {dict(network.counts)}; cpu of one daemon {cpu_s(box):.2f} s")


def cpu_s(post: Post) -> float:
    """Return the CPU time of a daemon until now."""
    fields = Path(f"/proc/{post.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Case:
    """One daemon with one fault; `plays` is called about each 0.1 s until it has told its outcome."""

    def __init__(self, air: Air, serial: int, sim: Sim | None = None) -> None:
        self.air = air
        self.number = f"+3360000{serial:04}"
        self.serial = serial
        if sim is not None:
            sim.number = self.number
        self.sim = sim
        self.began_s = 0.0

    def start(self, **settings: str) -> Post:
        post = self.air.smsd(self.number, self.sim, **settings)
        self.post = post
        self.modem = post.modem
        assert self.modem is not None
        self.faults = self.modem.faults
        return post

    def begin(self) -> None:
        self.began_s = time.monotonic()

    @property
    def after_s(self) -> float:
        return time.monotonic() - self.began_s

    @property
    def copies(self) -> int:
        """What the network took, and billed."""
        return sum(taken.sender == self.number for taken in self.air.network.taken)

    def fates(self) -> list[tuple[str, int]]:
        return self.post.rows("SELECT Status, StatusCode FROM sentitems ORDER BY ID")  # type: ignore[return-value]

    def stale_s(self) -> float:
        rows = self.post.rows("SELECT strftime('%s','now') - strftime('%s', UpdatedInDB) FROM phones")
        return float(rows[0][0]) if rows else 0.0

    def is_up(self) -> bool:
        return bool(self.post.rows("SELECT 1 FROM phones"))


Play = Callable[[Case], "list[Callable[[], str | None]]"]
"""Gives the stages of a case, one after the other: each is asked until it says something."""


def up(case: Case, then: Callable[[], None]) -> Callable[[], str | None]:
    """Wait until the daemon runs, do this, and begin to count."""

    def stage() -> str | None:
        if not case.is_up():
            return None
        then()
        case.begin()
        return ""

    return stage


def once(case: Case, condition: Callable[[], bool], what: Callable[[], str]) -> Callable[[], str | None]:
    """Say this when the condition holds."""
    return lambda: what() if condition() else None


def told_fate(case: Case) -> str:
    status, code = case.fates()[0]
    return f"{status}{f' {code}' if code >= 0 else ''} after {case.after_s:.0f} s, {case.copies} in the air"


def send(case: Case, text: str = "probe") -> None:
    case.post.text(OFFICE, text)


def refused_once(case: Case) -> list[Callable[[], str | None]]:
    case.start()

    def set_up() -> None:
        case.faults.cms_once.append(500)
        send(case)

    return [
        up(case, set_up),
        once(case, lambda: bool(case.fates()), lambda: told_fate(case)),
    ]


def refused_always(case: Case) -> list[Callable[[], str | None]]:
    case.start()

    def set_up() -> None:
        case.faults.cms_always = 38
        send(case, "first")
        send(case, "second")

    return [
        up(case, set_up),
        once(case, lambda: len(case.fates()) == 2, lambda: f"both given up: {told_fate(case)}"),
    ]


def no_credit(case: Case) -> list[Callable[[], str | None]]:
    case.start()
    case.air.network.credit[case.number] = 0
    return [
        up(case, lambda: send(case)),
        once(case, lambda: bool(case.fates()), lambda: told_fate(case)),
    ]


def unregistered(case: Case) -> list[Callable[[], str | None]]:
    case.start()

    def set_up() -> None:
        case.modem.radio.registration = 2
        send(case)

    return [
        up(case, set_up),
        once(case, lambda: bool(case.fates()), lambda: told_fate(case)),
    ]


def ack_lost(case: Case, times: float) -> list[Callable[[], str | None]]:
    case.start()

    def set_up() -> None:
        case.faults.lost_acks = times
        send(case)

    return [
        up(case, set_up),
        once(case, lambda: bool(case.fates()), lambda: told_fate(case)),
    ]


def deaf(case: Case) -> list[Callable[[], str | None]]:
    case.start()

    def set_up() -> None:
        case.faults.damaged.append(("+CPMS", "truncated"))

    def sends() -> str:
        send(case)
        case.begin()
        return ""

    return [
        up(case, set_up),
        once(case, lambda: not case.faults.damaged, sends),
        once(case, lambda: bool(case.fates()), lambda: f"deaf: sent after {case.after_s:.0f} s"),
    ]


def hangs(case: Case, how: str) -> list[Callable[[], str | None]]:
    case.start()

    def set_up() -> None:
        case.faults.mute = how  # type: ignore[assignment]
        send(case)

    def cure() -> str:
        stale = case.after_s
        case.post.kill()
        case.modem.power_cycle()
        case.post.start()
        case.begin()
        return f"heartbeat 20 s old after {stale:.0f} s; "

    return [
        up(case, set_up),
        once(case, lambda: case.stale_s() > 20, cure),
        once(case, lambda: case.copies > 0, lambda: f"sent {case.after_s:.0f} s after kill, power cycle, start"),
    ]


def reboots(case: Case) -> list[Callable[[], str | None]]:
    case.start()
    return [
        up(case, lambda: send(case, "before")),
        once(case, lambda: case.copies == 1 and bool(case.fates()), lambda: _reboot(case)),
        once(case, lambda: case.copies == 2, lambda: _trapped(case)),
    ]


def _reboot(case: Case) -> str:
    case.modem.dialogue.power(time.monotonic())
    send(case, "after")
    case.begin()
    return ""


def _trapped(case: Case) -> str:
    taken = [taken for taken in case.air.network.taken if taken.sender == case.number][1]
    assert len(bytes.fromhex(taken.content.text[:40])) == 20  # the digits of the PDU
    return f"the PDU's hexadecimal went as a text to {taken.to} after {case.after_s:.0f} s, told as sent"


def unplugged(case: Case) -> list[Callable[[], str | None]]:
    case.start()

    def replug() -> str:
        case.modem.replug()
        send(case)
        case.begin()
        return ""

    def cure() -> str:
        assert not case.copies
        case.post.kill()
        case.post.start()
        case.begin()
        return f"not opened again in 90 s, while the heartbeat is {case.stale_s():.0f} s old; "

    return [
        up(case, case.modem.unplug),
        once(case, lambda: case.after_s > 27, replug),
        once(case, lambda: case.after_s > 90 or case.copies > 0, cure),
        once(case, lambda: case.copies > 0, lambda: f"sent {case.after_s:.0f} s after kill and start"),
    ]


def locked(case: Case) -> list[Callable[[], str | None]]:
    case.start()
    case.begin()
    send(case)

    def told() -> str:
        assert case.post.is_alive
        assert case.sim is not None
        assert not case.sim.tried
        assert case.copies == 0
        return "60 s: nothing sent, no try of the PIN used, the daemon stays up"

    return [once(case, lambda: case.after_s > 60, told)]


def full(case: Case) -> list[Callable[[], str | None]]:
    case.start()

    def set_up() -> None:
        for at in range(8):
            case.air.network.send(OFFICE, case.number, f"{at}", time.monotonic())

    return [
        up(case, set_up),
        once(case, lambda: len(case.post.inbox()) == 8, lambda: f"8 on 5 places: all in after {case.after_s:.0f} s"),
    ]


def unreadable(case: Case) -> list[Callable[[], str | None]]:
    case.start()

    def complaints() -> int:
        return case.post.log().count("CORRUPTED")

    def sends() -> str:
        send(case)
        case.air.network.send(OFFICE, case.number, "behind it", time.monotonic())
        case.begin()
        return ""

    def told() -> str:
        assert not case.post.inbox()
        return f"40 s: {case.copies} sent, nothing received, {complaints()} times CORRUPTED in the log"

    def spoil() -> None:
        whole = deliver(case.air.network.centre, OFFICE, content_of("x" * 60), stamp(1_795_166_000, 0))
        case.modem.sim.store(whole[:-30])

    return [
        up(case, spoil),
        once(case, lambda: complaints() > 0, sends),
        once(case, lambda: case.after_s > 40, told),
    ]


def undeletable(case: Case) -> list[Callable[[], str | None]]:
    case.start()

    def set_up() -> None:
        case.faults.undeletable = True
        case.air.network.send(OFFICE, case.number, "again", time.monotonic())

    return [
        up(case, set_up),
        once(case, lambda: case.after_s > 20, lambda: f"{len(case.post.inbox())} rows of one message in 20 s"),
    ]


def odd_senders(case: Case) -> list[Callable[[], str | None]]:
    case.start()
    names = ["A/B", ";id>pwn;", "'--", "%s%n"]

    def set_up() -> None:
        for name in names:
            case.air.network.send(name, case.number, "x", time.monotonic())

    def told() -> str:
        assert [number for number, _, _ in case.post.inbox()] == names
        return "stored as they are"

    return [up(case, set_up), once(case, lambda: len(case.post.inbox()) == 4, told)]


def chatter(case: Case) -> list[Callable[[], str | None]]:
    case.start()

    def set_up() -> None:
        case.faults.chatter = True
        send(case)

    return [
        up(case, set_up),
        once(case, lambda: bool(case.fates()), lambda: told_fate(case)),
    ]


def thrice(case: Case) -> list[Callable[[], str | None]]:
    case.start()

    def set_up() -> None:
        for _ in range(3):
            case.air.network.send(OFFICE, case.number, b"the same", time.monotonic())

    return [
        up(case, set_up),
        once(case, lambda: len(case.post.inbox()) == 3, lambda: "3 rows: it takes out no repeats"),
    ]


def killed(case: Case) -> list[Callable[[], str | None]]:
    case.start()

    def set_up() -> None:
        case.faults.send_s = 5.0
        send(case)

    def kill() -> str:
        case.post.kill()
        case.faults.send_s = 0.0
        case.post.start()
        case.begin()
        return ""

    return [
        up(case, set_up),
        once(case, lambda: case.copies == 1, kill),
        once(case, lambda: bool(case.fates()), lambda: f"started again: {told_fate(case)}"),
    ]


def held(case: Case) -> list[Callable[[], str | None]]:
    case.start()
    lock: list[sqlite3.Connection] = []

    def set_up() -> None:
        connection = sqlite3.connect(case.post.database, timeout=5, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        lock.append(connection)
        case.air.network.send(OFFICE, case.number, "kept", time.monotonic())

    def let_go() -> str:
        with contextlib.closing(lock.pop()) as connection:
            connection.execute("COMMIT")
        case.begin()
        return ""

    return [
        up(case, set_up),
        once(case, lambda: case.after_s > 20, let_go),
        once(case, lambda: len(case.post.inbox()) == 1, lambda: f"1 row {case.after_s:.0f} s after the lock was gone"),
    ]


CASES: list[tuple[str, Play, Sim | None]] = [
    ("one +CMS ERROR 500", refused_once, None),
    ("+CMS ERROR 38 for ever", refused_always, None),
    ("no credit (+CMS ERROR 21)", no_credit, None),
    ("not registered", unregistered, None),
    ("acknowledgement lost once", lambda case: ack_lost(case, 1), None),
    ("acknowledgement lost for ever", lambda case: ack_lost(case, ALWAYS), None),
    ("one reply to AT+CPMS cut short", deaf, None),
    ("hangs while idle", lambda case: hangs(case, "idle"), None),
    ("hangs within AT+CMGS", lambda case: hangs(case, "cmgs"), None),
    ("starts anew by itself, in text mode", reboots, None),
    ("unplugged, back under another device", unplugged, None),
    ("SIM locked, no PIN in the settings", locked, Sim("", asks=True)),
    ("SIM full", full, Sim("", capacity=5)),
    ("unreadable message on the SIM", unreadable, None),
    ("AT+CMGD deletes nothing", undeletable, None),
    ("senders A/B, ;id>pwn;, '--, %s%n", odd_senders, None),
    ("RING and +CREG before every reply", chatter, None),
    ("the network delivers one message three times", thrice, None),
    ("killed between network and acknowledgement", killed, None),
    ("database locked for 20 s", held, None),
]
MOST_S = 420


@pytest.mark.campaign("it waits 200 s after one lost reply: that is what is shown")
def test_what_the_daemon_does_by_itself_when_its_modem_fails(tmp_path: Path) -> None:
    with Air(tmp_path, Network()) as air:
        air.network.attach(OFFICE, lambda *_: True)
        playing = []
        for serial, (name, play, sim) in enumerate(CASES, 200):
            case = Case(air, serial, sim)
            playing.append((name, play(case)))
        told: dict[str, str] = {}

        def all_told() -> bool:
            for name, stages in playing:
                if stages and (said := stages[0]()) is not None:
                    stages.pop(0)
                    told[name] = told.get(name, "") + said
            return not any(stages for _, stages in playing)

        try:
            eventually(all_told, MOST_S, "every case told its outcome")
        finally:
            print()
            for name, stages in playing:
                print(f"| {name} | {told.get(name, '')}{'' if not stages else ' … not within the time'} |")

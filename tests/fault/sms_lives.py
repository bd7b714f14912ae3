"""The life of one end of a sealed conversation on a disk whose power can be cut, and what must hold after each cut."""

from __future__ import annotations

from random import Random
from typing import Any, Literal

from edge.store.fs import Fs
from edge.store.fs_memory import MemoryFs
from edge.store.kept_file import KeptFile
from sms.keys import Identity
from sms.seal import SealError
from sms.session import BLOCK, Session, open_hello
from sms.wire import Type

PATH = "sms/session"
BOX_ID = "b0117"
NUMBER = 7
KINDS = ("send", "send", "burst", "come", "come", "wait", "late", "late", "roll")


class Message:
    """A message: how many calls of the disk came before, and its octets."""

    def __init__(self, at: int, octets: bytes) -> None:
        self.at = at
        self.octets = octets


class Life:
    """One end under test on `fs`, the other one in memory, which no cut strikes."""

    def __init__(self, role: Literal["box", "gateway"], fs: Fs) -> None:
        self.role: Literal["box", "gateway"] = role
        self.fs = fs
        self.own, self.peer_own = Identity.new(), Identity.new()
        self.sealed: list[Message] = []
        """What this end sealed, and so may have left."""
        self.taken: list[Message] = []
        """What this end took, when it was durable."""
        self.waiting: list[Message] = []
        """What came and was not taken."""
        self.session = self.begun(fs)
        other: Literal["box", "gateway"] = "gateway" if role == "box" else "box"
        self.peer = Session(other, self.peer_own, self.own.public, BOX_ID, None, lambda _: None)

    @property
    def now(self) -> int:
        """How many calls the disk had."""
        return len(self.fs.calls or []) if isinstance(self.fs, MemoryFs) else 0

    def begun(self, fs: Fs) -> Session:
        """Return the session as a start finds it on this disk."""
        kept = KeptFile(fs, PATH, "vigie-sms-session")
        saved: dict[str, Any] | None = kept.load()
        assert kept.notes == []
        return Session(self.role, self.own, self.peer_own.public, BOX_ID, saved, kept.save)

    def restart(self, fs: Fs) -> None:
        """Go on with what a cut left."""
        self.fs, self.session = fs, self.begun(fs)

    def save(self) -> None:
        """Make the session durable."""
        KeptFile(self.fs, PATH, "vigie-sms-session").save(self.session.saved())

    def send(self, kind: Type = Type.REPORT, body: bytes = b"42") -> bytes:
        """Seal a message."""
        return self._left(self.session.seal(kind, body))

    def _left(self, octets: bytes) -> bytes:
        self.sealed.append(Message(self.now, octets))
        return octets

    def come(self, octets: bytes) -> None:
        """Let a message come, and take it."""
        opened = self.session.open(octets)
        if opened.header.type is Type.HELLO:
            answer = self.session.agree(opened)
        else:
            self.session.accept(opened.header.counter)
            answer = None
        self.save()
        self.taken.append(Message(self.now, octets))
        if answer is not None:
            self._left(answer)
            self.peer.agree(self.peer.open(answer))

    def pair(self) -> None:
        """Have both find a key."""
        if self.role == "box":
            hello = open_hello(self.peer_own, self.session.hello())
            self.come(self.peer.welcome(hello, NUMBER))
        else:
            welcome = self.session.welcome(open_hello(self.own, self.peer.hello()), NUMBER)
            here = self.peer.agree(self.peer.open(welcome))
            assert here is not None
            self.come(here)

    def roll(self) -> None:
        """Have both take a new key."""
        if self.role == "box":
            self.come(self.peer.roll())
        else:
            here = self.peer.agree(self.peer.open(self._left(self.session.roll())))
            assert here is not None
            self.come(here)

    def told(self) -> bytes:
        """Return a message of the other end."""
        return self.peer.seal(Type.REPORT if self.role == "gateway" else Type.COMMAND, b"43")

    def live(self, dice: Random, steps: int) -> None:
        """Do as many things, of every kind."""
        for _ in range(steps):
            match dice.choice(KINDS):
                case "send":
                    self.send()
                case "burst":
                    for _ in range(dice.randint(10, 70)):
                        self.send()
                case "come":
                    self.come(self.told())
                case "wait":
                    self.waiting.append(Message(self.now, self.told()))
                case "late" if self.waiting:
                    self.come(self.waiting.pop(dice.randrange(len(self.waiting))).octets)
                case "roll":
                    self.roll()


def counter_of(octets: bytes) -> int:
    """Return a sealed message's counter; -1 for what stands in the clear and has none."""
    is_sealed = octets[0] & 15 != Type.HELLO or octets[1:3] != b"\0\0"
    return int.from_bytes(octets[3:6]) if is_sealed else -1


def judge(life: Life, disk: MemoryFs, at: int) -> None:
    """Look at a disk after a cut before call `at`: no counter comes again, nothing durable is taken twice.

    Counters go on through all keys, so one that comes again would be a nonce that comes again, or nearly.
    """
    session = life.begun(disk)
    used = {counter_of(message.octets) for message in life.sealed if message.at <= at} - {-1}
    try:
        again = {counter_of(session.seal(Type.REPORT, b"")) for _ in range(3)}
    except SealError as exc:
        assert (exc.reason, used) == ("unpaired", set()), at  # noqa: PT017 (it may raise, and then must be this)
        return
    assert min(again) > max(used, default=-1), f"a nonce comes again after a cut before call {at}"
    for message in life.taken:
        if message.at <= at and counter_of(message.octets) >= 0:
            assert refusal(session, message.octets) in {"repeat", "old"}, f"taken twice after a cut before call {at}"
    for message in life.waiting:
        if message.at <= at:
            assert refusal(session, message.octets) == "", f"never taken after a cut before call {at}"


def refusal(session: Session, octets: bytes) -> str:
    """Return why a message is not to be taken, "" when it is."""
    try:
        session.open(octets)
    except SealError as exc:
        return exc.reason
    return ""


def lived(role: Literal["box", "gateway"], dice: Random, steps: int) -> tuple[Life, MemoryFs]:
    """Return the life of a pair from its first hello on, and the disk that it began with."""
    fs = MemoryFs(keep_cuts=True)
    start = fs.after_cut("lost")
    fs.calls = []
    life = Life(role, fs)
    life.pair()
    while len(life.sealed) <= 2 * BLOCK:
        life.live(dice, steps)
    return life, start


def go_on(life: Life, disk: MemoryFs, dice: Random, steps: int) -> MemoryFs:
    """Let a life go on with the disk that a cut at its end left; return a copy of that disk."""
    for past in (*life.sealed, *life.taken, *life.waiting):
        past.at = 0
    start = disk.after_cut("lost")
    disk.calls = []
    life.restart(disk)
    life.live(dice, steps)
    return start

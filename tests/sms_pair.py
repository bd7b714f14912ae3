"""A box and a gateway that found a key: their sessions, and what each has on its disk."""

from __future__ import annotations

from typing import Any, Literal

from sms.keys import Identity
from sms.session import Session, open_hello
from sms.wire import Type

BOX_ID = "b0117"
NUMBER = 7


class End:
    """One side: its key, what it wrote last, and its session, which `start` makes from that."""

    def __init__(self, role: Literal["box", "gateway"]) -> None:
        self.role = role
        self.own = Identity.new()
        self.disk: dict[str, Any] | None = None
        self.peer_public = b""
        self.session: Session

    def start(self, *, floor: int = 0, is_older: bool = False) -> Session:
        """Begin as after a cut: from what was written last."""
        self.session = Session(
            self.role, self.own, self.peer_public, BOX_ID, self.disk, self.save, floor=floor, is_older=is_older
        )
        return self.session

    def save(self, saved: dict[str, Any]) -> None:
        """Have it durable."""
        self.disk = saved

    def take(self, octets: bytes) -> bytes:
        """Open, accept and write down; return the body."""
        opened = self.session.open(octets)
        self.session.accept(opened.header.counter)
        self.save(self.session.saved())
        return opened.body

    def agree(self, octets: bytes) -> bytes | None:
        """Do what a message about keys asks, write it down, and return the answer."""
        answer = self.session.agree(self.session.open(octets))
        self.save(self.session.saved())
        return answer


def strangers() -> tuple[End, End]:
    """Return a box and a gateway that know each other's keys and nothing else."""
    box, gateway = End("box"), End("gateway")
    box.peer_public, gateway.peer_public = gateway.own.public, box.own.public
    box.start()
    gateway.start()
    return box, gateway


def meet(box: End, gateway: End) -> None:
    """Have the box say hello and the gateway accept it."""
    hello = open_hello(gateway.own, box.session.hello("1.0"))
    here = box.agree(gateway.session.welcome(hello, NUMBER))
    assert here is not None
    assert gateway.agree(here) is None


def paired() -> tuple[End, End]:
    """Return a box and a gateway that are paired."""
    box, gateway = strangers()
    meet(box, gateway)
    return box, gateway


def report(box: End, body: bytes = b"42") -> bytes:
    """Return a sealed message of the box."""
    return box.session.seal(Type.REPORT, body, schema=3, count=4)


def order(gateway: End, body: bytes = b"status") -> bytes:
    """Return a sealed message of the gateway."""
    return gateway.session.seal(Type.COMMAND, body)

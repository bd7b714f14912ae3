"""A box's sealed conversation with its gateway, and how the two find their keys. One for each pair, at each end.

`seal` never uses a counter twice, whatever is cut when; `open` says what a message holds and changes nothing that a
forged one could turn to account; `accept` marks it as taken, and the caller makes `saved()` durable in the same write
as what the message did: that is exactly once. How keys are found, rolled and lost: docs/sms-security.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal

from sms.conversation import BLOCK, Conversation, Opened, head_of
from sms.hello import (
    HERE,
    MARK,
    ROLL,
    SALT,
    WELCOME,
    Hello,
    Welcome,
    hello_message,
    is_in_the_clear,
    is_refusal,
    must_be_refused,
    must_be_tagged,
    open_hello,
    refused_message,
    welcome_message,
    welcome_of,
    welcome_said,
)  # fmt: skip
from sms.keys import Identity
from sms.seal import SealError
from sms.wire import COUNTER_MAX, EPOCH_S, HEAD, TAG, Type

__all__ = ["BLOCK", "Hello", "Opened", "SealError", "Session", "floor_at", "open_hello", "refused_message"]


def floor_at(utc_s: float) -> int:
    """Return the counter from which a gateway that starts now may seal: the minutes since 2024.

    It sends a box less than a message a minute in the mean, so even from last night's backup it begins above all that
    it used. 24 bits last until 2055. Raises ValueError for a clock that is outside of it.
    """
    minutes = int(utc_s - EPOCH_S) // 60
    if not 0 <= minutes <= COUNTER_MAX - BLOCK:
        raise ValueError("the clock of this machine is wrong: it is before 2024 or after 2055")
    return minutes


class Session(Conversation):
    """Not for more than one thread."""

    def __init__(
        self, role: Literal["box", "gateway"], own: Identity, peer_public: bytes, box_id: str,
        saved: dict[str, Any] | None, reserve: Callable[[dict[str, Any]], None], *, floor: int = 0,
        is_older: bool = False,
    ) -> None:  # fmt: skip
        """Begin, or go on from what was saved. `reserve` makes a saved() durable before it returns, or raises.

        `floor`: a gateway's `floor_at` now. `is_older`: the newest state was damaged and this is the one before it: a
        box gives its keys up and says hello again, a gateway goes on above; it then sends what `restored` gives.
        Raises ValueError for a public key or a saved state that is none.
        """
        super().__init__(role, own, peer_public, box_id, saved, reserve, floor)
        self._own = own
        self._peer = peer_public
        self._box_id = box_id
        if is_older:
            self._next += BLOCK
            self._reserved = self._next
            if role == "box":
                self.forget()

    @property
    def needs_hello(self) -> bool:
        """Whether a box has no key that it could use: its `hello` is due, and nothing else can be sealed."""
        key = self._ring.sending
        return key is None or key.is_spent

    @property
    def needs_roll(self) -> bool:
        """Whether a gateway should send what `roll` gives: after forged messages without end, or still restored."""
        key = self._ring.sending
        return self.is_restored or (key is not None and key.is_spent)

    @property
    def is_restored(self) -> bool:
        """Whether a restored gateway still waits for the box's first word; all else is `held`."""
        return self._ring.fresh != []

    def open(self, octets: bytes) -> Opened:
        """See Conversation; a box also opens the welcome, or the refusal, that it waits for."""
        header = head_of(octets)
        if is_in_the_clear(header):
            return Opened(header, self._opened_welcome(octets))
        return super().open(octets)

    # -- hello, welcome, roll, here

    def hello(self, version: str = "") -> bytes:
        """Return a box's hello, the same until it is answered. Raises ValueError for an id that is none, OSError."""
        if not self._hello:
            salt = os.urandom(SALT)
            self._reserve(self.saved() | {"hello": salt.hex()})
            self._hello = salt
        return hello_message(self._own, self._peer, self._box_id, self._hello, version)

    def welcome(self, hello: Hello, number: int = 0) -> bytes:
        """Return a gateway's answer to a hello whose key was accepted; repeated it is the same one, with the same key.

        `number` is the box's, the first time. Raises SealError `repeat` for a hello that was used, ValueError for one
        of another box or key, OSError.
        """
        if (hello.public, hello.box_id) != (self._peer, self._box_id):
            raise ValueError(f"this hello is {hello.box_id}'s with another key: nothing here is for it")
        if number and self.number and number != self.number:
            raise ValueError(f"box {self._box_id} has number {self.number} already")
        if self.is_used(hello):
            raise SealError("repeat", "a hello that was used")
        self.number = self.number or number
        key = self._ring.pending(hello.salt) or self._ring.begin(hello.salt)
        self._reserve(self.saved())
        floor = min(self._window.top + 1, COUNTER_MAX)
        former = next((known.mark for known in reversed(self._ring.keys) if known.since is not None), bytes(MARK))
        return welcome_message(Welcome(self.number, floor, key.gateway, former), key.welcome)

    def is_used(self, hello: Hello) -> bool:
        """Return whether this hello was answered and keys of it are or were in use: it is somebody's repetition."""
        return self._ring.was_used(hello.salt)

    def roll(self) -> bytes:
        """Return the message by which a gateway has a box use new keys; repeated until it came, with the same ones."""
        box = self._sending().box
        key = self._ring.pending(box)
        if key is None:
            key = self._ring.begin(box)
            self._reserve(self.saved())
        return self.seal(Type.HELLO, bytes((ROLL,)) + key.gateway)

    def restored(self) -> bytes:
        """Return a roll that a gateway restored from a backup sends; until it is answered all else is `held`.

        Under keys made now only what the box sealed after it can come. Its first message settles what was used: all
        counters below count as taken, but for those that are then asked for again (`ask`).
        """
        self._ring.fresh = [self._ring.begin(self._sending().box).gateway]
        self._reserve(self.saved())
        return self.roll()

    def agree(self, opened: Opened) -> bytes | None:
        """Take an opened message of type HELLO, which accepts it, and return what is to be sent, if anything.

        It may leave once `saved()` is durable. Raises SealError `unreadable` for a kind that is not known here, and
        changes nothing then.
        """
        kind, counter = opened.body[:1], opened.header.counter
        if kind == bytes((WELCOME,)) and self._role == "box" and is_in_the_clear(opened.header):
            self._settle(opened.body)
            return self._here()
        under = self._under.get(counter)
        if kind == bytes((ROLL,)) and self._role == "box" and under and len(opened.body) == 1 + SALT:
            self.accept(counter)
            self._ring.know(under.box, opened.body[1:])
            return self._here()
        if kind == bytes((HERE,)) and self._role == "gateway":
            self.accept(counter)
            return None
        raise SealError("unreadable", "a message about keys of a kind that is not known here")

    def forget(self) -> None:
        """Give all keys up: a box then says hello again. For a state that is not to be trusted, as from an image."""
        self._ring.keys, self._ring.fresh, self._hello = [], [], b""

    def _opened_welcome(self, octets: bytes) -> bytes:
        if self._role != "box":
            raise SealError("foreign", "a hello: open_hello reads it")
        if is_refusal(octets):
            must_be_refused(self._own, self._peer, self._hello, octets)
            return octets[HEAD:-TAG]
        welcome = welcome_of(octets)
        if not self._hello:
            raise SealError("old", "a welcome, and no hello waits for one")
        must_be_tagged(octets, self._ring.made(self._hello, welcome.salt).welcome)
        return octets[HEAD:-TAG]

    def _settle(self, octets: bytes) -> None:
        welcome = welcome_said(octets)
        self.number = welcome.number
        if welcome.floor > self._next:
            self._next = self._reserved = welcome.floor
        if self._ring.sending is not None and self._ring.sending.mark != welcome.former:
            self.lost_below = self._next
        self._ring.know(self._hello, welcome.salt)
        self._hello = b""

    def _here(self) -> bytes:
        return self.seal(Type.HELLO, bytes((HERE,)))

"""A box's sealed conversation with its gateway: counters, keys, what was taken already. One for each pair, at each end.

`seal` never uses a counter twice, whatever is cut when; `open` says what a message holds and changes nothing that a
forged one could turn to account; `accept` marks it as taken, and the caller makes `saved()` durable in the same write
as what the message did: that is exactly once. How keys are found, rolled and lost: docs/sms-security.md.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

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
    must_be_tagged,
    open_hello,
    welcome_message,
    welcome_of,
    welcome_said,
)  # fmt: skip
from sms.keyring import Generation, Keyring
from sms.keys import Identity
from sms.seal import DOWN, UP, SealError, seal
from sms.window import WIDTH, Window
from sms.wire import COUNTER_MAX, EPOCH_S, HEAD, MESSAGE, TAG, Header, Type, WireError, header_of

__all__ = ["BLOCK", "Hello", "Opened", "SealError", "Session", "floor_at", "open_hello"]

BLOCK: Final = 64
"""Counters are reserved on disk so many at a time, before the first of them is used."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An authentic message that was not taken yet."""

    header: Header
    body: bytes


def floor_at(utc_s: float) -> int:
    """Return the counter from which a gateway that starts now may seal: the minutes since 2024.

    It sends a box less than a message a minute in the mean, so even from last night's backup it begins above all that
    it used. 24 bits last until 2055. Raises ValueError for a clock that is outside of it.
    """
    minutes = int(utc_s - EPOCH_S) // 60
    if not 0 <= minutes <= COUNTER_MAX - BLOCK:
        raise ValueError("the clock of this machine is wrong: it is before 2024 or after 2055")
    return minutes


class Session:
    """Not for more than one thread. `number` is the box's at its gateway, 0 before it was accepted."""

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
        self._role = role
        self._own = own
        self._peer = peer_public
        self._box_id = box_id
        self._reserve = reserve
        self._out, self._in = (UP, DOWN) if role == "box" else (DOWN, UP)
        self._under: dict[int, Generation] = {}
        self._pair = hashlib.sha256(own.public + peer_public).hexdigest()[:32]
        try:
            state = self._state(saved)
            if state["role"] not in {"", role}:
                raise ValueError(f"it is the {state['role']}'s")
            self.number = int(state["number"])
            self._next = self._reserved = max(int(state["next"]) + BLOCK * is_older, floor)
            self._window = Window(state["window"])
            self._ring = Keyring(role, own, peer_public, box_id, state)
            self._hello = bytes.fromhex(state["hello"])
            self.lost_below = int(state["lost"])
            """What this box sealed below this counter, the gateway may have no key for (see `resealed`)."""
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise ValueError(f"this is no saved session of a {role}: {exc}") from exc
        if is_older and role == "box":
            self.forget()

    def saved(self) -> dict[str, Any]:
        """Return all that must survive, as JSON. Holds no key: it is worthless without the identities."""
        return self._saved(self._reserved)

    def rest(self) -> dict[str, Any]:
        """Return `saved()` for an orderly end: the counters that were reserved and not used are given back."""
        self._reserved = self._next
        return self.saved()

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

    @property
    def is_confirmed(self) -> bool:
        """Whether something of the other side was taken under the key that seals."""
        key = self._ring.sending
        return key is not None and key.since is not None

    @property
    def failed(self) -> int:
        """Forged messages that the key in use met, of `sms.seal.FAILED_MAX`."""
        key = self._ring.sending
        return 0 if key is None else key.failed

    @property
    def last_seen(self) -> int:
        """The highest counter that was taken, -1 before the first."""
        return self._window.top

    # -- any message

    def seal(
        self, kind: Type, body: bytes, schema: int = 0, prior: int = 0, base_s: int = EPOCH_S, step: int = 0,
        coder: int = 0, count: int = 0,
    ) -> bytes:  # fmt: skip
        """Return a message under the next counter. Raises SealError (unpaired, exhausted), WireError, OSError."""
        key = self._sending()
        if self._next > COUNTER_MAX:
            raise SealError("exhausted")
        if self._next >= self._reserved:
            bound = min(self._next + BLOCK, COUNTER_MAX + 1)
            self._reserve(self._saved(bound))
            self._reserved = bound
        counter = self._next
        self._next += 1  # before it is used: what fails below costs a counter, never uses one twice
        header = Header(kind, self.number, counter, schema, prior, base_s, step, coder, count)
        return seal(key.up if self._out == UP else key.down, self._out, header, body)

    def resealed(self, octets: bytes) -> bytes:
        """Return a message that this side sealed before, under the next counter and the key in use.

        For what the other side asks for again and can't open any more: below `lost_below`. Raises as `seal`, and
        SealError (unreadable, forged) for what is none of this side's messages.
        """
        header = _head(octets)
        body = self._ring.own(self._out, header, octets)
        return self.seal(
            header.type, body, header.schema, header.prior, header.base_s, header.step, header.coder, header.count
        )

    def open(self, octets: bytes) -> Opened:
        """Return what an authentic message holds that was not taken yet. Raises SealError, all but unpaired, exhausted.

        Cheap checks come first: length, head, number, window, and only then the tag. What claims a counter that was
        taken is dropped unproved, and costs neither a decryption nor a failure of the key: the claim gains its maker
        nothing, as nothing moves. The window moves in `accept` alone, for what was opened: authentic by then.
        """
        header = _head(octets)
        if is_in_the_clear(header):
            return Opened(header, self._opened_welcome(octets))
        if header.box != self.number or not self._ring.keys:
            raise SealError("foreign", f"for box {header.box}")
        if reason := self._window.refuses(header.counter):
            raise SealError(reason, f"counter {header.counter}")
        try:
            body, key = self._ring.opened(self._in, header, octets)
        except SealError:
            self._write_failures()
            raise
        if len(self._under) >= WIDTH:  # opened and not accepted, so often: whoever still means to must open them again
            self._under.clear()
        self._under[header.counter] = key
        return Opened(header, body)

    def accept(self, counter: int) -> None:
        """Mark what was opened as taken; then `saved()` is to be made durable together with what it did."""
        key = self._under.pop(counter, None)
        self._window.take(counter)
        if key is not None and self._ring.take(key, counter, self._window.top):
            self._window.fill(counter)

    def ask(self, counters: Iterable[int]) -> None:
        """Let these be taken again though they count as taken: what a restored gateway asks its box to repeat."""
        self._window.ask(counters)

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
        former = next((known.mark for known in reversed(self._ring.keys) if known.since is not None), bytes(MARK))
        return welcome_message(Welcome(self.number, self._window.top + 1, key.gateway, former), key.welcome)

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

    # -- inside

    def _state(self, saved: dict[str, Any] | None) -> dict[str, Any]:
        """Return what to go on from: with another pair of keys, as one was lost, no counter of before comes again."""
        if saved is None or saved["pair"] == self._pair:
            return _EMPTY if saved is None else saved
        state = _EMPTY | {"role": saved["role"], "next": saved["next"]}
        if self._role == "gateway":  # the box that took another's place goes on above what that one used
            window = Window(saved["window"])
            window.fill(max(window.top, 0))
            state |= {"number": saved["number"], "window": window.saved()}
        return state

    def _saved(self, bound: int) -> dict[str, Any]:
        return {
            "role": self._role, "pair": self._pair, "number": self.number, "next": bound,
            "window": self._window.saved(), "hello": self._hello.hex(), "lost": self.lost_below, **self._ring.saved(),
        }  # fmt: skip

    def _sending(self) -> Generation:
        key = self._ring.sending
        if key is None:
            raise SealError("unpaired")
        return key

    def _write_failures(self) -> None:
        if unkept := self._ring.unkept:
            try:
                self._reserve(self.saved())
            except OSError:  # a card that takes nothing: the count in memory holds, the next failure tries again
                return
            for key in unkept:
                key.failed_kept = key.failed_ahead

    def _opened_welcome(self, octets: bytes) -> bytes:
        if self._role != "box":
            raise SealError("foreign", "a hello: open_hello reads it")
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


_EMPTY: Final[dict[str, Any]] = {
    "role": "", "number": 0, "next": 0, "window": {"top": -1, "seen": "0"}, "hello": "", "lost": 0, "keys": [],
    "retired": [], "restored": "",
}  # fmt: skip


def _head(octets: bytes) -> Header:
    try:
        header = header_of(octets)
    except WireError as exc:
        raise SealError("unreadable", str(exc)) from exc
    if not HEAD + TAG <= len(octets) <= MESSAGE:
        raise SealError("unreadable", f"{len(octets)} octets are no sealed message: {HEAD + TAG} to {MESSAGE} are one")
    return header

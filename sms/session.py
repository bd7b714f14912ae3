"""A box's sealed conversation with its gateway: counters, keys, what was taken already. One for each pair, at each end.

`seal` never uses a counter twice, whatever is cut when; `open` says what a message holds and changes nothing that a
forged one could turn to account; `accept` marks it as taken, and the caller makes `saved()` durable in the same write
as what the message did: that is exactly once. How keys are found, rolled and lost: docs/sms-security.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from sms.generation import FAILED_BLOCK, Generation, salts_of
from sms.hello import (
    HERE,
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
)  # fmt: skip
from sms.keys import Identity
from sms.seal import DOWN, UP, SealError, seal
from sms.window import WIDTH, Window
from sms.wire import COUNTER_MAX, EPOCH_S, HEAD, MESSAGE, TAG, Header, Type, WireError, header_of

__all__ = ["BLOCK", "Hello", "Opened", "SealError", "Session", "floor_at", "open_hello"]

BLOCK: Final = 64
"""Counters are reserved on disk so many at a time, before the first of them is used."""
PENDING_MAX: Final = 4
"""Generations that nobody has used yet; a repeated hello of a stranger's making must not push out the one in use."""
RETIRED_MAX: Final = 16


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
        own.agreed(peer_public)
        state = _EMPTY if saved is None else saved
        try:
            if state["role"] not in {"", role}:
                raise ValueError(f"it is the {state['role']}'s")
            self.number = int(state["number"])
            self._next = max(int(state["next"]) + BLOCK * is_older, floor)
            self._window = Window(state["window"])
            self._keys = [self._generation(*salts_of(entry)).restore(entry) for entry in state["keys"]]
            self._hello = bytes.fromhex(state["hello"])
            self._retired = [str(salt) for salt in state["retired"]]
            self._restored = bytes.fromhex(state["restored"])
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise ValueError(f"this is no saved session of a {role}: {exc}") from exc
        self._reserved = self._next
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
        return self._hello != b"" or not any(key.is_agreed and not key.is_spent for key in self._keys)

    @property
    def needs_roll(self) -> bool:
        """Whether a gateway should send what `roll` gives: the newest key met too many forged messages."""
        return bool(self._keys) and self._keys[-1].is_spent

    @property
    def is_confirmed(self) -> bool:
        """Whether something of the other side was taken under the newest key."""
        return bool(self._keys) and self._keys[-1].since is not None

    @property
    def failed(self) -> int:
        """Forged messages that the newest key met."""
        return self._keys[-1].failed if self._keys else 0

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

    def open(self, octets: bytes) -> Opened:
        """Return what an authentic message holds that was not taken yet. Raises SealError, all but unpaired, exhausted.

        Cheap checks come first: length, head, number, window, and only then the tag. What claims a counter that was
        taken is dropped unproved, and costs neither a decryption nor a failure of the key: the claim gains its maker
        nothing, as nothing moves. The window moves in `accept` alone, for what was opened: authentic by then.
        """
        header = _head(octets)
        if is_in_the_clear(header):
            return Opened(header, self._opened_welcome(octets))
        if header.box != self.number or not self._keys:
            raise SealError("foreign", f"for box {header.box}")
        if reason := self._window.refuses(header.counter):
            raise SealError(reason, f"counter {header.counter}")
        return Opened(header, self._opened(header, octets))

    def accept(self, counter: int) -> None:
        """Mark what was opened as taken; then `saved()` is to be made durable together with what it did."""
        key = self._under.pop(counter, None)
        self._window.take(counter)
        if key is None:
            return
        key.is_agreed = True
        key.since = counter if key.since is None else min(counter, key.since)
        if self._restored == key.gateway:
            self._restored = b""
            self._window.fill(counter)
        self._retire()

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
        found = [key for key in self._keys if key.box == hello.salt]
        if hello.salt.hex() in self._retired or any(key.since is not None for key in found):
            raise SealError("repeat", "a hello that was used")
        self.number = self.number or number
        key = found[0] if found else self._begin(hello.salt)
        self._reserve(self.saved())
        return welcome_message(Welcome(self.number, self._window.top + 1, key.gateway), key.welcome)

    def roll(self) -> bytes:
        """Return the message by which a gateway has a box use new keys; repeated until it came, with the same ones."""
        key = self._sending()
        if key is self._keys[-1]:
            self._begin(key.box)
            self._reserve(self.saved())
        return self.seal(Type.HELLO, bytes((ROLL,)) + self._keys[-1].gateway)

    def restored(self) -> bytes:
        """Return a roll that a gateway restored from a backup sends; until it is answered all else is `held`.

        Under the new keys only what the box sealed after it can come. Its first message settles what was used: all
        counters below count as taken, but for those that are then asked for again (`ask`).
        """
        self._keys.append(self._generation(self._sending().box, os.urandom(SALT)))
        self._restored = self._keys[-1].gateway
        self._reserve(self.saved())
        return self.seal(Type.HELLO, bytes((ROLL,)) + self._restored)

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
            self._know(under.box, opened.body[1:])
            return self._here()
        if kind == bytes((HERE,)) and self._role == "gateway":
            self.accept(counter)
            return None
        raise SealError("unreadable", "a message about keys of a kind that is not known here")

    def forget(self) -> None:
        """Give all keys up: a box then says hello again. For a state that is not to be trusted, as from an image."""
        self._keys, self._hello, self._restored = [], b"", b""

    # -- inside

    def _saved(self, bound: int) -> dict[str, Any]:
        return {
            "role": self._role, "number": self.number, "next": bound, "window": self._window.saved(),
            "keys": [key.saved() for key in self._keys], "hello": self._hello.hex(), "retired": self._retired,
            "restored": self._restored.hex(),
        }  # fmt: skip

    def _generation(self, box: bytes, gateway: bytes) -> Generation:
        return Generation(self._own, self._peer, self._box_id, self._role, box, gateway)

    def _sending(self) -> Generation:
        """Return the newest key that the other side has; a gateway's first one it may not have yet."""
        agreed = [key for key in self._keys if key.is_agreed]
        if not agreed and (self._role == "box" or not self._keys):
            raise SealError("unpaired")
        return (agreed or self._keys)[-1]

    def _opened(self, header: Header, octets: bytes) -> bytes:
        """Try the keys, newest first; below one that is in use only what was sealed before it."""
        tried: list[Generation] = []
        for key in reversed(self._keys):
            if not key.is_spent:
                tried.append(key)
                body = key.opened(self._in, header, octets)
                if body is not None:
                    if self._restored and key.gateway != self._restored:
                        raise SealError("held")
                    self._remember(header.counter, key)
                    return body
            if key.since is not None and header.counter >= key.since:
                break
        for key in tried:
            self._count(key)
        raise SealError("forged" if tried else "spent")

    def _remember(self, counter: int, key: Generation) -> None:
        if len(self._under) >= WIDTH:  # opened and never accepted: whoever means to must open them again
            self._under.clear()
        self._under[counter] = key

    def _count(self, key: Generation) -> None:
        key.failed += 1
        kept = key.failed_kept
        if key.failed > kept:
            key.failed_kept = kept + FAILED_BLOCK
            try:
                self._reserve(self.saved())
            except OSError:  # a card that takes nothing: the count in memory holds, the next one tries again
                key.failed_kept = kept

    def _opened_welcome(self, octets: bytes) -> bytes:
        if self._role != "box":
            raise SealError("foreign", "a hello: open_hello reads it")
        welcome = welcome_of(octets)
        if not self._hello:
            raise SealError("old", "a welcome, and no hello waits for one")
        must_be_tagged(octets, self._generation(self._hello, welcome.salt).welcome)
        return octets[HEAD:-TAG]

    def _settle(self, body: bytes) -> None:
        self.number = int.from_bytes(body[1:3])
        floor = int.from_bytes(body[3:6])
        if floor > self._next:
            self._next = self._reserved = floor
        self._know(self._hello, body[6:])
        self._hello = b""

    def _know(self, box: bytes, gateway: bytes) -> None:
        """Have this key as the newest one, known to both."""
        if all((key.box, key.gateway) != (box, gateway) for key in self._keys):
            self._keys.append(self._generation(box, gateway))
            self._keys[-1].is_agreed = True
            self._retire()

    def _begin(self, box: bytes) -> Generation:
        """Make a key that the other side does not have yet; of those the oldest are forgotten."""
        key = self._generation(box, os.urandom(SALT))
        pending = [found for found in self._keys if not found.is_agreed]
        dropped = pending[: len(pending) + 1 - PENDING_MAX]
        self._keys = [found for found in self._keys if found not in dropped] + [key]
        return key

    def _here(self) -> bytes:
        return self.seal(Type.HELLO, bytes((HERE,)))

    def _retire(self) -> None:
        """Forget the keys before one in use once nothing sealed under them could be taken any more."""
        for place in range(len(self._keys) - 1, 0, -1):
            since = self._keys[place].since
            if since is not None and self._window.top >= since + WIDTH:
                gone = [key.box.hex() for key in self._keys[:place] if key.box != self._keys[place].box]
                self._retired = [*self._retired, *gone][-RETIRED_MAX:]
                self._keys = self._keys[place:]
                return


_EMPTY: Final[dict[str, Any]] = {
    "role": "", "number": 0, "next": 0, "window": {"top": -1, "seen": "0"}, "keys": [], "hello": "", "retired": [],
    "restored": "",
}  # fmt: skip


def _head(octets: bytes) -> Header:
    try:
        header = header_of(octets)
    except WireError as exc:
        raise SealError("unreadable", str(exc)) from exc
    if not HEAD + TAG <= len(octets) <= MESSAGE:
        raise SealError("unreadable", f"{len(octets)} octets are no sealed message: {HEAD + TAG} to {MESSAGE} are one")
    return header

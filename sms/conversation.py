"""Sealing and opening between two that have keys: counters that never come twice, and what was taken already.

`sms.session` adds how the keys are found. Every change of state that must survive goes through `reserve`, before it
counts, or is for the caller to write down with `saved()`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from sms.keyring import Generation, Keyring
from sms.keys import Identity
from sms.seal import DOWN, UP, SealError, seal
from sms.window import WIDTH, Window
from sms.wire import COUNTER_MAX, EPOCH_S, HEAD, MESSAGE, TAG, Header, Type, WireError, header_of

BLOCK: Final = 64
"""Counters are reserved on disk so many at a time, before the first of them is used."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An authentic message that was not taken yet."""

    header: Header
    body: bytes


class Conversation:
    """One end of it. `number` is the box's at its gateway, 0 before it was accepted."""

    def __init__(
        self, role: Literal["box", "gateway"], own: Identity, peer_public: bytes, box_id: str,
        saved: dict[str, Any] | None, reserve: Callable[[dict[str, Any]], None], floor: int,
    ) -> None:  # fmt: skip
        """See `sms.session.Session`."""
        self._role = role
        self._reserve = reserve
        self._out, self._in = (UP, DOWN) if role == "box" else (DOWN, UP)
        self._under: dict[int, Generation] = {}
        self._pair = hashlib.sha256(own.public + peer_public).hexdigest()[:32]
        own.agreed(peer_public)
        try:
            state = self._state(saved)
            if state["role"] not in {"", role}:
                raise ValueError(f"it is the {state['role']}'s")
            self.number = int(state["number"])
            self._next = self._reserved = max(int(state["next"]), floor)
            self._window = Window(state["window"])
            self._ring = Keyring(role, own, peer_public, box_id, state)
            self._hello = bytes.fromhex(state["hello"])
            """Fresh octets of a box's hello that waits for its answer."""
            self.lost_below = int(state["lost"])
            """What this box sealed below this counter, the gateway may have no key for (see `resealed`)."""
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise ValueError(f"this is no saved session of a {role}: {exc}") from exc

    def saved(self) -> dict[str, Any]:
        """Return all that must survive, as JSON. Holds no key: it is worthless without the identities."""
        return self._saved(self._reserved)

    def rest(self) -> dict[str, Any]:
        """Return `saved()` for an orderly end: the counters that were reserved and not used are given back."""
        self._reserved = self._next
        return self.saved()

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
        found = self.own(octets)
        header, body = found.header, found.body
        return self.seal(
            header.type, body, header.schema, header.prior, header.base_s, header.step, header.coder, header.count
        )

    def open(self, octets: bytes) -> Opened:
        """Return what an authentic message holds that was not taken yet. Raises SealError, all but unpaired, exhausted.

        Cheap checks come first: length, head, number, window, and only then the tag. What claims a counter that was
        taken is dropped unproved, and costs neither a decryption nor a failure of the key: the claim gains its maker
        nothing, as nothing moves. The window moves in `accept` alone, for what was opened: authentic by then.
        """
        header = head_of(octets)
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

    def own(self, octets: bytes) -> Opened:
        """Return what a message holds that this side sealed. Raises SealError (unreadable, forged)."""
        header = head_of(octets)
        return Opened(header, self._ring.own(self._out, header, octets))

    def accept(self, counter: int) -> None:
        """Mark what was opened as taken; then `saved()` is to be made durable together with what it did."""
        key = self._under.pop(counter, None)
        self._window.take(counter)
        if key is not None and self._ring.take(key, counter, self._window.top):
            self._window.fill(counter)

    def ask(self, counters: Iterable[int]) -> None:
        """Let these be taken again though they count as taken: what a restored gateway asks its box to repeat."""
        self._window.ask(counters)

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


_EMPTY: Final[dict[str, Any]] = {
    "role": "", "number": 0, "next": 0, "window": {"top": -1, "seen": "0"}, "hello": "", "lost": 0, "keys": [],
    "retired": [], "restored": "",
}  # fmt: skip


def head_of(octets: bytes) -> Header:
    """Return the head of what could be a sealed message. Raises SealError `unreadable`."""
    try:
        header = header_of(octets)
    except WireError as exc:
        raise SealError("unreadable", str(exc)) from exc
    if not HEAD + TAG <= len(octets) <= MESSAGE:
        raise SealError("unreadable", f"{len(octets)} octets are no sealed message: {HEAD + TAG} to {MESSAGE} are one")
    return header

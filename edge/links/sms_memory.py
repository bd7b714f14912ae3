"""What the conversation with the gateway must remember over a restart, in one small file.

The session's counters are in it too, so that "this message is taken" and what it did become durable in one write. What
is sealed is kept as octets until the gateway has it: sent again it is the same message, under the same counter, so no
nonce is used twice and the gateway drops the repeat.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final
from zlib import crc32

import msgspec

from edge.links.sms_dropped import KEPT, Dropped, are_sparse, is_among, merged, period_of
from edge.links.sms_entry import Kept
from edge.links.sms_ports import Fate, Outlet, Purpose, Wanted

log = logging.getLogger(__name__)

HELD: Final = 512
VALID_S: Final = {"alarm": 3600, "test": 3600}
OTHERWISE_S: Final = 172_800
TOLD_GONE: Final = 64
TIMES: Final = 4  # a message is offered anew of our own accord, when the queue has given it up


class Held(msgspec.Struct):
    """A sealed message that the gateway has not acknowledged."""

    counter: int
    octets: bytes
    purpose: Purpose
    utc_ms: int
    """When it was handed over last."""
    times: int = 1
    after_seq: int | None = None
    """It holds events of the log after this one; None: it holds none."""
    is_handed: bool = False
    """This copy does not wait in the queue any more: a later start does not offer it again."""

    @property
    def key(self) -> str:
        """Return its name in the queue; another one each time that it is sent again."""
        return f"up-{self.counter}-{crc32(self.octets):08x}-{self.times}"


class Memory(msgspec.Struct):
    """All that is kept."""

    gateway: str = ""
    """The key of the gateway that this is about."""
    session: dict[str, Any] | None = None
    since_ms: int | None = None
    """UTC ms at which the gateway accepted this box; values are sent from then on."""
    schema: int = 0
    """Sum of the schema that was sent last: two of one id are two."""
    sent_ms: int | None = None
    """UTC ms up to which intervals are in messages."""
    told_ms: int | None = None
    """UTC ms at which the newest interval in a message ended: from there to `sent_ms` there was no value. None: nothing
    was sent yet, or what came since went another way."""
    due_s: int = 0
    """The instant of the plan that was served last."""
    full_ms: int = 0
    """When whole indexes were sent last."""
    index_moved_s: int = 0
    """UTC at which an index was set or a meter exchanged; 0: whole indexes were told since."""
    anchors: dict[str, int] = {}
    """Which they were, by point."""
    backlog: list[tuple[int, int]] = []
    """Older ranges (UTC ms) that are not in messages yet, or are not any more, the oldest first."""
    events: tuple[str, int] | None = None
    """Stream and seq of the last event that was dealt with."""
    held: list[Held] = []
    dropped: list[Dropped] = []
    """What had no place in `held` any more and the gateway has not told to have."""
    settled: int = -1
    heard_ms: int | None = None
    """UTC ms at which the gateway was heard last."""
    gone: list[tuple[int, int]] = []
    """Ranges of counters of which the gateway was told that they never come."""
    lessons: list[bytes] = []
    """Head and body of the last reports, for the next prior."""
    refused_boot: int | None = None
    """The start in which the gateway said last that this box's id belongs to another key. None: it does not say so."""
    prior: bytes = b""
    """The one that the gateway has as well, packed."""


class Outbound:
    """Keeps sealed messages and offers them to the queue, once what is to be remembered of them is durable."""

    def __init__(self, kept: Kept, gateway: str, number: str, outlet: Outlet) -> None:
        self._kept = kept
        self._number = number
        self._outlet = outlet
        try:
            self.memory = msgspec.convert(kept.load() or {}, Memory)
        except msgspec.ValidationError as exc:
            log.error("sms: the conversation with the gateway begins anew: %s", exc)
            self.memory = Memory()
        if self.memory.gateway != gateway:
            self.memory = Memory(gateway)
        self._durable: dict[str, Any] = msgspec.to_builtins(self.memory)
        self._offered: set[str] = set()
        self.is_changed = False
        self.is_new = True
        """Something is held that the queue may not have got in this start."""

    def save(self) -> None:
        """Make all of it durable. Raises OSError."""
        self.is_changed = True  # until it is written
        told = msgspec.to_builtins(self.memory)
        self._kept.save(told)
        self._durable, self.is_changed = told, False

    def reserve(self, session: dict[str, Any]) -> None:
        """Make the session durable before its next counters are used.

        It alone: what is being made just now is half done, and a cut here must find all of it still to do.
        """
        told = self._durable | {"session": session}
        self._kept.save(told)
        self._durable, self.memory.session = told, session

    def undone(self, before: Memory) -> None:
        """Go back to a `copy.copy` of the memory, but for the session: its counters are used."""
        for name in Memory.__struct_fields__:
            if name != "session":
                setattr(self.memory, name, getattr(before, name))

    def hold(
        self, counter: int, octets: bytes, purpose: Purpose, utc_ms: int, after_seq: int | None = None
    ) -> None:  # fmt: skip
        """Keep a sealed message until it is acknowledged; it leaves with the next `flush`."""
        self.memory.held.append(Held(counter, octets, purpose, utc_ms, after_seq=after_seq))
        self._drop(self.memory.held[:-HELD])
        self.is_changed = self.is_new = True

    def _drop(self, over: list[Held]) -> None:
        """Hold these no longer, but know where the periods of their values lie."""
        if not over:
            return
        found = [period for held in over if (period := period_of(held.counter, held.octets)) is not None]
        self.memory.dropped = [*self.memory.dropped, *found][-KEPT:]
        gone = {held.counter for held in over}
        self.memory.held = [held for held in self.memory.held if held.counter not in gone]

    def acknowledged(self, settled: int, missing: tuple[int, ...]) -> int:
        """Forget what the gateway has; return how many messages that was."""
        before = len(self.memory.held)
        lost = set(missing)
        last = missing[-1] if missing else settled
        self.memory.held = [held for held in self.memory.held if held.counter > last or held.counter in lost]
        self.memory.dropped = [one for one in self.memory.dropped if one[0] > last or one[0] in lost]
        self.memory.settled = max(self.memory.settled, settled)
        self.is_changed = True
        return before - len(self.memory.held)

    def put_together(self, missing: set[int]) -> None:
        """Drop what is missing and does not wait in the queue, where its values go again by far fewer messages."""
        found = [
            held
            for held in self.memory.held
            if held.counter in missing and held.is_handed and period_of(held.counter, held.octets) is not None
        ]
        if are_sparse([held.octets for held in found]):
            self._drop(found)

    def repeat(self, counters: set[int], utc_ms: int, not_since_ms: int) -> int:
        """Send these once more, but for those that left only just now or still wait; return how many."""
        again = [
            held
            for held in self.memory.held
            if held.counter in counters and held.is_handed and held.utc_ms <= not_since_ms
        ]
        for held in again:
            held.times += 1
            held.is_handed = False
            held.utc_ms = utc_ms
            if held.purpose == "report":
                held.purpose = "backlog"
        if again:
            self.is_changed = self.is_new = True
        return len(again)

    def seal_again(self, counters: set[int], below: int, resealed: Callable[[bytes], bytes], utc_ms: int) -> None:
        """Put under new keys what the gateway asks for and, below this counter, can't open."""
        for held in self.memory.held:
            if held.counter in counters and held.counter < below:
                held.octets = resealed(held.octets)
                held.counter, held.utc_ms, held.times = int.from_bytes(held.octets[3:6]), utc_ms, 1
                held.is_handed = False
                self.is_changed = True

    def newly_gone(self, missing: tuple[int, ...]) -> list[tuple[int, int]]:
        """Return the ranges among what is missing that will never come and that the gateway was not told of."""
        here = {held.counter for held in self.memory.held}
        found: list[tuple[int, int]] = []
        for counter in missing:
            if counter in here or any(first <= counter <= last for first, last in self.memory.gone):
                continue
            if found and found[-1][1] == counter - 1:
                found[-1] = (found[-1][0], counter)
            else:
                found.append((counter, counter))
        self.memory.gone = [*self.memory.gone, *found][-TOLD_GONE:]
        self.is_changed = self.is_changed or bool(found)
        if is_among(self.memory.dropped, found):
            # it asks for a few at a time, and gives up in the end: if one is missing so are those that it didn't name
            periods = [(begin, end) for _, begin, end in self.memory.dropped]
            self.memory.backlog, self.memory.dropped = merged([*self.memory.backlog, *periods]), []
        return found

    def flush(self) -> None:
        """Make durable what changed, then offer what the queue has not got in this start. Raises OSError."""
        if self.is_changed:
            self.save()
        self.is_new = False
        for held in self.memory.held:
            if held.key not in self._offered and not held.is_handed:
                self._offered.add(held.key)
                valid_s = VALID_S.get(held.purpose, OTHERWISE_S)
                wanted = Wanted(held.key, self._number, held.purpose, octets=held.octets, valid_s=valid_s)
                self._outlet.offer(wanted, self._told)
        if len(self._offered) > 4 * HELD:
            self._offered &= {held.key for held in self.memory.held}

    def offer_now(self, key: str, octets: bytes, told: Callable[[str, Fate], None] | None = None) -> None:
        """Offer a message that is not sealed and that nobody acknowledges by its counter: hello."""
        self._outlet.offer(Wanted(key, self._number, "machine", octets=octets), told)

    def _told(self, key: str, fate: Fate) -> None:
        for held in self.memory.held:
            if held.key != key:
                continue
            held.is_handed = True  # written with what changes next: until then the queue knows it too
            if (
                fate in {"failed", "refused"} and held.times < TIMES
            ):  # again at the next flush; later if it is asked for
                held.times += 1
                held.is_handed = False
                self.is_changed = True

"""One output: what it should do, by whom, and when it may do it. Pure: no pin is touched here.

What counts, from below: the safe state; what it follows (one limit, program or thermostat rule); a rule's action on an
alarm; an order until it ends or is taken back; the safe state that `max_on` and `link_lost` force. Above all stand the
minimum times: an output leaves its level only when it has had it long enough. After a start nobody knows how long that
is, so it counts from the start.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.core.types import NEVER, PointSpec

ORDERS_AT_ONCE: Final = 3  # orders that may follow each other immediately …
ORDER_EACH_MS: Final = 5000  # … and how often one more is taken after that

LINK_LOST: Final = "link_lost"
MAX_ON: Final = "max_on"


class OutputSpec(msgspec.Struct, frozen=True):
    """One output as the engine needs it. Times in ms, 0 where there is none; `point` tells of its state."""

    point: PointSpec
    limit: str = ""
    """The limit that it follows: on while its alarm is active."""
    source: str = ""
    """The program or thermostat rule that it follows instead."""
    safe: bool = False
    """On or off at a start, at a stop, and where nothing else holds."""
    by_command: bool = True
    min_on_ms: int = 0
    min_off_ms: int = 0
    max_on_ms: int = 0
    link_lost_ms: int = 0
    feedback_ms: int = 0
    """How long the state that is read back may take to follow."""

    @property
    def id(self) -> str:
        """Its id, which is its point's."""
        return self.point.id


class Override(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order in force: `level` until `until_ms` (monotonic of start `boot`; None: until it is taken back)."""

    level: bool
    boot: int
    at_ms: int
    until_ms: int | None = None
    author: str = ""
    channel: str = ""
    then: Override | None = None
    """What counts when it ends: the order that a pulse interrupted."""


class Happening(msgspec.Struct, frozen=True):
    """Something the journal hears of an output: an order that ended, a safe state that was forced."""

    kind: str
    why: str
    order: Override | None = None
    lasted_ms: int | None = None


class Output:
    """The state of one output: `step` when something changed and at `due_ms`; `level` is what its pin must have."""

    __slots__ = (
        "_free_ms", "_is_link_told", "_link_down_ms", "acted", "asked", "due_ms", "forced", "is_active", "is_resting",
        "level", "order", "since_ms", "spec",
    )  # fmt: skip

    def __init__(self, spec: OutputSpec, now_ms: int, order: Override | None = None) -> None:
        """Begin in the safe state, as the pin was opened, perhaps with an order that outlived the restart."""
        self.spec = spec
        self.level = spec.safe
        self.since_ms = now_ms
        """Since when it has its level, as far as this start knows."""
        self.order = order
        self.forced = ""
        """Why it is in its safe state whatever its limit says: MAX_ON, LINK_LOST, or nothing."""
        self.is_active = False
        """Whether the alarm of its limit is."""
        self.asked: bool | None = None
        """What its program or thermostat rule asks for; None while that says nothing."""
        self.acted: bool | None = None
        """What a rule's action on an alarm holds it at; None without one."""
        self.is_resting = False
        self.due_ms: float = now_ms
        self._free_ms = now_ms
        self._link_down_ms: int | None = now_ms if spec.link_lost_ms else None
        self._is_link_told = False

    def go_on_from(self, before: Output) -> None:
        """Take the place of an output of the same pin: what it was told, and what keeps it safe, still holds."""
        self.level, self.since_ms, self.order = before.level, before.since_ms, before.order
        self.acted = before.acted
        if self.spec.source:  # who asks says it anew at its next step
            self.asked = before.asked
        if before.forced == MAX_ON and self.spec.max_on_ms:
            self.forced = MAX_ON
        if self.spec.link_lost_ms and before.spec.link_lost_ms:
            self._link_down_ms, self._is_link_told = before._link_down_ms, before._is_link_told
            self.forced = LINK_LOST if before.forced == LINK_LOST else self.forced

    # -- what it should be

    @property
    def wanted(self) -> bool:
        """The level that counts now, also while a minimum time still holds the other."""
        if self.forced:
            return self.spec.safe
        return self.automatic if self.order is None else self.order.level

    @property
    def automatic(self) -> bool:
        """The level without any order: an alarm's action, else what it follows, else the safe state."""
        if self.acted is not None:
            return self.acted
        if self.spec.limit:
            return self.is_active
        return self.spec.safe if self.asked is None else self.asked

    @property
    def mode(self) -> str:
        """Who decides: "auto", "order", or why it is forced."""
        return self.forced or ("auto" if self.order is None else "order")

    @property
    def may_ms(self) -> int:
        """When it may leave its present level."""
        return self.since_ms + (self.spec.min_on_ms if self.level else self.spec.min_off_ms)

    def held_ms(self, now_ms: int) -> int:
        """Return for how long it may not leave its level yet."""
        return max(0, self.may_ms - now_ms)

    # -- what changes it

    def follow(self, now_ms: int, *, active: bool) -> None:
        """Take note that the alarm of its limit begins or ends."""
        self.is_active = active
        self.due_ms = now_ms

    def ask(self, now_ms: int, *, level: bool | None) -> None:
        """Take note of what its program or thermostat rule asks for."""
        self.asked = level
        self.due_ms = now_ms

    def act(self, now_ms: int, *, level: bool | None) -> None:
        """Take note of what an alarm's action holds it at."""
        self.acted = level
        self.due_ms = now_ms

    def link(self, now_ms: int, *, is_up: bool) -> None:
        """Take note that a link upstream is there, or that none is."""
        if not self.spec.link_lost_ms:
            return
        if is_up:
            self._link_down_ms, self._is_link_told = None, False
            if self.forced == LINK_LOST:
                self.forced = ""
        elif self._link_down_ms is None:
            self._link_down_ms = now_ms
        self.due_ms = now_ms

    def wait_ms(self, now_ms: int) -> int:
        """Return how long no further order is taken, 0 when one is; asking costs nothing."""
        return max(0, self._free_ms - (ORDERS_AT_ONCE - 1) * ORDER_EACH_MS - now_ms)

    def take(self, order: Override | None, now_ms: int) -> None:
        """Let an order count from now on, None: be automatic again. It ends a forced safe state too."""
        self._free_ms = max(self._free_ms, now_ms) + ORDER_EACH_MS
        self.order = order
        self.forced = ""
        self.due_ms = now_ms

    def rest(self, now_ms: int) -> None:
        """Go to the safe state for good, whatever the minimum times say: the station stops."""
        self.is_resting = True
        if self.level != self.spec.safe:
            self.level, self.since_ms = self.spec.safe, now_ms
        self.due_ms = NEVER

    def step(self, now_ms: int) -> list[Happening]:
        """Let time pass: end what ends, force what must be, switch when that may be. `level` is the answer."""
        if self.is_resting:
            self.due_ms = NEVER
            return []
        happened: list[Happening] = []
        while self.order is not None and self.order.until_ms is not None and now_ms >= self.order.until_ms:
            happened.append(Happening("output_order_end", "time", self.order))
            self.order = self.order.then
        self._watch_link(now_ms, happened)
        self._watch_on(now_ms, happened)
        if self.wanted != self.level and now_ms >= self.may_ms:
            self.level, self.since_ms = self.wanted, now_ms
        self.due_ms = self._next_ms()
        return happened

    def _watch_link(self, now_ms: int, happened: list[Happening]) -> None:
        down_ms = self._link_down_ms
        if down_ms is None or self._is_link_told or now_ms < down_ms + self.spec.link_lost_ms:
            return
        self._is_link_told = True
        self._force(LINK_LOST, now_ms - down_ms, happened)

    def _watch_on(self, now_ms: int, happened: list[Happening]) -> None:
        if self.forced == MAX_ON and not self.automatic and (self.order is None or not self.order.level):
            self.forced = ""  # nothing asks for it any more: the next time it does counts anew
        if self.level and self.spec.max_on_ms and now_ms >= self.since_ms + self.spec.max_on_ms and not self.forced:
            self._force(MAX_ON, now_ms - self.since_ms, happened)

    def _force(self, why: str, lasted_ms: int, happened: list[Happening]) -> None:
        """Go to the safe state; an order to that very level stays, or a lock-out would end by itself."""
        happened.append(Happening("output_safe", why, self.order, lasted_ms))
        self.forced = why
        while self.order is not None and self.order.level != self.spec.safe:
            self.order = self.order.then

    def _next_ms(self) -> float:
        due: float = NEVER
        if self.order is not None and self.order.until_ms is not None:
            due = self.order.until_ms
        if self.wanted != self.level:
            due = min(due, self.may_ms)
        if self.level and self.spec.max_on_ms and not self.forced:
            due = min(due, self.since_ms + self.spec.max_on_ms)
        if self._link_down_ms is not None and not self._is_link_told:
            due = min(due, self._link_down_ms + self.spec.link_lost_ms)
        return due


def outlives(order: Override | None, safe: bool) -> Override | None:  # noqa: FBT001 - a level
    """Return what of an order counts after a restart: only one to the safe level, for that is where it can't hurt.

    >>> outlives(Override(True, 1, 0, then=Override(False, 1, 0)), safe=False)
    Override(level=False, boot=1, at_ms=0, until_ms=None, author='', channel='', then=None)
    """
    while order is not None and order.level != safe:
        order = order.then
    return None if order is None else msgspec.structs.replace(order, then=outlives(order.then, safe))


def works_alike(before: OutputSpec, after: OutputSpec) -> bool:
    """Return whether two specs switch alike, whatever people read of their points."""
    return msgspec.structs.replace(before, point=after.point) == after

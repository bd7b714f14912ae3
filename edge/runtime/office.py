"""The station as the SMS link sees it: orders and questions go over, replies come back on the link's own thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from edge.core.clock import Clock, Dating
from edge.core.commands import Command, Result
from edge.core.engine import Engine
from edge.core.views import VIEWS
from edge.runtime.station import Order, Question


class StationOffice:
    """An `edge.links.sms_ports.Office`. The link calls `step` at the begin of each of its own steps.

    A reply that never comes (a bug in the station, which its log has) is the asker's to give up.
    """

    def __init__(self, post: Callable[[Order | Question], None], clock: Clock, dating: Dating) -> None:
        self.wake: Callable[[], None] = lambda: None
        """Wakes the link's thread."""
        self._post = post
        self._clock = clock
        self._dating = dating
        self._replies: deque[Callable[[], None]] = deque()

    def order(self, command: Command, reply: Callable[[Result], None]) -> None:
        """Have a command carried out; the reply comes when what it changed is durable."""
        self._post(Order(command, partial(self._take_in, reply)))

    def ask(self, view: str, reply: Callable[[Any], None]) -> None:
        """Ask for a view of VIEWS; the reply is its struct. Raises KeyError for an unknown one."""
        shown = VIEWS[view]

        def found(engine: Engine) -> Any:
            return shown(engine, self._clock.monotonic_ns() // 1_000_000, self._dating)

        self._post(Question(found, partial(self._take_in, reply)))

    def _take_in(self, reply: Callable[[Any], None], found: Any) -> None:
        """Keep a reply for the link's thread; on the station's or the writer's."""
        self._replies.append(partial(reply, found))
        self.wake()

    def step(self) -> int:
        """Give the replies that are there, on the caller's thread; return how many."""
        given = 0
        while self._replies:
            self._replies.popleft()()
            given += 1
        return given

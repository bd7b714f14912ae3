"""Orders of the server that come by SMS: each is carried out once, and its answer goes back.

The message stays in the mailbox until what the order changed is durable and the answer is kept; killed in between it
is read again, and the registry answers a repeat of the same id without doing it twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edge.core.clock import Clock, is_dated
from edge.core.commands import Command, Result
from edge.core.text import Text
from edge.links.sms_ports import Office
from edge.settings import catalogue
from sms.forms import Order

GIVEN_UP_S: Final = 120.0


class Orders:
    """What the station was asked to do, by the counter of the message."""

    def __init__(self, office: Office, clock: Clock, lang: str) -> None:
        self._office = office
        self._clock = clock
        self._lang = lang
        self._asked_s: dict[int, float] = {}
        self._results: dict[int, tuple[bool, str]] = {}

    def answer(self, counter: int, order: Order, now_s: float) -> tuple[bool, str] | None:
        """Return whether it was done and what to say, None while it is being carried out."""
        if counter not in self._asked_s:
            self._asked_s[counter] = now_s
            refusal = self._refusal(order)
            if refusal:
                self._results[counter] = (False, refusal)
            else:
                command = Command(
                    f"gateway:{order.id}", order.verb, dict(order.args), author="gateway", channel="sms",
                    right="configure",
                )  # fmt: skip
                self._office.order(command, self._taker(counter))
        if counter in self._results:
            return self._results[counter]
        if now_s - self._asked_s[counter] > GIVEN_UP_S:
            return False, self._said(Text("sms_link.no_answer"))
        return None

    def forget(self, counter: int) -> None:
        """Take note that the answer is kept."""
        self._asked_s.pop(counter, None)
        self._results.pop(counter, None)

    def _refusal(self, order: Order) -> str:
        if not is_dated(self._clock.trust()):
            return self._said(Text("sms_link.no_clock"))
        late_s = self._clock.utc_ms() // 1000 - order.expires_utc_s
        return self._said(Text("sms_link.expired", {"late_s": late_s})) if late_s > 0 else ""

    def _taker(self, counter: int) -> Callable[[Result], None]:
        def take(result: Result) -> None:
            self._results[counter] = (result.done, self._said(result.text))

        return take

    def _said(self, text: Text) -> str:
        values: dict[str, Any] = dict(text.values)
        return catalogue.render(self._lang, text.key, values)

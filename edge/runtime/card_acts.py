"""What stands in [start] of the installer's file, handed to the running box: each act once, whatever happens between.

An act's id is that of its order, and the station gives exactly one result for each id: a power cut between its answer
and our note of it repeats the question, not the act.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from edge.core.commands import Command
from edge.core.text import Text
from edge.runtime.card_take import Taking

ORDERED: Final = frozenset({"meter.set", "test"})
AUTHOR: Final = "card"

Order = Callable[[Command], Mapping[str, Any]]
"""Hands an order to the box and returns its result as the API gives it. Raises OSError or LookupError: not now."""


def carry_out(taking: Taking, order: Order, when: Callable[[], str]) -> int:
    """Do what waits, note each outcome before the next, strike all out on the card; return how many still wait.

    `when` returns the local time to be written. Raises OSError when an outcome can't be kept: nothing more is done.
    """
    for name, act in taking.waiting().items():
        if act.verb not in ORDERED:
            continue
        try:
            result = order(Command(f"card-{name}", act.verb, dict(act.args), author=AUTHOR))
        except (OSError, LookupError):  # no box answers yet, or it is busy: the next look finds it waiting
            break
        why = None if result["done"] else msgspec.convert(result["text"], Text)
        taking.conclude(name, is_done=result["done"], when=when(), why=why)
    taking.strike()
    return sum(act.verb in ORDERED for act in taking.waiting().values())

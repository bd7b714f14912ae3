"""When a box without keys says hello: each day, and also while somebody tests the site and waits for the gateway.

The gateway never asks for a hello: one that is lost, or its answer, would else cost a day, and the installer left.
"""

from __future__ import annotations

from typing import Final

from edge.links.sms_sealing import Sealing

AGAIN_S: Final = 90.0  # a trial waits for five minutes
NEVER_S: Final = float("-inf")
MOST: Final = 2
"""Hellos for one trial, the one that was just on its way among them."""


class Greeting:
    """Says hello, as often as it is stepped and it is due."""

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing
        self._said_s = NEVER_S
        self._trial = 0
        self._left = 0

    def step(self, now_s: float, trial: int) -> None:
        """Say it if it is due; `trial`: the seq of the newest trial's begin, 0 before there was one."""
        if self._said_s == NEVER_S:
            self._said_s = now_s
        if trial > self._trial:
            self._trial, self._left = trial, MOST - (now_s - self._said_s < AGAIN_S)
        if self._left and now_s - self._said_s >= AGAIN_S:
            self._left -= 1
            self._said_s = now_s
            self._sealing.say_hello(f"-{trial}.{self._left}")
        else:
            self._sealing.say_hello()  # of each day one

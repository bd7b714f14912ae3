"""A whole station in this process, on the guest's simulated chips, and what its buses brought and when.

Runs in the guest: its disk is memory, its state the one that `vigie values` shows.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from edge.core.view import ValueView
from edge.runtime.box import Box
from edge.settings.load import load
from hal.sample import Cycle, Notice

HEAD = """
[box]
id = "hil"
buffer_mb = 8
trust_clock = true
[site]
name = "HIL"
tz = "Europe/Paris"
"""


def point(name: str, bus: str, driver: str, period_s: float = 1.0, **options: object) -> str:
    """Return a point's table."""
    keys = {"id": name, "bus": bus, "driver": driver, "period_s": period_s, **options}
    return "[[point]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


class Turn:
    """One tick of a bus: how late its first device was turned to, and how long all of them took."""

    def __init__(self, cycle: Cycle, now_ns: int) -> None:
        self.bus = cycle.bus
        self.tick_s = cycle.t_ns / 1e9
        self.late_ms = (min((sample.t_ns for sample in cycle.samples), default=now_ns) - cycle.t_ns) / 1e6
        self.busy_s = (now_ns - cycle.t_ns) / 1e9
        self.points = [sample.point for sample in cycle.samples]


class Field:
    """The station of these settings, from start to stop."""

    def __init__(self, settings: str, *, log_level: int = logging.ERROR) -> None:
        logging.basicConfig(level=log_level, format="log %(message)s")
        self._folder = tempfile.TemporaryDirectory(dir="/tmp")
        file = Path(self._folder.name) / "site.toml"
        file.write_text(HEAD + settings, "utf-8")
        self.box = Box(load(file), Path(self._folder.name) / "state")
        self.turns: list[Turn] = []
        self.notices: list[Notice] = []
        self._hand_on = self.box.station.post
        self.box.station.post = self._note  # type: ignore[method-assign] # every bus posts by this name

    def _note(self, message: Any) -> None:
        if isinstance(message, Cycle):
            self.turns.append(Turn(message, time.monotonic_ns()))
            self.notices += message.notices
        self._hand_on(message)

    def __enter__(self) -> Self:
        self.box.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.box.stop(5.0)
        self._folder.cleanup()

    def values(self) -> dict[str, ValueView]:
        """Return what `vigie values` shows."""
        return {value.point: value for value in self.box.desk.view("values")}

    def until(self, condition: Callable[[dict[str, ValueView]], bool], within_s: float) -> float | None:
        """Return after how many seconds this held, None when it did not in time."""
        began_s = time.monotonic()
        while time.monotonic() - began_s < within_s:
            if condition(self.values()):
                return time.monotonic() - began_s
            time.sleep(0.25)
        return None

    def let_pass(self, seconds: float) -> list[Turn]:
        """Let time pass; return the turns of the buses meanwhile."""
        first = len(self.turns)
        time.sleep(seconds)
        return self.turns[first:]


def tell(**words: object) -> None:
    """Print one line for the host."""
    print("told", json.dumps(words), flush=True)


def percentile(numbers: list[float], share: float) -> float:
    """Return the number that this share of them does not exceed."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]

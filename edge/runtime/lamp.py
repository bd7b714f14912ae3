"""The status lamp's worker: how the box is, and in the first half hour after power-on what its inputs bring.

Where the kernel blinks the lamp, this wakes up each 10 s to look how the box is, and renews the pattern before its time
is over; else twice a blink. A program that died leaves the lamp dark within a minute.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from edge.settings.lamp import LampTable
from hal.lamp import Lamp
from hal.sample import GOOD, Cycle

HEARD_S: Final = 1800.0  # monotonic time begins with the power
LOOK_S: Final = 10.0
LASTS_S: Final = 60.0
RENEW_S: Final = 40.0
SOON_S: Final = 1.0
RETRY_S: Final = 300.0
FLASH_S: Final = (0.08, 0.17)
PAUSE_S: Final = 0.5
MOST_WAITING: Final = 3  # more would still be told when the hand has long left the wire

PULSE, FRAME, DEVICE = 1, 2, 3  # flashes
NEWCOMERS: Final = frozenset({"probe_new", "probe_swapped"})  # devices that no point names yet

log = logging.getLogger(__name__)


class Ears:
    """What the cycles of the buses mean in flashes. `wiring` says of each point how it is heard."""

    def __init__(self, wiring: Mapping[str, tuple[str, str]]) -> None:
        """`wiring`: point -> (device, "pulse" for a counted index, "frame" of a meter, "probe" for all else)."""
        self.wiring = wiring
        self._last: dict[str, float] = {}
        self._known: set[str] = set()

    def flashes(self, cycle: Cycle) -> list[int]:
        """Return what is new in a cycle: 1 for each pulse, 2 a frame, 3 a device that is there for the first time."""
        found = [DEVICE for notice in cycle.notices if notice.kind in NEWCOMERS]
        framed: set[str] = set()
        for sample in cycle.samples:
            device, heard_as = self.wiring.get(sample.point, ("", ""))
            value = sample.value
            if not device or value is None:
                continue
            if heard_as == "pulse":
                count = float(value) if not isinstance(value, str) else 0.0
                more = int(count - self._last.get(sample.point, count))
                self._last[sample.point] = count
                found += [PULSE] * min(max(more, 0), MOST_WAITING)
            elif heard_as == "frame":
                if sample.quality == GOOD and sample.t_ns > self._last.get(device, 0.0):
                    framed.add(device)
                    self._last[device] = sample.t_ns
            elif device not in self._known:
                self._known.add(device)
                found.append(DEVICE)
        return found + [FRAME] * len(framed)


class StatusLamp:
    """The worker of one lamp."""

    name = "lamp"

    def __init__(self, open_lamp: Callable[[], Lamp], table: LampTable, health: Callable[[], str], ears: Ears) -> None:
        """Make it; the lamp is opened by the first step. `health` is asked at each look, on this worker's thread."""
        self._open_lamp = open_lamp
        self._table = table
        self._health = health
        self.ears = ears
        self._lamp: Lamp | None = None
        self._is_listening = True
        self._heard: deque[int] = deque(maxlen=MOST_WAITING)
        self._frames: deque[tuple[bool, float]] = deque()
        self._is_flashing = False
        self._due_s = 0.0
        self._playing = ""
        self._renew_s = 0.0
        self._has_failed = False
        self.wake: Callable[[], None] = lambda: None
        self.state = ""
        """What is shown, by its name in the table."""

    def hear(self, cycle: Cycle) -> None:
        """Take note of what a bus brought; on that bus's thread, a comparison once the half hour is over."""
        if not self._is_listening:
            return
        if cycle.t_ns > HEARD_S * 1e9:
            self._is_listening = False
            return
        found = self.ears.flashes(cycle)
        if found:
            self._heard.extend(found)
            self.wake()

    def filenos(self) -> list[int]:
        """Only time and what was heard wake it."""
        return []

    def step(self, now_s: float) -> float:
        """Show what is due; return when to look again."""
        is_called_early = now_s < self._due_s and (self._is_flashing or not self._heard)
        if is_called_early:
            return self._due_s
        try:
            self._due_s = self._shown(now_s)
            self._has_failed = False
        except OSError as exc:
            if not self._has_failed:
                log.warning("%s", exc)
            self._has_failed = True
            self._give_back()
            self._heard.clear()
            self._due_s = now_s + RETRY_S
        return self._due_s

    def close(self) -> None:
        """Leave it dark."""
        self._give_back()

    def _give_back(self) -> None:
        lamp, self._lamp = self._lamp, None
        self._frames.clear()
        self._is_flashing = False
        self._playing = ""
        if lamp is not None:
            lamp.close()

    def _shown(self, now_s: float) -> float:
        if self._lamp is None:
            self._lamp = self._open_lamp()
        lamp = self._lamp
        if not self._frames:
            self._is_flashing = False
        if self._heard and not self._is_flashing:
            self._is_flashing = True
            self._playing = ""
            self._frames.clear()
            self._frames.extend([(True, FLASH_S[0]), (False, FLASH_S[1])] * self._heard.popleft())
            self._frames.append((False, PAUSE_S))
        if not self._frames:
            due_s = self._steady(lamp, now_s)
            if due_s:
                return due_s
        on, lasts_s = self._frames.popleft()
        lamp.light(on=on)
        return now_s + lasts_s

    def _steady(self, lamp: Lamp, now_s: float) -> float:
        """Look how the box is; return when to look again, or 0 when the lamp must be lit by hand: frames are laid."""
        self.state = self._health()
        if self.state == self._playing and now_s < self._renew_s:
            return now_s + LOOK_S
        pattern_ms = self._table.pattern_ms(self.state)
        played = lamp.play(pattern_ms, LASTS_S)
        if played == "playing":
            self._playing, self._renew_s = self.state, now_s + RENEW_S
            return now_s + LOOK_S
        if played == "soon":
            return now_s + SOON_S
        pairs = [(n % 2 == 0, ms / 1000) for n, ms in enumerate(pattern_ms)]
        self._frames.extend(pairs or [(False, LOOK_S)])
        return 0.0

"""Listening to a port for a while: is a meter speaking there, in which mode, and how well. For recordings and scans."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from hal.decode.teleinfo.foreign import Strangers, strange_labels
from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.groups import Group
from hal.decode.teleinfo.lineup import number_of
from hal.drivers.teleinfo_port import TicPort
from hal.drivers.teleinfo_tuning import DWELL_MS, SPEEDS, Tuning

ModeWanted = Literal["auto", "historique", "standard"]
EACH_S: Final = 0.2


class Heard(msgspec.Struct):
    """What was heard so far at the speed of `baud`. `mode` "" = no meter; ICE and unknown: one that is not read."""

    mode: str = ""
    baud: int = 0
    octets: int = 0
    groups: int = 0
    """Groups that are right, those of a meter that is not read included."""
    rejected: dict[str, int] = {}
    frames: int = 0
    """Complete ones."""
    meters: int = 0
    """How many different meters' numbers came more than once."""
    labels: str = ""
    """Of a meter that is not read: what it sends."""


class Ear:
    """Decides by the bytes of a line at which speed to listen, and what speaks. Pure: `take`, then set `baud`."""

    def __init__(self, mode: ModeWanted = "auto", dwell_ms: float = DWELL_MS) -> None:
        """`dwell_ms`: how long each speed is tried before one is found."""
        self._tuning = Tuning(mode, dwell_ms=dwell_ms)
        self._is_alone = len(SPEEDS[mode]) == 1
        self._held, self._mode = b"", ""
        self._begin()

    @property
    def baud(self) -> int:
        """The speed to listen at."""
        return self._tuning.baud

    @property
    def is_found(self) -> bool:
        """Whether a meter was heard at this speed."""
        return self._tuning.is_found

    def take(self, seen: bytes, now_ms: float) -> bytes | None:
        """Take what came; return the bytes that belong to the meter's stream, None when another speed is to be tried.

        While no meter is found they are held back, so that a recording does not begin with another speed's garbage.
        """
        groups = 0
        for event in self._decoder.feed(seen, now_ms):
            if isinstance(event, Group):
                groups += 1
                self._groups += 1
                self._mode = event.spec.mode
            elif isinstance(event, FrameEnd):
                strange = len(strange_labels(event))
                self._strange += strange
                groups += strange
                self._strangers.see(event)
                self._numbers.update([number_of(event)] if number_of(event) else [])
        self._held += seen
        before = self._tuning.baud
        self._tuning.heard(groups, now_ms)
        if self._tuning.next_baud(now_ms) != before:
            self._begin()
            return None
        if not (self.is_found or self._is_alone):
            return b""
        kept, self._held = self._held, b""
        return kept

    def heard(self) -> Heard:
        """Return what was heard at this speed."""
        decoder, kind = self._decoder, self._strangers.kind
        rejected = dict(sorted(decoder.groups_rejected.items()))
        if kind:
            rejected.pop("label", None)
        return Heard(
            mode="" if not self.is_found else kind or self._mode,
            baud=self.baud,
            octets=decoder.bytes,
            groups=self._groups + (self._strange if kind else 0),
            rejected=rejected,
            frames=decoder.frames_complete,
            meters=sum(times > 1 for times in self._numbers.values()),
            labels=self._strangers.labels() if kind else "",
        )

    def _begin(self) -> None:
        self._decoder = Decoder(10_000 / self._tuning.baud)
        self._strangers = Strangers()
        self._groups = self._strange = 0
        self._numbers: Counter[str] = Counter()
        self._mode = ""
        self._held = b""


def listen(
    port: str,
    seconds: float,
    mode: ModeWanted = "auto",
    *,
    keep: Callable[[bytes], None] = lambda _seen: None,
    found: Callable[[Heard], object] = lambda _heard: None,
    now_s: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> Heard:
    """Return what speaks on a port within these seconds; `keep` gets its bytes, `found` what it is when that is known.

    In half of the time each speed is tried once. Ctrl-C ends it as its time does. Raises DriverError when the port
    can't be used, also when it goes.
    """
    ear = Ear(mode, min(DWELL_MS, 500.0 * seconds))
    line = TicPort(port, ear.baud)
    try:
        end_s, is_told = now_s() + seconds, False
        while now_s() < end_s:
            wait(EACH_S)
            kept = ear.take(line.read(), now_s() * 1000)
            if kept is None:
                line.set_baud(ear.baud)
                continue
            if kept:
                keep(kept)
            if ear.heard().mode and not is_told:
                is_told = True
                found(ear.heard())
    except KeyboardInterrupt:
        pass
    finally:
        line.close()
    return ear.heard()

"""What the box believes the time is: the last fix of the best source, carried on by the monotonic clock.

A better source replaces a worse one, and a worse one never moves a better one that still speaks. What can't be is
refused before anything else: a battery clock at 2000-01-01, a meter at 1970. A source that contradicts itself has to
agree with itself several times before it is believed again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from edge.core.clock import DATED_FROM, TRUST, ClockEntry
from hal.sample import Fix

DRIFT_PPM: Final = 100  # a crystal of a small board, at any temperature: 8.6 s a day, at the very worst
KEEPS_WORD_MS: Final = 7 * 86_400_000  # what drifts away until then: a minute
SILENT_MS: Final = 3_600_000  # of two equal sources the other one is taken after this
FUTURE_MS: Final = 20 * 31_557_600_000
SLACK_MS: Final = 60_000  # a person's minute may lie before the last second that was kept
STEP_MS: Final = 2000  # a larger difference is a step, not slewing
COARSE_STEP_MS: Final = 5000  # … of a meter that tells whole seconds
AGREE: Final = 3  # fixes that must agree before a source is believed that contradicted itself …
AGREE_AT_FIRST: Final = {"tic": 3}  # … or at first, where one alone may be damage that its check sum let pass
SMOOTH: Final = 16  # fixes of whole seconds over which their jitter is smoothed
EXACT_MS: Final = 100  # below it a fix is followed as it is
KEPT: Final = "kept"
"""The witness of what was believed before a restart."""
SETTINGS: Final = "settings"
"""The witness `trust_clock`: a person's word for the machine's clock, said anew at each look."""


class TimeSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say what time it is: "2026-11-21 14:05", local time of the site unless it ends with an offset."""

    at: str


Verdict = Literal["used", "worse", "unconfirmed", "too_early", "too_late"]


def rank(source: str) -> int:
    """Return the place of a source in TRUST."""
    return TRUST.index(source)


def step_of(source: str) -> int:
    """Return from which difference (ms) on a source's time is a step against the last clock entry."""
    return COARSE_STEP_MS if source == "tic" else STEP_MS


class Floor(msgspec.Struct, frozen=True):
    """The time is later than this: than the build for good, and than what the logs hold by a source's word.

    That word may have been wrong. So a source at least as good may go below `kept_ms` when it agrees with itself, or
    one mistake of a year would shut out the right time for a year.
    """

    build_ms: int
    kept_ms: int = 0
    source: str = "none"

    @property
    def utc_ms(self) -> int:
        """The later of both."""
        return max(self.build_ms, self.kept_ms)

    def refuses(self, fix: Fix) -> Verdict | None:
        """Return why a fix can't be right, or None."""
        at_most_ms = fix.utc_ms + fix.error_ms + SLACK_MS
        if fix.utc_ms < self.build_ms or (at_most_ms < self.kept_ms and rank(fix.source) < rank(self.source)):
            return "too_early"
        return "too_late" if fix.utc_ms > self.utc_ms + FUTURE_MS else None

    def is_doubted_by(self, fix: Fix) -> bool:
        """Return whether the fix says that what was kept is wrong."""
        return fix.utc_ms + fix.error_ms + SLACK_MS < self.kept_ms


class Heard:
    """One witness: what it said, and how often running it has agreed with itself."""

    __slots__ = ("at_ms", "error_ms", "is_believed", "offset_ms", "pending", "pending_ms", "source", "times", "verdict",
                 "witness")  # fmt: skip

    def __init__(self, source: str, witness: str) -> None:
        self.source = source
        self.witness = witness
        self.is_believed = False
        self.offset_ms = 0.0
        """UTC minus monotonic by its word."""
        self.at_ms = 0
        """When it last spoke and was believed."""
        self.error_ms = 0
        self.pending = 0.0
        """The offset that it has not yet said often enough."""
        self.pending_ms = 0
        self.times = 0
        self.verdict: Verdict = "unconfirmed"

    def distrust(self) -> None:
        """Take note that it said what can't be: it begins anew."""
        self.times = 0

    def hear(self, fix: Fix, at_ms: int, needed: int) -> bool:
        """Take a fix; return whether the witness is believed in it.

        `needed`: how often a new witness, or one that says another time than before, must say so.
        """
        offset_ms = float(fix.utc_ms - at_ms)
        within_ms = STEP_MS + fix.error_ms
        if self.is_believed and abs(offset_ms - self.offset_ms) <= within_ms + drift_ms(at_ms - self.at_ms):
            weight = 1.0 if fix.error_ms <= EXACT_MS else 1.0 / SMOOTH
            self.offset_ms += (offset_ms - self.offset_ms) * weight
            self.at_ms, self.error_ms, self.times = at_ms, fix.error_ms, 0
            return True
        if self.times and abs(offset_ms - self.pending) <= within_ms + drift_ms(at_ms - self.pending_ms):
            self.times += 1
            self.pending += (offset_ms - self.pending) / self.times
        else:
            self.times, self.pending = 1, offset_ms
        self.pending_ms = at_ms
        if self.times < max(needed, AGREE if self.is_believed else 1):
            return False
        self.is_believed, self.times = True, 0
        self.offset_ms, self.at_ms, self.error_ms = self.pending, at_ms, fix.error_ms
        return True


def drift_ms(age_ms: int) -> float:
    """Return how far the monotonic clock may have gone astray in this time.

    >>> drift_ms(86_400_000)
    8640.0
    """
    return max(age_ms, 0) * DRIFT_PPM / 1e6


def _is_act(heard: Heard) -> bool:
    """Return whether this is a person who sets the time: not a witness that repeats itself, but an act."""
    return heard.source == "person" and heard.witness not in {SETTINGS, KEPT}


def kept_word(entries: Iterable[ClockEntry]) -> ClockEntry | None:
    """Return what was believed last, of entries of one power-up in their order; a guess is nobody's word."""
    believed = [entry for entry in entries if rank(entry.source) >= DATED_FROM]
    return believed[-1] if believed else None


class SourceView(msgspec.Struct, frozen=True):
    """One witness as it stands: how far it is from what the box believes, and why it is not used."""

    source: str
    witness: str
    verdict: Verdict
    age_s: float
    off_ms: int | None = None
    """None while the box believes nobody, or this witness has not been believed yet."""
    error_ms: int = 0


class Timekeeper:
    """All witnesses of a start of the box, and the one that is believed."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self._heard: dict[tuple[str, str], Heard] = {}
        self._last_ms: dict[tuple[str, str], int] = {}
        self._best: Heard | None = None

    def keep(self, entry: ClockEntry) -> None:
        """Take over what was believed before a restart, on the same power-up: the monotonic clock went on."""
        kept = Heard(entry.source, KEPT)
        kept.is_believed, kept.offset_ms, kept.at_ms = True, float(entry.utc_ms - entry.at_ms), entry.at_ms
        self._heard[entry.source, KEPT] = self._best = kept
        self._last_ms[entry.source, KEPT] = entry.at_ms
        kept.verdict = "used"

    def offer(self, fix: Fix, witness: str) -> Verdict:
        """Take what a witness says; return what comes of it."""
        key = (fix.source, witness)
        heard = self._heard.get(key)
        if heard is None:
            heard = self._heard[key] = Heard(fix.source, witness)
        self._last_ms[key] = at_ms = fix.t_ns // 1_000_000
        verdict = self._judge(heard, fix, at_ms)
        if verdict == "used" or not _is_act(heard):
            heard.verdict = verdict
        return verdict

    def _judge(self, heard: Heard, fix: Fix, at_ms: int) -> Verdict:
        refused = self.floor.refuses(fix)
        if refused is not None:
            heard.distrust()
            return refused
        if _is_act(heard):
            if self._is_kept_against(heard, at_ms):
                return "worse"
            heard.is_believed, heard.offset_ms = True, float(fix.utc_ms - at_ms)
            heard.at_ms, heard.error_ms = at_ms, fix.error_ms
        elif not heard.hear(fix, at_ms, self._needed(fix, at_ms)):
            return "unconfirmed"
        elif heard is not self._best and self._is_kept_against(heard, at_ms):
            return "worse"
        if self._best is not None and self._best is not heard:
            self._best.verdict = "worse"
        self._best = heard
        return "used"

    def _needed(self, fix: Fix, at_ms: int) -> int:
        """Return how often a new witness must agree with itself: more where it contradicts what is as good."""
        best = self._best
        if self.floor.is_doubted_by(fix):
            return AGREE
        if best is not None and best.source == fix.source:
            apart_ms = abs(fix.utc_ms - at_ms - best.offset_ms)
            if apart_ms > STEP_MS + fix.error_ms + best.error_ms + drift_ms(at_ms - best.at_ms):
                return AGREE
        return AGREE_AT_FIRST.get(fix.source, 1)

    def _is_kept_against(self, heard: Heard, at_ms: int) -> bool:
        """Return whether the best source so far goes on against this one."""
        best = self._best
        if best is None or best is heard:
            return False
        silence_ms = at_ms - best.at_ms
        if best.source == heard.source:
            return best.witness != KEPT and not _is_act(best) and silence_ms <= SILENT_MS
        return rank(best.source) > rank(heard.source) and silence_ms <= KEEPS_WORD_MS

    # -- what is believed

    def offset_ms(self) -> int | None:
        """Return UTC minus monotonic in ms, or None while nobody is believed."""
        return None if self._best is None else round(self._best.offset_ms)

    @property
    def source(self) -> str:
        """Who is believed: a word of TRUST, "none" while nobody is."""
        return "none" if self._best is None else self._best.source

    def age_ms(self, now_ms: int) -> int | None:
        """Return how long ago the source that is believed last spoke."""
        return None if self._best is None else max(now_ms - self._best.at_ms, 0)

    def error_ms(self, now_ms: int) -> int | None:
        """Return how far off the time may be, with what the monotonic clock may have drifted since."""
        best = self._best
        return None if best is None else round(best.error_ms + drift_ms(now_ms - best.at_ms))

    def sources(self, now_ms: int) -> list[SourceView]:
        """Return all that were heard, the best first."""
        best = self._best
        found = []
        for key, heard in self._heard.items():
            off_ms = round(heard.offset_ms - best.offset_ms) if best is not None and heard.is_believed else None
            age_s = max(now_ms - self._last_ms[key], 0) / 1000
            error_ms = round(heard.error_ms + drift_ms(now_ms - heard.at_ms))
            found.append(SourceView(heard.source, heard.witness, heard.verdict, age_s, off_ms, error_ms))
        return sorted(found, key=lambda view: (view.verdict != "used", -rank(view.source), view.witness))

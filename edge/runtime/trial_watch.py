"""Follows a trial to the server and back, and writes its outcome where whoever has only the card finds it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from edge.core.clock import Clock, is_dated
from edge.core.engine import Engine
from edge.core.ports import Reader
from edge.core.trial import Verdict
from edge.core.trials import BUTTON, LASTS_MS, Trials
from edge.core.types import NEVER, Event
from edge.runtime.device import DeviceSpec
from edge.runtime.station import Question
from edge.settings.model import Settings
from edge.settings.model_sms import Test
from edge.settings.trial_text import FILE, TrialFacts, trial_page
from edge.store.checked import replace_file
from edge.store.fs import Fs
from hal.button import button
from hal.driver import Driver

LOOK_S: Final = 1.0
BEGIN: Final = "test_begin"
READ: Final = 200

log = logging.getLogger(__name__)


class TrialWatch:
    """A worker that sleeps but while a trial runs. `began` and `ended` are called on the station's thread."""

    name = "trial"

    def __init__(
        self,
        events: Reader[Event],
        links: Mapping[str, Any],
        post: Callable[[Question], None],
        tell: Callable[[Verdict], None],
    ) -> None:
        """`links`: by name, each a consumer of the events' log; one with `ask_stored` is asked to hurry.

        `tell` writes the outcome where people read it; it is called on this worker's thread.
        """
        self._events = events
        self._links = links
        self._post = post
        self._tell = tell
        self.wake: Callable[[], None] = lambda: None
        self._from_seq = 0
        self._seq = 0
        self._until_s = 0.0
        self._is_on = False
        self._is_new = False
        self._verdicts: list[Verdict] = []

    def follow(self, engine: Engine) -> None:
        """Hear of the trials of this site from now on, also of one that began with the start."""
        trials = engine.part(Trials)
        trials.began, trials.ended = self.began, self.ended
        if trials.running is not None:
            self.began()

    def began(self) -> None:
        """Take note that a trial begins: its event is the next of its kind."""
        self._from_seq, self._seq, self._is_on, self._is_new = self._events.next_seq(), 0, True, True
        self.wake()

    def ended(self, verdict: Verdict) -> None:
        """Take what came of it."""
        self._verdicts.append(verdict)
        self.wake()

    def filenos(self) -> list[int]:
        """Only time and the station wake it."""
        return []

    def step(self, now_s: float) -> float:
        """Look whether the begin is durable, and whether a consumer has acknowledged it; write what came out."""
        while self._verdicts:
            self._is_on = False
            self._tell(self._verdicts.pop(0))
        if not self._is_on:
            return NEVER
        if self._is_new:
            self._is_new, self._until_s = False, now_s + LASTS_MS / 1000
        if now_s > self._until_s:
            self._is_on = False
            return NEVER
        if not self._seq:
            self._find()
        for name, link in self._links.items() if self._seq else ():
            if self._events.cursor(name) >= self._seq:
                self._is_on = False
                at_ms = round(now_s * 1000)
                self._post(Question(partial(_stored, link=name, at_ms=at_ms), lambda _: None))
                return NEVER
            ask = getattr(link, "ask_stored", None)
            if ask is not None:
                ask(self._seq)
        return now_s + LOOK_S

    def _find(self) -> None:
        """Find the seq of the begin; it is durable when it can be read."""
        while self._from_seq < self._events.next_seq():
            chunk = self._events.read(self._from_seq, READ)
            if chunk.gap is not None:
                self._from_seq = chunk.gap.last + 1
                continue
            if not chunk.entries:
                return
            for place, event in enumerate(chunk.entries):
                if event.kind == BEGIN:
                    self._seq = chunk.first + place
                    return
            self._from_seq = chunk.first + len(chunk.entries)

    def close(self) -> None:
        """Nothing is open."""


def _stored(engine: Engine, *, link: str, at_ms: int) -> None:
    engine.part(Trials).stored(link, at_ms)


def telling(
    settings: Callable[[], Settings], clock: Clock, fs: Fs, signal: Callable[[], str]
) -> Callable[[Verdict], None]:
    """Return what writes the outcome beside the data, for whoever has only the card."""

    def tell(verdict: Verdict) -> None:
        page = trial_page(verdict, trial_facts(settings(), clock, signal()))
        try:
            replace_file(fs, FILE, page.encode())
        except OSError as exc:  # it is in the journal too
            log.warning("%s: %s", FILE, exc)

    return tell


def trial_facts(settings: Settings, clock: Clock, signal: str) -> TrialFacts:
    """Return what is told beside the verdict."""
    names: dict[str, dict[str, str]] = {
        entry.point.id: {settings.site.lang: entry.point.name}
        if isinstance(entry.point.name, str)
        else {**entry.point.name}
        for entry in settings.points
        if entry.point.name
    }
    when = f"{datetime.fromtimestamp(clock.utc_ms() / 1000, ZoneInfo(settings.site.tz)):%d/%m/%Y %H:%M}"
    return TrialFacts(
        settings.box.id, settings.site.name, when if is_dated(clock.trust()) else "", names,
        {entry.point.id: settings.buses[entry.point.bus][0] for entry in settings.points}, signal,
    )  # fmt: skip


def button_of(test: Test) -> dict[str, list[DeviceSpec]]:
    """Return the button of the settings as a device of its bus; nothing where there is none."""
    if test.pin is None or not test.bus:
        return {}
    driver = cast("type[Driver]", button(test.pin, BUTTON))  # one without points
    return {test.bus: [DeviceSpec(f"GPIO{test.pin}", driver, {}, {}, "button")]}

"""May the installer leave? One trial of the whole chain, from each probe to the server's database, within five minutes.

It passes when every point has a value, every pulse meter has counted since the start, the clock can be trusted, and the
server has stored the event that tells of the trial's begin: `stored` says so, whoever hears it. Nothing less is a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from edge.core.commands import Command, Result
from edge.core.counter import Volatile
from edge.core.engine import Engine
from edge.core.kinds import Counter
from edge.core.part import Part
from edge.core.text import Text
from edge.core.trial import BOX, Failing, Meter, Running, Trial, TrialView, Verdict
from edge.core.types import NEVER, Event, Record
from hal.sample import AT_REST, BAD

LASTS_MS: Final = 300_000
SETTLES_MS: Final = 60_000
"""What still fails so long after the begin, with the server's answer there, is told at once."""
LOOK_MS: Final = 1000
MOST_TOLD: Final = 8
BUTTON: Final = "test_button"
"""The notice of whoever holds the button."""
NO_PULSE: Final = "no_pulse"
CLOCK: Final = "clock_unset"


class Trials(Part):
    """Carries out `test`, one at a time; a trial that a power cut ended begins anew."""

    def __init__(
        self,
        saved: Mapping[str, Any] | None = None,
        *,
        pulses: Collection[str] = (),
        on_boot: bool = False,
        told: str = "",
    ) -> None:
        """`pulses`: the points whose pulses we count ourselves; `on_boot`: each start tries, until one has passed.

        `told`: the recipient who is texted the outcome of a trial that nobody asked for by text.
        """
        super().__init__()
        self._pulses = frozenset(pulses)
        self._told = told
        kept = (saved or {}).get("trial") or {}
        self.has_passed = bool(kept.get("passed"))
        self.verdict: Verdict | None = None
        self.running: Running | None = None
        self._asked: list[str] | None = kept.get("asked")
        self._on_boot = on_boot
        self._stored: tuple[str, int] | None = None
        self._others: dict[str, None] = {}
        """Who asked by text while it ran, in this order."""
        self._counts: dict[str, int] = {}
        self.began: Callable[[], None] = _nobody
        """Called when a trial begins; its event comes with the same step."""
        self.ended: Callable[[Verdict], None] = _nobody_told
        """Called with what came of it."""

    def take_over(self, before: Trials) -> None:
        """Go on with the trial that runs and with who listens."""
        self.running, self.verdict, self._stored = before.running, before.verdict, before._stored
        self.began, self.ended, self._counts = before.began, before.ended, dict(before._counts)
        self._asked, self._others = None, before._others

    def attach(self, site: Engine) -> None:
        """Note where each pulse meter stands; begin what a power cut ended, or what every start is to do."""
        self.site = site
        site.commands.on("test", self._order)
        self._counts = {**self._now_counted(), **self._counts}
        if self.running is not None:
            self.due_ms = site.now_ms
        elif self._asked is not None:
            self._begin(self._asked[0], self._asked[1], site.now_ms)
        elif self._on_boot and not self.has_passed:
            self._begin("", "boot", site.now_ms)

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Begin when the button was held."""
        for event in events:
            if event.kind == BUTTON and self.running is None:
                self._begin("", "button", event.at_ms)

    def _order(self, command: Command, _args: Trial) -> Result:
        now_ms = self.site.now_ms
        if self.running is not None:
            if command.channel == "sms" and command.author:
                self._others[command.author] = None
            left_s = max(1, (self.running.begin_ms + LASTS_MS - now_ms) // 1000)
            return Result(command.id, done=True, text=Text("trial_runs", {"left_ms": left_s * 1000}))
        self._begin(command.author, command.channel, now_ms)
        return Result(command.id, done=True, text=Text("trial_begun", {"most_ms": LASTS_MS}))

    def _begin(self, author: str, channel: str, now_ms: int) -> None:
        self.running, self._stored, self.verdict = Running(author, channel, now_ms), None, None
        self._others.clear()
        self.is_changed = True
        self.site.emit(Event("test_begin", now_ms, "", {"by": author, "channel": channel}))
        self.due_ms = now_ms + LOOK_MS
        self.began()

    def stored(self, link: str, at_ms: int) -> None:
        """Take note that the server has stored the begin, and which link said so."""
        if self.running is not None and self._stored is None:
            self._stored = (link, at_ms)
            self.step(at_ms)

    def step(self, now_ms: int) -> None:
        """Judge, when there is enough to judge."""
        running = self.running
        if running is None:
            self.due_ms = NEVER
            return
        failing, for_ms = self.failing(), now_ms - running.begin_ms
        is_over = for_ms >= LASTS_MS or (self._stored is not None and for_ms >= SETTLES_MS)
        if (self._stored is not None and not failing) or is_over:
            self._end(running, failing, now_ms)
        else:
            self.due_ms = now_ms + LOOK_MS

    def failing(self) -> list[Failing]:
        """Return what keeps a trial from passing now, but for the server."""
        found = [] if self.site.is_dated else [Failing("", CLOCK)]
        still = {name for name, count in self._now_counted().items() if count == self._counts.get(name)}
        for point in self.site.points.values():
            if point.id in still:
                found.append(Failing(point.id, NO_PULSE))
            elif point.quality == BAD and point.reason not in AT_REST:
                found.append(Failing(point.id, point.reason))
        return found

    def _end(self, running: Running, failing: list[Failing], now_ms: int) -> None:
        link, at_ms = self._stored or ("", 0)
        stored_s = None if self._stored is None else round(max(0, at_ms - running.begin_ms) / 1000, 1)
        verdict = Verdict(
            self._stored is not None and not failing, len(self.site.points), failing, stored_s, link,
            running.author, running.channel, now_ms, self._meter(),
        )  # fmt: skip
        self.verdict, self.running, self.due_ms = verdict, None, NEVER
        self.has_passed = self.has_passed or verdict.passed
        self.is_changed = True
        values: dict[str, Any] = {
            "passed": verdict.passed, "points": verdict.sound, "of": verdict.points, "by": running.author,
            "channel": running.channel,
        }  # fmt: skip
        if failing:
            told = [f"{one.point or BOX} {one.reason}" for one in failing[:MOST_TOLD]]
            values["failing"] = ", ".join([*told, *(["…"] if len(failing) > MOST_TOLD else [])])
        if stored_s is not None:
            values |= {"stored_s": stored_s, "link": link}
        if verdict.meter is not None:
            values |= {"v": verdict.meter.v, "u": verdict.meter.u}
        point = "" if verdict.meter is None else verdict.meter.point
        self.site.emit(Event("test_end", now_ms, point, values))
        first = running.author if running.channel == "sms" else self._told
        outcome = {name: value for name, value in values.items() if name not in {"by", "channel"}}
        for to in dict.fromkeys([*([first] if first else []), *self._others]):
            self.site.emit(Event("page", now_ms, point, {"to": to, "what": "trial", **outcome}))
        self.ended(verdict)

    def _now_counted(self) -> dict[str, int]:
        """Return the pulses of each pulse meter so far: before one came nobody knows whether its wire is right."""
        return {
            point.id: point.register.count
            for point in self.site.points.values()
            if point.id in self._pulses and isinstance(point, Counter) and isinstance(point.register, Volatile)
        }

    def _meter(self) -> Meter | None:
        for point in self.site.points.values():
            is_kept = isinstance(point, Counter) and not isinstance(point.register, Volatile)
            if is_kept and point.spec.unit == "Wh" and isinstance(point.value, int | float):
                return Meter(point.id, point.value, point.spec.unit)
        return None

    @property
    def has_failed(self) -> bool:
        """Whether the last trial of this start did not pass, and no other runs."""
        return self.running is None and self.verdict is not None and not self.verdict.passed

    def registers(self) -> dict[str, Any]:
        """Return whether a trial has passed, and who waits for the outcome of one."""
        asked = None if self.running is None else [self.running.author, self.running.channel]
        return {"trial": {"passed": self.has_passed, "asked": asked}}

    def view(self, now_ms: int) -> TrialView:
        """Return how it stands."""
        points = len(self.site.points)
        if self.running is not None:
            failing = self.failing()
            sound = points - len({one.point for one in failing if one.point})
            link, at_ms = self._stored or ("", 0)
            stored_s = None if self._stored is None else (at_ms - self.running.begin_ms) / 1000
            since_s = (now_ms - self.running.begin_ms) / 1000
            return TrialView("running", points, sound, failing, stored_s, link, since_s)
        verdict = self.verdict
        if verdict is None:
            return TrialView("none", points, points, [], None, "", None)
        since_s = (now_ms - verdict.at_ms) / 1000
        return TrialView(
            "passed" if verdict.passed else "failed", verdict.points, verdict.sound, verdict.failing,
            verdict.stored_s, verdict.link, since_s,
        )  # fmt: skip


def _nobody() -> None:
    pass


def _nobody_told(_verdict: Verdict) -> None:
    pass

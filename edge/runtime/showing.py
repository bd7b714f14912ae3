"""What the display is told: the facts of a running box, and what each counter moved today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from edge.core.calendar import local_midnight_ms, next_local_midnight_ms
from edge.core.clock import DATED_FROM, TRUST, Clock
from edge.core.costs import CostsView, costs
from edge.core.engine import Engine
from edge.core.kinds import Counter
from edge.core.point import Point
from edge.core.series import HistoryReader
from edge.runtime.device import DeviceSpec
from edge.runtime.screen import Figure, ScreenAlarm, ScreenFacts, screen_pages
from edge.runtime.station import Question
from edge.settings import catalogue
from edge.settings.model import Display, Settings
from hal.display import DisplayPage, DisplaySetup, display
from hal.driver import Driver
from hal.sample import BAD

LOOK_EACH_S: Final = 300.0
UNDATED_LOOK_S: Final = 30.0


def is_dated(clock: Clock) -> bool:
    """Return whether somebody vouches for the time."""
    return TRUST.index(clock.trust()) >= DATED_FROM


class Today:
    """The worker that knows each counter's index at local midnight, from history: asked seldom, off every bus's way."""

    name = "today"

    def __init__(self, engine: Engine, history: Callable[[], HistoryReader], clock: Clock, zone: ZoneInfo) -> None:
        self._engine = engine
        self._history = history
        self._clock = clock
        self._zone = zone
        self.base: Mapping[str, float] = {}
        """Index at midnight by point, replaced as a whole; a counter that nothing is known of is not in it."""
        self._day_ms = 0

    def step(self, now_s: float) -> float:
        """Ask history again; return when next: a new day begins at midnight."""
        utc_ms = self._clock.utc_ms()
        begin_ms = local_midnight_ms(utc_ms, self._zone)
        if begin_ms != self._day_ms or not is_dated(self._clock):
            self._day_ms, self.base = begin_ms, {}
        if not is_dated(self._clock):  # nobody knows which day it is
            return now_s + UNDATED_LOOK_S
        found: dict[str, float] = {}
        for point in self._engine.points.values():
            if isinstance(point, Counter):
                base = self._base_of(point, begin_ms, utc_ms)
                if base is not None:
                    found[point.id] = base
        self.base = found
        until_midnight_s = (next_local_midnight_ms(utc_ms, self._zone) - utc_ms) / 1000
        return now_s + min(LOOK_EACH_S, until_midnight_s + 1)

    def _base_of(self, point: Counter, begin_ms: int, utc_ms: int) -> float | None:
        try:
            days = self._history().periods(point.id, "day", begin_ms, utc_ms + 1)
        except (KeyError, LookupError, OSError):  # nothing is kept of it yet, or history can't be read now
            days = []
        if days and isinstance(days[-1].last, int | float) and days[-1].increment is not None:
            return float(days[-1].last) - days[-1].increment
        # before the day's first record: the index at the first look, a second after midnight
        return self.base.get(point.id, point.register.index)

    def filenos(self) -> list[int]:
        """Only time wakes it."""
        return []

    def close(self) -> None:
        """Nothing to give back."""


class CostsTold:
    """What the station said last of the costs; each call asks it for what the next one gives, and waits for nothing."""

    def __init__(self, post: Callable[[Question], None]) -> None:
        self._post = post
        self._last: CostsView | None = None

    def __call__(self) -> CostsView | None:
        """Return the last answer, None before the first."""
        self._post(Question(costs, self._keep))
        return self._last

    def _keep(self, found: CostsView) -> None:
        self._last = found


class Showing:
    """The facts of the box as the display's bus asks for them: each value is read once, nothing is waited for."""

    def __init__(
        self,
        settings: Settings,
        shown: Display,
        engine: Callable[[], Engine],
        clock: Clock,
        *,
        today: Callable[[], Mapping[str, float]],
        links: Mapping[str, Any],
        waiting: Callable[[], int],
        is_kept: Callable[[], bool],
        costs: Callable[[], CostsView | None] = lambda: None,
    ) -> None:
        """`engine` and `today` are asked late: the bus of the display is made before them."""
        self.settings = settings
        self._shown = shown
        self._engine = engine
        self._clock = clock
        self._today = today
        self._links = links
        self._waiting = waiting
        self._is_kept = is_kept
        self._costs = costs
        self._zone = ZoneInfo(settings.site.tz)

    def pages(self) -> list[DisplayPage]:
        """Return what is to be shown now."""
        return screen_pages(self.facts(), self.settings.site.lang, self._shown.height)

    def facts(self) -> ScreenFacts:
        """Return what the pages are made of."""
        engine, base = self._engine(), self._today()
        points = engine.points
        return ScreenFacts(
            site=self.settings.site.name,
            local=datetime.fromtimestamp(self._clock.utc_ms() / 1000, self._zone),
            is_dated=is_dated(self._clock),
            today=[self._moved(point, base) for point in points.values() if isinstance(point, Counter)],
            points=[self._figure(points[name]) for name in self._shown.points if name in points],
            alarms=self._alarms(engine),
            costs=self._costs(),
            link=next((str(link.status()["state"]) for link in self._links.values()), ""),
            waiting=self._waiting(),
            is_kept=self._is_kept(),
        )

    def _name(self, point: Point) -> str:
        names = point.spec.name
        return names.get(self.settings.site.lang) or names.get("en") or next(iter(names.values()), point.id)

    def _moved(self, point: Counter, base: Mapping[str, float]) -> Figure:
        index = point.register.index
        moved = None if index is None or point.id not in base else max(0.0, round(index - base[point.id], 9))
        return Figure(self._name(point), moved, point.spec.unit)

    def _figure(self, point: Point) -> Figure:
        value: Any = point.value
        if value is None or point.quality == BAD:
            return Figure(self._name(point), None, point.spec.unit)
        words = point.spec.words
        if words and isinstance(value, int) and 0 <= value < len(words):
            return Figure(self._name(point), words[value])
        return Figure(self._name(point), value, point.spec.unit)

    def _alarms(self, engine: Engine) -> list[ScreenAlarm]:
        lang, found = self.settings.site.lang, []
        for alarm in engine.alarms.sorted():
            limit, point = engine.limits.get(alarm.limit), engine.points.get(alarm.point)
            if not alarm.active or limit is None or point is None:
                continue
            spec, now = limit.spec, self._figure(point)
            what = catalogue.word(lang, "diagnosis", spec.diagnosis) if spec.diagnosis else ""
            what = what or catalogue.word(lang, "alarm", spec.kind)
            found.append(ScreenAlarm(alarm.number, what, now.name, now.value, now.unit))
        return found


def display_device(shown: Display, showing: Showing) -> DeviceSpec:
    """Return the display as a device of its bus: without points, drawn at its own tick."""
    setup = DisplaySetup(shown.chip, shown.address, shown.height, shown.flip)
    driver = cast("type[Driver]", display(setup, shown.turn_s, showing.pages))  # one without points
    return DeviceSpec(f"0x{shown.address:02x}", driver, {}, {}, "display")

"""What the display is told: the facts of a running box, what each meter moved today, what that costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar, cast
from zoneinfo import ZoneInfo

from edge.core.clock import Clock, is_dated
from edge.core.costs import CostsView
from edge.core.engine import Engine
from edge.core.kinds import Counter
from edge.core.meter_view import NO_METER
from edge.core.point import Point
from edge.core.totals import Totals
from edge.runtime.device import DeviceSpec
from edge.runtime.screen import Figure, ScreenAlarm, ScreenFacts, screen_pages
from edge.runtime.station import Question
from edge.settings import catalogue
from edge.settings.model import Display, Settings
from hal.display import DisplayPage, DisplaySetup, display
from hal.driver import Driver
from hal.sample import BAD

Answer = TypeVar("Answer")


def moved_today(engine: Engine) -> dict[str, float]:
    """Return what each meter moved today; one of which nothing is known is not in it."""
    totals = engine.part(Totals)
    moved = {
        point.id: totals.moved(point.id, "day")
        for point in engine.points.values()
        if isinstance(point, Counter) and point.spec.unit not in NO_METER
    }
    return {point: today for point, today in moved.items() if today is not None}


class Told(Generic[Answer]):
    """What the station said last; each call asks it for what the next one gives, and waits for nothing."""

    def __init__(self, post: Callable[[Question], None], ask: Callable[[Engine], Answer]) -> None:
        self._post = post
        self._ask = ask
        self._last: Answer | None = None

    def __call__(self) -> Answer | None:
        """Return the last answer, None before the first."""
        self._post(Question(self._ask, self._keep))
        return self._last

    def _keep(self, found: Answer) -> None:
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
        today: Callable[[], Mapping[str, float] | None],
        links: Mapping[str, Any],
        waiting: Callable[[], int],
        is_kept: Callable[[], bool],
        costs: Callable[[], CostsView | None] = lambda: None,
        is_refused: bool = False,
    ) -> None:
        """`engine` is asked late: the bus of the display is made before it. `today`: what each meter moved."""
        self.settings = settings
        self._shown = shown
        self._engine = engine
        self._clock = clock
        self._today = today
        self._links = links
        self._waiting = waiting
        self._is_kept = is_kept
        self._costs = costs
        self._is_refused = is_refused
        self._zone = ZoneInfo(settings.site.tz)

    def pages(self) -> list[DisplayPage]:
        """Return what is to be shown now."""
        return screen_pages(self.facts(), self.settings.site.lang, self._shown.height)

    def facts(self) -> ScreenFacts:
        """Return what the pages are made of."""
        engine, today = self._engine(), self._today() or {}
        points = engine.points
        return ScreenFacts(
            site=self.settings.site.name,
            local=datetime.fromtimestamp(self._clock.utc_ms() / 1000, self._zone),
            is_dated=is_dated(self._clock.trust()),
            today=[
                Figure(self._name(point), today.get(point.id), point.spec.unit)
                for point in points.values()
                if isinstance(point, Counter) and point.spec.unit not in NO_METER
            ],
            points=[self._figure(points[name]) for name in self._shown.points if name in points],
            alarms=self._alarms(engine),
            costs=self._costs(),
            link=self._link(),
            waiting=self._waiting(),
            is_kept=self._is_kept(),
            is_refused=self._is_refused,
        )

    def _link(self) -> str:
        """Return the state of the first link, but where another box uses this one's id, that."""
        found = [link.status() for link in self._links.values()]
        if any("duplicate_id" in status["problems"] for status in found):
            return "duplicate_id"
        return next((str(status["state"]) for status in found), "")

    def _name(self, point: Point) -> str:
        names = point.spec.name
        return names.get(self.settings.site.lang) or names.get("en") or next(iter(names.values()), point.id)

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
            if not alarm.active or alarm.silence or limit is None or point is None:
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

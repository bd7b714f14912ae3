"""A box that needs no hardware for the tests of whoever asks it: the site of the drafts, behind the real local API."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from edge.core.alarm_view import AlarmView
from edge.core.commands import Command, Result
from edge.core.facts import PointFacts
from edge.core.journal_page import JournalPage, Wanted
from edge.core.output_view import OutputView
from edge.core.reload import ReloadReport
from edge.core.series import HistoryReader, JournalLine
from edge.core.text import Text
from edge.core.view import LimitView, ValueView
from edge.web.api import ApiServer
from tests.memory_history import MemoryHistory

NOW_MS = 1_795_188_007_000  # Friday 20 November 2026, 16:20:07 in Paris


def value(point: str, kind: str, unit: str, number: Any, *limits: LimitView, **more: Any) -> ValueView:
    """Return a good value one second old, or what `more` says of it."""
    facts: dict[str, Any] = {"word": "", "quality": "good", "reason": "", "age_s": 1.0, "name": {}, "place": ""} | more
    return ValueView(point=point, kind=kind, unit=unit, value=number, limits=list(limits), **facts)


def draft_values(t_s: float = 0.0) -> list[ValueView]:
    """Return the site's points; with another t_s the gauges have moved on."""
    wave = math.sin(t_s / 7)
    hot = LimitView("boiler.hot", "high", 85.0, active=True)
    warm = LimitView("return.hot", "high", 70.0, pending=True)
    meters = [
        value(f"meter.{n:02}.index", "counter", "kWh", round(1000.25 * n + t_s / 3600 * n, 3), age_s=1.0 + n % 5)
        for n in range(1, 17)
    ]
    return [
        value("tic.index.hc", "counter", "kWh", round(14253.681 + t_s / 2000, 3), name={"en": "Off-peak index"}),
        value("tic.papp", "gauge", "VA", 1780 + round(400 * wave), LimitView("overload", "high", 9000.0)),
        value("tic.ptec", "text", "", "HC.."),
        value("boiler.flow", "gauge", "Cel", round(92.5 + 2 * wave, 3), hot),
        value("boiler.return", "gauge", "Cel", round(61.2 - wave, 3), warm),
        value(
            "t.cellar", "gauge", "Cel", None, LimitView("cellar.lost", "fault", active=True),
            quality="bad", reason="no_answer", age_s=184.0, name={"en": "Cellar", "fr": "Cave"}, place="cellar",
        ),
        value("water.cold", "counter", "m3", round(482.137 + t_s / 60_000, 3), age_s=6.0),
        value("water.flow", "gauge", "m3/s", (10 + 5 * wave) / 60_000, LimitView("leak", "high", 0.0005), age_s=6.0),
        value(
            "door.north", "state", "", 0, LimitView("door.open", "equal", 1.0), word="open", age_s=7800.0,
            name={"en": "North door"},
        ),
        value("rh.hall", "gauge", "%RH", 41.0, quality="uncertain", reason="suspect"),
        *meters,
    ]  # fmt: skip


class FakeDesk:
    """Answers as a running box does; counts its acknowledgements and fails when told to."""

    def __init__(self) -> None:
        self.t_s = 0.0
        self.lang = "en"
        self.fails: Exception | None = None
        self.box_fails: Exception | None = None
        self.orders: list[Command] = []
        self.link: dict[str, Any] = {
            "link": "mqtt", "state": "up", "code": "", "problems": [],
            "since_utc_ms": NOW_MS - 900_000, "last_ack_utc_ms": NOW_MS - 2000,
        }  # fmt: skip
        self.waiting = 0
        self.acknowledged: set[int] = set()
        self.more: list[ValueView] = []
        self.lines: list[JournalLine] = []
        self.journal_asked: list[tuple[int | None, int, Wanted]] = []
        self.past = MemoryHistory(ZoneInfo("Europe/Paris"))
        self.known: list[PointFacts] = []
        self.strangers: list[dict[str, Any]] = []
        self.relays: list[OutputView] = []
        self.views: dict[str, Any] = {}

    def box(self) -> dict[str, Any]:
        """Return who this box is; raises what the test asked for."""
        if self.box_fails is not None:
            raise self.box_fails
        return {
            "id": "b0042", "site": {"name": "Gymnase Sud", "tz": "Europe/Paris", "lang": self.lang}, "version": "0.1.0",
            "boot": 3, "started_utc_ms": NOW_MS - 3_900_000, "settings_utc_ms": NOW_MS - 3_900_000,
            "utc_ms": NOW_MS + round(self.t_s * 1000), "clock": "ntp",
            "demo": True, "readings": 101_400, "records": 1690,
        }  # fmt: skip

    def view(self, name: str) -> Any:
        """Return a view of the engine; those that no method makes are what the test gave."""
        return getattr(self, name)() if name in {"values", "outputs", "alarms"} else self.views.get(name, [])

    def values(self) -> list[ValueView]:
        """Return all points; raises what the test asked for."""
        if self.fails is not None:
            raise self.fails
        return draft_values(self.t_s) + self.more

    def outputs(self) -> list[OutputView]:
        """Return the outputs that the test gave it."""
        return self.relays

    def alarms(self) -> list[AlarmView]:
        """Return the boiler's and the cellar's alarm."""
        boiler = AlarmView(
            number=12, limit="boiler.hot", point="boiler.flow", kind="high", priority="high", diagnosis="overheating",
            unit="Cel", at=85.0, value=92.5, peak=93.75, since_utc_ms=NOW_MS - 907_000, active=True,
            acknowledged=12 in self.acknowledged,
        )  # fmt: skip
        cellar = AlarmView(
            number=11, limit="cellar.lost", point="t.cellar", kind="fault", priority="low", diagnosis="", unit="Cel",
            at=None, value=None, peak=None, since_utc_ms=NOW_MS - 184_000, active=True, acknowledged=True,
        )  # fmt: skip
        return [boiler, cellar]

    def time(self) -> dict[str, Any]:
        entry = {"boot": 3, "at_ms": 1000, "utc_ms": NOW_MS - 3_900_000, "source": "ntp"}
        return {
            "utc_ms": NOW_MS, "source": "ntp", "age_s": 4.0, "error_ms": 50, "machine_off_ms": 0, "boot": 3,
            "floor": {"utc_ms": NOW_MS - 86_400_000, "from": "log"},
            "sources": [
                {"source": "ntp", "witness": "timesyncd", "verdict": "used", "age_s": 4.0, "off_ms": 0, "error_ms": 50},
                {"source": "tic", "witness": "tic", "verdict": "worse", "age_s": 1.0, "off_ms": -1200,
                 "error_ms": 2000},
            ],
            "entries": [entry], "steps": [{**entry, "step_ms": -3_720_000, "before": NOW_MS}],
        }  # fmt: skip

    def buffer(self) -> dict[str, Any]:
        """Return two logs and one link."""
        return {
            "records": {
                "stream": "9f3c21aa", "first": 40_001, "next": 48_214 + self.waiting, "acknowledged": {"mqtt": 48_213},
                "waiting": self.waiting, "bytes": 4_194_304, "degraded": "",
            },
            "events": {
                "stream": "0c77d1e2", "first": 1, "next": 32, "acknowledged": {"mqtt": 31}, "waiting": 0,
                "bytes": 65_536, "degraded": "",
            },
            "links": {"mqtt": dict(self.link)},
        }  # fmt: skip

    def reload(self) -> ReloadReport:
        """Return that nobody asked yet."""
        return ReloadReport()

    def backup(self) -> dict[str, Any]:
        """Return that there is one."""
        return {"box": "b0042"}

    def journal(self, before: int | None, limit: int, wanted: Wanted) -> JournalPage:
        """Return a page of the lines that the test put there."""
        self.journal_asked.append((before, limit, wanted))
        if self.fails is not None:
            raise self.fails
        lines = [line for line in reversed(self.lines) if before is None or line.seq < before]
        lines = [line for line in lines if not wanted.kinds or line.kind in wanted.kinds | {"gap"}]
        lines = [line for line in lines if line.seq > wanted.after]
        newest = self.lines[-1].seq if self.lines else 0
        return JournalPage("0c77d1e2", lines[:limit], lines[limit - 1].seq if len(lines) > limit else None, newest)

    def explain(self, point: str) -> dict[str, Any]:
        """Return the cellar's broken probe, or a bare point; raises KeyError for an unknown one."""
        found = {view.point: view for view in self.values()}[point]
        wire = {
            "bus": "onewire", "device": "28-3c01f0950a21", "driver": "ds18b20", "options": {"resolution": 12},
            "is_open": False, "fault": "DS18B20 28-3c01f0950a21: no answer; check data wire and pull-up",
            "sample": {"point": point, "t_ns": 1, "value": None, "quality": 2, "reason": "no_answer"},
            "raw": "50 05 4b 46 7f ff 0c 10 1c",
            "recording": {
                "utc_ms": NOW_MS - 184_000, "point": point, "reason": "no_answer", "entries": [
                    {"utc_ms": NOW_MS - 186_000, "device": "28-3c01f0950a21", "hex": "91014b467fff0c101c"},
                    {"utc_ms": NOW_MS - 185_000, "device": "28-3c01f0950a99", "hex": "343320743d32353036320a"},
                ],
            },
        }  # fmt: skip
        rules = {"scale": 1.0, "offset": 0.0, "low": -55.0, "period_ms": 1000, "record_ms": 60_000, "stale_ms": 5000}
        return {"wire": wire if point == "t.cellar" else {}, "rules": rules, "value": found}

    def buses(self) -> list[dict[str, Any]]:
        """Return one bus whose only device is lost."""
        device = {
            "device": "28-3c01f0950a21", "driver": "ds18b20", "points": ["t.cellar"], "is_open": False,
            "fault": "DS18B20 28-3c01f0950a21: no answer; check data wire and pull-up", "reason": "no_answer",
            "reads": 90, "bad": {"no_answer": 12},
        }  # fmt: skip
        bus = {"bus": "onewire", "kind": "onewire", "is_open": False, "errors": 12, "devices": [device]}
        return [{**bus, "unknown": self.strangers}]

    def history(self) -> HistoryReader:
        """Return what the test put into the past; raises what the test asked for."""
        if self.fails is not None:
            raise self.fails
        return self.past

    def facts(self) -> list[PointFacts]:
        """Return what the test says of the points."""
        return self.known

    def order(self, command: Command) -> Result:
        """Acknowledge, once."""
        self.orders.append(command)
        waiting = {12} - self.acknowledged
        number = command.args.get("number")
        wanted = waiting if number is None else {number}
        if not wanted & waiting:
            text = Text("ack_nothing") if number is None else Text("ack_none", {"number": number})
            return Result(command.id, done=False, text=text)
        self.acknowledged |= wanted
        return Result(command.id, done=True, text=Text("ack_done", {"numbers": sorted(wanted)}))


@contextlib.contextmanager
def serving(desk: FakeDesk, path: Path) -> Iterator[Path]:
    """Serve the desk on this socket for as long as the block lasts."""
    server = ApiServer(desk, path)
    server.open()
    thread = threading.Thread(target=server.run, name="api")
    thread.start()
    try:
        yield path
    finally:
        server.close()
        thread.join(5)

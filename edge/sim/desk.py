"""A simulated site as the desk of a running box: what reports and views ask, answered in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from edge.core.engine import Engine
from edge.core.facts import PointFacts
from edge.core.journal_page import JournalPage, Wanted
from edge.core.series import HistoryReader
from edge.core.views import VIEWS
from edge.runtime.desk import journal_of
from edge.settings.facts import point_facts
from edge.sim.simulation import Simulation

Answer = TypeVar("Answer")


class SimDesk:
    """Asks a simulation what `edge.runtime.desk.RunningBox` asks a station."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim

    def box(self) -> Mapping[str, Any]:
        """Return who it is and what time it is."""
        site = self.sim.settings.site
        return {
            "id": self.sim.settings.box.id, "site": {"name": site.name, "tz": site.tz, "lang": site.lang},
            "version": "0.1.0", "utc_ms": self.sim.clock.utc_ms(), "clock": self.sim.clock.trust(),
        }  # fmt: skip

    def ask(self, question: Callable[[Engine], Answer]) -> Answer:
        """Ask the engine."""
        return question(self.sim.station.engine)

    def view(self, name: str) -> Any:
        """Return a view."""
        now_ms = self.sim.clock.monotonic_ns() // 1_000_000
        return VIEWS[name](self.sim.station.engine, now_ms, self.sim.dating)

    def buffer(self) -> Mapping[str, Any]:
        """Return what the logs hold; there is no link."""
        return {"records": {"next": self.sim.records.next_seq(), "acknowledged": {}, "degraded": ""}, "links": {}}

    def facts(self) -> list[PointFacts]:
        """Return the points."""
        return point_facts(self.sim.settings)

    def history(self) -> HistoryReader:
        """Return the past."""
        if self.sim.history is None:
            raise LookupError("no history is kept")
        return self.sim.history

    def journal(self, before: int | None, limit: int, wanted: Wanted) -> JournalPage:
        """Return a page of the journal."""
        history = self.history() if self.sim.history else None
        return journal_of(self.sim.settings, self.sim.events, self.sim.dating, history).page(before, limit, wanted)

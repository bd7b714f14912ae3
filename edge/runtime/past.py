"""What a running box tells of its past: its history, and what the notebook and the settings know of each point."""

from __future__ import annotations

from collections.abc import Callable

from edge.core.facts import PointFacts, noted
from edge.core.series import HistoryReader
from edge.settings.facts import point_facts
from edge.settings.model import Settings
from edge.store.notebook import Notebook


class Past:
    """History beside the facts of its points. Any thread may ask."""

    def __init__(
        self, settings: Settings, notebook: Notebook, history: HistoryReader | None, degraded: Callable[[], str]
    ) -> None:
        """`degraded` says why the notebook can't be kept, or nothing."""
        self.degraded = degraded
        self.settings = settings
        self._notebook = notebook
        self.reader = history
        """History, None where none is kept."""

    def history(self) -> HistoryReader:
        """Return what answers about the past; raises LookupError with why when nothing does."""
        if self.reader is None:
            raise LookupError("this box keeps no history")
        return self.reader

    def facts(self) -> list[PointFacts]:
        """Return the points of the settings, with the calibrations and serial numbers that were written down."""
        return noted(point_facts(self.settings), self._notebook.calibrations(), self._notebook.inventory())

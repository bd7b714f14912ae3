"""The settings file read again while the box runs: checked as a whole, then only what changed restarts.

In this order, so that a fault leaves everything as it was and no reading meets settings that it was not made under:
the file is checked; all that is new is made and tried; old devices are closed; the station, between two cycles, goes
over; new devices are opened; the link's documents follow. What is on the card changes by ordinary batches: after a
power cut at any instant the box starts with the file as it is then.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from edge.core.clock import Clock
from edge.core.commands import Command, Result
from edge.core.engine import Engine
from edge.core.reload import Reload, ReloadReport
from edge.core.replacing import Site
from edge.core.text import Text
from edge.core.types import Event
from edge.runtime.changing_buses import ChangingBuses
from edge.runtime.outputs import has_same_pins
from edge.runtime.station import Order, Station
from edge.runtime.trying_out import SettingsText, T, tried_out
from edge.settings.differing import Difference, difference
from edge.settings.faults import SettingsError
from edge.settings.load import load, loads
from edge.settings.model import Settings

SIGNAL: Final = "signal"
"""The channel of SIGHUP."""
BACK: Final = "undo"
"""The channel of settings that are taken back."""
FAULTS_TOLD: Final = 10
NAMES_TOLD: Final = 200  # characters of a list of names in the journal

log = logging.getLogger(__name__)


class Changeable(Protocol):
    """The box, as far as it can be given other settings."""

    station: Station
    clock: Clock

    @property
    def settings(self) -> Settings:
        """The settings in force."""

    @property
    def known_points(self) -> Mapping[str, tuple[str, str]]:
        """Kind and unit of each point that this start has had."""

    def buses_for(self, after: Settings) -> ChangingBuses:
        """Return what of the buses changes; nothing is touched."""

    def site_for(self, after: Settings, reopened: set[str]) -> Site:
        """Return what the engine takes, tried on another engine. Raises whatever does not work."""

    def take(self, after: Settings, buses: ChangingBuses, swap: Callable[[], None]) -> None:
        """Go over to other settings; `swap` lets the station do so, between old devices and new ones."""

    def go_over(self, site: Site, after: Settings) -> None:
        """Let the engine and the outputs change; on the station's thread."""

    def note_read(self) -> None:
        """Take note that the file says what is in force."""

    def tell(self, events: list[Event], after: Settings | None = None) -> None:
        """Put events into the journal; with other settings also what differs, and remember these as in force."""

    def once(self, name: str, task: Callable[[], None]) -> bool:
        """Run a task on a thread of its own; return False while one of that name runs."""

    def ask(self, task: Callable[[Engine], T]) -> T:
        """Return what this gives on the station's thread, between two cycles. Raises what it raises."""

    def await_durable(self) -> None:
        """Return once all that was posted to the card is on it. Raises OSError when it isn't in time."""


class Reloading:
    """Carries out orders to reload, one at a time; `report` is what became of the last."""

    def __init__(self, box: Changeable, config: Path | None) -> None:
        self._box = box
        self._config = config
        self.report = ReloadReport()
        self._lock = threading.Lock()
        self._turn = 0
        self._changing = threading.Lock()
        """Held while settings change: those that are taken back have a thread of their own."""
        self._is_busy = False
        self._next: Command | None = None
        """A signal that came while a reload ran: the file may have changed after it was read."""
        self._read = SettingsText.of_file(config)
        """What the file held when it was last read."""
        self._in_force = self._read
        box.station.engine.commands.on("reload", self.begin)
        box.station.engine.commands.on_trial.on("reload", self.take_back)

    def ask(self, author: str, channel: str, number: int) -> None:
        """Order a reload as a signal does; any thread may ask."""
        command = Command(f"{channel}-{number}", "reload", {}, author, channel, "configure")
        self._box.station.post(Order(command, lambda _result: None))

    def begin(self, command: Command, args: Reload) -> Result:
        """Begin to reload, on a thread of its own; on the station's thread, which must not wait for files and buses."""
        if self._config is None:
            self.report = ReloadReport(command.id, "no_file")
            return Result(command.id, done=False, text=Text("reload_no_file"))
        with self._lock:
            if self._is_busy and command.channel == SIGNAL:
                self._next = command
                return Result(command.id, done=True, text=Text("reload_begun"))
            if self._is_busy:
                return Result(command.id, done=False, text=Text("reload_busy"))
            self._is_busy, self._turn = True, self._turn + 1
        before, self.report = self.report, ReloadReport(command.id, "running", str(self._config))
        # the thread before may still be on its way out, the one before that is not
        if not self._box.once(f"reload-{self._turn % 2}", partial(self._run, command, self._config, args.check)):
            self.report, self._is_busy = before, False
            return Result(command.id, done=False, text=Text("reload_busy"))
        return Result(command.id, done=True, text=Text("reload_begun"))

    def take_back(self, noted: Any) -> bool:
        """Begin to go back to the settings before an order from afar, which nobody kept; False: it is nothing any more.

        `noted` is what `_try_out` noted, maybe before a restart. On the station's thread. The file stays as it is: what
        is wrong in it is its author's to mend, and until then these settings go before it, also at a start.
        """
        before = SettingsText.of_note(noted)
        if before is None or self._read is None or self._read.sum != noted["file"]:
            return False
        return self._box.once("reload-back", partial(self._go_back, before))

    def _go_back(self, before: SettingsText) -> None:
        command = Command("taken-back", "reload", channel=BACK)
        try:
            with self._changing:
                self._go_over(loads(before.text), command)
                self._in_force = before
        except Exception as exc:  # a bug: what runs goes on, and the journal says so
            log.exception("the settings before could not be taken again")
            self._journal("reload_refused", command, {"state": "failed", "text": f"{type(exc).__name__}: {exc}"})

    def _run(self, command: Command, config: Path, is_trial: bool) -> None:  # noqa: FBT001 - of the order
        """Reload, and again while signals came meanwhile."""
        while True:
            self.report = self._reported(command, config, is_trial=is_trial)
            with self._lock:
                if self._next is None:
                    self._is_busy = False
                    return
                command, is_trial, self._next = self._next, False, None

    def _reported(self, command: Command, config: Path, *, is_trial: bool) -> ReloadReport:
        report = ReloadReport(command.id, "failed", str(config))
        try:
            with self._changing:
                report = self._reload(command, report, config, is_trial=is_trial)
        except Exception as exc:  # a bug: the old settings run on, and whoever asked hears of it
            log.exception("the settings could not be reloaded")
            report = msgspec.structs.replace(report, why=f"{type(exc).__name__}: {exc}")
            self._journal("reload_refused", command, {"state": "failed", "text": report.why})
        return report

    def _reload(self, command: Command, report: ReloadReport, config: Path, *, is_trial: bool) -> ReloadReport:
        box, read = self._box, SettingsText.of_file(config)
        replaced = partial(msgspec.structs.replace, report)
        try:
            after = load(config)
        except SettingsError as exc:
            lines = _told(exc, box.settings.site.lang)
            told = [f"{head}: {why.strip()}" for head, why, *_more in lines]
            log.error("the settings of %s are refused and the last good ones go on: %s", config, "; ".join(told))
            if not is_trial:
                text = "; ".join(told[:FAULTS_TOLD])
                self._journal("reload_refused", command, {"state": "faults", "count": len(told), "text": text})
            return replaced(state="faults", faults=["\n".join(each) for each in lines])
        found = difference(box.settings, after, box.known_points)
        named = partial(
            replaced, added=found.added, removed=found.removed, changed=[change.key for change in found.changed],
            restart=found.restart,
        )  # fmt: skip
        if found.restart:
            if not is_trial:
                self._journal("reload_refused", command, {"state": "restart", "text": _short(found.restart)})
            return named(state="restart")
        buses = box.buses_for(after)
        reopened = buses.reopened | _moved_outputs(box.settings, after)
        site = box.site_for(after, reopened)
        if box.settings == after:
            self._read = self._in_force = read
            box.note_read()
            return named(state="unchanged")
        if is_trial:
            return named(state="checked", reopened=sorted(reopened))
        with tried_out(box, command, self._in_force, read):
            self._take(after, command, found, buses, site)
        self._read = self._in_force = read
        box.note_read()
        return named(state="done", reopened=sorted(reopened))

    def _go_over(self, after: Settings, command: Command) -> None:
        box = self._box
        found = difference(box.settings, after, box.known_points)
        buses = box.buses_for(after)
        reopened = buses.reopened | _moved_outputs(box.settings, after)
        self._take(after, command, found, buses, box.site_for(after, reopened))

    def _take(self, after: Settings, command: Command, found: Difference, buses: ChangingBuses, site: Site) -> None:
        """Go over to other settings that were tried, and say so."""
        box = self._box
        box.take(after, buses, lambda: box.ask(lambda _engine: box.go_over(site, after)))
        box.tell([self._event("reload", command, _counted(found))], after)
        log.info("settings reloaded: %s", ", ".join(f"{name} {value}" for name, value in _counted(found).items()))

    def _journal(self, kind: str, command: Command, values: Mapping[str, Any]) -> None:
        self._box.tell([self._event(kind, command, values)])

    def _event(self, kind: str, command: Command, values: Mapping[str, Any]) -> Event:
        who = {"author": command.author, "channel": command.channel}
        values = {**values, **{name: word for name, word in who.items() if word}}
        return Event(kind, self._box.clock.monotonic_ns() // 1_000_000, "", values)


def _told(error: SettingsError, lang: str) -> list[list[str]]:
    from edge.settings.report import fault_lines  # read only when there is something to say

    return [fault_lines(error.name, fault, lang) for fault in error.faults]


def _moved_outputs(before: Settings, after: Settings) -> set[str]:
    """Return the outputs whose pins are others, new ones among them."""
    known = {output.id: output for output in before.outputs}
    return {
        output.id for output in after.outputs if output.id not in known or not has_same_pins(known[output.id], output)
    }


def _counted(found: Difference) -> dict[str, Any]:
    """Return how much came, went and changed, with the names as far as they fit."""
    changed = sorted({change.key.rpartition(".")[0] for change in found.changed})
    sets = {"added": found.added, "removed": found.removed, "changed": changed}
    return {name: _short(names) for name, names in sets.items() if names}


def _short(names: list[str]) -> str:
    text = ", ".join(names)
    return text if len(text) <= NAMES_TOLD else f"{text[: NAMES_TOLD - 1]}…"

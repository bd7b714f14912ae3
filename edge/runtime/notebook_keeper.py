"""The worker that brings the notebook up to date and saves it: nobody waits for the card here.

Once the start is durable, each hour, within a minute after an alarm or an acknowledgement, and at the end. A card that
can't be written is a state (`degraded`) and tried again; what was to be written waits in memory.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec

from edge.core import limit_values, tariff_book
from edge.core.clock import DATED_FROM, TRUST, Clock, Dating
from edge.core.engine import Engine
from edge.core.notes import Acknowledgement, Calibration, Device, Moment, RegisterCopy
from edge.core.types import NEVER, Event
from edge.runtime.compared import Compared, serial_of
from edge.runtime.made_settings import is_copied, made_settings
from edge.runtime.recalled import NOT_COPIED
from edge.store.log import Log
from edge.store.notebook import Notebook
from hal.sample import BAD

EACH_S: Final = 3600.0
SOON_S: Final = 30.0  # alarms come in floods: their copy waits for more of them
BACK_OFF_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
CHUNK: Final = 500
WATCHED: Final = ("alarms", limit_values.REGISTER, tariff_book.REGISTER)
"""Registers whose change is copied soon."""

log = logging.getLogger(__name__)


class NotebookKeeper:
    """Keeps the notebook of a running box. `wake` is rung when there is something to do soon."""

    name = "notebook"

    def __init__(
        self, notebook: Notebook, records: Log[Any], events: Log[Event], clock: Clock, dating: Dating,
        *, engine: Engine,
    ) -> None:  # fmt: skip
        self.wake: Callable[[], None] = lambda: None
        self.degraded = notebook.refused
        """Empty, or why the notebook is not saved."""
        self._notebook = notebook
        self._records = records
        self._events = events
        self._clock = clock
        self._dating = dating
        self._engine = engine
        self._accepted: Compared | None = None
        self._watched = self._looked_at()
        self._is_alarmed = False
        self._due_s: float = NEVER
        self._failures = 0
        copy = notebook.registers()
        is_known = copy is not None and copy.streams.get("events") == events.stream
        self._next_event = copy.next.get("events", 1) if copy is not None and is_known else 1

    # -- the writer's thread

    def accept(self, found: Compared) -> None:
        """Take what this start found, now that its events are durable."""
        self._accepted = found
        self.wake()

    def look(self) -> None:
        """See, after each commit, whether alarms, acknowledgements, values of limits or prices changed."""
        found = self._looked_at()
        if any(one is not other for one, other in zip(found, self._watched, strict=True)):
            self._watched, self._is_alarmed = found, True
            self.wake()

    def _looked_at(self) -> list[Any]:
        return [self._events.registers.get(name) for name in WATCHED]

    # -- its own thread

    def filenos(self) -> list[int]:
        """No descriptor wakes it."""
        return []

    def step(self, now_s: float) -> float:
        """Bring up to date and save when that is due; return when to be called at the latest."""
        accepted, self._accepted = self._accepted, None
        if accepted is not None:
            accepted.accept(self._notebook)
            self._due_s = now_s
        if self._is_alarmed:
            self._is_alarmed = False
            self._due_s = min(self._due_s, now_s + SOON_S)
        if now_s >= self._due_s:
            self._due_s = now_s + (EACH_S if self._save() else self._back_off_s())
        return self._due_s

    def close(self) -> None:
        """Write what is there at the end."""
        self._save()

    def _back_off_s(self) -> float:
        self._failures += 1
        return BACK_OFF_S[min(self._failures, len(BACK_OFF_S)) - 1]

    def _save(self) -> bool:
        """Bring up to date and save; return whether that is durable."""
        if self._notebook.refused:
            return True
        try:
            self._update()
            self._notebook.save()
        except OSError as exc:
            why = errno.errorcode.get(exc.errno or 0, "unknown")
            if not self.degraded:
                log.error("the notebook is not saved: %s; it is tried again", exc)
            self.degraded = why
            return False
        if self.degraded:
            log.warning("the notebook is saved again")
        self.degraded, self._failures = "", 0
        return True

    def _update(self) -> None:
        now = self._moment()
        notebook = self._notebook
        notebook.add_acknowledgements(self._new_acknowledgements())
        answering = {name for name, point in self._engine.points.items() if point.quality != BAD}
        registers = self._records.registers
        notebook.put_devices(
            self._seen(device, now, answering, registers.get(f"device/{device.id}")) for device in notebook.inventory()
        )
        notebook.put_calibrations(
            {
                point: [self._dated_calibration(entry) for entry in entries]
                for point, entries in notebook.calibrations().items()
            }
        )
        self._copy_settings()
        events = {name: value for name, value in self._events.registers.items() if name not in NOT_COPIED}
        logs: dict[str, Log[Any]] = {"records": self._records, "events": self._events}
        notebook.set_registers(
            RegisterCopy(
                now, registers, events,
                self.outputs(),
                {name: kept.stream for name, kept in logs.items()},
                {name: kept.next_seq() for name, kept in logs.items()},
            )
        )  # fmt: skip

    def _copy_settings(self) -> None:
        """Bring the settings made by order up to date."""
        made = made_settings(self._events.registers)
        for key in self._notebook.settings():
            if is_copied(key) and key not in made:
                self._notebook.drop_setting(key)
        for setting in made.values():
            self._notebook.put_setting(msgspec.structs.replace(setting, when=self._dated(setting.when)))

    def outputs(self) -> dict[str, bool]:
        """Return of each output whether it is driven to on."""
        return {name: output.level for name, output in self._engine.outputs.by_id.items()}

    def _moment(self) -> Moment:
        return moment(self._clock)

    def _new_acknowledgements(self) -> list[Acknowledgement]:
        found: list[Acknowledgement] = []
        while self._next_event < self._events.next_seq():
            chunk = self._events.read(self._next_event, CHUNK)
            if chunk.gap is not None:
                self._next_event = chunk.gap.last + 1
                continue
            if not chunk.entries:
                break
            found += [_acknowledgement(event, chunk.boot) for event in chunk.entries if event.kind == "alarm_ack"]
            self._next_event = chunk.first + len(chunk.entries)
        return [msgspec.structs.replace(ack, when=self._dated(ack.when)) for ack in found]

    def _seen(self, device: Device, now: Moment, answering: set[str], memory: Any) -> Device:
        is_seen = device.gone is None and not answering.isdisjoint(device.points)
        last = now if is_seen else device.last
        return msgspec.structs.replace(
            device,
            first=self._dated(device.first),
            last=None if last is None else self._dated(last),
            gone=None if device.gone is None else self._dated(device.gone),
            serial=(serial_of(memory) if device.gone is None else "") or device.serial,
        )

    def _dated_calibration(self, entry: Calibration) -> Calibration:
        return msgspec.structs.replace(entry, since=self._dated(entry.since))

    def _dated(self, when: Moment) -> Moment:
        """Return the instant with its UTC, where that has become known."""
        entry = None if when.utc_ms is not None else self._dating.entry(when.boot, when.at_ms)
        if entry is None:
            return when
        return Moment(when.boot, when.at_ms, entry.utc_ms + when.at_ms - entry.at_ms, entry.source)


def moment(clock: Clock) -> Moment:
    """Return the present instant, with its UTC where the clock can be trusted."""
    at_ms, trust = clock.monotonic_ns() // 1_000_000, clock.trust()
    is_trusted = TRUST.index(trust) >= DATED_FROM
    return Moment(clock.boot, at_ms, clock.utc_ms() if is_trusted else None, trust if is_trusted else "")


def _acknowledgement(event: Event, boot: int) -> Acknowledgement:
    values = event.values
    when = Moment(boot, event.at_ms)
    return Acknowledgement(
        values.get("id", 0), values.get("limit", ""), event.point, when,
        values.get("author", ""), values.get("channel", ""),
    )  # fmt: skip

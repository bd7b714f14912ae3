"""A site with outputs, setpoints, programs and rules in virtual time: from its file, through the registry of orders.

What the engine wants kept goes frame by frame, as the logs keep it: a power cut loses what is in no frame.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from edge.core.commands import Command, Result, Right
from edge.core.engine import Engine
from edge.core.outputs import OutputList
from edge.core.read_back import ReadBack
from edge.core.types import Event, Record
from edge.settings.load import loads
from edge.settings.site_parts import site_parts
from edge.settings.specs import output_specs, specs
from hal.sample import BAD, GOOD, Cycle, Sample

HEAD = """\
[box]
id = "b0042"
[site]
name = "Gymnase Sud"
tz = "Europe/Paris"
[bus.gpio]
kind = "gpio"
[bus.w1]
kind = "onewire"
[[point]]
id = "hall.t"
bus = "w1"
driver = "ds18b20"
probe = "28-3c01f0950a21"
period_s = 10
record_s = 60
min = -30
max = 80
[[output]]
id = "heater"
bus = "gpio"
pin = 5
[[output]]
id = "valve"
bus = "gpio"
pin = 6
"""

loaded = cache(loads)
"""Settings are never changed: the same text is read once."""


class Site:
    """One start of the box; `restart` gives the next."""

    def __init__(
        self, toml: str = "", at: str = "2026-11-20 06:00", *, head: str = HEAD, boot: int = 1, now_ms: int = 1000,
        frames: list[dict[str, Any]] | None = None, is_dated: bool = True,
    ) -> None:  # fmt: skip
        self.toml, self.head = toml, head
        self.settings = loaded(head + toml)
        self.zone = ZoneInfo(self.settings.site.tz)
        self.frames = list(frames or [])
        """The registers of each frame of the events' log."""
        self.records_registers: dict[str, Any] = {}
        saved: dict[str, Any] = {}
        for frame in self.frames:
            saved.update(msgspec.json.decode(msgspec.json.encode(frame)))
        points, limits = specs(self.settings)
        offset_ms = self.utc_ms(at) - now_ms
        self.engine = Engine(
            points, limits, boot=boot, now_ms=now_ms, utc_offset_ms=offset_ms, zone=self.zone, is_dated=is_dated,
            saved_events=saved,
            outputs=OutputList(
                output_specs(self.settings), boot=boot, now_ms=now_ms, saved=saved.get("outputs"),
                utc_of=lambda _boot, _at_ms: None, utc_offset_ms=offset_ms,
            ),
            parts=site_parts(self.settings, {}, saved),
        )  # fmt: skip
        self.now_ms = now_ms
        self.records: list[Record] = []
        self.events: list[Event] = []
        self.switched: list[tuple[str, str, bool]] = []
        """(local time, output, level) of each switching."""
        self.temperature: float | None = None
        self.asked = 0
        self.go(0)

    def utc_ms(self, at: str) -> int:
        return round(datetime.fromisoformat(at).replace(tzinfo=self.zone).timestamp()) * 1000

    @property
    def local(self) -> str:
        """The local time with its offset."""
        utc_ms = self.now_ms + self.engine.utc_offset_ms
        return f"{datetime.fromtimestamp(utc_ms / 1000, self.zone):%Y-%m-%d %H:%M:%S%z}"

    def settle(self) -> None:
        """Do what the station does in a step: time, pins, what is to be kept."""
        engine = self.engine
        for _ in range(4):
            engine.tick(self.now_ms)
            for name, level in engine.outputs.to_switch():
                self.switched.append((self.local[:19], name, level))
            due = engine.outputs.to_read(self.now_ms)
            if due:
                levels = {name: engine.outputs.by_id[name].level for name in due}
                engine.read_back({name: ReadBack(level) for name, level in levels.items()}, self.now_ms)
            actions = engine.take_actions()
            self.records += actions.records
            self.events += actions.events
            if actions.event_registers:
                self.frames.append(actions.event_registers)
            if engine.next_due_ms() > self.now_ms:
                break

    def go(self, seconds: float, step_s: float = 10.0) -> None:
        """Let time pass; the probe is read each step, where it has a value to give or to miss."""
        until_ms = self.now_ms + round(seconds * 1000)
        while True:
            self.settle()
            if self.now_ms >= until_ms:
                return
            self.now_ms = min(self.now_ms + round(step_s * 1000), until_ms)
            if self.temperature is not None:
                self.read(self.temperature)

    def until(self, at: str, step_s: float = 10.0) -> None:
        """Let time pass until this local time."""
        self.go((self.utc_ms(at) - self.engine.utc_offset_ms - self.now_ms) / 1000, step_s)

    def jump(self, at: str) -> None:
        """Let time pass from one thing that is due to the next."""
        until_ms = self.utc_ms(at) - self.engine.utc_offset_ms
        while self.now_ms < until_ms:
            self.settle()
            self.now_ms = min(max(self.now_ms + 1, round(min(self.engine.parts.due_ms, until_ms))), until_ms)
        self.settle()

    def read(self, value: float | None, point: str = "hall.t", why: str = "no_answer") -> None:
        """Hand over one reading of a point."""
        sample = Sample(
            point, self.now_ms * 1_000_000, value, BAD if value is None else GOOD, why if value is None else ""
        )
        self.engine.handle(Cycle("b", self.now_ms * 1_000_000, [sample]))

    def order(
        self, verb: str, *, key: str = "", author: str = "anna", channel: str = "local", right: Right | None = None,
        proposes: bool = False, **args: Any,
    ) -> Result:  # fmt: skip
        """Give an order, and let the station end its step."""
        self.asked += 1
        id_ = key or f"{self.engine.boot}-{self.asked}"
        result = self.engine.command(Command(id_, verb, args, author, channel, right, proposes), self.now_ms)
        self.settle()
        return result

    def set(self, target: str, value: float | str | None = None, **more: Any) -> Result:
        """Give the order `set`."""
        args = {"target": target} | ({} if value is None else {"value": value})
        return self.order("set", **args, **more)

    def restart(
        self, after_s: float = 60.0, toml: str | None = None, frames: int | None = None, *, is_dated: bool = True
    ) -> Site:
        """Return the next start after a power cut: with what `frames` frames hold (all where it is not given)."""
        utc_ms = self.now_ms + self.engine.utc_offset_ms + round(after_s * 1000)
        at = f"{datetime.fromtimestamp(utc_ms / 1000, self.zone):%Y-%m-%d %H:%M:%S}"
        kept = self.frames if frames is None else self.frames[:frames]
        return Site(
            self.toml if toml is None else toml, at, head=self.head, boot=self.engine.boot + 1, frames=kept,
            is_dated=is_dated,
        )  # fmt: skip

    def told(self, kind: str) -> list[Event]:
        """Return the events of a kind."""
        return [event for event in self.events if event.kind == kind]

    def level(self, output: str) -> bool:
        """Return what an output's pin is driven to."""
        return self.engine.outputs.by_id[output].level

    def value(self, point: str) -> Any:
        """Return the present value of a point."""
        return self.engine.points[point].value

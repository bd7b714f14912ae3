"""A French electricity meter's Téléinfo output on a serial port: a point for each label.

Mode and speed are found without settings and again when they change. What is believed of a value, and when, stands in
`hal.decode.teleinfo.plausible`; an index is shown one frame late, when the next frame has confirmed it. Where several
meters speak on one line, each point says by `meter` which one it means; without that none of their values is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal

import msgspec

from hal.decode.teleinfo.foreign import Strangers, strange_labels
from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.groups import Group
from hal.decode.teleinfo.lineup import Lineup, is_torn, number_of
from hal.decode.teleinfo.memory import Memory
from hal.driver import DriverError
from hal.drivers.teleinfo_meter import MeterView
from hal.drivers.teleinfo_options import TeleinfoOptions, channel
from hal.drivers.teleinfo_port import TicPort
from hal.drivers.teleinfo_tuning import BAUD, Tuning
from hal.sample import Channel, Fix, Notice, Sample, Value

__all__ = ["Teleinfo", "TeleinfoOptions"]

REMEMBER_EACH_MS: Final = 900_000  # indexes are kept to know how low they can't be: now and then is enough
MOST_TRACE: Final = 16_384  # bytes of the wire that wait for who asks for them: a standard meter's 17 s


class LineMemory(Memory):
    """What must survive a restart: of the one meter, or of each that has a number here; how far curves were told."""

    meters: dict[str, Memory] = msgspec.field(default_factory=dict)
    told: dict[str, int] = msgspec.field(default_factory=dict)
    baud: int = 0
    replaced: list[str] = msgspec.field(default_factory=list)


class Teleinfo:
    """The meters on one serial port."""

    bus_kind: ClassVar[str] = "serial"
    Options: ClassVar[type[msgspec.Struct]] = TeleinfoOptions
    one_each: ClassVar[tuple[str, ...]] = ("mode",)
    tick_s: ClassVar[float] = 1.0  # the port is drained this often: the kernel keeps 4 s of a standard meter

    @staticmethod
    def device(options: TeleinfoOptions) -> str:
        """Return the one name that every point of a port shares."""
        return "meter"

    @staticmethod
    def channel(options: TeleinfoOptions) -> Channel:
        """Return what the label's table says: indexes count in Wh and wrap at 10^9, words are states."""
        return channel(options)

    def __init__(self, bus: str, points: Mapping[str, TeleinfoOptions]) -> None:
        """Keep the port's name and the points; open nothing yet."""
        self.port = bus
        self._mode: Literal["auto", "historique", "standard"] = next(
            (options.mode for options in points.values() if options.mode != "auto"), "auto"
        )
        self._tuning = Tuning(self._mode)
        self._decoder = Decoder()
        self._line: TicPort | None = None
        self._meters = {
            number: MeterView({point: each for point, each in points.items() if each.meter == number})
            for number in {options.meter for options in points.values()}
        }
        self._is_shared = any(self._meters)  # somebody knows of several meters, or none would have to be named
        self._by_point = {point: self._meters[options.meter] for point, options in points.items()}
        self._lineup = Lineup()
        self._strangers = Strangers()
        self._notices: list[Notice] = []
        self._said = ("", 0)
        self._said_kind = ""
        self._fix: Fix | None = None
        self._kept = LineMemory()
        self._kept_ms: float | None = None
        self._shape: list[object] = []
        self._trace = b""
        self._has_begun = False
        self._heard: FrameEnd | None = None
        """The last whole frame."""

    def open(self) -> None:
        """Open the port at the speed that worked last. Raises DriverError."""
        self.close()
        self._line = TicPort(self.port, self._tuning.baud)
        self._decoder = Decoder(10_000 / self._tuning.baud)

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Take what the port has, without waiting; return a sample of each due point. Raises DriverError.

        A point on a load curve gets a sample for each of the curve's points that is new.
        """
        if self._line is None:
            raise DriverError(f"Téléinfo on {self.port}: not open", "not_open")
        now_ms = now_ns / 1e6
        for warning in self._line.warnings():
            self._notices.append(Notice(warning, now_ns, {"port": self.port}))
        self._take(self._line.read(), now_ms)
        self._tune(now_ms)
        by_point = self._by_point
        samples = [sample for point in due for sample in by_point[point].samples(point, now_ns)]
        return self._begin(now_ns) + samples

    def _begin(self, now_ns: int) -> list[Sample]:
        """Return, at the first read, 0 for each sum: the station knows a new count by its going down."""
        if self._has_begun:
            return []
        self._has_begun = True
        return [Sample(point, now_ns, 0) for view in self._meters.values() for point in view.sums]

    def notices(self) -> list[Notice]:
        """Return and forget what happened: `tic_mode`, `meter_changed`, `tic_unsupported`, `several_meters`."""
        told, self._notices = self._notices, []
        return told

    def fix(self) -> Fix | None:
        """Return and forget the meter's time of day, as its last sound frame told it."""
        told, self._fix = self._fix, None
        return told

    def condition(self) -> dict[str, Value]:
        """Return mode and speed that are heard, the groups of the last frame, and those since the speed was found.

        Nothing while no meter is heard.
        """
        line, frame = self._line, self._heard
        if line is None or frame is None or not self._tuning.is_found:
            return {}
        decoder = self._decoder
        return {
            "mode": frame.mode, "baud": self._tuning.baud, "frame_ok": len(frame.groups),
            "frame_bad": len(frame.rejected), "groups_ok": decoder.groups_ok,
            "groups_bad": sum(decoder.groups_rejected.copy().values()) - decoder.groups_own,
        }  # fmt: skip

    def trace(self) -> bytes:
        """Return and forget the bytes that came since the last call, the newest 16 KiB of them."""
        seen, self._trace = self._trace, b""
        return seen

    def state(self) -> str | None:
        """Return the meters' identity and indexes as JSON: at once when it is another meter, else each 15 minutes.

        At once also when a point of a load curve was handed over: it must not be told again after a restart.
        """
        heard_ms = max((view.frame_ms for view in self._meters.values() if view.frame_ms is not None), default=None)
        if heard_ms is None:
            return None
        told = {point: utc_s for view in self._meters.values() for point, utc_s in view.told().items()}
        is_due = self._kept_ms is None or heard_ms - self._kept_ms >= REMEMBER_EACH_MS
        shape: list[object] = [(view.judge.shape(), view.replaced) for view in self._meters.values()]
        if not is_due and shape == self._shape and told == self._kept.told:
            return None
        memories = {number: view.judge.memory() for number, view in self._meters.items()}
        one = memories.pop("", Memory())
        replaced = sorted(point for view in self._meters.values() for point in view.replaced)
        memory = LineMemory(one.mode, one.identity, one.indexes, memories, told, self._tuning.baud, replaced)
        self._shape = shape
        if memory == self._kept or not any(each.identity for each in (one, *memories.values())):
            return None
        self._kept, self._kept_ms = memory, heard_ms
        return msgspec.json.encode(memory).decode()

    def restore(self, state: str) -> None:
        """Take back what `state` gave; damaged text is ignored."""
        try:
            memory = msgspec.json.decode(state, type=LineMemory)
        except (msgspec.DecodeError, UnicodeError):
            return
        for number, view in self._meters.items():
            view.restore(memory.meters.get(number, Memory()) if number else memory, memory.told, memory.replaced)
        self._tuning = Tuning(self._mode, memory.baud or (BAUD.get(memory.mode, 0) if memory.mode else 0))
        if memory.mode:  # told before it was unplugged, or the service restarted
            self._said = (memory.mode, BAUD[memory.mode])

    def raw(self, point: str) -> str:
        """Return the group that the point's value comes from, as the meter sent it."""
        shown = self._by_point[point].shown(point)
        return "" if shown is None else shown.group.raw.decode("ascii", "replace")

    def close(self) -> None:
        """Give the port back."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _take(self, seen: bytes, now_ms: float) -> None:
        groups = 0
        if seen:
            self._trace = (self._trace + seen)[-MOST_TRACE:]
            for event in self._decoder.feed(seen, now_ms):
                if isinstance(event, Group):
                    groups += 1
                elif isinstance(event, FrameEnd):
                    if self._strangers.see(event):
                        groups += self._stranger(event)
                    else:
                        self._frame(event)
        self._tuning.heard(groups, now_ms)

    def _frame(self, end: FrameEnd) -> None:
        if not end.groups:
            return
        if end.complete:
            self._heard = end
        number = number_of(end)
        if self._is_shared and (not number or is_torn(end)):
            return  # of several meters nobody knows whose values these are, or whether all of them are one's
        view = self._meters.get(number) if number else None
        if view is None or not number:
            view = self._unnamed(number, end)
        self._decoder.byte_ms = 10_000 / BAUD[end.mode]  # on a pty any speed gives valid groups
        if view is None:
            return
        view.silent_reason = "no_frame"
        for change in view.frame(end):
            values: dict[str, Value] = {"label": change.label, "before": change.before, "after": change.after}
            self._notices.append(Notice("meter_changed", round(end.t_ms * 1e6), values))
        if end.mode == "standard" and end.complete and not end.rejected:
            self._fix = view.fix(end, self._decoder.byte_ms) or self._fix
        said = (end.mode, BAUD[end.mode])
        if self._tuning.is_found and view.judge.mode == end.mode and said != self._said:
            self._said = said
            self._notices.append(Notice("tic_mode", round(end.t_ms * 1e6), {"mode": end.mode, "baud": said[1]}))

    def _unnamed(self, number: str, end: FrameEnd) -> MeterView | None:
        """Return whose frame this is, of the points that name no meter; None where several speak."""
        view = self._meters.get("")
        if view is None:
            return None
        was = self._lineup.several
        numbers = self._lineup.see(number, end.t_ms)
        if not numbers:
            return view
        if not was:
            view.silent_reason = "several_meters"
            view.frame_ms = None
            self._notices.append(
                Notice("several_meters", round(end.t_ms * 1e6), {"numbers": ", ".join(sorted(numbers))})
            )
        return None

    def _stranger(self, end: FrameEnd) -> int:
        """Take note of a frame of a meter that is not read; return how many whole groups it had."""
        kind = self._strangers.kind
        if kind:
            for view in self._meters.values():
                view.silent_reason = "not_supported"
                view.frame_ms = None
            if kind != self._said_kind:
                values: dict[str, Value] = {"meter": kind, "labels": self._strangers.labels()}
                self._notices.append(Notice("tic_unsupported", round(end.t_ms * 1e6), values))
        self._said_kind = kind
        return len(end.groups) + len(strange_labels(end))

    def _tune(self, now_ms: float) -> None:
        before = self._tuning.baud
        baud = self._tuning.next_baud(now_ms)
        if baud != before and self._line is not None:
            self._line.set_baud(baud)
            self._decoder = Decoder(10_000 / baud)

"""A French electricity meter's Téléinfo output on a serial port: one meter a port, a point for each label.

Mode and speed are found without settings and again when they change. What is believed of a value, and when, stands in
`hal.decode.teleinfo.plausible`; an index is shown one frame late, when the next frame has confirmed it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode.teleinfo import fields, labels
from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.groups import Group
from hal.decode.teleinfo.plausible import Judge, Memory
from hal.driver import DriverError
from hal.drivers.teleinfo_port import TicPort
from hal.drivers.teleinfo_tuning import BAUD, Tuning
from hal.sample import BAD, GOOD, UNCERTAIN, Channel, Fix, Notice, Sample, Value

SILENCE_MS: Final = 15_000  # no frame for this long, or for three frames' time, is no_frame
SLOWEST_FRAME_MS: Final = 10_000
ABSENT_MS: Final = 45_000  # an overloaded three-phase meter sends its long frame only each 15 s
FRAMES_TO_MISS: Final = 3  # before a label that never came is called not_sent
REMEMBER_EACH_MS: Final = 900_000  # indexes are kept to know how low they can't be: now and then is enough
MIDDLE_MS: Final = 500  # DATE tells whole seconds, begun ones
DATE_EACH_MS: Final = 10_000  # a time a frame would wake the box for nothing
DATE_ERROR_MS: Final = 2000  # half a second of that, and a frame may tell a time that is a second old
_SENML: Final = {"VAh": ("kVAh", 0.001)}  # RFC 8798 knows kVAh only


class TeleinfoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on a meter."""

    label: Annotated[str, Meta(description="as the meter sends it: PAPP, HCHP, EAST, SINSTS …")]
    mode: Annotated[
        Literal["auto", "historique", "standard"], Meta(description="what to listen for; found by itself with auto")
    ] = "auto"
    field: Annotated[str, Meta(description="one field of STGE (breaker, clock_degraded …) or RELAIS (relay_1 …)")] = ""
    tariff: Annotated[
        str, Meta(description="PME/PMI: of an index, the tariff period whose register is meant: HPE, HCE …")
    ] = ""

    def __post_init__(self) -> None:
        """Refuse labels that no meter sends, and fields that a label does not have. Raises ValueError."""
        found = labels.named(self.label)
        if not found:
            near = difflib.get_close_matches(self.label.upper(), labels.names(), n=1)
            raise ValueError(f"no meter sends the label {self.label!r}" + (f": is it {near[0]!r}?" if near else ""))
        known = [part.name for part in fields.parts(self.label)]
        if self.field and self.field not in known:
            words = f"one of {', '.join(known)}" if known else "only STGE and RELAIS have fields"
            raise ValueError(f"{self.label} has no field {self.field!r}: {words}")
        if self.tariff and not any(label.mode == "pmepmi" and label.role == "index" for label in found):
            raise ValueError(f"{self.label} has one register for all tariffs: leave `tariff` out")


class Teleinfo:
    """The meter on one serial port."""

    bus_kind: ClassVar[str] = "serial"
    Options: ClassVar[type[msgspec.Struct]] = TeleinfoOptions
    tick_s: ClassVar[float] = 1.0  # the port is drained this often: the kernel keeps 4 s of a standard meter

    @staticmethod
    def device(options: TeleinfoOptions) -> str:
        """Return the one name that every point of a port shares."""
        return "meter"

    @staticmethod
    def channel(options: TeleinfoOptions) -> Channel:
        """Return what the label's table says: indexes count in Wh and wrap at 10^9, words are states."""
        label = labels.named(options.label)[0]
        part = _part(options)
        if part is not None:
            return Channel("state", words=part.words)
        if label.words:
            return Channel("state", words=label.words)
        unit, scale = _SENML.get(label.unit, (label.unit, 1.0))
        if label.role == "index" and label.mode != "pmepmi":
            return Channel("counter", unit, wrap=labels.INDEX_WRAP)
        if label.role == "index" and options.tariff:
            return Channel("counter", unit)
        return Channel("gauge" if label.numeric else "text", unit, scale)

    def __init__(self, bus: str, points: Mapping[str, TeleinfoOptions]) -> None:
        """Keep the port's name and the points; open nothing yet."""
        self.port = bus
        self._points = dict(points)
        self._parts = {point: _part(options) for point, options in points.items()}
        self._words = {point: {word: n for n, word in enumerate(_words(o))} for point, o in points.items()}
        self._mode: Literal["auto", "historique", "standard"] = next(
            (options.mode for options in points.values() if options.mode != "auto"), "auto"
        )
        self._tuning = Tuning(self._mode)
        self._judge = Judge()
        self._decoder = Decoder()
        self._line: TicPort | None = None
        self._notices: list[Notice] = []
        self._frame_ms: float | None = None
        self._interval_ms = 0.0
        self._frames = 0
        self._said = ("", 0)
        self._fix: Fix | None = None
        self._told_ms: float | None = None
        self._kept: Memory | None = None
        self._kept_ms: float | None = None

    def open(self) -> None:
        """Open the port at the speed that worked last. Raises DriverError."""
        self.close()
        self._line = TicPort(self.port, self._tuning.baud)
        self._decoder = Decoder(10_000 / self._tuning.baud)

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Take what the port has, without waiting; return a sample of each due point. Raises DriverError."""
        if self._line is None:
            raise DriverError(f"Téléinfo on {self.port}: not open", "not_open")
        now_ms = now_ns / 1e6
        self._take(self._line.read(), now_ms)
        self._tune(now_ms)
        return [self._sample(point, now_ns) for point in due]

    def notices(self) -> list[Notice]:
        """Return and forget what happened: `tic_mode`, `meter_changed`."""
        told, self._notices = self._notices, []
        return told

    def fix(self) -> Fix | None:
        """Return and forget the meter's time of day, as its last sound frame told it."""
        told, self._fix = self._fix, None
        return told

    def state(self) -> str | None:
        """Return the meter's identity and indexes as JSON: at once when it is another meter, else each 15 minutes."""
        if self._frame_ms is None:
            return None
        memory = self._judge.memory()
        kept, kept_ms = self._kept, self._kept_ms
        is_new = kept is None or (kept.mode, kept.identity) != (memory.mode, memory.identity)
        if kept is not None and kept.indexes.keys() != memory.indexes.keys():
            is_new = True
        is_due = kept_ms is None or self._frame_ms - kept_ms >= REMEMBER_EACH_MS
        if memory == kept or not memory.identity or not (is_new or is_due):
            return None
        self._kept, self._kept_ms = memory, self._frame_ms
        return msgspec.json.encode(memory).decode()

    def restore(self, state: str) -> None:
        """Take back what `state` gave; damaged text is ignored."""
        try:
            memory = msgspec.json.decode(state, type=Memory)
        except (msgspec.DecodeError, UnicodeError):
            return
        self._judge = Judge(memory)
        self._tuning = Tuning(self._mode, BAUD.get(memory.mode, 0) if memory.mode else 0)

    def raw(self, point: str) -> str:
        """Return the group that the point's value comes from, as the meter sent it."""
        options = self._points[point]
        shown = self._judge.shown(options.label, options.tariff)
        return "" if shown is None else shown.group.raw.decode("ascii", "replace")

    def close(self) -> None:
        """Give the port back."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _take(self, data: bytes, now_ms: float) -> None:
        groups = 0
        for event in self._decoder.feed(data, now_ms) if data else ():
            if isinstance(event, Group):
                groups += 1
            elif isinstance(event, FrameEnd):
                self._frame(event)
        self._tuning.heard(groups, now_ms)

    def _frame(self, end: FrameEnd) -> None:
        if not end.groups:
            return
        for change in self._judge.frame(end):
            values: dict[str, Value] = {"label": change.label, "before": change.before, "after": change.after}
            self._notices.append(Notice("meter_changed", round(end.t_ms * 1e6), values))
        if self._frame_ms is not None:
            self._interval_ms = min(end.t_ms - self._frame_ms, SLOWEST_FRAME_MS)
        self._frame_ms = end.t_ms
        self._decoder.byte_ms = 10_000 / BAUD[end.mode]  # on a pty any speed gives valid groups
        self._frames = FRAMES_TO_MISS if end.complete else self._frames + 1
        if end.mode == "standard" and end.complete and not end.rejected:
            self._fix = self._told(end) or self._fix
        said = (end.mode, BAUD[end.mode])
        if self._tuning.is_found and self._judge.mode == end.mode and said != self._said:
            self._said = said
            self._notices.append(Notice("tic_mode", round(end.t_ms * 1e6), {"mode": end.mode, "baud": said[1]}))

    def _told(self, end: FrameEnd) -> Fix | None:
        """Return what DATE says, where it went on since the frame before as our clock did and is not degraded.

        Only standard meters say the season, without which a local time may be another hour's. The time is taken for
        that of the frame's first byte: a frame lasts most of a second on the line.
        """
        told = self._judge.clock_s()
        is_due = self._told_ms is None or end.t_ms - self._told_ms >= DATE_EACH_MS
        if told is None or told[1] != end.t_ms or not is_due:
            return None
        self._told_ms = end.t_ms
        octets = 2 + sum(len(group.raw) + 2 for group in end.groups)  # STX, LF and CR of each group, ETX
        began_ms = end.t_ms - octets * self._decoder.byte_ms
        return Fix("tic", round(began_ms * 1e6), told[0] * 1000 + MIDDLE_MS, DATE_ERROR_MS)

    def _tune(self, now_ms: float) -> None:
        before = self._tuning.baud
        baud = self._tuning.next_baud(now_ms)
        if baud != before and self._line is not None:
            self._line.set_baud(baud)
            self._decoder = Decoder(10_000 / baud)

    def _sample(self, point: str, now_ns: int) -> Sample:
        options = self._points[point]
        silence_ms = max(SILENCE_MS, 3 * self._interval_ms)
        if self._frame_ms is None or now_ns / 1e6 - self._frame_ms > silence_ms:
            return Sample(point, now_ns, None, BAD, "no_frame")
        shown = self._judge.shown(options.label, options.tariff)
        if shown is None or self._frame_ms - shown.t_ms > ABSENT_MS:
            reason = "not_sent" if self._frames >= FRAMES_TO_MISS else "no_frame"
            return Sample(point, now_ns, None, BAD, reason)
        quality = UNCERTAIN if shown.doubt else GOOD
        return Sample(point, round(shown.t_ms * 1e6), self._value(point, shown.group), quality, shown.doubt)

    def _value(self, point: str, group: Group) -> Value:
        part = self._parts[point]
        if part is not None:
            return part.number(fields.register(group))
        words = self._words[point]
        if words:
            return words[str(group.value)]
        if group.spec.role == "clock" or group.label[:3] in ("DPM", "FPM"):
            return str(fields.decoded(group))
        return group.value


def _part(options: TeleinfoOptions) -> fields.StatusField | None:
    return next((part for part in fields.parts(options.label) if part.name == options.field), None)


def _words(options: TeleinfoOptions) -> tuple[str, ...]:
    return labels.named(options.label)[0].words

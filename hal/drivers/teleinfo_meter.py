"""One meter on a line: what its frames make of the points that are asked of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from hal.decode.teleinfo import fields
from hal.decode.teleinfo.frames import FrameEnd
from hal.decode.teleinfo.groups import Group
from hal.decode.teleinfo.memory import Memory
from hal.decode.teleinfo.plausible import IDENTITY, Change, Judge
from hal.decode.teleinfo.slots import Shown
from hal.decode.teleinfo.tally import Total
from hal.drivers.teleinfo_curve import Curve, Told
from hal.drivers.teleinfo_options import CURVE, TeleinfoOptions, channel, status_part, words
from hal.sample import BAD, GOOD, UNCERTAIN, Fix, Past, Sample, Value

SILENCE_MS: Final = 15_000  # no frame for this long, or for three frames' time, is no_frame
SLOWEST_FRAME_MS: Final = 10_000
ABSENT_MS: Final = 45_000  # an overloaded three-phase meter sends its long frame only each 15 s
FRAMES_TO_MISS: Final = 3  # before a label that never came is called not_sent
MIDDLE_MS: Final = 500  # DATE tells whole seconds, begun ones
DATE_EACH_MS: Final = 10_000  # a time a frame would wake the box for nothing …
DATES_AT_FIRST: Final = 3  # … but a box may wait for it at its start, and believes what so many frames say
DATE_ERROR_MS: Final = 2000  # half a second of that, and a frame may tell a time that is a second old


class MeterView:
    """What is believed of one meter, and the samples of its points."""

    def __init__(self, points: Mapping[str, TeleinfoOptions]) -> None:
        self.judge = Judge()
        self.frame_ms: float | None = None
        """When its last frame ended."""
        self.silent_reason = "no_frame"
        """Why its points have no value when no frame of it comes."""
        self._points = dict(points)
        self._labels = {point: options.sent_label for point, options in points.items()}
        self._parts = {point: status_part(options) for point, options in points.items()}
        self._words = {point: {word: n for n, word in enumerate(words(o))} for point, o in points.items()}
        self._totals = {point: Total() for point, options in points.items() if options.is_summed}
        self.curves = {point: Curve(options.label) for point, options in points.items() if options.label in CURVE}
        self._kept = (
            frozenset(point for point, o in points.items() if channel(o).kind == "counter") - self._totals.keys()
        )
        self.replaced: frozenset[str] = frozenset()
        """Counters that have not yet said that their register is another one's: a higher one would look like use.

        A label that the new meter sends in another mode only is said when it comes, weeks later.
        """
        self._interval_ms = 0.0
        self._frames = 0
        self._told_ms = 0.0
        self._times_told = 0

    @property
    def sums(self) -> list[str]:
        """The points that are counted here, from 0 on."""
        return list(self._totals)

    def restore(self, memory: Memory, told: Mapping[str, int], replaced: Collection[str] = ()) -> None:
        """Take back what was known of the meter, and up to when its load curve was told: point -> UTC seconds."""
        self.judge = Judge(memory)
        self.replaced = self._kept.intersection(replaced)
        for point, utc_s in told.items():
            if point in self.curves:
                self.curves[point].told_s = self.curves[point].handed_s = utc_s

    def frame(self, end: FrameEnd) -> list[Change]:
        """Take a frame; return what of the meter was replaced by another one."""
        changes = self.judge.frame(end)
        if changes:
            labels = {change.label for change in changes}
            is_meter = not labels.isdisjoint(IDENTITY)
            self.replaced |= {point for point in self._kept if is_meter or self._labels[point] in labels}
            for total in self._totals.values():
                total.forget()
            for curve in self.curves.values():
                curve.forget()
        if self.frame_ms is not None:
            self._interval_ms = min(end.t_ms - self.frame_ms, SLOWEST_FRAME_MS)
        self.frame_ms = end.t_ms
        self._frames = FRAMES_TO_MISS if end.complete else self._frames + 1
        for point, total in self._totals.items():
            shown = self.judge.shown(self._labels[point])
            if shown is not None and not shown.doubt:
                total.see(int(shown.group.value), shown.t_ms, self.judge.cap_va())
        for curve in self.curves.values():
            curve.see(end, self.judge)
        return changes

    def told(self) -> dict[str, int]:
        """Return up to when the load curve was handed over: point -> UTC seconds."""
        return {point: curve.handed_s for point, curve in self.curves.items() if curve.handed_s}

    def fix(self, end: FrameEnd, byte_ms: float) -> Fix | None:
        """Return what DATE says, where it went on since the frame before as our clock did and is not degraded.

        Only standard meters say the season, without which a local time may be another hour's. The time is taken for
        that of the frame's first byte: a frame lasts most of a second on the line.
        """
        told = self.judge.clock_s()
        is_due = self._times_told < DATES_AT_FIRST or end.t_ms - self._told_ms >= DATE_EACH_MS
        if told is None or told[1] != end.t_ms or not is_due:
            return None
        self._told_ms, self._times_told = end.t_ms, self._times_told + 1
        octets = 2 + sum(len(group.raw) + 2 for group in end.groups)  # STX, LF and CR of each group, ETX
        began_ms = end.t_ms - octets * byte_ms
        return Fix("tic", round(began_ms * 1e6), told[0] * 1000 + MIDDLE_MS, DATE_ERROR_MS, told[2])

    def samples(self, point: str, now_ns: int) -> list[Sample]:
        """Return the point's sample; of a load curve one for each of its points that is new."""
        silence_ms = max(SILENCE_MS, 3 * self._interval_ms)
        if self.frame_ms is None or now_ns / 1e6 - self.frame_ms > silence_ms:
            return [Sample(point, now_ns, None, BAD, self.silent_reason)]
        curve = self.curves.get(point)
        if curve is not None and (told := curve.take()):
            return [_past(point, each, is_new=True) for each in told]
        shown = self.shown(point)
        if shown is None or self.frame_ms - shown.t_ms > ABSENT_MS or (curve is not None and not curve.is_on):
            reason = "not_sent" if self._frames >= FRAMES_TO_MISS else "no_frame"
            return [Sample(point, now_ns, None, BAD, reason)]
        if curve is None:
            return [self._sample(point, now_ns, shown)]
        if curve.last is None:  # its step or the meter's clock is not known yet
            return [Sample(point, now_ns, None, BAD, "no_frame")]
        return [_past(point, curve.last, is_new=False)]

    def shown(self, point: str) -> Shown | None:
        """Return what is believed of the point's label."""
        return self.judge.shown(self._labels[point], self._points[point].tariff)

    def _sample(self, point: str, now_ns: int, shown: Shown) -> Sample:
        doubt, value = shown.doubt, self._value(point, shown.group)
        if shown.group.spec.units[1:] and shown.group.unit != (self._points[point].sent_unit or shown.group.spec.unit):
            return Sample(point, now_ns, None, BAD, "other_unit")
        total = self._totals.get(point)
        if total is not None and doubt != "unconfirmed":
            doubt, value = total.take_doubt() or doubt, int(total.total)
        elif total is not None:  # what it counted so far stands, whatever the register may say now
            value = int(total.total)
        if point in self.replaced and doubt != "unconfirmed":
            self.replaced -= {point}
            doubt = "meter_changed"
        return Sample(point, round(shown.t_ms * 1e6), value, UNCERTAIN if doubt else GOOD, doubt)

    def _value(self, point: str, group: Group) -> Value:
        part = self._parts[point]
        if part is not None:
            return part.number(fields.register(group))
        known = self._words[point]
        if known:
            return known[str(group.value)]
        if group.spec.role == "clock" or group.label[:3] in ("DPM", "FPM"):
            return str(fields.decoded(group))
        return group.value


def _past(point: str, told: Told, *, is_new: bool) -> Past:
    """Return a point of the curve at its own time; one that was told before has no period any more."""
    quality = UNCERTAIN if told.doubt else GOOD
    return Past(point, told.end_ns, told.watts, quality, told.doubt, dt_ms=told.dt_ms if is_new else 0)

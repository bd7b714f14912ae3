"""A pulse meter on a GPIO pin (S0, reed, open collector): its index and its flow or power.

The index is the count since the pin was opened; the station adds it to the meter's register. It knows a new count by
its going down, so the first read after opening says 0 for each index, whether it is due or not: otherwise a count that
has grown past the old one by the next due read would lose the old one's worth. Flow and power come from the time
between pulses (`hal/decode/pulse.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode.pulse import SECOND_NS, PulseCounter
from hal.driver import DriverError
from hal.drivers.pin_edges import LATE_NS, PinEdges, PinOptions, shared_options
from hal.sample import BAD, GOOD, UNCERTAIN, Channel, Sample

FLOWS: Final[dict[str, tuple[str, float]]] = {
    "l": ("l/min", 60.0),
    "m3": ("m3/h", 3600.0),
    "Wh": ("W", 3600.0),
    "kWh": ("W", 3_600_000.0),
    "count": ("1/min", 60.0),
}
"""Unit of a pulse's weight -> unit of the flow, and what one weight a second is in it."""


class PulseOptions(PinOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a pulse meter's points; two points on one pin give its index and its flow."""

    channel: Annotated[Literal["index", "flow"], Meta(description="the meter's index, or what flows now")] = "index"
    weight: Annotated[float, Meta(gt=0, description="what one pulse is worth, in `weight_unit` (on the meter's plate)")]
    weight_unit: Annotated[
        Literal["l", "m3", "Wh", "kWh", "count"],
        Meta(description="unit of the index; the flow is then in l/min, m3/h, W, W or 1/min"),
    ]
    zero_after_s: Annotated[
        float, Meta(ge=1, le=86400, description="without a pulse for this long the flow is 0; until then it falls")
    ] = 600.0


class Pulse:
    """One pulse meter on one pin."""

    bus_kind: ClassVar[str] = "gpio"
    tick_s: ClassVar[float] = 1.0  # edges are taken this often, also when no point is due
    Options: ClassVar[type[msgspec.Struct]] = PulseOptions

    @staticmethod
    def device(options: PulseOptions) -> str:
        """Return the pin's name, such as GPIO17."""
        return f"GPIO{options.pin}"

    @staticmethod
    def channel(options: PulseOptions) -> Channel:
        """Return a counter of pulses, or a gauge of pulses per second, scaled by the weight."""
        if options.channel == "index":
            return Channel(kind="counter", unit=options.weight_unit, scale=options.weight, volatile=True)
        unit, factor = FLOWS[options.weight_unit]
        return Channel(kind="gauge", unit=unit, scale=options.weight * factor)

    def __init__(self, bus: object, points: Mapping[str, PulseOptions]) -> None:
        """Keep the pin factory (None: gpiozero's default) and the points; touch nothing yet."""
        self._points = dict(points)
        self._edges = PinEdges(bus, next(iter(points.values())))
        self._counter: PulseCounter | None = None
        self._tainted: set[str] = set()  # points that have not yet said that edges were lost
        self._has_begun = False

    def open(self) -> None:
        """Claim the pin; the count starts from 0."""
        options = shared_options(self._points)
        zero_after_s = max(point.zero_after_s for point in self._points.values() if isinstance(point, PulseOptions))
        self._edges.open()
        self._has_begun = False
        self._counter = PulseCounter(
            debounce_ns=round(options.debounce_ms * 1e6),
            active=options.active_level,
            level=self._edges.level(),
            zero_after_ns=round(zero_after_s * SECOND_NS),
        )

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the count (index) or pulses per second (flow) of the due points."""
        counter = self._counter
        if counter is None:
            raise DriverError(f"GPIO{next(iter(self._points.values())).pin}: not open", "not_open")
        edges = self._edges.drain()
        for t_ns, level in edges:
            if level is None:
                counter.forget()
            else:
                counter.accept(t_ns, level=level)
        if not edges:
            counter.observe(now_ns, level=self._edges.level())
        counter.flush(now_ns - LATE_NS)
        if self._edges.has_lost():
            self._tainted.update(self._points)
        return self._begin(due, now_ns, counter) + [self._sample(point, counter, now_ns) for point in due]

    def _begin(self, due: Sequence[str], now_ns: int, counter: PulseCounter) -> list[Sample]:
        """Return, at the first read after `open`, a count of 0 for each index that would not show it by itself."""
        if self._has_begun:
            return []
        self._has_begun = True
        return [
            Sample(point, now_ns, 0, GOOD)
            for point, options in self._points.items()
            if options.channel == "index" and (point not in due or counter.count)
        ]

    def _sample(self, point: str, counter: PulseCounter, now_ns: int) -> Sample:
        is_index = self._points[point].channel == "index"
        value = counter.count if is_index else counter.per_second(now_ns)
        if value is None:
            return Sample(point, now_ns, None, BAD, "no_pulse")
        if point in self._tainted:
            self._tainted.discard(point)
            return Sample(point, now_ns, value, UNCERTAIN, "lost_edges")
        return Sample(point, now_ns, value, GOOD)

    def raw(self, point: str) -> str:
        """Return the pin's last level and the pulses since it was opened, for a person who asks why."""
        counter = self._counter
        return "" if counter is None else f"{self._edges.word()}, {counter.count} pulses since opened"

    def close(self) -> None:
        """Give the pin back."""
        self._counter = None
        self._edges.close()

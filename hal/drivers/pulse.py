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
from hal.sample import BAD, GOOD, UNCERTAIN, Channel, Sample, Value

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
    max_per_s: (
        Annotated[
            float,
            Meta(gt=0, le=1000, description="pulses a second at full flow; those twice as fast are one, trembling"),
        ]
        | None
    ) = None


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
        self._tainted: dict[str, str] = {}  # points that have not yet said why they are in doubt
        self._refused = 0
        self._has_begun = False

    def open(self) -> None:
        """Claim the pin; the count starts from 0."""
        options = shared_options(self._points)
        zero_after_s = max(point.zero_after_s for point in self._points.values() if isinstance(point, PulseOptions))
        self._edges.open()
        self._has_begun = False
        self._refused = 0
        self._counter = PulseCounter(
            debounce_ns=round(options.debounce_ms * 1e6),
            active=options.active_level,
            level=self._edges.level(),
            zero_after_ns=round(zero_after_s * SECOND_NS),
            apart_ns=round(SECOND_NS / 2 / fastest) if (fastest := self._max_per_s()) else 0,
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
        if counter.refused != self._refused:
            self._refused = counter.refused
            self._tainted |= dict.fromkeys(self._points, "suspect")
        if self._edges.has_lost():
            self._tainted |= dict.fromkeys(self._points, "lost_edges")
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
        doubt = self._tainted.pop(point, "")
        return Sample(point, now_ns, value, UNCERTAIN if doubt else GOOD, doubt)

    def _max_per_s(self) -> float:
        """Return the pulses a second at full flow; 0 where no point says."""
        return max((options.max_per_s or 0.0 for options in self._points.values()), default=0.0)

    def raw(self, point: str) -> str:
        """Return the pin's last level, and since it was opened its pulses and edges: many edges a pulse are bounces."""
        counter = self._counter
        if counter is None:
            return ""
        found = f"{self._edges.word()}, {counter.count} pulses and {self._edges.count} edges since opened"
        return f"{found}, {counter.refused} pulses refused: too fast for max_per_s" if counter.refused else found

    def condition(self) -> dict[str, Value]:
        """Return the pulses counted since the pin was opened."""
        counter = self._counter
        return {} if counter is None else {"pulses": counter.count}

    def close(self) -> None:
        """Give the pin back."""
        self._counter = None
        self._edges.close()

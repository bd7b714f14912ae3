"""What a limit compares: one number, made from readings of its own point, of another one, or of both.

Each kind is small: `take` a reading, give the `number` and the `bound` of this moment, or None where the readings say
nothing. Comparison, deadband and delays are the same for all (`edge.core.limit`). A reading without a value, or not
believed yet, comes as None and makes the number None: missing is never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from edge.core.types import NEVER, LimitSpec

PERCENT: Final = "/100"  # SenML, RFC 8798 §3
STEPS: Final = 60  # readings that a rate's window holds of its length, whatever the period
SAVE_MS: Final = 300_000  # what is made durable at most this often may lose that much at a power cut
DIGITS: Final = 6  # of a rate: more than a sensor has, and what a person can read
SPAN_MS: Final = {"second": 1000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


def unit_of(spec: LimitSpec, unit: str) -> str:
    """Return the unit of what a limit compares, for a point of this unit; a rate's is per `per` besides."""
    return {"subscribed": PERCENT, "never_zero": "s", "expression": ""}.get(spec.kind, unit)


class Measure:
    """What all share: the last reading of the own point."""

    __slots__ = ("due_ms", "is_moved", "own", "spec")
    has_instants: ClassVar[bool] = False
    """Whether what is saved holds instants, so that a start without a date can't take it over."""

    def __init__(self, spec: LimitSpec) -> None:
        self.spec = spec
        self.own: float | None = None
        self.due_ms: float = NEVER
        """When the number changes by time alone."""
        self.is_moved = False
        """Whether what `saved` gives has moved far enough to be made durable."""

    @property
    def others(self) -> tuple[str, ...]:
        """The points that are looked at besides the own one."""
        return (self.spec.other,) if self.spec.other else ()

    def take(self, of: str, value: float | None, t_ms: int) -> None:
        """Take a reading of one of the others, or of the own point where `of` is empty."""
        self.own = value

    def forget(self) -> None:
        """Take note that the next reading is not of the same meter: nothing leads from one to the other."""

    def number(self, t_ms: int) -> float | None:
        """Return what is compared now; None when the readings say nothing about it."""
        return self.own

    @property
    def bound(self) -> float | None:
        """What the number is compared with now."""
        return self.spec.value

    def facts(self) -> dict[str, Any]:
        """Return what a message has to say besides number, bound and unit."""
        return {}

    def saved(self) -> dict[str, Any] | None:
        """Return what a restart must not lose, as plain JSON; None where that is nothing."""
        return None

    def restore(self, saved: Mapping[str, Any], shift_ms: int) -> None:
        """Go on from what was saved; an instant of then plus `shift_ms` is one of this start."""


class Against(Measure):
    """The own reading against that of another point: a limit which moves."""

    __slots__ = ("beside",)

    def __init__(self, spec: LimitSpec) -> None:
        super().__init__(spec)
        self.beside: float | None = None
        """The other's last reading, in its own unit."""

    def take(self, of: str, value: float | None, t_ms: int) -> None:
        """Keep the last reading of either."""
        if of:
            self.beside = value
        else:
            self.own = value

    @property
    def bound(self) -> float | None:
        """The other's reading in the unit of the point."""
        return None if self.beside is None else self.beside * self.spec.factor

    def facts(self) -> dict[str, Any]:
        """Return the other point and its reading."""
        return {"of": self.spec.other} if self.beside is None else {"of": self.spec.other, "of_v": self.beside}


class Deviation(Against):
    """How far the own reading is from another point's: either way, or above (`up`) or below it (`down`)."""

    __slots__ = ()

    @property
    def bound(self) -> float | None:
        """The allowed distance."""
        return self.spec.value

    def number(self, t_ms: int) -> float | None:
        """Return the distance in the unit of the point."""
        if self.own is None or self.beside is None:
            return None
        return _directed(round(self.own - self.beside * self.spec.factor, 9), self.spec.direction)


class Share(Against):
    """The own power or current in percent of the subscribed one, which another point of the meter tells."""

    __slots__ = ()

    @property
    def bound(self) -> float | None:
        """The share in percent that is near."""
        return self.spec.value

    def number(self, t_ms: int) -> float | None:
        """Return the share in percent; nothing where nothing is subscribed."""
        if self.own is None or not self.beside:
            return None
        return round(100 * abs(self.own) / (self.beside * self.spec.factor), 2)


class Rate(Measure):
    """Change over `over_ms`, per `per`: between this reading and the last kept one that is at least that old.

    A reading is kept each 1/60 of `over_ms`, so that memory is bounded whatever the period. After a gap the change is
    taken over the longer time, up to twice `over_ms`; beyond, nothing is said until there is a reading of that age.
    """

    __slots__ = ("_kept", "_saved_ms")
    has_instants = True

    def __init__(self, spec: LimitSpec) -> None:
        super().__init__(spec)
        self._kept: list[tuple[int, float]] = []
        self._saved_ms = 0

    def take(self, of: str, value: float | None, t_ms: int) -> None:
        """Keep the reading where the last kept one is a step old."""
        self.own = value
        kept, over_ms = self._kept, self.spec.over_ms
        if self.spec.is_index and kept and value is not None and value < kept[-1][1]:
            kept.clear()  # the register passed its highest value
        if value is None or (kept and t_ms < kept[-1][0] + over_ms / STEPS):
            return
        kept.append((t_ms, value))
        gone = sum(at_ms <= t_ms - over_ms for at_ms, _ in kept) - 1
        del kept[: max(gone, 0)]
        if t_ms - self._saved_ms >= max(over_ms // 12, SAVE_MS):
            self._saved_ms, self.is_moved = t_ms, True

    def forget(self) -> None:
        """Begin the window anew."""
        self._kept.clear()

    def number(self, t_ms: int) -> float | None:
        """Return the change per `per`, positive in the direction that is watched."""
        if self.own is None:
            return None
        over_ms = self.spec.over_ms
        base = None
        for kept in self._kept:  # the first or the second, but after a gap
            if kept[0] > t_ms - over_ms:
                break
            base = kept
        if base is None or t_ms - base[0] > 2 * over_ms:
            return None
        change = (self.own - base[1]) / (t_ms - base[0]) * SPAN_MS[self.spec.per]
        return _directed(float(f"{change:.{DIGITS}g}"), self.spec.direction)

    def facts(self) -> dict[str, Any]:
        """Return the reading itself, per what, and over which time."""
        reading = {} if self.own is None else {"reading": self.own}
        return {**reading, "per": self.spec.per, "over_ms": self.spec.over_ms}

    def saved(self) -> dict[str, Any] | None:
        """Return the window of a rate over an hour or more, by monotonic ms; a shorter one is soon full again."""
        if self.spec.over_ms < SPAN_MS["hour"]:
            return None
        return {"kept": self._kept, "over": self.spec.over_ms}

    def restore(self, saved: Mapping[str, Any], shift_ms: int) -> None:
        """Put the window before what was read since the start; not that of another length."""
        if saved["over"] == self.spec.over_ms:
            first_ms = self._kept[0][0] if self._kept else NEVER
            kept = [(int(at_ms) + shift_ms, float(value)) for at_ms, value in saved["kept"]]
            self._kept[:0] = [(at_ms, value) for at_ms, value in kept if at_ms < first_ms]


def _directed(change: float, direction: str) -> float:
    return abs(change) if direction == "both" else change if direction == "up" else -change

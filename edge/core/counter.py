"""Counters: from a register as read to an index that never goes back by itself, and what it moved since a record.

Two sorts. A *kept* register lives in the meter (Téléinfo, Modbus): the index is what the meter shows, and what it
counted while the box was off is not lost. A *volatile* one is counted by us from 0 at each opening (pulses): the index
goes on from where the log last made it durable.

`mark` is the index up to which records exist. An increment is a difference of two indexes, so increments add up to the
index without rounding errors, and what was not yet in a record survives a restart as `pending`.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

ROUND: Final = 9  # digits after a scaling with binary fractions (0.1 × 3)
WRAP_MARGIN: Final = 0.1  # a register wraps from its last tenth into its first, anything else is another meter


def scaled(raw: float, scale: float) -> float:
    """Return raw × scale, exact for whole registers and rounded where binary fractions would show.

    >>> scaled(3, 0.1), scaled(81_234_567, 1)
    (0.3, 81234567)
    """
    return raw if scale == 1 else round(raw * scale, ROUND)


class Kept:
    """A register that the meter keeps; index = register × scale. The index is None until it was read once."""

    __slots__ = ("act", "changed", "index", "mark", "origin", "raw", "scale", "unit", "wrap")

    def __init__(self, scale: float, wrap: int, saved: dict[str, Any] | None = None, unit: str = "") -> None:
        """`saved` is in `unit`, see `edge.core.other_units`."""
        saved = saved or {}
        self.scale = scale
        self.unit = unit
        self.wrap = wrap
        self.raw: float | None = saved.get("raw")
        self.index: float | None = None if self.raw is None else scaled(self.raw, scale)
        # what waits is so much of the register, whatever that is worth now; of pulses before it, so many units
        times = 1.0 if self.raw is None else scale / saved.get("scale", scale)
        self.mark = round((self.index or 0) - saved.get("pending", 0) * times, ROUND)
        self.act: int = saved.get("act", 0)
        """Number of the last act of a person that is in it."""
        changed: list[float] | None = saved.get("changed")
        self.changed = None if changed is None else [round(each * times, ROUND) for each in changed]
        """[last index of the meter before, first one of this], while nobody said with what they ended and began."""
        self.origin = self.mark
        """Where `mark` was at this start, moved along with each jump of the index: `recorded` counts from here."""

    def advance(self, raw: float, *, is_other: bool = False) -> str:
        """Take a reading of the register, of another meter where its driver says so; return "" or what happened.

        "first": nothing to compare with. "rollover": it passed its highest value. "meter_changed": it went back, so the
        meter or its register is another one, or its driver says so: what was used in between is unknown.
        """
        last, before = self.raw, self.index
        self.raw = raw
        self.index = raw if self.scale == 1 else scaled(raw, self.scale)
        if last is None or before is None:
            self._shift(self.index)
            return "first"
        if raw >= last and not is_other:
            return ""
        if not is_other and self.wrap and last >= self.wrap * (1 - WRAP_MARGIN) and raw < self.wrap * WRAP_MARGIN:
            self._shift(-self.wrap * self.scale)
            return "rollover"
        self._shift(self.index - before)
        self.changed = [before, self.index]
        return "meter_changed"

    def _shift(self, delta: float) -> None:
        """Let the index jump without having moved."""
        self.mark = round(self.mark + delta, ROUND)
        self.origin = round(self.origin + delta, ROUND)

    def exchange(self, old: float, new: float) -> None:
        """Count what the old meter moved up to its closing index, and the new one from its first, as its own."""
        if self.changed is not None:
            last, first = self.changed
            self.mark = round(self.mark - (old - last) - (first - new), ROUND)
            self.changed = None

    def as_read(self, raw: float) -> float | None:
        """Return the index that a register not yet believed would give."""
        return scaled(raw, self.scale)

    def count_anew(self) -> None:
        """Take note that the device is opened anew: its register is where it was."""

    def saved(self) -> dict[str, Any]:
        """Return what must be durable for the next start."""
        found: dict[str, Any] = {"raw": self.raw, "index": self.index, "pending": pending(self)}
        if self.unit:
            found |= {"unit": self.unit, "scale": self.scale}
        if self.changed is not None:
            found["changed"] = self.changed
        return {**found, "act": self.act} if self.act else found


class Volatile:
    """Pulses since opening; index = base + count × scale, the count an integer so that no rounding adds up."""

    __slots__ = ("act", "base", "count", "index", "is_set", "mark", "origin", "raw", "scale", "unit")

    def __init__(self, scale: float, saved: dict[str, Any] | None = None, unit: str = "") -> None:
        """`saved` is in `unit`, see `edge.core.other_units`."""
        saved = saved or {}
        self.scale = scale
        self.unit = unit
        self.raw = 0
        self.act: int = saved.get("act", 0)
        """Number of the last act of a person that is in it."""
        self.is_set: bool = saved.get("set", False)
        """Whether a person read its index off the meter, on this box: no backup knows better."""
        if "count" in saved and saved["scale"] == scale:
            self.base, self.count = saved["base"], saved["count"]
        elif "count" in saved:  # a new pulse weight must not re-value the pulses of the past
            self.base, self.count = round(saved["base"] + saved["count"] * saved["scale"], ROUND), 0
        else:  # a meter with its own register stood here before, or nothing
            self.base, self.count = saved.get("index") or 0.0, 0
        self.index: float = round(self.base + self.count * scale, ROUND)
        self.mark = round(self.index - saved.get("pending", 0), ROUND)
        self.origin = self.mark

    def advance(self, raw: float, *, is_other: bool = False) -> str:
        """Take the pulses counted since opening; fewer than before: opened anew, from 0. Return ""."""
        raw = int(raw)
        if raw != self.raw:
            self.count += raw - self.raw if raw > self.raw else raw
            self.index = round(self.base + self.count * self.scale, ROUND)
            self.raw = raw
        return ""

    def shift(self, delta: float) -> None:
        """Move the index by what a person read off the meter: no consumption, so `pending` stays."""
        self.base = round(self.base + delta, ROUND)
        self.index = round(self.base + self.count * self.scale, ROUND)
        self.mark = round(self.mark + delta, ROUND)
        self.origin = round(self.origin + delta, ROUND)
        self.is_set = True

    def as_read(self, raw: float) -> float | None:
        """Return the index up to the last count that was believed."""
        return self.index

    def count_anew(self) -> None:
        """Take note that the device is opened anew: it counts from 0 again."""
        self.raw = 0

    def saved(self) -> dict[str, Any]:
        """Return what must be durable for the next start."""
        found: dict[str, Any] = {"base": self.base, "count": self.count, "scale": self.scale, "pending": pending(self)}
        if self.unit:
            found["unit"] = self.unit
        if self.is_set:
            found["set"] = True
        return {**found, "act": self.act} if self.act else found


Register: TypeAlias = Kept | Volatile


def pending(register: Register) -> float:
    """Return what the register moved since the last record, in the point's unit."""
    moved: float = round((register.index or 0) - register.mark, ROUND)
    return moved


def recorded(register: Register) -> float:
    """Return what stands in records since this start; with `pending` what it moved, whatever the index did."""
    found: float = round(register.mark - register.origin, ROUND)
    return found

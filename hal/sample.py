"""What a driver returns for one point at one instant, and the one table of reason codes.

A bad sample has no value: `None`, never 0, never the last one. The same codes stand on the wire, on the page, in texts
and in `docs/reference/mqtt.md`.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

# Plain integers, not an IntEnum: the engine compares one per reading, and an enum member costs five times as much.
Quality: TypeAlias = int
GOOD: Final = 0
UNCERTAIN: Final = 1
BAD: Final = 2
QUALITY_NAMES: Final = ("good", "uncertain", "bad")

Kind: TypeAlias = Literal["gauge", "counter", "state", "text"]
Value: TypeAlias = float | int | str

REASONS: Final[dict[str, str]] = {
    # BAD: there is no value
    "no_answer": "the device does not answer",
    "crc": "the bytes arrived damaged (check sum or CRC)",
    "power_on_value": "the probe shows its power-on value: no conversion took place",
    "weak_supply": "the probe's supply is too weak to convert",
    "line_low": "the data line is held low",
    "line_high": "the data line is held high or open",
    "out_of_range": "outside the range that is possible here",
    "wire_break": "the sensor's wire is open (a current loop below 3.6 mA, a thermocouple)",
    "short_circuit": "the sensor's wires touch each other, ground or supply",
    "over_range": "the input is above its measuring range",
    "unplugged": "the port or device has gone",
    "bus_blocked": "the bus does not come back from a call",
    "bus_error": "the bus reports an error",
    "bus_stuck": "a device holds the bus: no transfer ends",
    "arbitration": "another master, or noise, takes the bus",
    "never_ready": "the device does not end its measurement",
    "driver_error": "the driver failed; its traceback is in the log",
    "not_open": "the device could not be opened yet",
    "wrong_device": "another device than the settings say answers there",
    "stale": "no sample arrived in time",
    "no_frame": "the meter sends no complete frame",
    "not_sent": "the device does not send this value",
    "not_offered": "this machine does not tell it",
    "not_a_number": "the value is not a finite number",
    "other_unit": "the meter sends this label in another unit than the settings say",
    "several_meters": "several meters speak on this line: name the one that is meant",
    "not_supported": "a meter of a kind that is not read",
    "no_pulse": "fewer than two pulses since the start: the flow is not known yet",
    "too_early": "not enough readings since the start to compute it",
    "input_bad": "a point that it is calculated from has no value",
    "division_by_zero": "its calculation divides by zero",
    "undefined": "its calculation has no result for these values",
    "untold": "it came by SMS, which does not say why the period has no value",
    # UNCERTAIN: there is a value, read why
    "unconfirmed": "not yet confirmed by the next frame",
    "inconsistent": "does not agree with the other values of the same frame",
    "estimated": "computed from assumptions, not measured",
    "power_cut": "the period includes a power cut",
    "clock_unsynced": "the clock was not synchronised",
    "late": "arrived after its period was closed",
    "clock_degraded": "the meter says its own clock is degraded",
    "partial": "only a part of the period has samples",
    "meter_changed": "the meter or its register was replaced in this period",
    "lost_edges": "pulses may be missing: the kernel's queue overflowed",
    "suspect": "plausible, but a known failure looks the same",
    "input_doubt": "a point that it is calculated from is in doubt",
    "held_back": "a difference went back: the index stands still until it has caught up",
    "mismatch": "the pin or the feedback contact is not as it was switched",
}


AT_REST: Final = frozenset({"no_pulse", "not_sent", "not_offered", "too_early", "division_by_zero", "undefined"})
"""Reasons for which a point has no value though nothing is broken."""


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One value of one point: `value` is None exactly when `quality` is BAD; `t_ns` is CLOCK_MONOTONIC.

    For a counter the value is the register as read (before pulse weight); for a state it is the number of its word.
    """

    point: str
    t_ns: int
    value: Value | None
    quality: Quality = GOOD
    reason: str = ""


class Past(Sample, frozen=True, gc=False):
    """The mean over a period that is over when it is told: the `dt_ms` before its own `t_ns`, known some time later.

    Only for a channel with `past`: each period is told once and becomes one record of its own time. `dt_ms` 0 says
    again what was told, for those who look at present values.
    """

    dt_ms: int = 0


class Notice(msgspec.Struct, frozen=True):
    """Something a driver says once and the station makes an event of: a meter exchanged, a mode found, a port gone."""

    kind: str
    t_ns: int
    values: dict[str, Value]
    point: str = ""


class Fix(msgspec.Struct, frozen=True):
    """The time of day as somebody tells it: at monotonic `t_ns` it was `utc_ms`, give or take `error_ms`."""

    source: str
    """A word of the box's clock: person, rtc, gsm, tic or ntp."""
    t_ns: int
    utc_ms: int
    error_ms: int = 0
    taken_off_ms: int = 0
    """Of a local time without its offset: what was taken off it, as in mainland France. 0: UTC was told."""


class Cycle(msgspec.Struct, frozen=True):
    """All that one bus has to say at one tick: one message, however many points."""

    bus: str
    t_ns: int
    samples: list[Sample]
    notices: list[Notice] = []
    state: dict[str, str] | None = None
    """What the bus's drivers want to have back after a restart, where it changed: device -> JSON text."""
    fix: Fix | None = None
    """The time of day, where a device of the bus tells it."""


class Channel(msgspec.Struct, frozen=True):
    """What a driver says about a point before it is read: defaults that the settings may override."""

    kind: Kind
    unit: str = ""
    """SenML name of the value's unit after `scale` (RFC 8428 §12.1, RFC 8798)."""
    scale: float = 1.0
    """Raw value × scale = value in `unit`; a pulse weight stands here."""
    wrap: int = 0
    """Modulus of a register that the device itself keeps; 0 = it never wraps."""
    volatile: bool = False
    """True when the register starts from 0 each time the device is opened (pulses counted by us)."""
    words: tuple[str, ...] = ()
    """The declared word of each number of a state."""
    past: bool = False
    """True for a gauge whose samples are `Past`: each brings the period that its record covers."""


class Guard(msgspec.Struct, frozen=True):
    """The alarm that a point is there to raise: the settings make a limit of it, unless the file has one like it."""

    value: float
    """Alarm while the point equals this; of a state the number of its word."""
    diagnosis: str
    """A key of the text catalogue such as "mains_lost"."""
    priority: Literal["low", "medium", "high", "critical"] = "high"
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0

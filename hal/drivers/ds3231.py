"""DS3231 battery clock on I2C, through smbus2: the time of day for a box that nobody tells, and its temperature.

It tells UTC, at most each 10 s, and takes it from the box once a better source is believed. A clock whose oscillator
stood still, or whose bytes are no time, tells nothing. Where the kernel has this clock (`dtoverlay=i2c-rtc,ds3231`) it
is used without this driver, and the address is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode import ds3231
from hal.drivers.i2c_chip import I2cChip
from hal.sample import BAD, GOOD, Channel, Fix, Quality, Sample

ADDRESS: Final = 0x68
TELLS_EACH_NS: Final = 10_000_000_000
WITHIN_MS: Final = 1000  # it shows whole seconds, and was set to a whole one
WORDS: Final = ("stopped", "running")


class Ds3231Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on a DS3231; any one of them makes it a source of the box's time."""

    address: Annotated[Literal[0x68], Meta(description="it has no other")] = ADDRESS
    channel: Annotated[
        Literal["clock", "temperature"],
        Meta(description='"clock": running, or stopped since its battery was empty; its own temperature'),
    ]


class Ds3231:
    """One clock."""

    bus_kind: ClassVar[str] = "i2c"
    Options: ClassVar[type[msgspec.Struct]] = Ds3231Options

    @staticmethod
    def device(options: Ds3231Options) -> str:
        """Return its address."""
        return f"0x{options.address:02x}"

    @staticmethod
    def channel(options: Ds3231Options) -> Channel:
        """Return a state, or a gauge in degrees Celsius."""
        if options.channel == "clock":
            return Channel(kind="state", words=WORDS)
        return Channel(kind="gauge", unit="Cel")

    def __init__(self, bus: Any, points: Mapping[str, Ds3231Options]) -> None:
        """Keep the open bus and the points; touch nothing yet."""
        self._points = dict(points)
        self._chip = I2cChip("DS3231", bus, ADDRESS)
        self._last: dict[str, bytes] = {}
        self._fix: Fix | None = None
        self._told_ns: int | None = None
        self._to_take: tuple[int, int] | None = None

    def open(self) -> None:
        """Look whether it is there. Raises DriverError."""
        self._told_ns = None
        self._chip.register(ds3231.STATUS, 1)

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the due points' samples; take the box's time where it is better, else tell ours now and then."""
        if not due:
            return []
        status = self._chip.register(ds3231.STATUS, 1)
        if status[0] & ds3231.ALWAYS_0:
            raise self._chip.error("its status arrives damaged; check wiring and pull-ups", "crc")
        octets = self._chip.register(ds3231.TIME, ds3231.TIME_LENGTH)
        is_running = not status[0] & ds3231.STOPPED
        utc_s = ds3231.utc_s(octets)
        if self._to_take is not None:
            is_running, utc_s = self._take(status[0], utc_s if is_running else None, now_ns), None
        if is_running and utc_s is not None and (self._told_ns is None or now_ns - self._told_ns >= TELLS_EACH_NS):
            self._told_ns = now_ns
            self._fix = Fix("rtc", now_ns, utc_s * 1000 + 500, WITHIN_MS)
        return [Sample(point, now_ns, *self._outcome(point, status + octets, is_running)) for point in due]

    def fix(self) -> Fix | None:
        """Return and forget the time that it told last."""
        fix, self._fix = self._fix, None
        return fix

    def take_time(self, now_ns: int, utc_ms: int) -> None:
        """Keep what a better source says the time is; it is written at the next read where it differs."""
        self._to_take = now_ns, utc_ms

    def raw(self, point: str) -> str:
        """Return status and time registers, or those of the temperature."""
        return self._last.get(point, b"").hex(" ")

    def trace(self) -> bytes:
        """Return what the clock answered since the last call."""
        return self._chip.trace()

    def close(self) -> None:
        """Nothing to give back: it goes on by its battery."""

    def _outcome(self, point: str, octets: bytes, is_running: bool) -> tuple[float | None, Quality, str]:  # noqa: FBT001
        if self._points[point].channel == "clock":
            self._last[point] = octets
            if is_running and ds3231.utc_s(octets[1:]) is None:
                return None, BAD, "crc"
            return int(is_running), GOOD, ""
        read = self._last[point] = self._chip.register(ds3231.TEMPERATURE, 2)
        celsius = ds3231.celsius(read)
        low, high = ds3231.RANGE_C
        if celsius is None:
            return None, BAD, "bus_error"
        return (celsius, GOOD, "") if low <= celsius <= high else (None, BAD, "out_of_range")

    def _take(self, status: int, shown_s: int | None, now_ns: int) -> bool:
        """Set the clock where it stands or differs by more than a second; return whether it runs then."""
        if self._to_take is None:
            return shown_s is not None
        at_ns, utc_ms = self._to_take
        self._to_take = None
        right_s = round((utc_ms + (now_ns - at_ns) / 1e6) / 1000)
        if shown_s is None or abs(shown_s - right_s) > 1:
            self._chip.set_register(ds3231.TIME, ds3231.octets_from(right_s))
            self._chip.set_register(ds3231.STATUS, bytes((status & ~ds3231.STOPPED,)))  # last: it vouches for the time
        return True

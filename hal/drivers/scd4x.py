"""SCD40 and SCD41 carbon dioxide, temperature and humidity on I2C, through smbus2.

The sensor measures by itself, each 5 s. Asked in between it has nothing, and what it said last is told again with its
own time, but not once a second measurement is overdue: then it is BAD `stale`. Whoever starts it stops it first, for it
goes on measuring while the service restarts, and then refuses every setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode import scd4x
from hal.decode.sht3x import words_with_crc
from hal.drivers.i2c_chip import I2cChip
from hal.sample import BAD, GOOD, Channel, Sample

ADDRESS: Final = 0x62
UNITS: Final = {"co2": "ppm", "temperature": "Cel", "humidity": "%RH"}
WORDS: Final = ("co2", "temperature", "humidity")
KEPT_NS: Final = round(2.2 * scd4x.EACH_S * 1e9)
RESTART_NS: Final = round(5 * scd4x.EACH_S * 1e9)
"""Without a measurement for so long it does not measure: it lost its supply, and waits to be started."""
BUSY_S: Final = 0.006  # two commands and their answers at 100 kHz, 1 ms each for the sensor, and waking up


class Scd4xOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on an SCD40 or SCD41; three points give its CO2, temperature and humidity."""

    address: Annotated[Literal[0x62], Meta(description="it has no other")] = ADDRESS
    channel: Annotated[
        Literal["co2", "temperature", "humidity"],
        Meta(description="in ppm, Cel or %RH; new each 5 s, so a period_s below 5 repeats"),
    ]
    altitude_m: (
        Annotated[int, Meta(ge=0, le=3000, description="height above the sea: 1,000 m without it reads about 11 % low")]
        | None
    ) = None
    pressure_hpa: (
        Annotated[int, Meta(ge=700, le=1200, description="usual pressure there, in place of altitude_m")] | None
    ) = None

    def __post_init__(self) -> None:
        """Refuse two words for one thing."""
        if self.altitude_m is not None and self.pressure_hpa is not None:
            raise ValueError("altitude_m and pressure_hpa say the same: write one of them")


class Scd4x:
    """One sensor, which measures by itself."""

    bus_kind: ClassVar[str] = "i2c"
    Options: ClassVar[type[msgspec.Struct]] = Scd4xOptions
    one_each: ClassVar[tuple[str, ...]] = ("altitude_m", "pressure_hpa")

    @staticmethod
    def device(options: Scd4xOptions) -> str:
        """Return its address."""
        return f"0x{options.address:02x}"

    @staticmethod
    def channel(options: Scd4xOptions) -> Channel:
        """Return a gauge in ppm, degrees Celsius or % relative humidity."""
        return Channel(kind="gauge", unit=UNITS[options.channel])

    @staticmethod
    def busy_s(options: Scd4xOptions) -> float:
        """Return the time of its transfers: it measures while the bus is free."""
        return BUSY_S

    @staticmethod
    def measurement(options: Scd4xOptions) -> str:
        """Return "air": all three come from one measurement."""
        return "air"

    def __init__(self, bus: Any, points: Mapping[str, Scd4xOptions]) -> None:
        """Keep the open bus and the points; touch nothing yet."""
        self._points = dict(points)
        self._chip = I2cChip("SCD4x", bus, ADDRESS)
        self._words: tuple[int | None, ...] = ()
        self._taken_ns = 0
        self._heard_ns: int | None = None  # of the last measurement, or the first look after a start
        self._last = b""
        self._serial = ""

    def open(self) -> None:
        """Stop it, ask for its serial number, set it and start it: half a second. Raises DriverError.

        Just powered up it answers nobody for a second; its bus tries again after that.
        """
        self._words, self._heard_ns = (), None
        self._send(scd4x.STOP, scd4x.STOPS_AFTER_S)
        serial = scd4x.words(self._ask(scd4x.SERIAL, 9), 3)
        found = [word for word in serial if word is not None]
        if len(found) < 3:
            raise self._chip.error("its serial number arrives damaged; check wiring and pull-ups", "crc")
        if not any(found):
            raise self._chip.error("its serial number is 0: no SCD4x; check which sensor is fitted", "wrong_device")
        self._serial = "".join(f"{word:04x}" for word in found)
        self._set()
        self._send(scd4x.START, scd4x.ANSWERS_AFTER_S)

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the due points' samples of the newest measurement, each with the time at which it was fetched.

        Raises DriverError when the sensor does not answer, or does not measure: opened again, it is started.
        """
        if not due:
            return []
        ready = scd4x.words(self._ask(scd4x.IS_READY, 3), 1)[0]
        if ready is not None and scd4x.is_ready(ready):
            self._last = self._ask(scd4x.READ, 9)
            self._words, self._taken_ns = scd4x.words(self._last, 3), now_ns
            self._heard_ns = now_ns
        elif self._heard_ns is None:
            self._heard_ns = now_ns
        elif ready is not None and now_ns - self._heard_ns > RESTART_NS:
            cure = "it is started again; check its supply if it goes on"
            raise self._chip.error(f"no measurement for {RESTART_NS / 1e9:g} s; {cure}", "stale")
        return [self._sample(point, now_ns) for point in due]

    def raw(self, point: str) -> str:
        """Return the nine bytes of the last measurement and the sensor's serial number."""
        return f"{self._last.hex(' ')}, serial {self._serial}" if self._last else ""

    def trace(self) -> bytes:
        """Return what the sensor answered since the last call."""
        return self._chip.trace()

    def close(self) -> None:
        """Nothing to give back: it measures on, and is stopped when it is opened again."""

    def _sample(self, point: str, now_ns: int) -> Sample:
        if not self._words or now_ns - self._taken_ns > KEPT_NS:
            return Sample(point, now_ns, None, BAD, "stale")
        channel = self._points[point].channel
        word = self._words[WORDS.index(channel)]
        if word is None:
            return Sample(point, self._taken_ns, None, BAD, "crc")
        value = scd4x.value_of(channel, word)
        if not scd4x.is_possible(channel, value):
            return Sample(point, self._taken_ns, None, BAD, "out_of_range")
        return Sample(point, self._taken_ns, value, GOOD)

    def _set(self) -> None:
        altitude_m = next((o.altitude_m for o in self._points.values() if o.altitude_m is not None), None)
        pressure_hpa = next((o.pressure_hpa for o in self._points.values() if o.pressure_hpa is not None), None)
        # always, also to 0: what another site set stays in the sensor as long as it has its supply
        self._send(scd4x.SET_ALTITUDE + words_with_crc(altitude_m or 0), scd4x.ANSWERS_AFTER_S)
        if pressure_hpa is not None:
            self._send(scd4x.SET_PRESSURE + words_with_crc(pressure_hpa), scd4x.ANSWERS_AFTER_S)

    def _ask(self, command: bytes, length: int) -> bytes:
        self._send(command, scd4x.ANSWERS_AFTER_S)
        return self._chip.receive(length)

    def _send(self, command: bytes, then_wait_s: float) -> None:
        self._chip.set_register(command[0], command[1:])
        self._chip.pace.sleep(then_wait_s)

"""The demonstration: simulated devices behind the real drivers, so that everything from the wire on is the product.

A meter writes Téléinfo into a pty at its true bit rate, probes lie in a folder like the kernel's, chips hang on an
I2C bus, meters pulse on the pins of a mock board.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from edge.settings.model import PointEntry, Settings
from hal.fake import site
from hal.fake.gpio import FakeGpio, PulseTrain
from hal.fake.i2c import Ads1115Chip, FakeI2c, Sht3xChip
from hal.fake.machine import FakeMachine
from hal.fake.meter import Meter, PtyMeter
from hal.fake.onewire import FakeOneWire
from hal.host import Host
from hal.onewire import OneWireBus

WEATHER_S: Final = 1.0  # how often temperatures, powers and rates follow the clock
PULSE_FIRST_S: Final = 0.3
AHEAD_WH: Final = 3  # more than any meter here turns in the second until its register is kept again


def _blow(air: Any, field: str, course: Callable[[float], float], t_s: float) -> None:
    """Give the sensor the air of this instant."""
    setattr(air, field, course(t_s))


def _drive_input(chip: Any, number: int, volts_each: float, course: Callable[[float], float], t_s: float) -> None:
    """Put the course's value, in V or through a shunt in mA, on one input of the converter."""
    chip.volts[number] = course(t_s) * volts_each


def _turn(train: PulseTrain, number: int, t_s: float) -> None:
    """Let the meter turn as fast as it does now."""
    train.per_second = site.pulses_per_second(number, t_s)


def _take_up_register(meter: Meter, file: Path) -> None:
    """Let the meter go on where it stood, as a real one does while the box is off."""
    with suppress(OSError, ValueError):  # the first start, or a file that somebody touched
        meter.peak_wh, meter.off_peak_wh = (int(wh) for wh in file.read_text(encoding="ascii").split())


def _keep_register(meter: Meter, file: Path, _t_s: float) -> None:
    """Keep the meter's register, ahead of what it will have shown until it is kept again."""
    half = file.with_suffix(".half")
    half.write_text(f"{meter.peak_wh + AHEAD_WH:.0f} {meter.off_peak_wh + AHEAD_WH:.0f}", encoding="ascii")
    half.replace(file)


class Demo:
    """The simulated hardware of a site: one worker that moves all of it, and the handles that its buses get."""

    name = "demo"

    def __init__(self, settings: Settings, folder: Path, now_s: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._began_s = now_s
        self._weather_s = now_s
        self._courses: list[Callable[[float], None]] = []
        self._steppers: list[Any] = []
        self._closers: list[Any] = []
        self.handles: dict[str, Any] = {}
        for bus, (kind, _options) in settings.buses.items():
            entries = [entry for entry in settings.points if entry.point.bus == bus]
            make = {"serial": self._meter, "onewire": self._probes, "i2c": self._chips, "gpio": self._pins,
                    "box": self._machine}.get(kind)  # fmt: skip
            if make is not None:
                self.handles[bus] = make(bus, folder, entries)

    def _meter(self, bus: str, folder: Path, _entries: list[PointEntry]) -> str:
        meter = Meter()
        register = folder / f"{bus}.wh"
        _take_up_register(meter, register)
        line = PtyMeter(meter, folder / f"{bus}.tty")
        self._courses.append(lambda t_s: meter.set_power(round(site.power_va(t_s))))
        self._courses.append(partial(_keep_register, meter, register))
        self._steppers.append(line)
        self._closers.append(line)
        return str(line.port)

    def _machine(self, bus: str, folder: Path, _entries: list[PointEntry]) -> Host:
        made = FakeMachine(folder / bus)
        self._courses.append(lambda t_s: made.heat(48.0 + 6.0 * site.wave(t_s, 0.0, 1.0, 1800.0)))
        return Host(made.root)

    def _probes(self, bus: str, folder: Path, entries: list[PointEntry]) -> OneWireBus:
        tree = FakeOneWire(folder / bus)
        for entry in entries:
            course = site.profile(entry.point.id, 18.0, 3.0)
            tree.set(entry.options.probe, course(0.0))

            def warm(t_s: float, probe: str = entry.options.probe, course: Any = course) -> None:
                if (tree.folder / probe).is_dir():  # someone may have unplugged it
                    tree.set(probe, course(t_s))

            self._courses.append(warm)
        return tree.bus

    def _chips(self, bus: str, _folder: Path, entries: list[PointEntry]) -> FakeI2c:
        fake = FakeI2c(name=bus)
        for entry in entries:
            options = entry.options
            if entry.point.driver == "sht3x":
                air: Any = fake.chips.setdefault(options.address, Sht3xChip())
                field = "temperature_c" if options.channel == "temperature" else "humidity"
                course = site.profile(entry.point.id, 20.0 if field == "temperature_c" else 50.0, 2.0)
                self._courses.append(partial(_blow, air, field, course))
            elif entry.point.driver == "ads1115":
                chip: Any = fake.chips.setdefault(options.address, Ads1115Chip())
                shunt_ohm = options.shunt_ohm
                course = site.profile(entry.point.id, 11.0 if shunt_ohm else 1.4, 2.0 if shunt_ohm else 0.3)
                volts_each = shunt_ohm / 1000 if shunt_ohm else 1.0
                self._courses.append(partial(_drive_input, chip, int(options.input[3]), volts_each, course))
        self._closers.append(fake)
        return fake

    def _pins(self, _bus: str, _folder: Path, entries: list[PointEntry]) -> Any:
        board = FakeGpio()
        meters: set[int] = set()
        first_ns = round((self._began_s + PULSE_FIRST_S) * 1e9)
        for entry in entries:
            pin = entry.options.pin
            if entry.point.driver == "pulse" and pin not in meters:
                train = board.meter(pin, first_ns, site.pulses_per_second(len(meters), 0.0), bounces=2)
                self._courses.append(partial(_turn, train, len(meters)))
                meters.add(pin)
            elif entry.point.driver == "contact":
                self._courses.append(partial(self._move_door, board, pin))
        self._steppers.append(board)
        self._closers.append(board)
        return board.factory

    def _move_door(self, board: FakeGpio, pin: int, t_s: float) -> None:
        board.contact(pin, round((self._began_s + t_s) * 1e9), closed=site.is_door_closed(t_s))

    def step(self, now_s: float) -> float:
        """Move the site on to now."""
        if now_s >= self._weather_s:
            self._weather_s = now_s + WEATHER_S
            for course in self._courses:
                course(now_s - self._began_s)
        due_s: list[float] = [stepper.step(now_s) for stepper in self._steppers]
        return min(self._weather_s, *due_s)

    def filenos(self) -> list[int]:
        """Only time moves it."""
        return []

    def close(self) -> None:
        """Take the devices away."""
        for closer in self._closers:
            closer.close()

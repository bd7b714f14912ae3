"""The demonstration: simulated devices behind the real drivers, so that everything from the wire on is the product.

A meter writes Téléinfo into a pty at its true bit rate, probes lie in a folder like the kernel's, chips hang on an
I2C bus, meters pulse on the pins of a mock board, and texts leave through a mailbox in RAM.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from edge.runtime import demo_chips
from edge.settings.model import PointEntry, Settings
from edge.settings.model_sms import SmsLink
from hal.fake import site
from hal.fake.gpio import FakeGpio, PulseTrain
from hal.fake.i2c import FakeI2c
from hal.fake.machine import FakeMachine
from hal.fake.meter import Meter, PtyMeter
from hal.fake.onewire import FakeOneWire
from hal.fake.pace import VirtualPace
from hal.host import Host
from hal.onewire import OneWireBus
from sms.memory_mailbox import MemoryMailbox

WEATHER_S: Final = 1.0  # how often temperatures, powers and rates follow the clock
PULSE_FIRST_S: Final = 0.3
WIDTHS: Final = 2  # a pulse lasts so many times what its input takes for bouncing
MODBUS_RAW: Final = 230
AHEAD_WH: Final = 3  # more than any meter here turns in the second until its register is kept again


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

    def __init__(self, settings: Settings, folder: Path, now_s: float, pace: VirtualPace | None = None) -> None:
        """`pace`: by whose time drivers wait for their chips, where it is not the machine's; it follows `now_s`."""
        self._pace = pace
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
                    "box": self._machine, "modbus": self._slaves}.get(kind)  # fmt: skip
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
        fake = FakeI2c(name=bus, pace=self._pace)
        self._courses += demo_chips.put_on(fake, entries)
        self._closers.append(fake)
        return fake

    def _slaves(self, bus: str, folder: Path, entries: list[PointEntry]) -> Any:
        """Let slaves with the points' registers answer on a line of their own; their words stand still."""
        from hal.drivers.modbus import register_of  # only a site with such meters loads it
        from hal.fake.modbus import FakeSlave, RtuSlaves
        from hal.modbus_line import ModbusLine
        from hal.modbus_wire import RtuWire

        slaves: dict[int, FakeSlave] = {}
        for entry in entries:
            slave = slaves.setdefault(entry.options.slave, FakeSlave())
            slave.set(register_of(entry.options), MODBUS_RAW)
        line = RtuSlaves(slaves, folder / f"{bus}.rs485")
        self._steppers.append(line)
        self._closers.append(line)
        return ModbusLine(RtuWire(str(line.port), 115200, "N", 1, timeout_s=1.0, gap_s=0.0), timeout_s=1.0)

    def _pins(self, _bus: str, _folder: Path, entries: list[PointEntry]) -> Any:
        board = FakeGpio()
        meters: set[int] = set()
        first_ns = round((self._began_s + PULSE_FIRST_S) * 1e9)
        for entry in entries:
            pin = entry.options.pin
            if entry.point.driver == "pulse" and pin not in meters:
                rate, width_ms = site.pulses_per_second(len(meters), 0.0), WIDTHS * entry.options.debounce_ms
                train = board.meter(pin, first_ns, rate, bounces=2, width_ms=max(30.0, width_ms))
                self._courses.append(partial(_turn, train, len(meters)))
                meters.add(pin)
            elif entry.point.driver == "contact":
                self._courses.append(partial(self._move_door, board, pin))
        self._steppers.append(board)
        self._closers.append(board)
        return board.factory

    def _move_door(self, board: FakeGpio, pin: int, t_s: float) -> None:
        board.contact(pin, round((self._began_s + t_s) * 1e9), closed=site.is_door_closed(t_s))

    def open_mailbox(self, _sms: SmsLink) -> MemoryMailbox:
        """Return a mailbox whose network takes each text at once, and brings none."""
        mailbox = MemoryMailbox(time.time)
        mailbox.news = mailbox.leave
        return mailbox

    def step(self, now_s: float) -> float:
        """Move the site on to now."""
        if self._pace is not None:
            self._pace.now_s = max(self._pace.now_s, now_s)
        if now_s >= self._weather_s:
            self._weather_s = now_s + WEATHER_S
            for course in self._courses:
                course(now_s - self._began_s)
        due_s: list[float] = [stepper.step(now_s) for stepper in self._steppers]
        return min(self._weather_s, *due_s)

    def filenos(self) -> list[int]:
        """Return what wakes it beside time: questions to simulated slaves."""
        return [found for stepper in self._steppers if hasattr(stepper, "filenos") for found in stepper.filenos()]

    def close(self) -> None:
        """Take the devices away."""
        for closer in self._closers:
            closer.close()

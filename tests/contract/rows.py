"""The rows of the drivers' contract: for each driver a device to read, and how to take it away and bring it back.

A new driver adds one function and one line in ROWS; what every driver must do is in `test_drivers.py`.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from hal import modbus_maps
from hal.fake.clamp import ClampChip, MainsCurrent
from hal.fake.gpio import FakeGpio
from hal.fake.gpiochip import ChipGpio
from hal.fake.i2c import Ads1115Chip, FakeI2c, Sht3xChip
from hal.fake.i2c_air import Bh1750Chip, Bme280Chip, Scd4xChip
from hal.fake.i2c_cabinet import Ds3231Chip, Ina219Chip
from hal.fake.machine import FakeMachine
from hal.fake.meter import Meter, PtyMeter
from hal.fake.modbus import RtuSlaves, TcpSlaves, slave_of
from hal.fake.onewire import FakeOneWire
from hal.fake.pace import VirtualPace
from hal.fake.wes import FakeWes
from hal.host import Host
from hal.http_source import HttpSource
from hal.modbus_line import ModbusLine
from hal.modbus_wire import RtuWire, TcpWire
from tests.served import Served
from tests.support import about

ARRIVES_WITHIN_S = 0.5


class Row(msgspec.Struct):
    """One driver with its device on a bus."""

    bus: Any
    points: dict[str, dict[str, Any]]
    """The options of each point, as they stand in a site's file."""
    values: dict[str, object]
    """What each point reads while all is well."""
    late_ns: int = 0
    """How long before the read its value may have been taken: a meter sends frames when it wants to."""
    estimated: frozenset[str] = frozenset()
    """The points that always are UNCERTAIN `estimated`."""
    run: Callable[[int], None] = lambda _now_ns: None
    """Let the device live until this instant (monotonic ns)."""
    lose: Callable[[], None] | None = None
    """Take the device away; None where nobody can tell (a pin without its meter looks like a meter at rest)."""
    mend: Callable[[], None] = lambda: None
    """Bring it back."""
    close: Callable[[], None] = lambda: None
    """Give the bus back."""


def ads1115(_folder: Path) -> Row:
    """Return a voltage and a 4-20 mA loop of 12 mA on one chip."""
    bus = FakeI2c({0x48: Ads1115Chip(1.024, 1.8)})
    points = {"volt": {"input": "AIN0"}, "loop": {"input": "AIN1", "shunt_ohm": 150}}
    values: dict[str, object] = {"volt": 1.024, "loop": 12.0}
    return Row(bus, points, values, lose=lambda: bus.unplug(0x48), mend=lambda: bus.replug(0x48), close=bus.close)


def box(folder: Path) -> Row:
    """Return a machine that is warm."""
    made = FakeMachine(folder)
    return Row(
        Host(made.root, {"starts": lambda: 3}),
        {"heat": {"measure": "cpu_temperature"}, "starts": {"measure": "starts"}},
        {"heat": 48.312, "starts": 3},
    )


def bh1750(_folder: Path) -> Row:
    """Return the light of a workplace."""
    pace = VirtualPace()
    bus = FakeI2c({0x23: Bh1750Chip(500.0)}, pace=pace)
    return Row(
        bus, {"lux": {}}, {"lux": 500.0}, lose=lambda: bus.unplug(0x23), mend=lambda: bus.replug(0x23), close=bus.close
    )


def bme280(_folder: Path) -> Row:
    """Return the air of a cold store."""
    pace = VirtualPace()
    bus = FakeI2c({0x76: Bme280Chip(-18.25, 65.0, 982.5, pace=pace)}, pace=pace)
    points = {key: {"channel": key} for key in ("temperature", "humidity", "pressure")}
    values: dict[str, object] = {"temperature": -18.25, "humidity": about(65.0, 0.01), "pressure": about(982.5, 0.01)}
    return Row(bus, points, values, lose=lambda: bus.unplug(0x76), mend=lambda: bus.replug(0x76), close=bus.close)


def clamp(_folder: Path) -> Row:
    """Return a clamp around a wire of 10 A; the first reading of its index is 0."""
    pace = VirtualPace()
    bus = FakeI2c({0x48: ClampChip(pace, MainsCurrent(10.0))}, pace=pace)
    channels = ("energy", "current")
    points = {key: {"input": "AIN0", "amps_per_volt": 30, "channel": key} for key in channels}
    values: dict[str, object] = {"energy": 0, "current": about(10.0, 0.05)}
    return Row(
        bus,
        points,
        values,
        estimated=frozenset({"energy"}),
        lose=lambda: bus.unplug(0x48),
        mend=lambda: bus.replug(0x48),
        close=bus.close,
    )


def contact(_folder: Path, board: type[FakeGpio] = FakeGpio) -> Row:
    """Return a door that is closed."""
    gpio = board()
    gpio.contact(17, 0, closed=True)
    return Row(gpio.factory, {"door": {"pin": 17}}, {"door": 1}, close=gpio.close)


def ds18b20(folder: Path) -> Row:
    """Return a probe in the frost."""
    bus = FakeOneWire(folder / "w1")
    probe = "28-3c01f0950a21"
    bus.set(probe, -10.125)
    return Row(
        bus.bus,
        {"outside": {"probe": probe}},
        {"outside": -10.125},
        lose=lambda: bus.unplug(probe),
        mend=lambda: bus.replug(probe),
    )


def modbus(folder: Path, *, is_tcp: bool = False) -> Row:
    """Return a single-phase meter of slave 3 that feeds in; when lost, its adapter or connection goes."""
    registers = modbus_maps.load("sdm120").registers
    raw = {"voltage": 231.5, "power": -1480.25, "export": 12_345.67}
    slaves = {3: slave_of(registers.values(), raw)}
    served = Served(TcpSlaves(slaves) if is_tcp else RtuSlaves(slaves, folder / "rs485"))
    port = served.fake.port  # type: ignore[attr-defined]
    wire = (
        TcpWire("127.0.0.1", port, timeout_s=1.0)
        if is_tcp
        else RtuWire(str(port), 115200, "N", 1, timeout_s=1.0, gap_s=0.0)
    )
    line = ModbusLine(wire, timeout_s=1.0)

    def close() -> None:
        line.close()
        served.close()

    def mend() -> None:
        served.replug()
        line.close()  # its bus does, when every device has gone

    points = {name: {"slave": 3, "map": "sdm120", "register": name} for name in raw}
    return Row(line, points, dict(raw), lose=served.unplug, mend=mend, close=close)


def ds3231(_folder: Path) -> Row:
    """Return a clock that runs."""
    bus = FakeI2c({0x68: Ds3231Chip(temperature_c=-3.25)})
    points = {key: {"channel": key} for key in ("clock", "temperature")}
    values: dict[str, object] = {"clock": 1, "temperature": -3.25}
    return Row(bus, points, values, lose=lambda: bus.unplug(0x68), mend=lambda: bus.replug(0x68), close=bus.close)


def ina219(_folder: Path) -> Row:
    """Return a battery that is being charged."""
    pace = VirtualPace()
    bus = FakeI2c({0x40: Ina219Chip(12.8, -1.5, pace=pace)}, pace=pace)
    points = {key: {"channel": key} for key in ("voltage", "current", "power")}
    values: dict[str, object] = {"voltage": 12.8, "current": -1.5, "power": -19.2}
    return Row(bus, points, values, lose=lambda: bus.unplug(0x40), mend=lambda: bus.replug(0x40), close=bus.close)


def pulse(_folder: Path, board: type[FakeGpio] = FakeGpio) -> Row:
    """Return a water meter that made two pulses, 6 s apart."""
    gpio = board()
    gpio.meter(17, 1_000_000_000, 1 / 6, width_ms=100, bounces=3)
    meter = {"pin": 17, "weight": 1, "weight_unit": "l"}
    return Row(
        gpio.factory,
        {"index": meter, "flow": {**meter, "channel": "flow"}},
        {"index": 2, "flow": 1 / 6},
        run=lambda now_ns: _step(gpio, now_ns),
        close=gpio.close,
    )


def scd4x(_folder: Path) -> Row:
    """Return the air of a class room; each 5 s there is something new."""
    pace = VirtualPace()
    bus = FakeI2c({0x62: Scd4xChip(1450.0, 22.5, 40.0, pace=pace)}, pace=pace)
    points = {key: {"channel": key} for key in ("co2", "temperature", "humidity")}
    values: dict[str, object] = {"co2": 1450.0, "temperature": 22.5, "humidity": 40.0}
    return Row(
        bus,
        points,
        values,
        late_ns=11_000_000_000,
        run=lambda _now_ns: pace.sleep(6.0),
        lose=lambda: bus.unplug(0x62),
        mend=lambda: bus.replug(0x62),
        close=bus.close,
    )


def sht3x(_folder: Path) -> Row:
    """Return the air of a cold store; when lost, the bus times out."""
    bus = FakeI2c({0x45: Sht3xChip(-18.0, 65.0)})
    points = {key: {"address": 0x45, "channel": key} for key in ("temperature", "humidity")}
    values: dict[str, object] = {"temperature": -18.0, "humidity": 65.0}
    return Row(bus, points, values, lose=lambda: bus.fail(errno.ETIMEDOUT), mend=lambda: bus.fail(0), close=bus.close)


def teleinfo(folder: Path) -> Row:
    """Return a meter in a house where nothing is on."""
    meter = Meter(index_wh=10_000_000)
    meter.set_power(0.0)
    line = PtyMeter(meter, folder / "meter")
    labels = {"id": "ADCO", "index": "HCHP", "power": "PAPP", "period": "PTEC"}
    line.step(0.0)
    return Row(
        str(line.port),
        {point: {"label": label} for point, label in labels.items()},
        {"id": "041876199277", "index": 6_000_000, "power": 0, "period": 2},
        late_ns=5_000_000_000,
        run=lambda now_ns: _catch_up(line, now_ns),
        lose=line.unplug,
        mend=line.replug,
        close=line.close,
    )


def _catch_up(line: PtyMeter, now_ns: int) -> None:
    before = line.bytes_sent - line.waiting()
    for tenth in range(now_ns // 100_000_000 + 1):
        line.step(tenth / 10)
    end_s = time.monotonic() + ARRIVES_WITHIN_S
    while line.waiting() < line.bytes_sent - before and time.monotonic() < end_s:
        os.sched_yield()


def _step(gpio: FakeGpio, now_ns: int) -> None:
    gpio.step(now_ns / 1e9)


def wes(folder: Path) -> Row:
    """Return a WES of a flat: apparent power, an index and a probe in the frost."""
    server = FakeWes("reader", "word")
    server.texts = {"tic1.PAP": "1230", "tic1.BASE": "012345678", "temp.SONDE3": "-10.5", "relais.RELAIS1": "ON"}
    served = Served(server)
    secret = folder / "password"
    secret.write_text("word\n", encoding="utf-8")
    source = HttpSource(server.url, "reader", str(secret), 2.0)
    points = {name: {"field": name} for name in server.texts}
    values: dict[str, object] = dict(zip(points, (1230, 12_345_678, -10.5, 1), strict=True))
    return Row(source, points, values, lose=served.unplug, mend=served.replug, close=served.close)


# A driver's name, and behind it " on " what it runs on where it has more than one row.
ROWS: Mapping[str, Callable[[Path], Row]] = {
    "ads1115": ads1115,
    "box": box,
    "bh1750": bh1750,
    "bme280": bme280,
    "clamp": clamp,
    "contact": contact,
    "contact on gpiod": partial(contact, board=ChipGpio),
    "ds18b20": ds18b20,
    "modbus": modbus,
    "modbus on tcp": partial(modbus, is_tcp=True),
    "ds3231": ds3231,
    "ina219": ina219,
    "pulse": pulse,
    "pulse on gpiod": partial(pulse, board=ChipGpio),
    "scd4x": scd4x,
    "sht3x": sht3x,
    "teleinfo": teleinfo,
    "wes": wes,
}

"""The simulated chips of an I2C bus: each driver there reads them, whatever the site calls its points."""

from __future__ import annotations

from edge.runtime.demo_chips import put_on
from edge.settings.load import loads
from hal import drivers
from hal.fake.i2c import FakeI2c
from hal.fake.pace import VirtualPace
from hal.sample import BAD
from tests.sim.test_simulated_i2c import POINTS, site


def test_every_device_on_i2c_is_there_and_has_values() -> None:
    settings, pace = loads(site()), VirtualPace(100.0)
    bus = FakeI2c(pace=pace)
    for move in put_on(bus, settings.points):
        move(100.0)
    devices: dict[tuple[str, str], dict[str, object]] = {}
    for entry in settings.points:
        devices.setdefault((entry.point.driver, entry.device), {})[entry.point.id] = entry.options
    read = []
    for (name, _), points in devices.items():
        driver = drivers.load(name)(bus, points)
        driver.open()
        pace.now_s += 6.0  # the first measurement of an SCD4x
        read += driver.read(list(points), round(pace.now_s * 1e9))
        driver.close()
    assert {sample.point for sample in read} == set(POINTS)
    assert [sample for sample in read if sample.quality == BAD] == []

"""A site with one of each device on I2C, simulated: every point has plausible values, and nothing is bad."""

from __future__ import annotations

from typing import Any, Final

import pytest

from edge.settings.load import loads
from edge.settings.specs import specs
from edge.sim.devices import simulated_bus
from edge.sim.simulation import Simulation

POINTS: Final[dict[str, tuple[str, dict[str, Any], tuple[float, float]]]] = {
    "room.co2": ("scd4x", {"channel": '"co2"'}, (400, 1300)),
    "room.t": ("scd4x", {"channel": '"temperature"'}, (5, 20)),
    "out.rh": ("bme280", {"channel": '"humidity"'}, (30, 70)),
    "out.p": ("bme280", {"channel": '"pressure"'}, (990, 1030)),
    "room.light": ("bh1750", {}, (0, 700)),
    "supply.v": ("ina219", {"channel": '"voltage"'}, (10, 14)),
    "clock": ("ds3231", {"channel": '"clock"'}, (1, 1)),
    "tank": ("ads1115", {"input": '"AIN0"', "address": 0x49, "shunt_ohm": 150, "low": 0, "high": 4}, (10, 14)),
    "main.a": ("clamp", {"input": '"AIN0"', "amps_per_volt": 30}, (0.5, 20)),
    "main.va": ("clamp", {"input": '"AIN0"', "amps_per_volt": 30, "channel": '"apparent"'}, (300, 4500)),
    "main.kwh": ("clamp", {"input": '"AIN0"', "amps_per_volt": 30, "channel": '"energy"'}, (0, 1e9)),
}


def site() -> str:
    head = '[box]\nid = "b1"\n[site]\nname = "Lab"\n[bus.i2c]\nkind = "i2c"\n[link.mqtt]\nhost = "broker.example.org"\n'
    points = [
        f'[[point]]\nid = "{point}"\nbus = "i2c"\ndriver = "{driver}"\nperiod_s = 10\n'
        + "".join(f"{key} = {value}\n" for key, value in keys.items())
        for point, (driver, keys, _) in POINTS.items()
    ]
    return head + "".join(points)


def test_each_point_has_values_of_its_kind() -> None:
    settings = loads(site())
    by_id = {spec.id: spec for spec in specs(settings)[0]}
    read = [
        sample
        for device in simulated_bus(settings, "i2c", by_id, 0)
        for t_s in (0, 600, 40_000)
        for sample in device.driver(None, device.options).read(list(device.options), round(t_s * 1e9))
    ]
    assert {sample.point for sample in read} == set(POINTS)
    for sample in read:
        low, high = POINTS[sample.point][2]
        assert isinstance(sample.value, int | float)
        assert low <= sample.value <= high, sample


def test_the_estimated_energy_of_a_simulated_day_is_that_of_its_power() -> None:
    settings = loads(site())
    by_id = {spec.id: spec for spec in specs(settings)[0]}
    (device,) = [device for device in simulated_bus(settings, "i2c", by_id, 0) if "main.kwh" in device.options]
    driver = device.driver(None, device.options)
    kwh, va = 0.0, 0.0
    for t_s in range(0, 86_401, 10):
        samples = {
            sample.point: float(sample.value or 0) for sample in driver.read(["main.kwh", "main.va"], t_s * 10**9)
        }
        kwh, va = samples["main.kwh"] * by_id["main.kwh"].scale, va + samples["main.va"]
    assert kwh == pytest.approx(va * 10 / 3600 / 1000, rel=0.01)


def test_an_hour_of_such_a_site_is_stored_without_a_gap() -> None:
    report = Simulation(loads(site()), seed=1, outages=[]).run(1 / 24)
    assert report.records > 10 * 55
    assert (report.stored, report.lost, report.waiting) == (report.records, 0, 0)

"""Settings that change while the box runs: the acceptance lines of ST5 and D1."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.core.types import Record
from edge.store.offline import stored_logs
from tests.plant import Plant
from tests.reload_rig import (
    BUSES,
    CHIPS,
    INPUTS,
    assert_without_a_hole,
    await_readings,
    big_box,
    change,
    events,
    reload,
    stored,
    told,
)
from tests.support import eventually


def test_a_wrong_file_is_told_with_its_places_and_changes_nothing(tmp_path: Path) -> None:
    """D1: duplicate id or unknown unit in config → refused with file:line, old config keeps running."""
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        before = box.settings
        change(plant.config, "address = 72", 'address = 72\nunit = "Vv"')
        change(plant.config, 'id = "door"', 'id = "volts"')
        report = reload(box)
        assert report.state == "faults"
        assert len(report.faults) >= 2
        assert all(fault.startswith(f"{plant.config}:") for fault in report.faults)
        assert any("this id is already used" in fault for fault in report.faults)
        assert box.settings is before
        eventually(lambda: told(box, "reload_refused"))
        (refused,) = told(box, "reload_refused")
        assert (refused["state"], refused["author"], refused["count"]) == ("faults", "marie", len(report.faults))
        readings = box.station.readings
        eventually(lambda: box.station.readings > readings + 5)
    assert_without_a_hole(stored(tmp_path / "state", "volts"))


@pytest.mark.slow("a box of 208 points with records of 1 s, reloaded four times")
def test_of_two_hundred_points_only_what_changed_restarts_and_no_other_has_a_gap(tmp_path: Path) -> None:
    """ST5: edit config + reload → only changed channels restart, no gap on the others."""
    changed = "i2c3.49.2"
    with big_box(tmp_path) as (box, config):
        eventually(lambda: len(box.desk.view("alarms")) == BUSES * len(CHIPS), 10)
        devices = {device.spec.name: device for bus in box.buses for device in bus.devices}
        drivers = {(bus.bus, device.spec.name): device._driver for bus in box.buses for device in bus.devices}
        numbers = {alarm.number for alarm in box.desk.view("alarms")}
        assert devices
        text = config.read_text()
        for gain in ("16", "8"):
            config.write_text(text.replace(f'id = "{changed}"', f'id = "{changed}"\nmax = {gain}'))
            await_readings(box, 300)
            report = reload(box)
            assert (report.state, report.changed) == ("done", [f"point.{changed}.max"])
            assert report.reopened == []
        config.write_text(text.replace(f'id = "{changed}"', f'id = "{changed}"\nrate_per_s = 250'))
        report = reload(box)
        assert report.state == "done", report
        assert set(report.reopened) == {f"i2c3.49.{n}" for n in range(INPUTS)}  # the chip that it is an input of
        await_readings(box, 300)
        config.write_text(text)
        assert reload(box).state == "done"
        await_readings(box, 300)
        now = {(bus.bus, device.spec.name): device._driver for bus in box.buses for device in bus.devices}
        assert {key for key in now if now[key] is not drivers[key]} == {("i2c3", "0x49")}
        assert {alarm.number for alarm in box.desk.view("alarms")} == numbers
        assert not [event for event in events(box) if event.kind == "alarm_end"]
        names = list(box.station.engine.points)
        ticks = {bus.bus: bus.late.ticks for bus in box.buses}
    with stored_logs(tmp_path / "state") as logs:
        found: dict[str, list[Record]] = {name: [] for name in names}
        first = logs.records.first_seq()
        while entries := logs.records.read(first, 5000).entries:
            for entry in entries:
                found[entry.point].append(entry)
            first += len(entries)
    for name in names:
        if name.startswith("i2c3.49."):
            assert_without_a_hole(found[name])
        else:
            assert_without_a_hole(found[name])
            assert {record.dt_ms for record in found[name][1:-1]} == {1000}
            # a machine that stands still for a second misses ticks; no tick may be without its record
            read = sum(record.value is not None for record in found[name])
            assert read >= ticks[name.split(".")[0]] - 1, name

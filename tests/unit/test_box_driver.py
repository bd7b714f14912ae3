"""The box's own figures: what each file says, and that what a machine does not tell is missing and never 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hal.decode import machine
from hal.drivers.box import Box
from hal.fake.machine import FakeMachine
from hal.host import Host
from hal.sample import BAD, GOOD, Sample


def rig(root: Path, figures: dict[str, Any] | None = None, **points: dict[str, Any]) -> Box:
    options = {point: msgspec.convert(keys, Box.Options) for point, keys in points.items()}
    box = Box(Host(root, figures or {}), options)
    box.open()
    return box


def read(box: Box, point: str) -> Sample:
    (sample,) = box.read([point], 7)
    return sample


MEASURES = {
    "cpu_temperature": 48.312, "undervoltage": 0, "throttled": 0, "memory_used": 40.0, "uptime": 123456.78,
    "card_wear": 20.0,
}  # fmt: skip


@pytest.mark.parametrize("measure", MEASURES)
def test_each_figure_is_read_from_its_file(tmp_path: Path, measure: str) -> None:
    FakeMachine(tmp_path)
    assert read(rig(tmp_path, p={"measure": measure}), "p") == Sample("p", 7, MEASURES[measure], GOOD)


@pytest.mark.parametrize("measure", [*MEASURES, "load", "buffer", "starts"])
def test_what_a_machine_does_not_tell_is_missing(tmp_path: Path, measure: str) -> None:
    assert read(rig(tmp_path, p={"measure": measure}), "p") == Sample("p", 7, None, BAD, "not_offered")


@pytest.mark.parametrize("text", ["", "?\n", "\x00", "nan", "1e999", "-"])
def test_a_damaged_file_is_missing_too(tmp_path: Path, text: str) -> None:
    made = FakeMachine(tmp_path)
    for name in ("proc/uptime", "proc/loadavg", "proc/meminfo", "sys/class/thermal/thermal_zone0/temp",
                 "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "sys/block/mmcblk0/device/life_time"):  # fmt: skip
        made.put(name, text)
    for measure in ("cpu_temperature", "undervoltage", "memory_used", "uptime", "load", "card_wear"):
        assert read(rig(tmp_path, p={"measure": measure}), "p").value is None, measure


def test_a_box_in_the_frost_and_one_that_boils(tmp_path: Path) -> None:
    made = FakeMachine(tmp_path)
    box = rig(tmp_path, p={"measure": "cpu_temperature"})
    for celsius in (-12.5, 0.0, 101.0):
        made.heat(celsius)
        assert read(box, "p").value == celsius


def test_the_supply_is_asked_of_hwmon_and_where_that_is_missing_of_the_firmware(tmp_path: Path) -> None:
    made = FakeMachine(tmp_path)
    made.supply(1, 0)
    assert read(rig(tmp_path, p={"measure": "undervoltage"}), "p").value == 1
    made.remove("sys/class/hwmon/hwmon1/name")
    made.supply(0, 0x50005)
    box = rig(tmp_path, p={"measure": "undervoltage"}, q={"measure": "throttled"})
    assert (read(box, "p").value, read(box, "q").value) == (1, 1)
    made.supply(0, 0x50000)  # it was so since power came, and is well now
    assert (read(box, "p").value, read(box, "q").value) == (0, 0)


def test_memory_is_full_or_empty_or_nonsense(tmp_path: Path) -> None:
    assert machine.memory_used_percent("MemTotal: 10 kB\nMemAvailable: 0 kB\n") == 100.0
    assert machine.memory_used_percent("MemTotal: 10 kB\nMemAvailable: 10 kB\n") == 0.0
    for text in ("MemTotal: 10 kB\n", "MemTotal: 0 kB\nMemAvailable: 0 kB\n", "MemTotal: 1 kB\nMemAvailable: 9 kB\n"):
        assert machine.memory_used_percent(text) is None


def test_the_disk_is_asked_of_the_kernel_and_a_missing_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    box = rig(tmp_path, p={"measure": "disk_used", "path": "/var"}, q={"measure": "disk_used", "path": "/gone"})
    value = read(box, "p").value
    assert isinstance(value, float)
    assert 0 < value < 100
    assert read(box, "q").value is None
    assert box.raw("q").startswith("/gone: ")


def test_the_stations_figures_stand_beside_and_one_of_no_bus_is_missing(tmp_path: Path) -> None:
    figures = {"buffer": lambda: 17.0, "starts": lambda: None, "errors/i2c1": lambda: 3}
    box = rig(
        tmp_path, figures, b={"measure": "buffer"}, s={"measure": "starts"}, e={"measure": "errors", "of": "i2c1"},
        g={"measure": "errors", "of": "gone"},
    )  # fmt: skip
    assert [read(box, point).value for point in "bseg"] == [17.0, None, 3, None]


@pytest.mark.parametrize(
    "keys", [{"measure": "errors"}, {"measure": "load", "of": "i2c1"}, {"measure": "load", "path": "/var"}]
)
def test_keys_that_mean_nothing_together_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(keys, Box.Options)

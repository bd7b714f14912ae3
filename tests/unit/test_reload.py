"""A running box reads its settings again: only what changed restarts, and a wrong file changes nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.commands import Command, Result
from edge.core.types import Event
from edge.runtime.box import Box
from edge.runtime.station import Order, Question
from edge.store.offline import stored_logs
from hal.fake.i2c import Ads1115Chip, FakeI2c
from tests.box_rig import Bench, box_here
from tests.plant import PIN, Plant
from tests.reload_rig import assert_without_a_hole, await_readings, change, events, reload, stored, told
from tests.support import eventually

# -- what is refused


@pytest.mark.parametrize("content", ["", "[box", '[box]\nid = "b1"', "\x00", "[box]\n" * 3])
def test_an_empty_cut_or_strange_file_changes_nothing(tmp_path: Path, content: str) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        before = box.settings
        plant.config.write_text(content)
        assert reload(box).state == "faults"
        plant.config.unlink()
        assert reload(box).state == "faults"
        assert box.settings is before


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('id = "b0042"', 'id = "b0043"', "box.id"),
        ('tz = "Europe/Paris"', 'tz = "Europe/Berlin"', "site.tz"),
        ("buffer_mb = 8", "buffer_mb = 9", "box.buffer_mb"),
        ("[[limit]]", "[led]\nenabled = false\n[[limit]]", "led"),
        ("[[limit]]", '[link.mqtt]\nhost = "127.0.0.1"\n[[limit]]', "link.mqtt"),
        ("address = 72", 'address = 72\nunit = "mV"', "point.volts.unit"),
    ],
)
def test_what_takes_a_restart_is_refused_by_name(tmp_path: Path, old: str, new: str, key: str) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        before = box.settings
        change(plant.config, old, new)
        report = reload(box)
        assert (report.state, report.restart) == ("restart", [key])
        assert box.settings is before
        eventually(lambda: [refused["text"] for refused in told(box, "reload_refused")] == [key])


def test_a_box_without_a_file_says_so(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        box.reloading._config = None
        results: list[Result] = []
        box.station.post(Order(Command("x", "reload", {}, "marie", "local", "configure"), results.append))
        eventually(lambda: results)
        assert not results[0].done
        assert results[0].text.key == "reload_no_file"


def test_a_signal_that_comes_while_the_file_is_read_is_not_lost(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        for number in range(1, 21):
            change(plant.config, f"value = {1.9 + number / 10:.1f}", f"value = {2.0 + number / 10:.1f}")
            box.reloading.ask("", "signal", number)
        eventually(lambda: box.settings.limits[0].value == 4.0, what="the file as it is after the last signal")
        busy: list[Result] = []
        for number in range(5):
            order = Command(f"x{number}", "reload", {}, "marie", "local", "configure")
            box.station.post(Order(order, busy.append))
        eventually(lambda: len(busy) == 5)
        assert {result.text.key for result in busy} <= {"reload_begun", "reload_busy"}

        def is_free() -> bool:
            with suppress(AssertionError):  # the last of the five is still at work
                return reload(box).state == "unchanged"
            return False

        eventually(is_free, what="and it can be asked again")


# -- what changes


def test_the_same_file_changes_nothing(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        workers, points = list(box.buses), dict(box.station.engine.points)
        assert reload(box, check=True).state == "unchanged"
        assert reload(box).state == "unchanged"
        assert (box.buses, box.station.engine.points) == (workers, points)
        assert told(box, "reload") == []


def test_a_trial_says_what_would_change_and_changes_nothing(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        before = box.settings
        change(plant.config, "value = 2.0", "value = 2.5")
        change(plant.config, "pin = 7", "pin = 8")
        report = reload(box, check=True)
        assert (report.state, report.changed, report.reopened) == (
            "checked", ["limit.volts.high.value", "point.door.pin"], ["door"],
        )  # fmt: skip
        assert box.settings is before
        plant.config.write_text("")
        assert reload(box, check=True).state == "faults"
        assert told(box, "reload_refused") == []


def trial_of(box: Box) -> Any:
    """Return what is durable of what is on trial."""
    return box.events.registers.get("trials")


def test_settings_that_were_read_by_order_from_afar_go_back_when_nobody_keeps_them(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        before = box.settings
        change(plant.config, "value = 2.0", "value = 2.5")
        results: list[Result] = []
        box.station.post(Order(Command("s1", "reload", {}, "boss", "sms", "configure"), results.append))
        eventually(lambda: results and box.reloading.report.state == "done")
        assert box.settings != before
        noted = trial_of(box)["trials"]["s1"]["noted"]
        assert box.reloading.take_back(noted)
        eventually(lambda: box.settings == before, what="as before")
        assert box.station.engine.limits["volts.high"].spec.value == 2.0
        eventually(lambda: [event.get("channel") for event in told(box, "reload")] == ["sms", "undo"])
        assert reload(box).state == "done", "what is ordered on the spot stays"
        eventually(lambda: trial_of(box) == {})
        plant.config.write_text(plant.config.read_text() + "\n")
        assert reload(box).state == "unchanged"
        assert not box.reloading.take_back(noted), "it is another file now"


def test_only_the_device_that_changed_is_opened_anew(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        (i2c,) = (bus for bus in box.buses if bus.bus == "i2c1")
        (gpio,) = (bus for bus in box.buses if bus.bus == "gpio")
        volts, handle = i2c.devices[0]._driver, i2c._handle
        eventually(lambda: gpio.devices[0].is_open)
        door = gpio.devices[0]
        change(plant.config, "pin = 7", "pin = 8")
        report = reload(box)
        assert (report.state, report.reopened) == ("done", ["door"])
        eventually(lambda: gpio.devices[0].is_open)
        assert gpio.devices[0] is not door
        assert not door.is_open
        assert box.buses == [i2c, gpio]
        assert (i2c.devices[0]._driver, i2c._handle) == (volts, handle)
        assert plant.board.factory.pin(8).function == "input"
        eventually(lambda: box.station.engine.points["door"].value is not None)
        await_readings(box, 10)
    assert_without_a_hole(stored(tmp_path / "state", "volts"))


def test_points_limits_and_buses_come_and_go(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    more = FakeI2c({0x49: Ads1115Chip(0.25)})
    with box_here(
        plant.config, tmp_path / "state",
        hardware=lambda _: Bench(i2c1=plant.bus, gpio=plant.board.factory, i2c2=more),
    ) as box:  # fmt: skip
        eventually(lambda: plant.value(box) is not None)
        text = plant.config.read_text()
        change(
            plant.config, "[[limit]]",
            '[bus.i2c2]\nkind = "i2c"\nnumber = 2\n\n[[point]]\nid = "more"\nbus = "i2c2"\ndriver = "ads1115"\n'
            'address = 0x49\ninput = "AIN0"\nperiod_s = 0.1\nrecord_s = 0.1\n\n'
            '[[limit]]\nid = "more.high"\npoint = "more"\nkind = "high"\nvalue = 0.1\n\n[[limit]]',
        )  # fmt: skip
        report = reload(box)
        assert report.state == "done", report
        assert report.added == ["bus.i2c2", "limit.more.high", "point.more"]
        eventually(lambda: box.station.engine.points["more"].value == 0.25)
        eventually(lambda: box.desk.view("alarms"))
        eventually(lambda: told(box, "reload"))  # the log may take it a moment after the alarm shows
        (reloaded,) = told(box, "reload")
        assert reloaded == {"added": "bus.i2c2, limit.more.high, point.more", "author": "marie", "channel": "local"}
        eventually(lambda: {change["key"] for change in told(box, "settings_changed")} == set(report.added))
        assert {change["author"] for change in told(box, "settings_changed")} == {"marie"}
        assert {status["bus"] for status in box.desk.buses()} == {"i2c1", "gpio", "i2c2"}
        plant.config.write_text(text)
        report = reload(box)
        assert report.removed == ["bus.i2c2", "limit.more.high", "point.more"]
        assert "more" not in box.station.engine.points
        assert {bus.bus for bus in box.buses} == {"i2c1", "gpio"}
        await_readings(box, 5)
    assert_without_a_hole(stored(tmp_path / "state", "volts"))
    ended = [event for event in ending_events(tmp_path / "state") if event.kind == "alarm_end"]
    assert [event.values["why"] for event in ended] == ["limit_removed"]


def ending_events(state: Path) -> list[Event]:
    with stored_logs(state) as logs:
        return [
            entry for entry in logs.events.read(logs.events.first_seq(), 10_000).entries if isinstance(entry, Event)
        ]


def test_an_output_that_leaves_is_safe_and_the_others_are_not_touched(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    change(
        plant.config,
        "[[output]]",
        '[[output]]\nid = "horn"\nbus = "gpio"\npin = 22\nlimit = "volts.high"\n\n[[output]]',
    )
    horn, lamp = plant.board.factory.pin(22), plant.board.factory.pin(PIN)
    with plant.box(tmp_path / "state") as box:
        plant.chip.volts[0] = 3.0
        eventually(lambda: horn.state and lamp.state)
        changes = lamp.states if hasattr(lamp, "states") else []
        before = len(changes)
        text = plant.config.read_text()
        plant.config.write_text(text[: text.index("[[output]]")] + text[text.rindex("[[output]]") :])
        assert reload(box).removed == ["output.horn"]
        assert not horn.state
        assert lamp.state
        assert len(changes) == before
        plant.config.write_text(text)
        assert reload(box).added == ["output.horn"]
        eventually(lambda: horn.state, 5, "its alarm is still active")
        assert [event.kind for event in events(box) if event.kind in {"alarm_begin", "alarm_end"}] == ["alarm_begin"]


def test_a_pin_may_go_from_a_contact_to_an_output(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        eventually(lambda: box.station.engine.points["door"].value is not None)
        change(plant.config, "pin = 7", "pin = 8")
        change(plant.config, f"pin = {PIN}", "pin = 7")
        assert reload(box).state == "done"
        plant.chip.volts[0] = 3.0
        eventually(lambda: plant.board.factory.pin(7).state, 5, "the lamp is on at its new pin")
        assert plant.lamp() == ("input", False)


def test_the_test_button_comes_moves_and_goes_and_nothing_else_is_opened_anew(tmp_path: Path) -> None:
    plant = Plant(tmp_path)

    def pins(box: Box) -> list[str]:
        (gpio,) = (bus for bus in box.buses if bus.bus == "gpio")
        return [device.spec.name for device in gpio.devices if device.is_open]

    with plant.box(tmp_path / "state") as box:
        eventually(lambda: len(pins(box)) == 1)
        (gpio,) = (bus for bus in box.buses if bus.bus == "gpio")
        door = gpio.devices[0]
        text = plant.config.read_text()
        for pin in (22, 23, 7):
            plant.config.write_text(text + f'\n[test]\nbus = "gpio"\npin = {pin}\n')
            state = reload(box).state
            if pin == 7:
                assert state == "faults", "the door is there"
            else:
                assert state == "done"
                eventually(lambda: f"GPIO{pin}" in pins(box))  # noqa: B023 - asked here
            assert len(pins(box)) == 2
            assert gpio.devices[0] is door
        plant.config.write_text(text)
        assert reload(box).state == "done"
        eventually(lambda: len(pins(box)) == 1)
        assert gpio.devices[0] is door
        await_readings(box, 5)
    assert_without_a_hole(stored(tmp_path / "state", "door"))


def test_an_alarm_neither_ends_nor_begins_by_a_reload(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        plant.chip.volts[0] = 3.0
        eventually(lambda: box.desk.view("alarms"))
        (alarm,) = box.desk.view("alarms")
        eventually(lambda: told(box, "alarm_notify"))
        change(plant.config, "pin = 7", "pin = 8")
        reload(box)
        change(plant.config, "value = 2.0", "value = 2.5")
        reload(box)
        assert [alarm.number for alarm in box.desk.view("alarms")] == [alarm.number]
        kinds = [event.kind for event in events(box) if event.kind.startswith("alarm_")]
        assert kinds == ["alarm_begin", "alarm_notify"], "nobody is told again"


def test_a_failure_in_the_middle_leaves_the_old_settings_running(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        before = box.settings
        change(plant.config, "pin = 7", "pin = 8")
        box.outputs.replace = failing  # type: ignore[assignment]  # what no file can bring about
        report = reload(box)
        assert (report.state, report.why) == ("failed", "RuntimeError: a bug")
        assert box.settings is before
        readings = box.station.readings
        eventually(lambda: box.station.readings > readings + 10)
        eventually(lambda: box.station.engine.points["door"].value is not None)
        assert plant.board.factory.pin(7).function == "input"
        eventually(lambda: [refused["state"] for refused in told(box, "reload_refused")] == ["failed"])
    assert_without_a_hole(stored(tmp_path / "state", "volts"))


def failing(*_args: Any) -> None:
    raise RuntimeError("a bug")


# -- what people see


def served(tmp_path: Path, act: Callable[[Box, list[str]], None]) -> None:
    plant = Plant(tmp_path)
    socket = tmp_path / "api.sock"
    with plant.box(tmp_path / "state", socket=socket) as box:
        act(box, ["--socket", str(socket)])


def test_a_person_reads_what_changed_what_is_wrong_and_what_takes_a_restart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(box: Box, where: list[str]) -> None:
        config = tmp_path / "site.toml"
        assert main(["reload", *where]) == 0
        assert capsys.readouterr().out.startswith("Nothing changed: the settings of ")
        good = config.read_text()
        change(config, "value = 2.0", "value = 2.5")
        assert main(["reload", "--check", *where]) == 0
        assert capsys.readouterr().out == "  ~ limit.volts.high.value\nThat would change; nothing was done.\n"
        assert main(["reload", *where]) == 0
        assert capsys.readouterr().out == f"  ~ limit.volts.high.value\nDone: the settings of {config} count now.\n"
        change(config, "value = 2.5", "vlaue = 2.5")
        assert main(["reload", *where]) == 2
        out = capsys.readouterr().out
        assert f"{config}:" in out
        assert "did you mean value?" in out
        assert "the box keeps its settings." in out
        config.write_text(good.replace('"b0042"', '"b0043"'))
        assert main(["reload", *where]) == 1
        assert "takes a restart (sudo systemctl restart vigie): box.id" in capsys.readouterr().out
        assert main(["reload", "--json", *where]) == 1
        assert json.loads(capsys.readouterr().out)["restart"] == ["box.id"]

    served(tmp_path, act)


def test_a_point_that_comes_back_in_another_unit_takes_a_restart(tmp_path: Path) -> None:
    """History has one unit for a point and a start, also when the point was away in between."""
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        text = plant.config.read_text()
        door = text[text.index('[[point]]\nid = "door"') : text.index("[[limit]]")]
        plant.config.write_text(text.replace(door, ""))
        assert reload(box).removed == ["point.door"]
        back = door.replace('driver = "contact"', 'driver = "pulse"\nweight = 1\nweight_unit = "l"')
        plant.config.write_text(text.replace(door, back))
        report = reload(box)
        assert (report.state, report.restart) == ("restart", ["point.door.driver"])
        plant.config.write_text(text)
        assert reload(box).state == "done"
        eventually(lambda: box.station.engine.points["door"].value is not None)


def test_the_doctor_knows_that_the_file_was_read_again(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with plant.box(tmp_path / "state") as box:
        before = box.desk.box()["settings_utc_ms"]
        eventually(lambda: box.desk.box()["utc_ms"] > before + 50)
        assert reload(box).state == "unchanged"
        assert box.desk.box()["settings_utc_ms"] >= before + 50


def test_settings_that_the_station_did_not_come_to_in_time_are_not_taken_later_either(tmp_path: Path) -> None:
    """Whoever asked has opened the old devices again: the station must not go over on its own."""
    plant = Plant(tmp_path)
    stuck, release = threading.Event(), threading.Event()

    def hang(_engine: Any) -> None:
        stuck.set()
        release.wait(20)

    with plant.box(tmp_path / "state") as box:
        before = box.settings
        change(plant.config, "value = 2.0", "value = 2.5")
        change(plant.config, "pin = 7", "pin = 8")
        changing: Any = box.reloading._box
        changing.station_within_s = 0.05
        box.station.post(Order(Command("x", "reload", {}, "marie", "local", "configure"), lambda _result: None))
        box.station.post(Question(hang, lambda _: None))
        assert stuck.wait(15)
        eventually(lambda: box.reloading.report.state == "failed")
        assert "did not come to it" in box.reloading.report.why
        release.set()
        await_readings(box, 10)
        assert box.settings is before
        assert box.station.engine.limits["volts.high"].spec.value == 2.0
        changing.station_within_s = 20.0
        assert reload(box).state == "done"
        assert box.station.engine.limits["volts.high"].spec.value == 2.5

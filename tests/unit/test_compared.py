"""What a start tells that is not as it was at the last one, and where it goes on when the logs lost something."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.core.clock import ClockEntry
from edge.core.notes import Baseline, Device, Moment, RegisterCopy
from edge.core.types import Event, EventBatch, RecordBatch
from edge.runtime.announced import announced
from edge.runtime.compared import packed, serial_of, unpacked
from edge.runtime.stores import Stores
from edge.settings.catalogue import render
from edge.settings.load import load
from edge.store.fs_memory import MemoryFs
from edge.store.notebook import PATH, Notebook
from tests.box_rig import point, write_site
from tests.support import ManualClock

WATER = point("water", "gpio", "pulse", pin=17, weight=0.001, weight_unit="m3")
DOOR = point("door", "gpio", "contact", pin=7, words=["closed", "open"])
LIMIT = {"id": "door.open", "point": "door", "kind": "equal", "value": "open"}
VOLUME = {"base": 1.5, "count": 20, "scale": 0.001, "pending": 0.004}
ENERGY = {"raw": 81_234_567, "index": 81_234.567, "pending": 0.2}


class State:
    """A state folder in RAM on which starts follow each other, without workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fs = MemoryFs()

    def start(self, registers: dict[str, Any] | None = None, trust: str = "ntp", **tables: Any) -> list[Event]:
        """Start with this site and stop again, with these registers durable; return what the start told."""
        site = {"bus": {"gpio": {"kind": "gpio"}}, "point": [WATER, DOOR], "limit": [LIMIT], **tables}
        settings = load(write_site(self.folder, **site))
        stores = Stores(settings, self.folder / "state", self.fs)
        clock = ManualClock(boot=stores.boot, trust=trust)
        found = announced(stores, settings, clock, stores.dating(), was_cut=False)
        clock_entry = ClockEntry(clock.boot, 1000, clock.utc_ms(), "ntp")
        event_registers = {**found.event_registers, "running": False, "clock": [msgspec.to_builtins(clock_entry)]}
        stores.events.append(EventBatch(clock.boot, found.events, event_registers))
        stores.records.append(RecordBatch(clock.boot, [], {**found.registers, **(registers or {})}))
        found.compared.accept(stores.notebook)
        of_events = {name: value for name, value in stores.events.registers.items() if name != "running"}
        stores.notebook.set_registers(RegisterCopy(Moment(clock.boot, 1), stores.records.registers, of_events))
        stores.notebook.save()
        stores.close()
        return found.events[1:]  # the start itself comes first

    def lose(self, folder: str) -> None:
        for path in [path for path in self.fs.names if path.startswith(f"{folder}/")]:
            self.fs.unlink(path)

    @property
    def notebook(self) -> Notebook:
        return Notebook(self.fs)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


# -- devices, calibrations, settings


def test_the_first_start_writes_all_down_and_tells_of_no_change(state: State) -> None:
    assert state.start() == []
    found = state.notebook
    assert [(device.id, device.driver, device.points) for device in found.inventory()] == [
        ("gpio/GPIO17", "pulse", ["water"]),
        ("gpio/GPIO7", "contact", ["door"]),
    ]
    assert found.inventory()[0].first == Moment(1, 1000, 1_795_166_000_000, "ntp")
    (entry,) = found.calibrations()["water"]
    assert (entry.scale, entry.unit, entry.pulse_weight) == (0.001, "m3", 0.001)
    assert "door" not in found.calibrations(), "a state has none"
    assert found.box() == {"id": "b0042", "site": "Gymnase Sud"}


def test_an_unchanged_site_tells_nothing_and_keeps_its_dates(state: State) -> None:
    state.start()
    first = state.notebook.inventory()
    assert state.start() == []
    assert state.notebook.inventory() == first
    assert len(state.notebook.calibrations()["water"]) == 1


def test_a_start_without_a_clock_notes_no_utc(state: State) -> None:
    state.start(trust="floor")
    assert state.notebook.inventory()[0].first == Moment(1, 1000)


def test_changes_of_the_file_are_told_once_key_by_key_with_before_and_after(state: State) -> None:
    state.start()
    changed = {"box": {"commit_s": 2}, "point": [{**WATER, "weight": 0.01}, DOOR]}
    told = state.start(**changed)
    assert [event.values for event in told if event.kind == "settings_changed"] == [
        {"key": "box.commit_s", "author": "file", "before": 1.0, "after": 2.0},
        {"key": "point.water.weight", "author": "file", "before": 0.001, "after": 0.01},
    ]
    (calibration,) = [event for event in told if event.kind == "calibration"]
    assert calibration.point == "water"
    assert calibration.values == {"pulse_weight_was": 0.001, "pulse_weight_is": 0.01}
    assert render("en", "event.calibration", calibration.values) == "calibration changed; pulse weight 0.001 -> 0.01"
    words = render("en", "event.settings_changed", told[0].values)
    assert words == "settings changed: box.commit_s from 1 to 2 (in the file)"
    entries = state.notebook.calibrations()["water"]
    assert [(entry.pulse_weight, entry.since.boot) for entry in entries] == [(0.001, 1), (0.01, 2)]
    assert state.start(**changed) == []


def test_a_new_device_and_one_that_is_gone_are_told_and_stay_in_the_inventory(state: State) -> None:
    state.start()
    gas = point("gas", "gpio", "pulse", pin=22, weight=0.01, weight_unit="m3")
    told = state.start(point=[WATER, gas], limit=[])
    keys = [event.values["key"] for event in told if event.kind == "settings_changed"]
    assert keys == ["limit.door.open", "point.door", "point.gas"]
    of_devices = [(event.kind, event.values["device"]) for event in told if event.kind.startswith("device_")]
    assert of_devices == [("device_added", "GPIO22"), ("device_removed", "GPIO7")]
    by_id = {device.id: device for device in state.notebook.inventory()}
    assert by_id["gpio/GPIO7"].gone == Moment(2, 1000, 1_795_166_000_000, "ntp")
    back = state.start()
    assert [event.values["device"] for event in back if event.kind == "device_added"] == ["GPIO7"]
    assert {device.id: device.gone for device in state.notebook.inventory()}["gpio/GPIO7"] is None


def test_a_flood_of_changes_is_cut_and_counted(state: State) -> None:
    state.start(limit=[{**LIMIT, "id": f"l{number}"} for number in range(100)])
    told = state.start(limit=[])
    assert len(told) == 41
    assert told[-1].values == {"key": "", "author": "file", "more": 60}


def test_a_meter_says_its_number_by_what_its_driver_remembers(state: State) -> None:
    memory = '{"mode":"historic","identity":"041876543210","indexes":{}}'
    state.start({"device/gpio/GPIO17": memory})
    state.start()
    assert {device.id: device.serial for device in state.notebook.inventory()}["gpio/GPIO17"] == "041876543210"
    for damaged in ("", "{", "[]", '{"identity":5}', None, 7, {}):
        assert serial_of(damaged) == ""


def test_the_settings_of_a_start_are_kept_whole_and_damage_to_them_is_no_change_of_everything() -> None:
    values = {"box.commit_s": 2.0, "site.name": "Gymnase Sud – été"}
    assert unpacked(packed(values)) == values
    assert packed({}) == packed({})
    for text in ("", "xx", "eJw=", "eJyr!!"):
        assert unpacked(Baseline("d", text)) == {}


def test_a_baseline_that_cannot_be_read_is_told_as_one_change(state: State) -> None:
    state.start()
    notebook = state.notebook
    notebook.set_baseline(Baseline("other", ""))
    notebook.save()
    (event,) = state.start()
    assert (event.kind, event.values) == ("settings_changed", {"key": "", "author": "file"})


# -- registers from the copy


def test_a_lost_records_log_goes_on_from_the_copy_and_a_sound_one_never_does(state: State) -> None:
    state.start({"counter/water": VOLUME, "counter/gone": ENERGY})
    assert state.start() == []
    state.lose("records")
    told = state.start()
    assert [(event.kind, event.point, event.values) for event in told] == [
        ("registers_from_copy", "water", {"index": 1.52})
    ]
    settings = load(state.folder / "site.toml")
    stores = Stores(settings, state.folder / "state", state.fs)
    assert stores.boot == 4
    assert stores.records.registers["counter/water"] == {**VOLUME, "pending": 0}
    assert stores.records.registers["counter/gone"] == {**ENERGY, "pending": 0}, "also of a point not in the settings"
    stores.close()


@pytest.mark.parametrize("count", [0, 19, 21, 10_000])
def test_a_register_of_the_log_always_counts_whatever_the_copy_says(state: State, count: int) -> None:
    state.start({"counter/water": VOLUME})
    notebook = state.notebook
    copy = notebook.registers()
    assert copy is not None
    notebook.set_registers(msgspec.structs.replace(copy, records={"counter/water": {**VOLUME, "count": count}}))
    notebook.save()
    assert state.start() == []
    stores = Stores(load(state.folder / "site.toml"), state.folder / "state", state.fs)
    assert stores.recalled.records["counter/water"] == VOLUME
    assert stores.recalled.doubtful(stores.boot) == []
    stores.close()


def test_lost_events_leave_starts_dated_and_numbered(state: State) -> None:
    state.start({"counter/water": VOLUME})
    state.start()
    state.lose("events")
    stores = Stores(load(state.folder / "site.toml"), state.folder / "state", state.fs)
    assert stores.boot == 3
    assert stores.dating().utc_ms(2, 1000) == 1_795_166_000_000
    assert not stores.was_cut
    stores.close()


def test_both_logs_lost_go_on_above_the_last_start(state: State) -> None:
    for _ in range(5):
        state.start({"counter/water": VOLUME})
    state.lose("records")
    state.lose("events")
    stores = Stores(load(state.folder / "site.toml"), state.folder / "state", state.fs)
    assert stores.boot == 6
    assert stores.recalled.doubtful(6) == ["water"]
    stores.close()


def test_without_a_copy_lost_logs_begin_anew(state: State) -> None:
    state.start({"counter/water": VOLUME})
    for folder in ("records", "events"):
        state.lose(folder)
    for path in (PATH, f"{PATH}.bak"):
        if state.fs.exists(path):
            state.fs.unlink(path)
    assert state.start() == []
    assert Stores(load(state.folder / "site.toml"), state.folder / "state", state.fs).boot == 2


# -- a notebook that can't be used


def test_a_damaged_notebook_is_told_with_the_name_it_has_now(state: State) -> None:
    state.start()
    state.fs.images[state.fs.names[PATH]].write(b"\x00\x00\x00", 200)
    (event,) = state.start()
    assert event.kind == "notebook_damaged"
    assert event.values["taken"] == "nothing"
    assert state.fs.exists(event.values["kept_as"])
    assert "it begins empty" in render("en", "event.notebook_damaged", event.values)


def test_a_newer_notebook_is_told_and_left_to_the_octet(state: State) -> None:
    crc = zlib.crc32(b"{}", zlib.crc32(b"vigie-notebook 9 2"))
    octets = f"vigie-notebook 9 2 {crc:08x}\n{{}}".encode()
    state.fs.open(PATH, create=True).pwrite(octets, 0)
    (event,) = state.start()
    assert event.kind == "notebook_refused"
    assert "written by a newer vigie" in event.values["text"]
    image = state.fs.images[state.fs.names[PATH]]
    assert image.read(image.size, 0) == octets


# -- what it costs


def test_a_site_of_200_points_writes_two_megabytes_a_day_into_its_notebook(state: State) -> None:
    """A save an hour: octets of the file, which are written whole. Beside 34 to 51 MB a day of records: 4 to 6 %."""
    probes = [
        point(f"t.{n}", f"w{n % 4}", "ds18b20", probe=f"28-{n:012x}", resolution=9, period_s=60, record_s=60)
        for n in range(160)
    ]
    counters = {f"counter/energy.{n}": {**ENERGY, "raw": 81_234_567 + n} for n in range(40)}
    state.start(
        counters, bus={f"w{n}": {"kind": "onewire", "path": f"/w{n}"} for n in range(4)}, point=probes, limit=[]
    )
    octets = state.notebook.octets
    assert 30_000 < octets < 100_000, f"{octets} octets a save, {octets * 24} a day"
    seen = Moment(1, 3_600_000, 1_795_166_000_000, "ntp")
    notebook = state.notebook
    devices: list[Device] = [msgspec.structs.replace(device, last=seen) for device in notebook.inventory()]
    notebook.put_devices(devices)
    writes = state.fs.counts.octets_written
    notebook.save()
    a_day = 24 * (state.fs.counts.octets_written - writes)
    assert 1_000_000 < a_day < 2_500_000, f"{a_day} octets a day"

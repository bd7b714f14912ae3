"""The notebook: what the box remembers beside its records, in memory at once and on the card when saved."""

from __future__ import annotations

import errno
from typing import Any

import msgspec
import pytest

from edge.core.notes import Acknowledgement, Baseline, Calibration, Device, MadeSetting, Moment, RegisterCopy
from edge.store.fs import StoreError
from edge.store.fs_memory import Fault, MemoryFs
from edge.store.notebook import PATH, SCHEMA, Notebook
from edge.store.notebook_file import decode, encode

FIRST = Moment(1, 500)
LATER = Moment(3, 900, 1_795_166_000_000, "ntp")


@pytest.fixture
def fs() -> MemoryFs:
    return MemoryFs(keep_cuts=True)


def probe(number: int, **more: Any) -> Device:
    facts = {"bus": "w1", "bus_kind": "onewire", "driver": "ds18b20", "device": f"28-{number:012x}", "points": ["t"]}
    return Device(**{"id": f"w1/28-{number:012x}", "first": FIRST, **facts, **more})


def filled(fs: MemoryFs) -> Notebook:
    notebook = Notebook(fs)
    notebook.set_box("b0042", "Gymnase Sud")
    notebook.put_devices([probe(2), probe(1, last=LATER, serial="041876543210")])
    notebook.put_calibrations({"t": [Calibration(FIRST, 1.0, 0.0, "Cel"), Calibration(LATER, 1.0, 0.5, "Cel")]})
    notebook.add_acknowledgements([Acknowledgement(4, "t.high", "t", LATER, "martin", "local")])
    notebook.put_setting(MadeSetting("limit.t.high.value", 85.0, LATER, "martin"))
    notebook.set_baseline(Baseline("9f3c", "eJyrBgAA"))
    notebook.set_registers(RegisterCopy(LATER, {"counter/w": {"base": 1.0}}, {"alarms": {"last": 4}}, {"lamp": True}))
    return notebook


def everything(notebook: Notebook) -> list[object]:
    return [
        notebook.box(), notebook.inventory(), notebook.calibrations(), notebook.acknowledgements(),
        notebook.settings(), notebook.baseline(), notebook.registers(),
    ]  # fmt: skip


def test_everything_that_was_saved_is_there_after_a_restart(fs: MemoryFs) -> None:
    notebook = filled(fs)
    before = everything(notebook)
    notebook.save()
    again = Notebook(fs.after_cut("lost"))
    assert everything(again) == before
    assert [device.id for device in again.inventory()] == ["w1/28-000000000001", "w1/28-000000000002"]
    assert (again.damage, again.refused, again.is_changed) == ([], "", False)


def test_a_new_notebook_is_empty_and_writes_nothing(fs: MemoryFs) -> None:
    notebook = Notebook(fs)
    notebook.save()
    assert everything(notebook) == [{}, [], {}, [], {}, None, None]
    assert fs.counts.writes == 0


def test_changes_count_at_once_and_reach_the_card_in_one_write(fs: MemoryFs) -> None:
    notebook = filled(fs)
    assert fs.counts.writes == 0
    notebook.save()
    notebook.save()
    assert fs.counts.writes == 1


def test_what_is_put_again_unchanged_is_not_written_again(fs: MemoryFs) -> None:
    notebook = filled(fs)
    notebook.save()
    before = everything(notebook)
    filled_again = [notebook.inventory(), notebook.calibrations(), notebook.acknowledgements()]
    notebook.put_devices(filled_again[0])  # type: ignore[arg-type]
    notebook.put_calibrations(filled_again[1])  # type: ignore[arg-type]
    notebook.add_acknowledgements(filled_again[2])  # type: ignore[arg-type]
    notebook.set_box("b0042", "Gymnase Sud")
    copy = notebook.registers()
    assert copy is not None
    notebook.set_registers(msgspec.structs.replace(copy, taken=Moment(9, 9)))
    assert not notebook.is_changed
    assert everything(notebook) == before


@pytest.mark.parametrize("call", ["open", "pwrite", "fdatasync", "rename", "fsync_dir"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_card_that_takes_nothing_keeps_the_changes_waiting(fs: MemoryFs, call: str, error: int) -> None:
    filled(fs).save()
    notebook = Notebook(fs)
    notebook.put_setting(MadeSetting("box.commit_s", 5.0, LATER))
    fs.fail(Fault(call, error))
    with pytest.raises(StoreError):
        notebook.save()
    assert notebook.is_changed
    assert set(notebook.settings()) == {"limit.t.high.value", "box.commit_s"}
    notebook.save()
    assert set(Notebook(fs.after_cut("lost")).settings()) == {"limit.t.high.value", "box.commit_s"}


def test_a_newer_notebook_is_refused_by_name_and_left_as_it_is(fs: MemoryFs) -> None:
    filled(fs).save()
    tables = decode(fs.images[fs.names[PATH]].read(1 << 20, 0))
    next(iter(tables["box"].values()))["schema"] = SCHEMA + 1
    octets = encode(tables)
    fs.images[fs.names[PATH]].resize(0)
    fs.images[fs.names[PATH]].write(octets, 0)
    notebook = Notebook(fs)
    assert "written by a newer vigie" in notebook.refused
    assert f"version {SCHEMA + 1}" in notebook.refused
    notebook.put_devices([probe(7)])
    notebook.save()
    assert fs.images[fs.names[PATH]].read(1 << 20, 0) == octets
    assert [device.id for device in notebook.inventory()] == ["w1/28-000000000007"]


def test_a_damaged_notebook_gives_the_one_before_and_says_so(fs: MemoryFs) -> None:
    notebook = filled(fs)
    notebook.save()
    notebook.drop_setting("limit.t.high.value")
    notebook.save()
    fs.images[fs.names[PATH]].write(b"\x00\x01\x02", 90)
    again = Notebook(fs)
    assert set(again.settings()) == {"limit.t.high.value"}
    assert len(again.damage) == 2
    assert any(name.startswith(f"{PATH}.bad-") for name in fs.listdir(""))
    again.put_devices([probe(8)])
    again.save()
    assert len(Notebook(fs).inventory()) == 3


@pytest.mark.parametrize("octets", [b"", b"\x00" * 5000, b"vigie-notebook", encode({})[:-1]])
def test_any_octets_in_its_place_begin_an_empty_one_and_are_kept_aside(fs: MemoryFs, octets: bytes) -> None:
    fs.open(PATH, create=True).truncate(len(octets))
    fs.images[fs.names[PATH]].write(octets, 0)
    notebook = Notebook(fs)
    assert everything(notebook) == [{}, [], {}, [], {}, None, None]
    assert "begins empty" in notebook.damage[-1]
    filled(fs).save()
    assert everything(Notebook(fs)) == everything(filled(MemoryFs()))


@pytest.mark.parametrize("tables", [{"inventory": {"1": {"x": 1}}}, {"inventory": {"1": {"id": "a", "is": 5}}}])
def test_a_document_that_is_not_understood_is_left_out_and_left_there(fs: MemoryFs, tables: Any) -> None:
    octets = encode(tables)
    fs.open(PATH, create=True).truncate(len(octets))
    fs.images[fs.names[PATH]].write(octets, 0)
    notebook = Notebook(fs)
    assert notebook.inventory() == []
    notebook.put_devices([probe(1)])
    notebook.save()
    again = Notebook(fs)
    assert again.inventory() == [probe(1)]
    rows = decode(fs.images[fs.names[PATH]].read(1 << 20, 0))["inventory"].values()
    assert tables["inventory"]["1"] in rows


def test_lists_that_could_grow_for_ever_keep_the_newest(fs: MemoryFs) -> None:
    notebook = Notebook(fs)
    notebook.add_acknowledgements(Acknowledgement(n, "l", "p", Moment(1, n)) for n in range(450))
    notebook.put_calibrations({"p": [Calibration(Moment(n, 0), 1.0, float(n), "m3") for n in range(300)]})
    notebook.put_devices(probe(n, gone=Moment(n, 0)) for n in range(1, 501))
    assert [ack.number for ack in notebook.acknowledgements()] == list(range(250, 450))
    assert [entry.offset for entry in notebook.calibrations()["p"]] == [float(n) for n in range(200, 300)]
    gone = [device.gone.boot for device in notebook.inventory() if device.gone]
    assert gone == list(range(301, 501))

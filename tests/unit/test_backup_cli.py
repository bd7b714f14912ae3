"""`vigie backup` and `vigie restore` as an installer types them: a dead box replaced, its index going on."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.types import RecordBatch
from edge.runtime.backup import backup_of
from edge.runtime.compared import compared
from edge.runtime.identity import chosen, with_id
from edge.runtime.stores import Stores
from edge.settings.card_bare import id_of
from edge.settings.load import load
from edge.store.backup_file import Backup, decode, encode
from edge.store.fs import RealFs
from edge.store.fs_memory import MemoryFs
from hal import drivers
from hal.sample import UNCERTAIN
from tests.box_rig import point
from tests.meter_rig import Meter, durable_index, events_of, index, records_of
from tests.support import eventually
from tests.unit.test_restore import NOW, SETTINGS, backup
from tests.unit.test_settings_secrets import CANARY, Keyed

WATER = point("water", "gpio", "pulse", pin=17, weight=0.001, weight_unit="m3", debounce_ms=0)


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def written(path: Path) -> Backup:
    return decode(path.read_bytes())


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a box that has counted 30 pulses and stopped."""
    path = tmp_path_factory.mktemp("old")
    meter = Meter(path)
    with meter.box(path / "state") as box:
        meter.count(box, 30)
    return path


def test_a_dead_box_is_replaced_and_its_index_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "b0042.vigie"
    old.mkdir()
    meter = Meter(old)
    with meter.box(old / "state", socket=tmp_path / "api.sock") as box:
        counted = meter.count(box, 120)
        assert main(["backup", str(file), "--socket", str(tmp_path / "api.sock")]) == 0
    assert "box b0042, 1 counter, 2 devices" in capsys.readouterr().out
    assert file.stat().st_mode & 0o777 == 0o600
    found = written(file)
    assert (found.box, found.site, found.indexes) == ("b0042", "Gymnase Sud", {"water": counted})
    assert found.settings == meter.config.read_text()
    assert found.outputs == {}

    config = new / "etc" / "vigie.toml"
    assert main(["restore", str(file), "--state", str(new / "state"), "--config", str(config)]) == 0
    told = capsys.readouterr().out
    assert "water: 0.12 in the backup -> 0.12 (a new box)" in told
    assert f"settings written to {config}" in told
    assert config.read_text() == meter.config.read_text()
    assert config.stat().st_mode & 0o777 == 0o640
    again = Meter(new)
    with again.box(new / "state") as box:
        assert box.clock.boot == 3
        assert index(box) == counted
        assert again.count(box, 5) == round(counted + 0.005, 9)
    kinds = [event.kind for event in events_of(RealFs(new / "state"))]
    assert kinds[:2] == ["restored", "restored_index"]
    assert "unclean_stop" not in kinds
    first = next(record for record in records_of(RealFs(new / "state"), "water") if record.value is not None)
    assert (first.quality, first.reason) == (UNCERTAIN, "power_cut")

    assert main(["restore", str(file), "--state", str(new / "state"), "--config", str(config)]) == 0
    assert "restored here already: nothing was changed" in capsys.readouterr().out


def test_a_box_that_does_not_run_is_backed_up_from_its_folder_and_nothing_there_changes(
    tmp_path: Path, old: Path
) -> None:
    before = {path: path.read_bytes() for path in (old / "state").rglob("*") if path.is_file()}
    words = ["backup", str(tmp_path / "f"), "--state", str(old / "state"), "--config", str(old / "site.toml")]
    assert main(words) == 0
    assert written(tmp_path / "f").indexes == {"water": 0.03}
    assert {path: path.read_bytes() for path in (old / "state").rglob("*") if path.is_file()} == before


def test_a_file_that_is_there_is_not_replaced_without_being_told_to(tmp_path: Path, old: Path, capsys: Any) -> None:
    file = tmp_path / "f"
    file.write_text("precious")
    words = ["backup", str(file), "--state", str(old / "state"), "--config", str(old / "site.toml")]
    assert main(words) == 1
    assert file.read_text() == "precious"
    assert "--force" in capsys.readouterr().err
    assert main([*words, "--force", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["octets"] == file.stat().st_size
    assert facts["id"] == written(file).id
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["device", "folder"])
def test_what_is_no_file_is_not_replaced_even_by_force(tmp_path: Path, old: Path, make: Any, capsys: Any) -> None:
    target = tmp_path / "there"
    make(target)
    before = target.stat().st_mode
    assert main(["backup", str(target), "--force", "--state", str(old / "state")]) == 1
    assert capsys.readouterr().err == f"vigie: {target} can't be written: is no file\n"
    assert target.stat().st_mode == before


def test_no_secret_of_any_driver_is_in_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(drivers.BUILT_IN, "keyed", f"{Keyed.__module__}:Keyed")
    heat = point("heat", "net", "keyed", address="10.0.0.7", key=CANARY, logins=[{"user": "r", "password": CANARY}])
    meter = Meter(tmp_path, bus={"gpio": {"kind": "gpio"}, "net": {"kind": "own"}}, point=[WATER, heat], limit=[])
    with meter.config.open("a") as file:
        file.write(f"# the old key was {CANARY}\n")
    with meter.box(tmp_path / "state", socket=tmp_path / "api.sock") as box:
        eventually(lambda: box.stores.notebook.baseline() is not None, 10)
        assert main(["backup", str(tmp_path / "f"), "--socket", str(tmp_path / "api.sock")]) == 0
    assert CANARY.encode() in meter.config.read_bytes()
    assert CANARY.encode() not in (tmp_path / "f").read_bytes()
    assert written(tmp_path / "f").blanked == ["point.heat.key", "point.heat.logins.0.password"]
    assert "point.heat.key" in capsys.readouterr().out
    for path in (tmp_path / "state").rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("text", [None, "[box\n", "\ufffd"])
def test_settings_that_cannot_be_read_are_left_out_and_that_is_said(
    tmp_path: Path, old: Path, text: str | None, capsys: Any
) -> None:
    config = tmp_path / "other.toml"
    if text is not None:
        config.write_bytes(text.encode("utf-16"))
    assert main(["backup", str(tmp_path / "f"), "--state", str(old / "state"), "--config", str(config)]) == 0
    assert (written(tmp_path / "f").settings, written(tmp_path / "f").box) == ("", "b0042")
    assert "the settings are not in here" in capsys.readouterr().out


def test_a_box_whose_restore_was_cut_short_is_not_backed_up(tmp_path: Path, old: Path, capsys: Any) -> None:
    shutil.copytree(old, tmp_path / "cut")
    (tmp_path / "cut" / "state" / "restoring").touch()
    assert main(["backup", str(tmp_path / "f"), "--state", str(tmp_path / "cut" / "state")]) == 3
    assert "vigie restore FILE" in capsys.readouterr().err
    assert not (tmp_path / "f").exists()


def test_register_maps_beside_the_settings_go_along_and_an_unreadable_one_is_said(tmp_path: Path, old: Path) -> None:
    config = tmp_path / "etc" / "vigie.toml"
    maps = config.parent / "modbus"
    maps.mkdir(parents=True)
    shutil.copy(old / "site.toml", config)
    (maps / "pump.toml").write_text('title = "pump"\n', encoding="utf-8")
    (maps / "broken.toml").write_bytes(b"\xff\xfe")
    (maps / "notes.txt").write_text("mine", encoding="utf-8")
    file, new = tmp_path / "b.vigie", tmp_path / "new"
    words = ["--state", str(old / "state"), "--config", str(config)]
    assert main(["backup", str(file), *words]) == 0
    found = written(file)
    assert found.maps == {"pump.toml": 'title = "pump"\n'}
    assert any("broken.toml" in note for note in found.notes)
    assert main(["restore", str(file), "--state", str(new / "state"), "--config", str(new / "vigie.toml")]) == 0
    assert (new / "modbus" / "pump.toml").read_text(encoding="utf-8") == 'title = "pump"\n'
    assert (new / "modbus").stat().st_mode & 0o777 == 0o755


def test_where_there_is_no_box_nothing_is_written(tmp_path: Path, capsys: Any) -> None:
    assert main(["backup", str(tmp_path / "f"), "--state", str(tmp_path / "none")]) == 3
    assert not (tmp_path / "f").exists()
    assert "no box has kept anything" in capsys.readouterr().err


# -- restoring


def test_a_running_box_is_not_restored_into_and_not_backed_up_behind_its_back(tmp_path: Path, capsys: Any) -> None:
    meter = Meter(tmp_path)
    file = tmp_path / "f"
    file.write_bytes(encode(backup()))
    with meter.box(tmp_path / "state") as box:
        counted = meter.count(box, 2)
        words = ["--state", str(tmp_path / "state"), "--config", str(meter.config)]
        assert main(["restore", str(file), *words]) == 1
        assert "stop the box first" in capsys.readouterr().err
        assert main(["backup", str(tmp_path / "g"), *words]) == 3
        assert "a box runs" in capsys.readouterr().err
        assert durable_index(box.records) == counted


def test_what_root_restores_belongs_to_the_user_of_the_folder(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    state, config = tmp_path / "state", tmp_path / "etc" / "vigie.toml"
    for folder, mode in ((state, 0o700), (config.parent, 0o750)):
        folder.mkdir(mode=mode)
        os.chown(folder, 0 if folder == config.parent else 4321, 4322)
    (tmp_path / "f").write_bytes(encode(backup()))
    assert main(["restore", str(tmp_path / "f"), "--state", str(state), "--config", str(config)]) == 0
    found = [path.stat() for path in state.rglob("*")]
    assert len(found) > 6
    assert {(status.st_uid, status.st_gid) for status in found} == {(4321, 4322)}
    status = config.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (0, 4322, 0o640)


def test_the_number_of_a_meter_is_in_a_backup_as_soon_as_its_driver_knows_it(tmp_path: Path) -> None:
    settings = load(Meter(tmp_path).config)
    stores = Stores(settings, tmp_path / "state", MemoryFs())
    memory = '{"mode":"historic","identity":"041876543210"}'
    stores.records.append(RecordBatch(1, [], {"device/gpio/GPIO17": memory}))
    compared(stores.notebook, settings, NOW, {}).accept(stores.notebook)
    found = backup_of(stores.records, stores.events, stores.notebook, NOW, None)
    assert [device.serial for device in found.inventory] == ["041876543210", ""]
    assert found.notes == ["the settings are not in here: the box was started without a file of its own"]
    stores.close()


@pytest.mark.parametrize("octets", [b"", b"vigie-backup 1 2 00000000\n{}", b"\x00" * 5000, b"vigie-backup 2 0 0\n"])
def test_what_is_no_backup_changes_nothing(tmp_path: Path, octets: bytes, capsys: Any) -> None:
    (tmp_path / "f").write_bytes(octets)
    words = ["--state", str(tmp_path / "state"), "--config", str(tmp_path / "etc" / "vigie.toml")]
    assert main(["restore", str(tmp_path / "f"), *words]) == 2
    assert "no sound backup" in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "none"), *words]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f"]


def test_settings_that_are_there_stay_and_the_differences_are_said(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "f").write_bytes(encode(backup()))
    config = tmp_path / "vigie.toml"
    config.write_text(SETTINGS.replace("b0042", "b0099").replace("Gymnase Sud", "Gymnase Nord"))
    words = ["restore", str(tmp_path / "f"), "--state", str(tmp_path / "state"), "--config", str(config)]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "box.id: b0099 -> b0042" in told
    assert "site.name: Gymnase Nord -> Gymnase Sud" in told
    assert id_of(config.read_text()) == "b0099"
    assert main([*words, "--force", "--settings"]) == 0
    assert config.read_text() == SETTINGS.replace("b0042", "b0099"), "replaced, and still this box"


@pytest.mark.parametrize(
    ("here", "replace", "box_id", "outcome", "found"),
    [
        (None, False, "", "written", "b0042"),
        (None, False, "b0077", "written", "b0077"),
        (None, False, "keep", "written", "b0042"),
        ("b0099", False, "", "left", None),
        ("b0099", False, "backup", "written", "b0042"),
        ("b0099", False, "b0077", "written", "b0077"),
        ("b0099", True, "", "same", None),
        ("b0099", True, "backup", "written", "b0042"),
        ("b0042", True, "", "same", None),
        ("b0042", False, "", "same", None),
    ],
)
def test_whose_id_a_restored_box_has(
    here: str | None, replace: bool, box_id: str, outcome: str, found: str | None
) -> None:
    text = None if here is None else SETTINGS.replace("b0042", here)
    answer = chosen(backup(), text, replace=replace, box_id=box_id)
    assert answer.outcome == outcome
    assert (None if answer.text is None else id_of(answer.text)) == found


def test_a_backup_without_settings_writes_none_and_an_unreadable_file_stays() -> None:
    assert chosen(backup(settings=""), None, replace=False).outcome == "none"
    assert chosen(backup(settings=""), SETTINGS, replace=True).outcome == "left"
    assert chosen(backup(), "[box", replace=False).outcome == "unread"
    assert id_of("") == id_of("[box") == id_of("box = 5") == ""
    assert with_id(SETTINGS, "b0042") == SETTINGS
    assert id_of(with_id("", "b1")) == "b1"


def test_an_id_that_no_box_can_have_is_refused(tmp_path: Path, capsys: Any) -> None:
    assert main(["restore", str(tmp_path / "f"), "--box-id", "B 42"]) == 2
    assert "--box-id takes" in capsys.readouterr().err

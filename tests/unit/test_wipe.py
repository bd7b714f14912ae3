"""`vigie wipe`: what a box kept is overwritten, removed, and looked for."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.runtime.card_state import CardMemory, CardState, KnownAct
from edge.runtime.compared import compared
from edge.runtime.wiping import known
from edge.settings.load import load
from edge.store.backup_file import encode
from edge.store.erasing import MARKS, READ, Search, erase, fill, own_files
from edge.store.fs import RealFs
from edge.store.kept_file import KeptFile
from edge.store.log import Log
from edge.store.notebook import PATH, Notebook
from sms.mailbox import Outgoing
from tests.box_rig import write_site
from tests.meter_rig import Meter
from tests.smsd_rig import Daemon, needs_schema
from tests.support import ROOT
from tests.unit.test_restore import NOW, backup

METER = "041876543210"
TEXT = "MESSAGE-7F3A91"


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def kept(folder: Path) -> tuple[Path, Path]:
    """Return the state folder of a site that has measured, and its settings: logs, a notebook with former versions."""
    config = Meter(folder).config
    state = folder / "state"
    state.mkdir()
    fs = RealFs(state)
    settings = load(config)
    records: Log[Record] = Log(fs, "records", "records", 64 << 10, 16 << 10)
    events: Log[Event] = Log(fs, "events", "events", 64 << 10, 16 << 10)
    memory = json.dumps({"mode": "historic", "identity": METER})
    records.append(RecordBatch(1, [Record("tic.message", 0, 1000, TEXT)], {"device/m/tic": memory}))
    events.append(EventBatch(1, [Event("start", 5, "", {"text": TEXT})], {"running": False}))
    records.close()
    events.close()
    notebook = Notebook(fs)
    for number in range(3):
        notebook.set_box(settings.box.id, f"Gymnase Sud {number}")
        compared(notebook, settings, NOW, {"device/gpio/GPIO17": memory}).accept(notebook)
        notebook.save()
    (state / f"{PATH}.bad-00000000").write_text(f"old notebook of {METER}")
    (state / "history.db").write_bytes(b"SQLite format 3\x00" + TEXT.encode())
    (state / "history.db-wal").write_bytes(TEXT.encode() * 100)
    (state / "history.reserve").write_bytes(bytes(9000))
    for number in range(2):
        KeptFile(fs, "sms/identity", "vigie-sms-identity").save({"private": f"{number}" * 64})
    (state / "devices").mkdir()
    (state / "devices" / "meter").write_text(METER)
    (state / "devices" / "link").symlink_to(config)
    return state, config


def words(state: Path, config: Path, *more: str) -> list[str]:
    return ["wipe", "--state", str(state), "--config", str(config), *more]


def test_a_wipe_leaves_nothing_of_the_site_and_says_what_it_looked_for(tmp_path: Path, capsys: Any) -> None:
    state, config = kept(tmp_path)
    assert {METER, TEXT, "Gymnase Sud", "b0042", "GPIO17"} <= set(known(state, config).values)
    assert main(words(state, config, "--yes", "--json")) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["found"] == []
    assert {"frames of the logs", "notebook, restore, backup", "keys and queue of SMS", METER, TEXT} <= {
        hit["what"] for hit in facts["before"]
    }
    assert {METER, TEXT, "b0042"} <= set(facts["looked_for"])
    assert facts["octets"] > 128 << 10
    assert list(state.iterdir()) == []
    assert config.exists(), "the settings stay, and the link to them was not followed"
    assert main(words(state, config, "--yes")) == 0, "an empty folder is wiped as well"
    assert "nothing found" in capsys.readouterr().out


def test_the_settings_go_too_when_asked_for(tmp_path: Path, capsys: Any) -> None:
    state, config = kept(tmp_path)
    assert main(words(state, config, "--yes", "--settings")) == 0
    assert not config.exists()


def test_what_was_made_or_moved_off_a_card_goes_with_the_settings_and_not_without(tmp_path: Path, capsys: Any) -> None:
    state, config = kept(tmp_path)
    secrets = config.parent / "secrets"
    secrets.mkdir()
    for name in ("access-code", "wifi-password"):
        (secrets / name).write_text("K7QM-4XPD-92TH")
    (config.parent / "card.json").write_text("{}")
    (secrets / "elsewhere").symlink_to(tmp_path / "kept")
    (tmp_path / "kept").write_text("kept")
    assert main(words(state, config, "--yes")) == 0
    assert len(list(secrets.iterdir())) == 3
    assert main(words(state, config, "--yes", "--settings")) == 0
    assert [path.name for path in secrets.iterdir()] == ["elsewhere"]
    assert not (config.parent / "card.json").exists()
    assert (tmp_path / "kept").read_text() == "kept"


def test_of_a_card_nothing_stays_beside_the_state_either(tmp_path: Path, capsys: Any) -> None:
    state, config = kept(tmp_path)
    (state / "vigie-report.txt").write_text("box b0042, Gymnase Sud")
    card = CardMemory(RealFs(tmp_path / "machine"))
    for value in ("100", "482.137"):  # the state before stays beside the last one
        card.save(CardState(acts={"1": KnownAct("meter.set", {"point": "water", "value": value})}))
    for path in (tmp_path / "machine/etc/vigie").iterdir():
        path.rename(config.parent / path.name)
    (config.parent / f"{config.name}.tmp").write_text("half of the settings, with K7QM-4XPD-92TH")
    data = tmp_path / "data"
    for name in ("update/before.vigie", "update/before.vigie.tmp", "update/state.json", "ssh/ssh_host_ed25519_key"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(encode(backup()))
    assert main(words(state, config, "--data", str(data), "--yes")) == 1, "what is not ours to erase is found"
    assert [path.name for path in sorted(data.rglob("*.*"))] == ["state.json"]
    (data / "update/state.json").unlink()
    assert main(words(state, config, "--data", str(data), "--yes", "--settings")) == 0
    assert [path for path in config.parent.rglob("*") if path.is_file()] == []
    assert list((data / "ssh").iterdir()) == []


def test_files_that_are_not_the_boxs_stay_and_what_they_hold_is_found(tmp_path: Path, capsys: Any) -> None:
    state, config = kept(tmp_path)
    (state / "my-notes.txt").write_text(f"meter {METER} in the cellar")
    assert main(words(state, config, "--yes")) == 1
    told = capsys.readouterr().out
    assert f"{METER}: 1 time, first in {state / 'my-notes.txt'} at 6" in told
    assert (state / "my-notes.txt").read_text() == f"meter {METER} in the cellar"
    assert [path.name for path in state.iterdir()] == ["my-notes.txt"]


@pytest.mark.parametrize(("typed", "code"), [("b0042\n", 0), ("b0043\n", 2), ("", 2), ("yes\n", 2)])
def test_the_boxs_id_is_typed_to_go_on(tmp_path: Path, typed: str, code: int) -> None:
    state, config = kept(tmp_path)
    before = sorted(state.rglob("*"))
    command = [sys.executable, "-m", "edge.cli.main", *words(state, config)]
    done = subprocess.run(command, cwd=ROOT, input=typed, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code
    assert "Type b0042 to go on" in done.stderr
    assert (sorted(state.rglob("*")) == before) == (code != 0)


def test_a_running_box_is_not_wiped(tmp_path: Path, capsys: Any) -> None:
    state, config = kept(tmp_path)
    log: Log[Event] = Log(RealFs(state), "events", "events", 64 << 10, 16 << 10)
    before = sorted(state.rglob("*"))
    assert main(words(state, config, "--yes")) == 1
    assert "stop it first" in capsys.readouterr().err
    assert sorted(state.rglob("*")) == before
    log.close()


def test_a_folder_that_is_not_there_is_a_slip_and_not_nothing_found(tmp_path: Path, capsys: Any) -> None:
    assert main(words(tmp_path / "none", tmp_path / "none.toml", "--yes")) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"vigie: {tmp_path}/none: there is no such folder; nothing was erased\n")


def test_damaged_files_are_no_reason_to_stop(tmp_path: Path, capsys: Any) -> None:
    state, config = kept(tmp_path)
    for path in state.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(os.urandom(5000))
    config.write_text("[box")
    assert main(words(state, config, "--yes")) == 0
    assert list(state.iterdir()) == []


def test_a_file_is_overwritten_in_its_own_blocks_before_its_name_goes(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"secret" * 3000)
    os.link(path, tmp_path / "witness")
    assert erase(path) >= 18_000
    octets = (tmp_path / "witness").read_bytes()
    assert octets == bytes(len(octets))
    assert len(octets) >= 18_000
    assert not path.exists()


def test_only_names_of_the_box_are_its_files(tmp_path: Path) -> None:
    for name in (
        "records",
        "records.bad-1",
        "events",
        "history.db",
        "history.db-shm",
        "notebook.json.bak",
        "restoring",
        "vigie-report.txt",
        "newer-records",
        "newer-notebook.json",
    ):
        (tmp_path / name).write_text("x")
    for name in ("recordsx", "my.db", "notebook", "vigie.toml", ".ssh", "newer-songs"):
        (tmp_path / name).write_text("x")
    assert {path.name for path in own_files(tmp_path)} == {
        "records", "records.bad-1", "events", "history.db", "history.db-shm", "notebook.json.bak", "restoring",
        "vigie-report.txt", "newer-records", "newer-notebook.json",
    }  # fmt: skip
    assert own_files(tmp_path / "none") == []


# -- searching


def test_values_and_marks_are_counted_once_wherever_they_lie_across_the_parts_read(tmp_path: Path) -> None:
    path = tmp_path / "image"
    notebook = b"vigie-notebook 1 25 0a1b2c3d\n"
    for shift in (0, 1, 7, len(METER) - 1, len(notebook) - 1):
        octets = bytearray(2 * READ + 8192)
        octets[100 : 100 + len(METER)] = METER.encode()
        octets[READ - shift : READ - shift + len(METER)] = METER.encode()
        octets[2 * READ - shift : 2 * READ - shift + len(notebook)] = notebook
        octets[READ + 4096 : READ + 4102] = b"VgLg\x01\x00"
        octets[READ + 5000 : READ + 5006] = b"VgLg\x01\x00"  # not on a boundary: by chance
        path.write_bytes(octets)
        search = Search([METER, "absent-value"])
        search.file(path)
        assert {hit.what: hit.count for hit in search.hits} == {METER: 2, MARKS[0][0]: 1, MARKS[2][0]: 1}, shift
        assert search.hits[0].first == f"{path} at 100"
        assert search.octets == len(octets)


def test_nothing_is_found_in_nothing(tmp_path: Path) -> None:
    search = Search([])
    (tmp_path / "empty").write_bytes(b"")
    search.folder(tmp_path)
    assert search.hits == []
    with pytest.raises(FileNotFoundError):
        search.file(tmp_path / "none")


def test_a_disk_that_fails_while_it_is_filled_gets_its_space_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_done: int, _all: int) -> None:
        raise OSError(errno.EIO, "the card is gone")

    with pytest.raises(OSError, match="the card is gone"):
        fill(tmp_path, stop)
    assert list(tmp_path.iterdir()) == []


def test_a_site_without_texts_gives_what_its_settings_say(tmp_path: Path) -> None:
    config = write_site(tmp_path, point=[], bus={})
    assert known(tmp_path / "none", config).values == ["b0042", "Gymnase Sud"]
    assert known(tmp_path / "none", tmp_path / "none.toml").values == []


def test_whom_a_site_texts_is_looked_for(tmp_path: Path) -> None:
    config = write_site(tmp_path, point=[], bus={})
    with config.open("a") as out:
        out.write('[link.sms]\n[[recipient]]\nid = "anna"\nname = "Anna Example"\nnumber = "+33600000077"\n')
    assert {"+33600000077", "Anna Example"} <= set(known(tmp_path / "none", config).values)


@needs_schema()
@pytest.mark.parametrize("is_held", [False, True])
def test_texts_and_numbers_in_the_modems_database_go_too(tmp_path: Path, capsys: Any, is_held: bool) -> None:
    state, config = kept(tmp_path)
    folder = tmp_path / "texts"
    folder.mkdir()
    daemon = Daemon(folder)
    with config.open("a") as out:
        out.write(f'\n[link.sms]\ndatabase = "{daemon.path}"\n')
    for number in range(40):
        daemon.receives(f"CHAUFFERIE SECRET {number}", number="+33600000077")
    daemon.mailbox.done([message.id for message in daemon.mailbox.received(20)])  # rows that were deleted before
    daemon.mailbox.enqueue(Outgoing("a1", "+33600000088", "ALARME SECRETE"))
    daemon.mailbox.health()
    daemon.beats()
    (folder / "smsd.db.bad").write_bytes(b"+33600000099 old")
    (folder / "stuck.jsonl").write_bytes(b"+33600000066 as it was on the SIM")
    (folder / "pin-tried.json").write_bytes(b"{}")
    held = sqlite3.connect(daemon.path, isolation_level=None)
    if is_held:
        held.execute("BEGIN")
        held.execute("SELECT count(*) FROM inbox").fetchall()
    else:
        daemon.mailbox.close()
        held.close()
    assert main(words(state, config, "--yes", "--settings")) == int(is_held)
    told = capsys.readouterr()
    assert ("gammu-smsd" in told.err) is is_held
    assert config.exists() is is_held, "it names the database, which the next wipe is to find"
    assert (folder / "pin-tried.json").exists() is is_held
    held.close()
    if not is_held:
        assert "rows erased" in told.out
        left = b"".join(path.read_bytes() for path in folder.iterdir())
        for secret in (b"SECRET", b"+3360000", b"999999999999999", "SECRET".encode("utf-16-be").hex().upper().encode()):
            assert secret not in left
        assert daemon.mailbox.received() == []
        daemon.mailbox.enqueue(Outgoing("a1", "+33600000088", "ETAT"))  # the tables are there
    daemon.mailbox.close()

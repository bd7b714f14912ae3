"""A start on a card that takes no change: the box measures, knows its indexes, and goes on when it is well."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.store.fs_memory import MemoryFs
from tests.fault.bad_state import Turned, make_state, segment, site
from tests.support import ROOT

NOBODY = 65534


def left_by_a_kill(tmp_path: Path) -> MemoryFs:
    """Return the disk of a box that ran for some seconds and was killed."""
    fs = MemoryFs()
    first = Turned(site(tmp_path), tmp_path / "state", fs=fs)
    first.turn(5)
    first.end()
    fs.locked.clear()
    return fs


def kinds(turned: Turned) -> list[str]:
    log = turned.box.events
    found: list[Any] = []
    while entries := log.read(log.first_seq() + len(found), 100).entries:
        found += entries
    return [event.kind for event in found]


@pytest.mark.parametrize("is_new", [False, True], ids=["with a past", "never written"])
def test_a_card_that_is_read_only_from_the_start_on(is_new: bool, tmp_path: Path) -> None:
    fs = MemoryFs() if is_new else left_by_a_kill(tmp_path)
    before = {name: fs.images[number].read(1 << 30, 0) for name, number in fs.names.items()}
    fs.is_read_only = True
    turned = Turned(site(tmp_path), tmp_path / "state", fs=fs)
    held = turned.box.records.next_seq()
    turned.turn(90)
    assert turned.box.writer.degraded == "EROFS"
    assert turned.box.station.readings > 80
    assert turned.box.records.next_seq() == held
    assert {name: fs.images[number].read(1 << 30, 0) for name, number in fs.names.items()} == before
    fs.is_read_only = False
    turned.turn(70)
    assert turned.box.writer.degraded == ""
    assert turned.box.writer.lost_entries == 0
    assert turned.box.records.next_seq() - held >= 150
    assert kinds(turned).count("store_degraded") == kinds(turned).count("store_ok") == 1
    boots = turned.box.records.boot
    turned.end()
    fs.locked.clear()
    again = Turned(site(tmp_path), tmp_path / "state", fs=fs)
    assert again.box.records.notes == []
    assert again.box.clock.boot == boots + 1
    again.end()


def test_a_card_that_is_full_from_the_start_on_is_used_when_there_is_room(tmp_path: Path) -> None:
    fs = MemoryFs(space=1 << 20)
    turned = Turned(site(tmp_path), tmp_path / "state", fs=fs)
    turned.turn(30)
    assert turned.box.writer.degraded == "ENOSPC"
    fs.space = 1 << 30
    turned.turn(70)
    assert turned.box.writer.degraded == ""
    assert turned.box.writer.lost_entries == 0
    assert turned.box.records.next_seq() > 90
    turned.end()


# -- another user's files: only a process that is not root is refused anything

AS_NOBODY = """
import logging, os, sys, tempfile
from pathlib import Path
logging.basicConfig(format="%(name)s: %(message)s", level=logging.WARNING)
from tests.fault.bad_state import Turned, read_back, site
os.umask(0o077)
with tempfile.TemporaryDirectory() as scratch:  # all is imported while root may still read it
    first = Turned(site(Path(scratch)), Path(scratch) / "state")
    first.turn(2)
    first.end()
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
state, folder = Path(sys.argv[1]), Path(sys.argv[2])
try:
    turned = Turned(site(folder), state)
except OSError as exc:
    print("refused:", exc.strerror)
    raise SystemExit(1)
turned.turn(3)
print("index", turned.box.records.registers["index"], "old", len(read_back(turned.box.records).old))
turned.end()
"""


def as_nobody(state: Path, folder: Path) -> tuple[int, str]:
    """Run a box on this state as a user without rights; return its exit code and what it said."""
    program = [sys.executable, "-c", AS_NOBODY, str(state), str(folder)]
    environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False, env=environment, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def owned() -> Iterator[Path]:
    """A state folder of nobody's, in a folder that it can write; not below pytest's, which is for its own user."""
    if os.geteuid() != 0:
        pytest.skip("makes files of another user: needs root")
    with tempfile.TemporaryDirectory(prefix="vigie-test-") as name:
        folder = Path(name)
        make_state(folder / "state")
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        yield folder


def test_a_mode_that_somebody_took_away_is_given_back(owned: Path) -> None:
    for path in (owned / "state").rglob("*"):
        if path.is_file():
            path.chmod(0)
    code, said = as_nobody(owned / "state", owned)
    assert (code, "index 30 old 30" in said) == (0, True), said
    assert "findings" not in said


@pytest.mark.parametrize("place", ["last", "first", "cursors"])
def test_another_users_file_is_set_aside_whole_and_the_box_runs(place: str, owned: Path) -> None:
    name = {"last": segment("records", 2), "first": segment("records", 0), "cursors": "records/cursors"}[place]
    path = owned / "state" / name
    os.chown(path, 0, 0)
    path.chmod(0o600)
    octets = path.read_bytes()
    code, said = as_nobody(owned / "state", owned)
    assert code == 0, said
    assert f"{name} belongs to somebody else" in said
    assert said.count("findings") == 1
    aside = path.with_suffix(".bad") if place != "cursors" else path.with_name("cursors.bad")
    assert aside.read_bytes() == octets, "a person can give it back"
    assert f"old {30 if place == 'cursors' else 20}" in said


@pytest.mark.parametrize("what", ["records", "."])
def test_a_folder_of_another_user_is_refused_with_the_cure(what: str, owned: Path) -> None:
    """The indexes stand in there: without them the box would send wrong ones."""
    os.chown(owned / "state" / what, 0, 0)
    (owned / "state" / what).chmod(0o700)
    code, said = as_nobody(owned / "state", owned)
    assert code == 1
    assert "belongs to another user; try: sudo chown -R vigie:" in said
    assert said.count("\n") == 1, said

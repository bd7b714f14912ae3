"""Power cuts on a real ext4: first the rig proves itself on writers of known worth, then the store is judged by it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.disks import cloning_folder, skip_without_disks
from tests.fault.cut_judge import Judge, store_cuts
from tests.fault.cut_store import Claim
from tests.fault.cut_writers import WRITERS
from tests.fault.cuts import HEADING, Tally, claiming, tally_of
from tests.fault.recorded import MODELS, Model
from tests.fault.replayed import replayed_store, replayed_tally
from tests.support import eventually

CUTS_OF_A_KNOWN_WRITER = 40
CUTS_OF_THE_STORE = 240
REPLAYS = 60
LIVES, CUTS_A_LIFE = 5, 20
UNSAFE = sorted(name for name, writer in WRITERS.items() if not writer.is_safe)
SAFE = sorted(name for name, writer in WRITERS.items() if writer.is_safe)

pytestmark = pytest.mark.campaign(reason="1,600 power cuts of an ext4: 15 minutes")


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    skip_without_disks()
    if not Path("/dev/fuse").exists():
        pytest.skip("this kernel has no FUSE")
    with cloning_folder(tmp_path_factory.mktemp("cuts")) as folder:
        yield folder


def say(capsys: pytest.CaptureFixture[str], *lines: str) -> None:
    """Print what a campaign found, also when it passes."""
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")


@pytest.mark.parametrize("name", UNSAFE)
def test_a_writer_known_to_lose_what_it_claims_is_caught(
    clones: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = tally_of(name, clones, CUTS_OF_A_KNOWN_WRITER)
    say(capsys, HEADING, tally.row(name))
    assert tally.losing > 0


def test_tinydb_as_shipped_is_caught_with_a_file_that_cannot_be_read(clones: Path) -> None:
    assert tally_of("tinydb", clones, CUTS_OF_A_KNOWN_WRITER, seed=2).unreadable > 0


@pytest.mark.parametrize("name", SAFE)
def test_a_writer_known_to_be_safe_raises_no_false_alarm(
    clones: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = tally_of(name, clones, CUTS_OF_A_KNOWN_WRITER)
    say(capsys, HEADING, tally.row(name))
    assert (tally.unreadable, tally.losing, tally.lost) == (0, 0, 0), tally.found
    assert tally.claimed > CUTS_OF_A_KNOWN_WRITER


def test_the_store_of_a_box_loses_nothing_that_it_claimed(clones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged = store_cuts(clones, CUTS_OF_THE_STORE)
    check_store(judged, "the box's store", capsys)
    assert judged.tally.cuts >= CUTS_OF_THE_STORE


def check_store(judged: Judge, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    tally = judged.tally
    say(
        capsys,
        HEADING,
        tally.row(name),
        f"last frame torn and declared {judged.torn}, false alarms {judged.false_alarms}, "
        f"file system itself gone {tally.not_mounted}",
    )
    found = (tally.unreadable, tally.losing, tally.lost, tally.twice, judged.false_alarms)
    assert found == (0, 0, 0, 0, 0), tally.found
    assert tally.claimed > tally.cuts


# -- the judge itself


class Store:
    """A store that a writer wrote for a while, with what it claimed last; no disk of its own is needed."""

    def __init__(self, folder: Path, life: int = 1) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        with claiming("-m", "tests.fault.cut_store", str(life), str(folder)) as writer:
            eventually(lambda: writer.drain() or len(writer.lines) > 150, 60, "it claims")
        self.claim = msgspec.json.decode(writer.lines[-1], type=Claim)

    def judged(self, **more: int) -> Tally:
        """Judge it against the claim, with some of it made larger."""
        claimed = {name: getattr(self.claim, name) + by for name, by in more.items()}
        judge = Judge()
        judge.look(self.folder, msgspec.structs.replace(self.claim, **claimed), goes_on=False)
        return judge.tally


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_a_store_that_kept_all_is_judged_so(store: Store) -> None:
    assert (store.judged().losing, store.judged().lost) == (0, 0)
    assert store.claim.history > 1000, "history has its share"


@pytest.mark.parametrize("missing", ["records", "events", "cursor", "note", "history"])
def test_a_claim_beyond_what_is_there_is_seen(store: Store, missing: str) -> None:
    assert store.judged(**{missing: 5000}).losing == 1


def test_a_number_that_was_given_twice_is_seen(tmp_path: Path) -> None:
    judge = Judge()
    for life in (1, 2):
        store = Store(tmp_path / str(life), life)
        judge.look(store.folder, store.claim, goes_on=True)
    assert judge.tally.twice > 0


@pytest.mark.parametrize("harm", ["DELETE FROM block WHERE key = (SELECT max(key) FROM block)",
                                  "UPDATE aggregate SET records = records + 1"])  # fmt: skip
def test_a_history_that_lost_an_hour_or_counts_one_twice_is_seen(store: Store, harm: str) -> None:
    with closing(sqlite3.connect(store.folder / "history.db")) as db:
        db.execute(harm)
        db.commit()
    assert store.judged().losing == 1


# -- cuts replayed from a disk that wrote down every write and every flush


def test_sqlite_that_trusts_a_page_to_be_written_whole_is_caught_by_noise(
    clones: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = replayed_tally("sqlite WAL FULL", clones, "garbage", REPLAYS)
    say(capsys, HEADING, tally.row("sqlite WAL FULL"))
    assert tally.losing > 0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ["tinydb", "sqlite"])
def test_a_writer_known_to_lose_is_caught_by_every_model(clones: Path, name: str, model: Model) -> None:
    assert replayed_tally(name, clones, model, REPLAYS).losing > 0


@pytest.mark.parametrize("name", ["fsync and rename", "sqlite psow=0"])
def test_a_writer_known_to_be_safe_raises_no_false_alarm_by_noise(
    clones: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = replayed_tally(name, clones, "garbage", REPLAYS)
    say(capsys, HEADING, tally.row(name))
    assert (tally.unreadable, tally.losing) == (0, 0), tally.found
    assert tally.not_mounted <= REPLAYS // 10


@pytest.mark.parametrize("model", MODELS)
def test_the_store_of_a_box_loses_nothing_by_any_model(
    clones: Path, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = replayed_store(clones, model, LIVES, CUTS_A_LIFE)
    check_store(judged, f"the store, {model}", capsys)
    assert judged.tally.not_mounted <= (LIVES * CUTS_A_LIFE // 10 if model in {"torn", "garbage"} else 0)

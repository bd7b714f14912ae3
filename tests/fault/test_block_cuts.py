"""Power cuts on a real ext4: first the rig proves itself on writers of known worth, then the store is judged by it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disks import cloning_folder, skip_without_disks
from tests.fault.cut_judge import store_cuts
from tests.fault.cut_writers import WRITERS
from tests.fault.cuts import HEADING, tally_of

CUTS_OF_A_KNOWN_WRITER = 40
CUTS_OF_THE_STORE = 400
UNSAFE = sorted(name for name, writer in WRITERS.items() if not writer.is_safe)
SAFE = sorted(name for name, writer in WRITERS.items() if writer.is_safe)

pytestmark = pytest.mark.campaign(reason="700 power cuts of an ext4: 6 minutes")


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    skip_without_disks()
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
    judge = store_cuts(clones, CUTS_OF_THE_STORE)
    tally = judge.tally
    say(
        capsys,
        HEADING,
        tally.row("the box's store"),
        f"last frame torn and declared {judge.torn}, false alarms {judge.false_alarms}",
    )
    assert (tally.unreadable, tally.losing, tally.lost, tally.twice, judge.false_alarms) == (0, 0, 0, 0, 0), tally.found
    assert tally.claimed > CUTS_OF_THE_STORE

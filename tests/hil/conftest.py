"""Fixtures of the tests that boot a guest: what was measured, and whether all of it is to be run."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hil.guest import Guest, missing
from tests.hil.guest.build import said
from tests.hil.results import Results

RESULTS = pytest.StashKey[Results]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = Results()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what boots a guest where that can't be, saying what to install."""
    lacking = missing()
    for item in items:
        if lacking and item.get_closest_marker("hil"):
            item.add_marker(pytest.mark.skip(f"a guest needs: apt-get install {lacking}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Print what was measured; a full run that passed keeps it in docs/hil.md."""
    results = config.stash[RESULTS]
    if not results:
        return
    terminalreporter.write_line(f"\n{results.text()}\n")
    if config.getoption("--full") and exitstatus == 0 and not config.getoption("keyword"):
        qemu = said("qemu-system-x86_64", "--version").split(" (")[0]
        results.keep(
            "make hil FULL=1, or a part with --full",
            f"Linux {Guest.release()} of Debian 12 under {qemu}, on {platform.machine()}",
        )


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Results:
    """Where a test adds what it measured."""
    return request.config.stash[RESULTS]


@pytest.fixture(scope="session")
def is_full(request: pytest.FixtureRequest) -> bool:
    """True with `make hil FULL=1`."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="module")
def guest_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for a guest's disk, away when its tests are over: it may hold 100 MB."""
    folder = tmp_path_factory.mktemp("guest")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)

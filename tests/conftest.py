"""Fixtures of every test: none may leave a thread or a database behind, and campaigns run only when asked for."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import hypothesis
import pytest

from tests.open_databases import Databases
from tests.support import eventually

hypothesis.settings.register_profile("no clock", deadline=None)  # how long an example takes is the machine's matter
hypothesis.settings.load_profile("no clock")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background: our commands would not hear Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["LC_ALL"] = "C.UTF-8"  # ours and that of the commands we start: people's texts follow it

databases = Databases()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--campaign", action="store_true", help="run what is marked campaign as well")
    parser.addoption("--bench", action="store_true", help="run what is marked bench")
    parser.addoption("--hil", action="store_true", help="run what is marked hil")
    parser.addoption("--image", action="store_true", help="run what is marked image")
    parser.addoption("--full", action="store_true", help="with --hil or --image: all, not the part of minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect campaigns, benches and guests unless asked for: a run that leaves them out says so in its last line."""
    wanted: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        is_kept = all(
            config.getoption(f"--{mark}") or not item.get_closest_marker(mark)
            for mark in ("campaign", "bench", "hil", "image")
        )
        (wanted if is_kept else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = wanted


@pytest.fixture(autouse=True)
def no_database_left_open() -> Iterator[None]:
    """Fail the test that leaves one open: the collector would find it in a later one, which is not the one to blame."""
    databases.begin()
    yield
    assert databases.left_open() == []


@pytest.fixture(autouse=True)
def no_thread_left_behind(no_database_left_open: None) -> Iterator[None]:
    """Fail the test that leaves a thread running."""
    before = set(threading.enumerate())
    yield
    eventually(
        lambda: set(threading.enumerate()) <= before,
        5,
        f"threads left behind: {[t.name for t in threading.enumerate() if t not in before]}",
    )

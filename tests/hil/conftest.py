"""Fixtures of the tests that boot a guest: the folder of each, and whether all of it is to be run."""

from __future__ import annotations

import pytest

from tests.hil.guest import missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what boots a guest where that can't be, saying what to install."""
    lacking = missing()
    for item in items:
        if lacking and item.get_closest_marker("hil"):
            item.add_marker(pytest.mark.skip(f"a guest needs: apt-get install {lacking}"))


@pytest.fixture(scope="session")
def is_full(request: pytest.FixtureRequest) -> bool:
    """True with `make hil FULL=1`."""
    return bool(request.config.getoption("--full"))

"""A box that answers on its local API, for every test that asks one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_desk import FakeDesk, serving


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def path(tmp_path: Path, desk: FakeDesk) -> Iterator[Path]:
    """Return the socket on which the desk is served."""
    with serving(desk, tmp_path / "api.sock") as socket_path:
        yield socket_path

"""A box that answers on its local API, for every test that asks one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from tests.fake_desk import FakeDesk, serving


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def path(tmp_path: Path, desk: FakeDesk) -> Iterator[Path]:
    """Return the socket on which the desk is served."""
    with serving(desk, tmp_path / "api.sock") as socket_path:
        yield socket_path


@pytest.fixture
def vigie(path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run one command line against the desk; give exit code, what it printed and what it complained of."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--socket", str(path)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run

"""What tests share: a clock they move, a wait by condition, and where the measurement data lies."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("VIGIE_DATA", ROOT.parent / "shared" / "data"))


def shared_data(*parts: str) -> Path:
    """Return a path of the shared measurement data; skips the test where this checkout has none."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no measurement data: {'/'.join(parts)} (set VIGIE_DATA to its folder)")
    return path


def about(number: float, within: float) -> Any:
    """Return what equals every number that near, for a field that is typed as a number."""
    return pytest.approx(number, abs=within)


class ManualClock:
    """A Clock that moves only when told."""

    def __init__(self, utc_ms: int = 1_795_166_000_000, trust: str = "ntp", boot: int = 1) -> None:
        self.now_ns = 1_000_000_000
        self.utc_offset_ms = utc_ms - 1000
        self.trusted = trust
        self.boot = boot

    def monotonic_ns(self) -> int:
        return self.now_ns

    def utc_ms(self) -> int:
        return self.utc_offset_ms + self.now_ns // 1_000_000

    def trust(self) -> str:
        return self.trusted

    def advance(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


def eventually(condition: Callable[[], object], seconds: float = 15.0, what: str = "") -> None:
    """Return as soon as the condition holds; fail when it has not after so many seconds."""
    end = time.monotonic() + seconds
    tick = threading.Event()
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what or condition}")
        tick.wait(0.01)

"""The real clock: who vouches for it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge.runtime.clock import FLOOR_MS, TRUST_CHECK_NS, SystemClock

YEAR_MS = 366 * 86_400_000


@pytest.mark.parametrize(
    ("is_flagged", "trusts", "floor_ms", "word"),
    [
        (True, False, FLOOR_MS, "ntp"),
        (True, True, FLOOR_MS, "ntp"),
        (False, True, 0, "person"),
        (False, False, 0, "floor"),
        (False, False, time.time_ns() // 1_000_000 + YEAR_MS, "none"),
        (False, True, time.time_ns() // 1_000_000 + YEAR_MS, "none"),
        (True, False, time.time_ns() // 1_000_000 + YEAR_MS, "ntp"),
    ],
)
def test_trust_is_what_the_best_witness_says(
    tmp_path: Path, is_flagged: bool, trusts: bool, floor_ms: int, word: str
) -> None:
    flag = tmp_path / "synchronized"
    if is_flagged:
        flag.touch()
    assert SystemClock(1, trust_system=trusts, floor_ms=floor_ms, flag=flag).trust() == word


def test_a_witness_is_asked_again_after_ten_seconds_not_sooner(tmp_path: Path) -> None:
    flag = tmp_path / "synchronized"
    clock = SystemClock(7, floor_ms=0, flag=flag)
    assert clock.trust() == "floor"
    flag.touch()
    assert clock.trust() == "floor"
    clock._checked_ns -= TRUST_CHECK_NS
    assert clock.trust() == "ntp"
    flag.unlink()
    clock._checked_ns -= TRUST_CHECK_NS
    assert clock.trust() == "floor", "systemd-timesyncd takes it away at its start"


def test_both_times_are_those_of_the_system() -> None:
    clock = SystemClock(1)
    assert 0 <= clock.monotonic_ns() - time.monotonic_ns() + 1_000_000_000 < 1_100_000_000
    assert abs(clock.utc_ms() - time.time() * 1000) < 1000
    assert clock.boot == 1

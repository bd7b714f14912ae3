"""Workers that share a thread: each at its own instant, none hindered by another's failure."""

from __future__ import annotations

import pytest

from edge.core.types import NEVER
from edge.runtime.sharing import Sharing


class Counting:
    def __init__(self, name: str, every_s: float, error: Exception | None = None) -> None:
        self.name = name
        self.every_s = every_s
        self.error = error
        self.steps: list[float] = []
        self.is_closed = False

    def step(self, now_s: float) -> float:
        self.steps.append(now_s)
        if self.error is not None:
            raise self.error
        return now_s + self.every_s

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        self.is_closed = True
        if self.error is not None:
            raise self.error


def test_each_is_called_when_it_is_due_and_not_before() -> None:
    often, seldom = Counting("often", 1), Counting("seldom", 10)
    both = Sharing("both", [often, seldom])
    now_s = 0.0
    while now_s < 10:
        now_s = both.step(now_s)

    assert often.steps == [float(second) for second in range(10)]
    assert seldom.steps == [0.0]


def test_waking_one_calls_that_one_only() -> None:
    one, other, rung = Counting("one", 100), Counting("other", 100), []
    both = Sharing("both", [one, other])
    wake = both.wake(other, lambda: rung.append(1))
    both.step(0.0)
    wake()
    due_s = both.step(5.0)

    assert (one.steps, other.steps, rung, due_s) == ([0.0], [0.0, 5.0], [1], 100.0)


def test_one_woken_during_its_own_step_is_called_again() -> None:
    class Waking(Counting):
        def step(self, now_s: float) -> float:
            if not self.steps:
                wake()
            return super().step(now_s)

    one = Waking("one", 100)
    alone = Sharing("alone", [one])
    wake = alone.wake(one, lambda: None)

    assert alone.step(0.0) == 0.0
    assert alone.step(1.0) == 101.0


def test_one_that_fails_hinders_no_other_and_is_heard_of() -> None:
    bad, good = Counting("bad", 1, ValueError("broken")), Counting("good", 1)
    both = Sharing("both", [bad, good])

    with pytest.raises(ValueError, match="broken"):
        both.step(0.0)
    with pytest.raises(ValueError, match="broken"):
        both.close()
    assert good.steps == [0.0]
    assert good.is_closed


def test_nobody_at_all_is_never_due() -> None:
    assert Sharing("none", []).step(0.0) == NEVER

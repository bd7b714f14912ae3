"""A button held for three seconds says so once; a short press, bounces and one that is down at the start do not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hal.button import Button, button
from hal.fake.gpio import FakeGpio

PIN = 17
S = 1_000_000_000


class Held:
    """A button on a mock board, read each half second."""

    def __init__(self) -> None:
        self.board = FakeGpio()
        self.driver: Button = button(PIN, "test_button")(self.board.factory, {})
        self.told: list[int] = []
        self.now_ns = 10 * S

    def press(self, at_s: float, *, closed: bool, bounces: int = 0) -> None:
        self.board.contact(PIN, round((10 + at_s) * S), closed=closed, bounces=bounces)

    def run(self, to_s: float) -> None:
        while self.now_ns < (10 + to_s) * S:
            self.now_ns += S // 2
            self.driver.read([], self.now_ns)
            self.told += [round((notice.t_ns / S - 10) * 2) / 2 for notice in self.driver.notices()]


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    made.driver.open()
    yield made
    made.driver.close()
    made.board.close()


def test_held_for_three_seconds_it_says_so_once_however_long_it_is_held(held: Held) -> None:
    held.run(1)
    held.press(1, closed=True, bounces=5)
    held.run(3.5)
    assert held.told == []
    held.run(20)
    assert held.told == [4.5]
    held.press(20, closed=False)
    held.press(21, closed=True)
    held.run(30)
    assert held.told == [4.5, 24.0]


def test_short_presses_never_add_up(held: Held) -> None:
    for second in range(0, 20, 2):
        held.press(second, closed=True)
        held.press(second + 1.5, closed=False)
        held.run(second + 2)
    assert held.told == []


def test_one_that_is_down_at_the_start_counts_only_when_pressed_again() -> None:
    made = Held()
    made.board.hold(PIN, False)
    made.driver.open()
    made.run(10)
    assert made.told == []
    made.driver.close()
    made.board.close()


def test_closed_or_never_opened_it_says_nothing() -> None:
    made = Held()
    assert made.driver.read([], 0) == []
    assert made.driver.notices() == []
    made.driver.close()
    made.board.close()

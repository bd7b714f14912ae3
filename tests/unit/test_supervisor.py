"""Threads: a worker that fails is called again, one that hangs is seen and left, and all end in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from edge.core.types import NEVER
from edge.runtime.supervisor import Bell, Runner, Supervisor
from tests.support import eventually


class Worker:
    """A worker that does what it is given at each step."""

    def __init__(self, name: str, act: Callable[[], None], order: list[str] | None = None) -> None:
        self.name = name
        self.steps = 0
        self._act = act
        self._order = order if order is not None else []

    def step(self, now_s: float) -> float:
        self.steps += 1
        self._act()
        return NEVER

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        self._order.append(self.name)


def test_a_bell_wakes_a_worker_that_asked_for_nothing() -> None:
    supervisor = Supervisor()
    worker = Worker("w", lambda: None)
    ring = supervisor.add(worker, Bell())
    supervisor.start()
    eventually(lambda: worker.steps == 1)

    ring()

    eventually(lambda: worker.steps == 2)
    assert supervisor.stop(1) == []


def test_a_worker_that_raises_is_logged_and_called_again(caplog: pytest.LogCaptureFixture) -> None:
    def fail_once() -> None:
        if worker.steps == 1:
            raise RuntimeError("a bug")

    told: list[str] = []
    worker = Worker("w", fail_once)
    supervisor = Supervisor(lambda name, exc: told.append(f"{name}: {exc}"))
    ring = supervisor.add(worker, Bell())
    supervisor.start()
    eventually(lambda: "a bug" in caplog.text and told == ["w: a bug"])

    ring()

    eventually(lambda: worker.steps == 2)
    supervisor.stop(1)


def test_workers_end_in_the_order_in_which_they_were_added() -> None:
    order: list[str] = []
    supervisor = Supervisor()
    for name in ("bus", "station", "link"):
        supervisor.add(Worker(name, lambda: None, order), Bell())
    supervisor.start()

    supervisor.stop(1, before={"link": lambda: order.append("last word")})

    assert order == ["bus", "station", "last word", "link"]


def test_a_worker_that_hangs_is_seen_and_does_not_hold_up_the_end() -> None:
    gate = threading.Event()
    supervisor = Supervisor()
    supervisor.add(Worker("stuck", lambda: (gate.wait(), None)[1]), Bell())
    supervisor.add(Worker("free", lambda: None), Bell())
    supervisor.start()
    eventually(lambda: supervisor.blocked(time.monotonic() + 10, 5) == ["stuck"])

    left = supervisor.stop(0.4)

    assert left == ["stuck"]
    gate.set()


def test_one_failure_is_said_once_an_hour_however_often_it_happens_and_another_at_once() -> None:
    runner = Runner(Failing(), Bell(), lambda _worker, _exc: None)

    def one(text: str) -> Exception:
        try:
            raise ValueError(text)
        except ValueError as exc:
            return exc

    def other() -> Exception:
        try:
            raise KeyError("k")
        except KeyError as exc:
            return exc

    news = [runner._is_news(one(f"at {second}"), float(second)) for second in range(0, 7300, 60)]
    assert sum(news) == 3
    assert news[0]
    assert runner._is_news(other(), 60.0)
    assert runner._is_news(ValueError("never raised"), 60.0)
    assert runner._is_news(other(), 4000.0)
    runner._bell.close()


class Failing:
    name = "failing"

    def step(self, now_s: float) -> float:
        raise ValueError

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        pass


def test_a_worker_comes_and_goes_while_the_others_run() -> None:
    order: list[str] = []
    supervisor = Supervisor()
    stays, goes, comes = (Worker(name, lambda: None, order) for name in ("stays", "goes", "comes"))
    supervisor.add(goes, Bell())
    supervisor.add(stays, Bell())
    supervisor.start()
    eventually(lambda: stays.steps == goes.steps == 1)
    assert supervisor.retire(goes, 1)
    ring = supervisor.add(comes, Bell(), first=True)
    eventually(lambda: comes.steps == 1)
    ring()
    eventually(lambda: comes.steps == 2)
    assert (stays.steps, goes.steps) == (1, 1)
    assert supervisor.stop(1) == []
    assert order == ["goes", "comes", "stays"]


def test_a_worker_takes_the_place_of_another_in_the_order_of_the_end() -> None:
    order: list[str] = []
    supervisor = Supervisor()
    first, old, last, new = (Worker(name, lambda: None, order) for name in ("first", "old", "last", "new"))
    for worker in (first, old, last):
        supervisor.add(worker, Bell())
    supervisor.start()
    supervisor.exchange(old, new, Bell(), 1)
    eventually(lambda: new.steps == 1)
    assert supervisor.stop(1) == []
    assert order == ["old", "first", "new", "last"]


def test_a_worker_that_hangs_is_left_behind_when_it_is_to_go() -> None:
    release = threading.Event()
    supervisor = Supervisor()
    hung = Worker("hung", lambda: (release.wait(), None)[1])
    supervisor.add(hung, Bell())
    supervisor.start()
    eventually(lambda: hung.steps == 1)
    assert not supervisor.retire(hung, 0.05)
    assert supervisor.stop(1) == []
    release.set()


def test_a_task_runs_once_at_a_time_and_is_waited_for_at_the_end() -> None:
    begun, release = threading.Event(), threading.Event()

    def task() -> None:
        begun.set()
        release.wait(5)

    supervisor = Supervisor()
    assert not supervisor.once("task", task), "nothing runs yet"
    supervisor.start()
    assert supervisor.once("task", task)
    assert begun.wait(5)
    assert not supervisor.once("task", task)
    release.set()
    eventually(lambda: supervisor.once("task", lambda: None))
    assert supervisor.stop(1) == []


@pytest.mark.parametrize("way", ["add", "exchange"])
def test_a_worker_that_comes_while_all_end_never_runs_and_keeps_none_of_them_from_ending(way: str) -> None:
    """SIGTERM while the settings change: a bus that is new, a link in the place of another."""
    order: list[str] = []
    first, last, new = (Worker(name, lambda: None, order) for name in ("first", "last", "new"))
    supervisor = Supervisor()
    supervisor.add(first, Bell())
    supervisor.add(last, Bell())
    supervisor.start()

    def ending() -> bool:
        return not supervisor.once("other", lambda: None)  # refused from then on

    def task() -> None:
        eventually(ending)
        if way == "add":
            supervisor.add(new, Bell(), first=True)()
        else:
            supervisor.exchange(first, new, Bell(), 1)()

    assert supervisor.once("reload", task)

    assert supervisor.stop(20) == []
    assert (order, new.steps) == (["first", "last"], 0)


def test_a_bell_may_be_closed_twice_and_rung_afterwards() -> None:
    bell = Bell()
    bell.close()
    bell.close()
    bell.ring()


def test_a_worker_without_which_something_is_lost_is_waited_for_and_the_others_keep_their_time() -> None:
    order: list[str] = []
    at_work, release = threading.Event(), threading.Event()

    def work() -> None:
        at_work.set()
        release.wait(20)

    supervisor = Supervisor()
    supervisor.add(Worker("card", work, order), Bell())
    supervisor.add(Worker("link", lambda: None, order), Bell())
    supervisor.start()
    assert at_work.wait(15)
    threading.Timer(0.3, release.set).start()

    left = supervisor.stop(0.1, before={"link": lambda: order.append("last word")}, patience_s={"card": 20.0})

    assert (left, order) == ([], ["card", "last word", "link"])


def test_what_fails_before_a_worker_ends_keeps_no_other_from_ending(caplog: pytest.LogCaptureFixture) -> None:
    order: list[str] = []
    supervisor = Supervisor()
    for name in ("link", "keeping"):
        supervisor.add(Worker(name, lambda: None, order), Bell())
    supervisor.start()

    def fails() -> None:
        raise RuntimeError("a bug")

    assert supervisor.stop(1, before={"link": fails}) == []
    assert order == ["link", "keeping"]
    assert "a bug" in caplog.text


def assert_goes_on(worker: Worker) -> None:
    """Check that it is called again after its first step."""
    supervisor = Supervisor()
    ring = supervisor.add(worker, Bell())
    supervisor.start()
    eventually(lambda: worker.steps >= 1)
    ring()
    eventually(lambda: worker.steps >= 2, what="it is called again")
    assert supervisor.stop(1) == []


@pytest.mark.parametrize("descriptor", [-1, 2**40, 10**6])
def test_a_worker_that_waits_for_a_descriptor_that_is_none_goes_on(descriptor: int) -> None:
    class Lost(Worker):
        def filenos(self) -> list[int]:
            return [descriptor] if self.steps == 1 else []

    assert_goes_on(Lost("lost", lambda: None))


def test_a_worker_whose_next_instant_is_no_number_goes_on() -> None:
    class Timeless(Worker):
        def step(self, now_s: float) -> float:
            super().step(now_s)
            return float("nan")

    assert_goes_on(Timeless("timeless", lambda: None))

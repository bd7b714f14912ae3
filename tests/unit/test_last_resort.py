"""One reboot when a card can't be written for six hours, and no second one within a day, however often it starts."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from edge.runtime.last_resort import DAY_S, FILE, LOOK_S, PATIENCE_S, LastResort, asker, machine_uptime_s
from edge.store.writer import Degraded
from tests.support import about

HOUR_S = 3600.0


class Machine:
    """A machine that is rebooted when asked, a card that fails for a time, and the worker in its service."""

    def __init__(self, fails: list[tuple[float, float]], up_since_s: float = 0.0) -> None:
        self.fails = fails
        self.up_since_s = up_since_s
        self.began_s = up_since_s
        self.now_s = up_since_s
        self.reboots: list[float] = []
        self.told: list[dict[str, Any]] = []
        self.steps = 0
        self.is_obeyed = True
        self.worker = self.service()

    def service(self) -> LastResort:
        return LastResort(
            self.trouble, uptime_s=lambda: self.now_s - self.up_since_s, ask=self.ask, tell=self.told.append
        )

    def trouble(self) -> Degraded | None:
        begun_s = [begin_s for begin_s, end_s in self.fails if begin_s <= self.now_s < end_s]
        return Degraded("EROFS", max(begun_s[0], self.began_s)) if begun_s else None

    def ask(self) -> None:
        self.reboots.append(self.now_s)
        if self.is_obeyed:
            self.up_since_s = self.began_s = self.now_s
            self.worker = self.service()

    def restart_service(self) -> None:
        self.began_s = self.now_s
        self.worker = self.service()

    def run_until(self, end_s: float) -> None:
        while self.now_s < end_s:
            self.steps += 1
            worker = self.worker
            due_s = worker.step(self.now_s)
            assert self.now_s < due_s <= self.now_s + LOOK_S
            self.now_s = due_s


def test_a_card_that_works_is_never_a_reason() -> None:
    machine = Machine([])
    machine.run_until(40 * DAY_S)
    assert (machine.reboots, machine.told) == ([], [])


def test_six_hours_and_then_one_reboot_a_day() -> None:
    machine = Machine([(100 * HOUR_S, 1e9)])
    machine.run_until(100 * HOUR_S + 10 * DAY_S)
    first_s, *others_s = machine.reboots
    assert 0 <= first_s - 100 * HOUR_S - PATIENCE_S <= LOOK_S
    assert len(others_s) == 9
    gaps_s = [after - before for before, after in zip(machine.reboots, others_s, strict=False)]
    assert all(DAY_S <= gap_s <= DAY_S + LOOK_S for gap_s in gaps_s)
    assert machine.told[0]["why"] == "EROFS"
    assert machine.told[0]["lasted_s"] == about(PATIENCE_S, LOOK_S)
    assert machine.told[0]["uptime_s"] == about(106 * HOUR_S, LOOK_S)


def test_a_card_that_comes_back_in_time_begins_the_six_hours_anew() -> None:
    machine = Machine([(30 * HOUR_S, 35.9 * HOUR_S), (36 * HOUR_S, 41.9 * HOUR_S), (50 * HOUR_S, 60 * HOUR_S)])
    machine.run_until(70 * HOUR_S)
    assert [round(at_s / HOUR_S) for at_s in machine.reboots] == [56]


def test_a_box_that_was_just_switched_on_waits_for_a_day_even_with_a_dead_card() -> None:
    machine = Machine([(0.0, 1e9)])
    machine.run_until(3 * DAY_S)
    assert [round(at_s / DAY_S) for at_s in machine.reboots] == [1, 2, 3][: len(machine.reboots)]
    assert machine.reboots[0] >= DAY_S


def test_a_service_that_is_restarted_all_the_time_does_not_reboot_more_often() -> None:
    machine = Machine([(0.0, 1e9)])
    for hour in range(1, 7 * 24):
        machine.run_until(hour * 7 * HOUR_S)
        machine.restart_service()
    assert all(after - before >= DAY_S for before, after in zip(machine.reboots, machine.reboots[1:], strict=False))
    assert machine.reboots


def test_a_reboot_that_nobody_grants_is_asked_for_once_a_day(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine([(30 * HOUR_S, 1e9)])
    machine.is_obeyed = False
    machine.run_until(30 * HOUR_S + PATIENCE_S + 5 * DAY_S)
    assert len(machine.reboots) == len(machine.told) == 5
    assert caplog.text.count("a reboot is asked for") == 5


def test_a_request_that_can_not_be_left_is_said_and_kills_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/run/vigie/reboot-wanted")

    worker = LastResort(lambda: Degraded("EIO", 0.0), uptime_s=lambda: 1e6, ask=fail, tell=lambda _: None)
    worker.step(1e6)
    assert "can't be asked for" in caplog.text
    assert worker.filenos() == []
    worker.close()


def test_the_request_is_a_file_in_the_services_runtime_folder(tmp_path: Path) -> None:
    ask = asker({"RUNTIME_DIRECTORY": f"{tmp_path}:/run/other", "NOTIFY_SOCKET": "/run/systemd/notify"})
    assert ask is not None
    ask()
    assert (tmp_path / FILE).exists()


@pytest.mark.parametrize("environment", [{}, {"RUNTIME_DIRECTORY": "/run/x"}, {"NOTIFY_SOCKET": "/x"}])
def test_a_box_that_systemd_did_not_start_asks_for_nothing(environment: dict[str, str]) -> None:
    assert asker(environment) is None


def test_the_machine_has_been_up_for_longer_than_its_clock_runs() -> None:
    assert machine_uptime_s() > 0

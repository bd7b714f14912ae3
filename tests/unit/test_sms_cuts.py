"""A power cut at any write on the box, a full card, odd events: nothing is lost, told twice or stops the link."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from edge.core.types import Event
from edge.settings.model_sms import SmsLink as SmsSettings
from edge.store.fs_memory import MemoryFs
from sms.forms import Answer, Order, body, form_of
from sms.wire import Type, header_of
from tests.sms_link_rig import DAY_S, Rig, hours_of

GATEWAY_FILE = "sms/gateway"


class CutError(BaseException):
    """The power is gone just after a file got its new content."""


class CuttingFs(MemoryFs):
    """Cuts after the n-th time that the gateway's file is written; `refuses`: it can't be written at all."""

    def __init__(self) -> None:
        super().__init__()
        self.left = math.inf
        self.refuses = False
        self.writes = 0

    def rename(self, old: str, new: str) -> None:
        if new == GATEWAY_FILE and self.refuses:
            raise OSError(28, "No space left on device")
        super().rename(old, new)
        if new == GATEWAY_FILE:
            self.writes += 1
            self.left -= 1
            if self.left <= 0:
                self.left = math.inf
                raise CutError


def rig_on(disk: CuttingFs) -> Rig:
    rig = Rig(poll_s=600.0)
    rig.kill()
    rig.disk = disk
    rig.start()
    return rig


def leave_counters(rig: Rig, left: int) -> None:
    """Have only so many counters reserved, durably."""
    session = rig.sync._session
    session._reserved = session._next + left
    rig.sync._out.memory.session = session.saved()
    rig.sync._out.save()


def alarm(rig: Rig, number: int) -> Event:
    return Event("alarm_begin", rig.clock.now_ns // 1_000_000, f"p{number}", {"id": number, "kind": "high", "v": 1.5})


@pytest.mark.parametrize(("left", "events"), [(0, 0), (0, 40), (1, 40), (2, 40)])
def test_a_cut_while_counters_are_reserved_loses_no_value_and_tells_no_event_twice(left: int, events: int) -> None:
    disk = CuttingFs()
    rig = rig_on(disk)
    rig.run(6 * 3600)
    leave_counters(rig, left)
    rig.events.entries += [alarm(rig, number) for number in range(events)]
    disk.left = 1
    with pytest.raises(CutError):
        rig.run(3600)
    rig.kill()
    rig.start()
    rig.run(DAY_S)
    hours = hours_of(rig)
    assert hours == list(range(hours[-1] + 1))
    told = sorted(point for _, kind, point in rig.gateway.events if kind == "alarm_begin")
    assert told == sorted(f"p{number}" for number in range(events))
    octets = {message.octets for message in rig.mailbox.left if message.octets[1:3] != bytes(2)}
    assert len({header_of(each).counter for each in octets}) == len(octets)


def test_alarms_that_could_not_be_sealed_on_a_full_card_go_when_it_has_room_again() -> None:
    disk = CuttingFs()
    rig = rig_on(disk)
    rig.run(6 * 3600)
    leave_counters(rig, 0)
    disk.refuses = True
    rig.happen("alarm_begin", "t.flow", id=7, kind="high", v=92.5, u="Cel")
    rig.run(7200)
    assert rig.gateway.events == []
    disk.refuses = False
    rig.run(7200)
    assert [event[2] for event in rig.gateway.events] == ["t.flow"]
    hours = hours_of(rig)
    assert hours == list(range(hours[-1] + 1))


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, -0.0, True], ids=["nan", "inf", "huge", "zero", "true"])
def test_an_event_with_an_odd_value_goes_and_stops_nothing(value: float) -> None:
    rig = Rig()
    rig.run(3 * 3600)
    rig.happen("alarm_begin", "t.flow", id=7, v=value)
    rig.happen("alarm_begin", "t.room", id=8, v=20.5, text="x" * 50, note=chr(0x10FFFF) * 200)
    rig.run(3 * 3600)
    assert {event[2] for event in rig.gateway.events} == {"t.flow", "t.room"}


def test_an_order_that_came_while_the_card_took_nothing_is_carried_out_once_it_does() -> None:
    disk = CuttingFs()
    rig = rig_on(disk)
    rig.run(3 * 3600)
    assert rig.gateway.session is not None
    order = Order("o1", "set", {"setpoint": "heating", "value": 19}, rig.clock.utc_ms() // 1000 + 86_400)
    disk.refuses = True
    rig.sync._session._reserved = rig.sync._session._next
    rig.mailbox.bring("+33600000100", octets=rig.gateway.session.seal(Type.COMMAND, body(order)))
    rig.run(3600)
    assert "sms_unread" not in rig.kinds()
    disk.refuses = False
    rig.run(3600)
    (answer,) = (form_of(Type.REPLY, each) for each in rig.gateway.answers)
    assert isinstance(answer, Answer)
    assert answer.done
    assert len(rig.office.done) == 1


def test_a_gateway_that_is_away_for_weeks_gets_all_once_and_a_restart_costs_nothing() -> None:
    rig = Rig(SmsSettings(plan="daily", per_day=6, per_month=180), poll_s=14_400.0)
    rig.run(2 * DAY_S)
    rig.gateway.is_dead = True
    rig.run(20 * DAY_S)
    rig.kill()
    before = sum(day.sent for day in rig.queue.account.days.values())
    rig.start()
    rig.run(14_400)
    assert sum(day.sent for day in rig.queue.account.days.values()) <= before + 2, "what had left was counted again"
    rig.gateway.is_dead = False
    left = len(rig.mailbox.left)
    rig.run(30 * DAY_S)
    hours = hours_of(rig)
    assert hours == list(range(hours[-1] + 1))
    assert hours[-1] >= 50 * 24
    again = Counter(message.octets for message in rig.mailbox.left[left:] if message.octets[1:3] != bytes(2))
    assert again.total() <= 1.05 * len(again), "what still waited for the budget was offered again"


@pytest.mark.parametrize("ahead_days", [366.0, -366.0])
def test_a_clock_that_was_a_year_off_for_some_hours_stops_no_report(ahead_days: float) -> None:
    rig = Rig(SmsSettings(plan="6-hourly", per_day=12, per_month=300), poll_s=600.0)
    rig.run(2 * DAY_S)
    rig.clock._offset_ms += round(ahead_days * DAY_S * 1000)
    rig.run(8 * 3600)
    rig.clock._offset_ms -= round(ahead_days * DAY_S * 1000)
    rig.run(2 * DAY_S)
    hours = [hour for hour in hours_of(rig) if 0 <= hour < 1000]
    assert hours[-1] >= 4 * 24 - 6
    assert set(range(4 * 24 - 30, hours[-1])) <= set(hours)


def test_a_box_whose_values_go_by_mqtt_writes_a_few_times_a_day() -> None:
    disk = CuttingFs()
    rig = Rig(SmsSettings(plan="hourly", step_s=600, per_day=60, per_month=900, after_s=3600), poll_s=600.0)
    rig.kill()
    rig.disk, rig.silent_s = disk, 0.0
    rig.start()
    rig.run(DAY_S)
    disk.writes = 0
    rig.run(2 * DAY_S)
    assert disk.writes <= 2 * 4

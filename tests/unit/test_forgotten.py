"""A register that this version can't read, after a newer one was taken back: its part begins anew, the site runs."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from edge.core import forgotten
from edge.core.engine import Engine
from edge.core.types import PointSpec
from tests.orders_rig import Site
from tests.unit.test_settings_orders import GOOD

MORE = """
[[equipment]]
id = "boiler"
[link.sms]
[[recipient]]
id = "caretaker"
number = "+33600000001"
"""


@pytest.mark.parametrize(
    ("part", "register"),
    [
        ("EquipmentList", {"equipment": {"boiler": {"state": "standby"}}}),
        ("Setpoints", {"setpoint/hall.wanted": {"v": 1}}),
        ("Programs", {"program/hall.week": {"value": "x"}}),
        ("LimitValues", {"limit_values": {"hall.hot": 3}}),
        ("Reactions", {"reactions": {"hot.open": 7}}),
        ("Notifier", {"notifier": {"x": {}}}),
        ("Paging", {"paging": {"alarms": 5}}),
        ("TagList", {"tags": {"x": 1}}),
        ("Trials", {"trial": 7}),
        ("AlarmDesk", {"alarms": {"last": 3, "alarms": [{"number": "a"}]}}),
        ("Registry", {"commands": [{"id": 5}]}),
    ],
)
def test_what_a_newer_version_kept_stops_no_start_and_is_said(part: str, register: dict[str, Any]) -> None:
    site = Site(GOOD + MORE, frames=[register])
    site.temperature = 41.0
    site.go(60)
    assert [event.values["text"].split()[:3] for event in site.told("fault")] == [[part, "begins", "anew:"]]
    assert [event.values["limit"] for event in site.told("alarm_begin")] == ["hall.hot"], "the site runs"
    assert site.set("hall.wanted", 21).done
    again = site.restart()
    assert not again.told("fault"), "what it kept itself it can read"
    assert again.value("hall.wanted") == 21


def test_an_order_to_an_output_that_can_not_be_read_leaves_it_safe() -> None:
    site = Site(GOOD, frames=[{"outputs": {"valve": {"level": "half"}}}])
    assert not site.level("valve")
    assert site.order("relay", output="valve", to="on").done


def test_a_counter_whose_register_can_not_be_read_counts_from_anew() -> None:
    spec = PointSpec(id="water", kind="counter", volatile=True)
    engine = Engine([spec], [], boot=2, now_ms=0, saved={"counter/water": {"count": 5}})
    assert [event.values["text"][:18] for event in engine.take_actions().events] == ["water begins anew:"]
    assert engine.points["water"].window.register.index == 0


def test_the_example_holds() -> None:
    assert doctest.testmod(forgotten).failed == 0

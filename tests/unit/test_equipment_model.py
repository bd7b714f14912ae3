"""Machines against an obvious model: alarms, orders, time and restarts in any order lead to the same states."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.equipment import EquipmentSpec
from tests.equipment_rig import HOT, Room

STEPS = st.one_of(
    st.tuples(st.just("read"), st.sampled_from([20.0, 31.0])),
    st.tuples(st.just("read"), st.sampled_from([20.0, 31.0])),
    st.tuples(st.just("wait"), st.integers(1, 20)),
    st.tuples(st.just("cut"), st.integers(0, 120)),
    st.tuples(st.just("start"), st.integers(1, 30)),
    st.tuples(st.just("extend"), st.integers(1, 30)),
    st.tuples(st.sampled_from(["end", "restore", "faulty", "faulty"]), st.just(0)),
)


class Model:
    """What a person with a pencil would say; minutes since the first start."""

    def __init__(self, *, when_clear: bool) -> None:
        self.when_clear = when_clear
        self.minute = 0
        self.is_hot = False
        self.state = "in_service"
        self.by_hand = False
        self.until = 0

    def step(self, what: str, number: Any) -> bool | None:
        """Return whether an order is carried out, None for what is none."""
        if what in {"wait", "cut"}:
            self.minute += number
            if self.state == "maintenance" and self.minute >= self.until:
                self._leave_maintenance()
            return None
        if what == "read":
            was, self.is_hot = self.is_hot, number > 30
            if self.is_hot and self.state == "in_service":
                self.state, self.by_hand = "faulty", False
            if was and not self.is_hot and self.state == "faulty" and not self.by_hand and self.when_clear:
                self.state = "in_service"
            return None
        return bool(getattr(self, what)(number))

    def _leave_maintenance(self) -> None:
        self.state, self.by_hand = ("faulty" if self.is_hot else "in_service"), False

    def start(self, minutes: int) -> bool:
        if self.state == "maintenance":
            return False
        self.state, self.until = "maintenance", self.minute + minutes
        return True

    def extend(self, minutes: int) -> bool:
        if self.state == "maintenance":
            self.until = self.minute + minutes
        return self.state == "maintenance"

    def end(self, _number: int) -> bool:
        if self.state != "maintenance":
            return False
        self._leave_maintenance()
        return True

    def restore(self, _number: int) -> bool:
        if self.state != "faulty" or self.is_hot:
            return False
        self.state = "in_service"
        return True

    def faulty(self, _number: int) -> bool:
        if self.state == "maintenance":
            return False
        self.state, self.by_hand = "faulty", True
        return True


def play(steps: list[tuple[str, Any]], *, when_clear: bool) -> None:
    spec = EquipmentSpec("boiler", frozenset({"p"}), frozenset({"l"}), when_clear=when_clear)
    room, model = Room(spec, limits=(HOT,)), Model(when_clear=when_clear)
    told: list[tuple[str, str]] = []
    for what, number in steps:
        expected = model.step(what, number)
        now_s = room.engine.now_ms / 1000
        done = None
        if what == "read":
            room.hot(now_s, number)
        elif what == "wait":
            room.silence_until(now_s + number * 60)
        elif what == "cut":
            told += changes(room)
            room = room.again(7, off_s=number * 60)
        elif what in {"restore", "faulty"}:
            done = room.say("equipment", equipment="boiler", to=what).done
        elif what == "end":
            done = room.say("maintenance", equipment="boiler", do="end").done
        else:
            args = {"until": f"{number}min", "reason": "x"}
            done = room.say("maintenance", equipment="boiler", do=what, **args).done
        assert done == expected, (what, number)
        assert room.is_now() == model.state, (what, number)
        held = room.engine.alarms.silences.suppressed
        assert bool(held) == (model.state == "maintenance")
        assert room.engine.points["boiler.state"].value == ("in_service", "faulty", "maintenance").index(model.state)
    told += changes(room)
    for (_before, after), (before, _after) in pairwise(told):
        assert after == before, "each change begins where the last one ended: none is lost, none told twice"


def changes(room: Room) -> list[tuple[str, str]]:
    return [(values["before"], values["after"]) for values in room.told() if values["before"] != values["after"]]


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=20), st.booleans())
def test_any_course_of_alarms_orders_time_and_restarts_gives_what_the_model_says(
    steps: list[tuple[str, Any]],
    when_clear: bool,
) -> None:
    play(steps, when_clear=when_clear)


@pytest.mark.campaign("3,000 long courses")
@settings(max_examples=3000, deadline=None)
@given(st.lists(STEPS, min_size=10, max_size=60), st.booleans())
def test_long_courses_give_what_the_model_says(steps: list[tuple[str, Any]], when_clear: bool) -> None:
    play(steps, when_clear=when_clear)

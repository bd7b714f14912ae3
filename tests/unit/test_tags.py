"""Tags: opened, closed, overlapping, begun in the past, corrected; what a restart finds; which rows carry them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.clock import ClockEntry, Dating
from edge.core.commands import Command, Result
from edge.core.equipment import EquipmentSpec
from edge.core.equipment_list import EquipmentList
from edge.core.run_time import RunTime
from edge.core.tag_list import KEPT, OPEN_MOST, TagList
from edge.core.tags import TagView, found, names
from tests.equipment_rig import NOON, PARIS
from tests.unit.rig import Rig, gauge

CELL = EquipmentSpec("cell1", frozenset({"p"}))
SECOND = 1000
HOUR = 3_600_000


class Lab(Rig):
    """An engine with two points and a cell, to which orders about tags are given."""

    def __init__(self, now_s: float = 0, *, utc_ms: int = NOON, saved_events: Any = None, **options: Any) -> None:
        parts = [RunTime([CELL]), EquipmentList([CELL], saved_events), TagList(saved_events)]
        options = {"zone": PARIS, "utc_offset_ms": utc_ms - round(now_s * 1000), **options}
        super().__init__(
            gauge(equipment="cell1"), gauge(id="q"), gauge(id="cell1.state", kind="state"), now_s=now_s, parts=parts,
            saved_events=saved_events, **options,
        )  # fmt: skip
        self.asked = 0

    def tag(self, do: str, tag: str = "", *, t_s: float | None = None, **args: Any) -> Result:
        self.asked += 1
        now_ms = self.engine.now_ms if t_s is None else round(t_s * 1000)
        order = Command(f"{self.engine.boot}.{self.asked}", "tag", {"do": do, "tag": tag, **args}, "anna", "local")
        result = self.engine.command(order, now_ms)
        self.collect()
        return result

    def all(self, dating: Dating | None = None) -> list[TagView]:
        return self.engine.part(TagList).views(dating or Dating())

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        return [(event.kind, event.values) for event in self.events if event.kind.startswith("tag_")]


def test_a_tag_is_opened_and_closed_now() -> None:
    lab = Lab()
    opened = lab.tag("start", "experiment 42", t_s=10)
    closed = lab.tag("stop", "experiment 42", t_s=60)
    assert (opened.text.key, closed.text.key) == ("tag_opened", "tag_closed")
    assert lab.all() == [TagView(1, "experiment 42", NOON + 10_000, NOON + 60_000, is_open=False, author="anna")]
    who = {"author": "anna", "channel": "local"}
    assert lab.told() == [
        ("tag_open", {"id": 1, "name": "experiment 42", "begin_ms": NOON + 10_000, **who}),
        ("tag_close", {"id": 1, "name": "experiment 42", "begin_ms": NOON + 10_000, "end_ms": NOON + 60_000, **who}),
    ]


def test_tags_overlap_and_each_has_its_own_scope() -> None:
    lab = Lab()
    lab.tag("start", "all of it")
    lab.tag("start", "cell", equipment="cell1")
    lab.tag("start", "two", points=["p", "q"])
    first, cell, two = lab.all()
    assert [tag.covers("q", "") for tag in (first, cell, two)] == [True, False, True]
    assert [tag.covers("p", "cell1") for tag in (first, cell, two)] == [True, True, True]
    assert lab.tag("stop").text.key == "tag_which"
    assert lab.tag("stop", "2").done
    assert [tag.is_open for tag in lab.all()] == [True, False, True]


def test_a_tag_that_began_last_tuesday() -> None:
    lab = Lab()
    assert lab.tag("start", "run", begin="last tuesday 09:00").done
    assert lab.all()[0].begin_ms == NOON - (4 * 24 + 3) * HOUR
    assert lab.tag("start", "done", begin="2026-11-17", end="2026-11-18").done
    done = lab.all()[1]
    assert (done.is_open, (done.end_ms or 0) - (done.begin_ms or 0)) == (False, 48 * HOUR)
    assert [kind for kind, _values in lab.told()] == ["tag_open", "tag_open", "tag_close"]


def test_a_day_that_is_not_over_ends_now() -> None:
    lab = Lab()
    assert lab.tag("start", "this week", begin="monday", end="today").done
    assert (lab.all()[0].end_ms, lab.all()[0].is_open) == (NOON, False)


def test_a_correction_is_an_event_with_what_was() -> None:
    lab = Lab()
    lab.tag("start", "experiment 24", t_s=10)
    lab.tag("stop", t_s=60)
    lab.tag("correct", "experiment 24", name="experiment 42", begin="2026-11-21 11:00", equipment="cell1")
    kind, values = lab.told()[-1]
    assert kind == "tag_correct"
    assert values == {
        "id": 1, "name": "experiment 42", "name_was": "experiment 24", "equipment": "cell1", "equipment_was": "",
        "begin_ms": NOON - HOUR, "begin_ms_was": NOON + 10_000, "end_ms": NOON + 60_000, "author": "anna",
        "channel": "local",
    }  # fmt: skip
    assert lab.all()[0].equipment == "cell1"
    assert lab.tag("correct", "1", everything=True).done
    assert lab.all()[0].covers("q", "")


@pytest.mark.parametrize(
    ("args", "key"),
    [
        ({"do": "start", "tag": ""}, "tag_name"),
        ({"do": "start", "tag": "   "}, "tag_name"),
        ({"do": "start", "tag": "open"}, "tag_open_already"),
        ({"do": "start", "tag": "a;b"}, "command_bad_args"),
        ({"do": "start", "tag": "a\nb"}, "command_bad_args"),
        ({"do": "start", "tag": "x" * 61}, "command_bad_args"),
        ({"do": "start", "tag": "x", "equipment": "cell9"}, "equipment_none"),
        ({"do": "start", "tag": "x", "points": ["p", "r"]}, "tag_no_point"),
        ({"do": "start", "tag": "x", "points": ["p"], "equipment": "cell1"}, "tag_scope"),
        ({"do": "start", "tag": "x", "begin": "whenever"}, "when.unknown"),
        ({"do": "start", "tag": "x", "begin": "2027-01-01"}, "tag_future"),
        ({"do": "start", "tag": "x", "end": "2027-01-01"}, "tag_future"),
        ({"do": "start", "tag": "x", "begin": "-1h", "end": "-2h"}, "tag_backwards"),
        ({"do": "start", "tag": "x", "begin": "-1h", "end": "-1h"}, "tag_backwards"),
        ({"do": "stop", "tag": "other"}, "tag_none_open"),
        ({"do": "stop", "end": "-2h"}, "tag_backwards"),
        ({"do": "correct", "tag": "other", "name": "x"}, "tag_unknown"),
        ({"do": "correct", "tag": "7"}, "tag_unknown"),
        ({"do": "correct", "tag": "open"}, "tag_same"),
        ({"do": "correct", "tag": "open", "end": "-3h"}, "tag_backwards"),
        ({"do": "burn", "tag": "x"}, "command_bad_args"),
        ({}, "command_bad_args"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(args: dict[str, Any], key: str) -> None:
    lab = Lab()
    lab.tag("start", "open", begin="-10min")
    before = lab.all(), dict(lab.event_registers)["tags"]
    result = lab.engine.command(Command("x", "tag", args, "anna", "local"), 0)
    lab.collect()
    assert (result.done, result.text.key) == (False, key)
    assert (lab.all(), lab.event_registers["tags"]) == before


def test_nothing_open_is_said() -> None:
    assert Lab().tag("stop").text.values == {}


def test_two_closed_tags_of_a_name_are_corrected_by_number_only() -> None:
    lab = Lab()
    for t_s in (0, 20):
        lab.tag("start", "run", t_s=t_s)
        lab.tag("stop", t_s=t_s + 10)
    refused = lab.tag("correct", "run", name="x")
    assert (refused.text.key, refused.text.values["ids"]) == ("tag_several", [1, 2])
    assert lab.tag("correct", "2", name="run b").done


def test_open_tags_survive_a_power_cut_and_numbers_are_never_used_again() -> None:
    lab = Lab()
    lab.tag("start", "experiment 42", t_s=10, equipment="cell1")
    lab.tag("start", "short", t_s=11)
    lab.tag("stop", "short", t_s=12)
    again = Lab(5, boot=2, saved_events=lab.event_registers, utc_ms=NOON + HOUR)
    assert again.all() == lab.all()
    again.tag("stop", "experiment 42", t_s=6)
    assert again.all()[0].end_ms == NOON + HOUR + 1000
    assert again.tag("start", "next").values["id"] == 3


def test_without_a_clock_a_tag_is_dated_when_one_comes() -> None:
    lab = Lab(is_dated=False, utc_ms=0)
    lab.tag("start", "run", t_s=10)
    assert lab.tag("start", "x", begin="-1h").text.key == "tag_undated"
    assert lab.told()[0][1].get("begin_ms") is None
    assert lab.all()[0].begin_ms is None
    assert not lab.all()[0].meets(0, 2**60), "what nothing dates is on no row"
    lab.engine.set_clock(NOON)
    lab.tag("stop", t_s=20)
    assert (lab.all()[0].begin_ms, lab.all()[0].end_ms) == (NOON + 10_000, NOON + 20_000)


def test_a_start_that_was_dated_only_later_dates_its_tags() -> None:
    lab = Lab(is_dated=False, utc_ms=0)
    lab.tag("start", "run", t_s=10)
    again = Lab(5, boot=2, saved_events=lab.event_registers)
    dating = Dating()
    dating.add(ClockEntry(1, 0, NOON - HOUR, "ntp"))
    assert again.all(dating)[0].begin_ms == NOON - HOUR + 10_000


def test_a_clock_that_was_set_back_keeps_nobody_from_closing_a_tag() -> None:
    lab = Lab()
    lab.tag("start", "run", t_s=10)
    lab.engine.set_clock(NOON - HOUR)
    assert lab.tag("stop", t_s=20).done
    assert lab.all()[0].begin_ms == lab.all()[0].end_ms == NOON + 10_000
    assert lab.tag("correct", "run", begin="-10min").done


def test_too_many_open_tags_are_refused_and_old_closed_ones_forgotten() -> None:
    lab = Lab()
    for number in range(KEPT + 10):
        lab.tag("start", f"run {number}", t_s=number)
        lab.tag("stop", t_s=number + 0.5)
    assert len(lab.all()) == KEPT
    assert lab.all()[-1].id == KEPT + 10
    for number in range(OPEN_MOST):
        assert lab.tag("start", f"open {number}").done
    assert lab.tag("start", "one more").text.key == "tag_too_many"


def test_a_tag_is_found_by_name_before_number() -> None:
    tags = [TagView(1, "2", 0), TagView(2, "run", 0), TagView(3, "run", 5)]
    assert [tag.id for tag in found(tags, "2")] == [1]
    assert [tag.id for tag in found(tags, "run")] == [2, 3]
    assert [tag.id for tag in found(tags, "3")] == [3]
    assert found(tags, "") == found(tags, "9") == found([], "run") == []


@given(st.integers(-100, 100), st.integers(1, 50), st.integers(-100, 100), st.integers(1, 50))
def test_a_row_carries_a_tag_when_they_have_a_millisecond_in_common(begin: int, length: int, t: int, dt: int) -> None:
    tag = TagView(1, "run", begin, begin + length, is_open=False)
    common = set(range(begin, begin + length)) & set(range(t, t + dt))
    assert tag.meets(t, t + dt) == bool(common)
    assert names([tag], t, t + dt) == (["run"] if common else [])
    assert TagView(1, "run", begin).meets(t, t + dt) == (t + dt > begin)

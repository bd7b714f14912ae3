"""When a new version may stay: verdicts on what a box shows during its try."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.update_health import Before, Health, Observation, before_of, observed
from tests.update_rig import live

BEFORE = before_of(live())


def judged(looks: list[dict[str, Any] | None], before: Before = BEFORE, each_s: float = 30.0) -> list[tuple[str, Any]]:
    """Return state and faults of each look, one each 30 s, as a check of 300 s within 840 s sees them."""
    health = Health(before, hold_s=300, within_s=840, began_s=0)
    found = []
    for n, answer in enumerate(looks):
        at_s = n * each_s
        if answer is not None:
            answer["box"]["readings"] += n
        verdict = health.judge(Observation(at_s) if answer is None else observed(answer, at_s))
        found.append((verdict.state, verdict.faults))
        if verdict.state != "waiting":
            break
    return found


def test_five_good_minutes_and_not_less() -> None:
    found = judged([live() for _ in range(30)])
    assert [state for state, _ in found] == ["waiting"] * 10 + ["well"]


def test_what_was_before_is_what_is_asked_for() -> None:
    assert Before(ran=True, points=4, links=("mqtt",), is_kept=True, indexes={"water": 1000.0}) == BEFORE


@pytest.mark.parametrize(
    ("sick", "fault"),
    [
        ({"bad": 1}, "points_lost"),
        ({"points": 3}, "points_lost"),
        ({"index": 999.9}, "index_back"),
        ({"index": -1.0}, "index_back"),
        ({"link": "down"}, "link_lost"),
        ({"degraded": "EIO"}, "not_kept"),
    ],
)
def test_a_sick_box_goes_back_when_time_is_up_and_says_why(sick: dict[str, Any], fault: str) -> None:
    found = judged([live(**sick) for _ in range(60)])
    assert found[-1] == ("ill", (fault,))
    assert len(found) == 29


def test_a_service_that_never_answers_goes_back() -> None:
    assert judged([None] * 60)[-1] == ("ill", ("no_answer",))


def test_a_station_that_no_longer_turns_goes_back() -> None:
    health = Health(BEFORE, hold_s=300, within_s=840, began_s=0)
    verdicts = [health.judge(observed(live(), at * 30.0)) for at in range(40)]
    assert verdicts[-1].state == "ill"
    assert verdicts[-1].faults == ("not_turning",)


def test_one_bad_answer_of_a_probe_is_no_reason_a_lasting_one_begins_the_five_minutes_anew() -> None:
    looks = [live() for _ in range(30)]
    looks[5] = live(bad=1)
    assert [state for state, _ in judged(looks)][-1] == "well"
    assert len(judged(looks)) == 11
    looks = [live() for _ in range(30)]
    looks[5:9] = [live(bad=1) for _ in range(4)]
    found = judged(looks)
    assert ("waiting", ("points_lost",)) in found
    assert (found[-1][0], len(found)) == ("well", 20)


def test_a_restart_in_the_middle_begins_the_five_minutes_anew() -> None:
    looks = [live(boot=1) for _ in range(8)] + [live(boot=2) for _ in range(30)]
    assert len(judged(looks)) == 19


def test_what_was_not_so_before_is_not_asked_for_now() -> None:
    before = before_of(live(bad=2, link="down", degraded="EIO"))
    assert judged([live(bad=2, link="down", degraded="EIO") for _ in range(30)], before)[-1][0] == "well"
    assert judged([live() for _ in range(30)], before)[-1][0] == "well", "better than before is well"
    assert judged([live(bad=3, link="down") for _ in range(60)], before)[-1][0] == "ill"


def test_a_box_on_which_nothing_ran_needs_only_hold() -> None:
    before = before_of(None)
    assert not before.ran
    assert judged([None] * 30, before)[-1][0] == "well"


def test_a_box_without_points_or_links_is_judged_by_its_answer() -> None:
    bare: dict[str, Any] = {
        "box": {"boot": 1, "readings": 0}, "values": [], "buffer": {"records": {"degraded": ""}, "links": {}},
    }  # fmt: skip
    before = before_of(bare)
    health = Health(before, hold_s=300, within_s=840, began_s=0)
    assert [health.judge(observed(bare, at * 60.0)).state for at in range(6)][-1] == "well"
    assert judged([None] * 60, before)[-1] == ("ill", ("no_answer",))


def test_an_index_that_has_no_value_now_is_missing_and_not_lower() -> None:
    answer = live()
    answer["values"][-1] |= {"value": None, "quality": "bad"}
    assert observed(answer, 0).indexes == {}
    assert judged([answer for _ in range(60)])[-1] == ("ill", ("points_lost",))

"""Who is told what and when: each once, the next when nobody answers, all who heard of it that it is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.mornings import Mornings
from edge.core.notifier import Notifier
from edge.core.notify_gate import Gate, NotifyRules
from edge.core.page_facts import numbers_of
from edge.core.paging import Paging
from edge.core.reachable import RecipientSpec
from edge.core.types import Event
from hal.sample import Cycle
from tests.unit.rig import Rig, gauge, high, sample
from tests.unit.test_alarm_silence import order

PARIS = ZoneInfo("Europe/Paris")
NOON = round(datetime(2026, 11, 20, 12, tzinfo=PARIS).timestamp() * 1000)  # a Friday
HOUR_S = 3600
RULES = NotifyRules(most_per_hour=60, remind_ms=(0, 900_000, 900_000, 900_000), reminders=2)
CARETAKER = RecipientSpec("caretaker")
ON_CALL = RecipientSpec("on-call", after_ms=1_800_000)
OFFICE = RecipientSpec("office", days=frozenset(range(5)), hours=(8 * 60, 18 * 60))
GUARD = RecipientSpec("guard", hours=(22 * 60, 6 * 60))


def parts(*recipients: RecipientSpec, saved: dict[str, Any] | None = None) -> list[Any]:
    return [Notifier(RULES, saved), Paging(recipients, saved)]


def site(*recipients: RecipientSpec, count: int = 3, priority: Any = "medium", utc_ms: int = NOON) -> Rig:
    """Return points p0, p1, … with limits at 30 each, at this time of the day."""
    points = [gauge(id=f"p{number}", stale_ms=10**12) for number in range(count)]
    limits = [high(30, id=f"l{number}", point=f"p{number}", priority=priority) for number in range(count)]
    return Rig(*points, *limits, parts=parts(*recipients), utc_offset_ms=utc_ms, zone=PARIS)


def again(rig: Rig, *recipients: RecipientSpec, after_s: float = 60.0) -> Rig:
    """Return the next start, so long after the last instant of this one."""
    now = rig.engine.now_ms + rig.engine.utc_offset_ms + round(after_s * 1000)
    return rig.restart(parts=parts(*recipients, saved=rig.event_registers), utc_offset_ms=now, zone=PARIS)


def read(rig: Rig, t_s: float, *values: float) -> None:
    pass_to(rig, t_s)
    rig.cycle(t_s, *(sample(t_s, value, point=f"p{number}") for number, value in enumerate(values)))
    rig.tick(t_s)


def pass_to(rig: Rig, t_s: float) -> None:
    while (due_ms := rig.engine.parts.due_ms) < t_s * 1000:
        rig.tick(max(due_ms, rig.engine.now_ms) / 1000)
    rig.tick(t_s)


def pages(rig: Rig) -> list[tuple[float, str, str]]:
    """Return (second, to, what) of each text so far."""
    return [(event.at_ms / 1000, event.values["to"], event.values["what"]) for event in of(rig.events)]


def of(events: list[Event], kind: str = "page") -> list[Event]:
    return [event for event in events if event.kind == kind]


def test_the_begin_goes_to_all_who_are_told_at_once_and_the_end_to_the_same() -> None:
    rig = site(
        CARETAKER, RecipientSpec("second"), RecipientSpec("deaf", alarms=False), RecipientSpec("high", least="high")
    )
    read(rig, 1, 31)
    read(rig, 100, 29)
    assert pages(rig) == [
        (1, "caretaker", "begin"),
        (1, "second", "begin"),
        (100, "caretaker", "end"),
        (100, "second", "end"),
    ]
    begin, end = of(rig.events)[0].values, of(rig.events)[2].values
    assert begin | {"for_ms": 0} == {
        "to": "caretaker", "what": "begin", "id": 1, "limit": "l0", "kind": "high", "prio": "medium", "v": 31.0,
        "at": 30.0, "begin_ms": NOON + 1000, "for_ms": 0, "peak": 31.0, "peak_ms": NOON + 1000, "ack": "1",
    }  # fmt: skip
    assert (end["v"], end["begin_ms"], end["end_ms"], end["peak"]) == (29.0, NOON + 1000, NOON + 100_000, 31.0)
    assert end["ack"] == "1", "nobody has acknowledged it yet"
    assert of(rig.events)[0].point == "p0"


def test_who_is_called_later_is_named_by_the_reminder_and_told_when_nobody_answers() -> None:
    rig = site(CARETAKER, ON_CALL)
    read(rig, 1, 31)
    pass_to(rig, 2 * HOUR_S)
    assert pages(rig) == [
        (1, "caretaker", "begin"), (901, "caretaker", "reminder"), (1801, "on-call", "begin"),
        (1801, "caretaker", "reminder"), (2701, "on-call", "gave_up"),
    ]  # fmt: skip
    first, second = (event.values for event in of(rig.events) if event.values["what"] == "reminder")
    assert (first["next"], first["next_ms"]) == ("on-call", NOON + 1_801_000)
    assert (first["reminder"], first["reminders"]) == (1, 2)
    assert "next" not in second
    gave_up = of(rig.events, "page_gave_up")[0]
    assert gave_up.values == {"ids": "1", "count": 1, "to": "caretaker, on-call"}
    pass_to(rig, 400 * HOUR_S)
    assert len(pages(rig)) == 5, "then nothing more"


def test_an_acknowledgement_stops_it_and_tells_the_others_who_were_told() -> None:
    rig = site(CARETAKER, ON_CALL)
    read(rig, 1, 31)
    pass_to(rig, 1900)
    order(rig, "ack", number=1, author="on-call")
    pass_to(rig, 9000)
    told = [page for page in pages(rig) if page[0] >= 1900]
    assert [(to, what) for _t, to, what in told] == [("caretaker", "acknowledged")]
    read(rig, 9001, 29)
    last = of(rig.events)[-1].values
    assert [page[1:] for page in pages(rig)[-2:]] == [("caretaker", "end"), ("on-call", "end")]
    assert (last["by"], "ack" in last, last["peak_ms"]) == ("on-call", False, NOON + 1000)
    assert rig.event_registers["paging"]["alarms"] == {}, "nothing is kept of what is over"


def test_who_was_told_alone_need_not_hear_that_another_took_it() -> None:
    rig = site(CARETAKER, ON_CALL)
    read(rig, 1, 31)
    order(rig, "ack", number=1)
    pass_to(rig, 9000)
    assert pages(rig) == [(1, "caretaker", "begin")]


def test_hours_hold_back_all_but_the_critical_and_what_somebody_took_meanwhile() -> None:
    night = NOON + 10 * HOUR_S * 1000  # Friday 22:00
    rig = site(OFFICE, GUARD, utc_ms=night)
    read(rig, 1, 31)
    assert pages(rig) == [(1, "guard", "begin")]
    pass_to(rig, 100 * HOUR_S)
    monday_s = 58 * HOUR_S
    begins = [page for page in pages(rig) if page[2] != "reminder" and page[2] != "gave_up"]
    assert begins == [(1, "guard", "begin"), (monday_s, "office", "begin")]
    loud = site(OFFICE, utc_ms=night, priority="critical")
    read(loud, 1, 31)
    assert pages(loud) == [(1, "office", "begin")]
    taken = site(OFFICE, GUARD, utc_ms=night)
    read(taken, 1, 31)
    order(taken, "ack", number=1)
    pass_to(taken, 100 * HOUR_S)
    assert [page[1] for page in pages(taken)] == ["guard"]


def test_what_began_and_ended_while_they_slept_is_one_text_in_the_morning() -> None:
    rig = site(OFFICE, utc_ms=NOON + 10 * HOUR_S * 1000)
    read(rig, 1, 31)
    read(rig, 3600, 29)
    pass_to(rig, 100 * HOUR_S)
    assert pages(rig) == [(58 * HOUR_S, "office", "end")]
    late = site(ON_CALL)
    read(late, 1, 31)
    read(late, 100, 29)
    pass_to(late, 9000)
    assert pages(late) == [], "an alarm that is over calls nobody more"


def test_several_are_one_text_with_one_code_and_the_desk_knows_of_which() -> None:
    rig = site(CARETAKER, count=9)
    read(rig, 1, *[31] * 9)
    page = of(rig.events)[0].values
    assert (page["what"], page["count"], page["points"]) == ("merged", 9, "p0, p1, p2, p3")
    assert numbers_of(page["ids"]) == numbers_of(page["ack"]) == list(range(1, 10))
    paging = rig.engine.part(Paging)
    assert paging.open_texts("caretaker") == [tuple(range(1, 10))]
    assert paging.open_texts("stranger") == []
    order(rig, "ack")
    assert paging.open_texts("caretaker") == []
    assert rig.event_registers["paging"]["texts"] == {}


def test_a_shelved_alarm_calls_nobody_while_it_is_shelved() -> None:
    rig = site(CARETAKER, ON_CALL)
    read(rig, 1, 31)
    order(rig, "shelve", number=1, for_s=7200, reason="works")
    pass_to(rig, 7000)
    assert pages(rig) == [(1, "caretaker", "begin")]
    pass_to(rig, 7300)
    assert ("on-call", "begin") in [page[1:] for page in pages(rig)]


def test_an_escalation_goes_on_over_a_restart_and_by_the_whole_time_without_a_clock() -> None:
    rig = site(CARETAKER, ON_CALL)
    read(rig, 1, 31)
    after = again(rig, CARETAKER, ON_CALL, after_s=600)
    pass_to(after, 1300)
    assert [page for page in pages(after) if page[1] == "on-call"] == [(1200, "on-call", "begin")]
    lost = rig.restart(parts=parts(CARETAKER, ON_CALL, saved=rig.event_registers), is_dated=False, zone=PARIS)
    pass_to(lost, 1000)
    assert ("on-call", "begin") not in [page[1:] for page in pages(lost)]


def test_somebody_who_left_the_settings_is_forgotten_and_somebody_new_hears_what_stands() -> None:
    rig = site(CARETAKER)
    read(rig, 1, 31)
    after = again(rig, RecipientSpec("new"))
    pass_to(after, 10)
    assert pages(after) == [(0, "new", "begin")]
    read(after, 100, 29)
    order(after, "ack")
    pass_to(after, 200)
    assert [page[1:] for page in pages(after)] == [("new", "begin"), ("new", "end")]
    assert after.event_registers["paging"]["alarms"] == {}


def test_an_alarm_that_ended_and_began_anew_in_the_quiet_hours_stops_nobody_from_being_told_at_dawn() -> None:
    """The first one's end is not told yet, and its limit has another alarm, when the office opens."""
    night = round(datetime(2026, 11, 20, 21, 50, tzinfo=PARIS).timestamp() * 1000)
    early = RecipientSpec("early", hours=(6 * 60, 18 * 60))
    rules = msgspec.structs.replace(RULES, quiet=(22 * 60, 7 * 60))
    rig = Rig(
        gauge(id="p0", stale_ms=10**12), high(30, id="l0", point="p0"), utc_offset_ms=night, zone=PARIS,
        parts=[Notifier(rules), Paging([CARETAKER, early])],
    )  # fmt: skip
    read(rig, 1, 31)
    read(rig, 2400, 29)
    read(rig, 4000, 31)
    pass_to(rig, 16 * HOUR_S)
    told = [(f"{datetime.fromtimestamp(night / 1000 + at_s, PARIS):%H:%M}", to, what) for at_s, to, what in pages(rig)]
    assert told[:2] == [("21:50", "caretaker", "begin"), ("06:00", "early", "end")]
    assert {to for at, to, _what in told if at == "07:00"} == {"caretaker", "early"}


def test_each_morning_and_each_month_once_and_not_on_the_first_day() -> None:
    rig = site(RecipientSpec("manager", daily=True, life=True), RecipientSpec("office", daily=True, hours=(540, 1080)))
    pass_to(rig, 3 * 24 * HOUR_S)
    mornings = [(event.at_ms / HOUR_S / 1000, event.values["to"], event.values["about"]) for event in of(rig.events)]
    assert mornings == [
        (19, "manager", "2026-11-20"), (21, "office", "2026-11-20"), (43, "manager", "2026-11-21"),
        (45, "office", "2026-11-21"), (67, "manager", "2026-11-22"), (69, "office", "2026-11-22"),
    ]  # fmt: skip
    after = again(rig, RecipientSpec("manager", daily=True, life=True))
    pass_to(after, 9 * 24 * HOUR_S)
    life = [event.values["about"] for event in of(after.events) if event.values["what"] == "life"]
    assert life == ["2026-11"]
    days = [event.values["about"] for event in of(after.events) if event.values["what"] == "daily"]
    assert days == [f"2026-11-{day}" for day in range(23, 31)] + ["2026-12-01"]


def test_a_box_that_comes_back_in_the_night_waits_for_the_morning_and_without_a_clock_for_one() -> None:
    rig = site(RecipientSpec("manager", daily=True))
    pass_to(rig, HOUR_S)
    night = again(rig, RecipientSpec("manager", daily=True), after_s=33 * HOUR_S)  # Saturday 22:00
    pass_to(night, 8 * HOUR_S)
    assert pages(night) == []
    pass_to(night, 10 * HOUR_S)
    assert pages(night) == [(9 * HOUR_S, "manager", "daily")]
    lost = rig.restart(
        parts=parts(RecipientSpec("manager", daily=True), saved=rig.event_registers), is_dated=False, zone=PARIS
    )
    pass_to(lost, 48 * HOUR_S)
    assert pages(lost) == []


CLOCK_CHANGES = [datetime(2026, 3, 29, tzinfo=PARIS), datetime(2026, 10, 25, tzinfo=PARIS)]


@pytest.mark.parametrize("day", CLOCK_CHANGES)
def test_hours_hold_on_the_days_on_which_the_clocks_change(day: datetime) -> None:
    for hour in range(24):
        at_ms = round(day.replace(hour=hour).timestamp() * 1000)
        office = RecipientSpec("office", hours=(8 * 60, 18 * 60))
        opens = datetime.fromtimestamp((at_ms + office.open_ms(at_ms, PARIS)) / 1000, PARIS)
        assert opens.hour == (hour if 8 <= hour < 18 else 8)
    assert RecipientSpec("never", days=frozenset()).open_ms(NOON, PARIS) == float("inf")


@pytest.mark.parametrize("day", [*CLOCK_CHANGES, datetime(2026, 11, 20, tzinfo=PARIS)])
def test_the_morning_begins_at_seven_and_ends_at_nine_in_the_evening_by_the_clocks(day: datetime) -> None:
    """Seven hours after midnight it is 6 o'clock on the day that has 25."""
    for hour in range(24):
        at_ms = round(day.replace(hour=hour).timestamp() * 1000)
        mornings = Mornings([RecipientSpec("a", daily=True)], {"a daily": "2026-01-01"})
        told, wait_ms = mornings.due(at_ms, PARIS)
        assert [one.about for one in told] == ([f"{day - timedelta(days=1):%Y-%m-%d}"] if 7 <= hour < 21 else []), hour
        if hour < 7:
            assert f"{datetime.fromtimestamp((at_ms + wait_ms) / 1000, PARIS):%d %H:%M}" == f"{day:%d} 07:00"


@pytest.mark.parametrize("day", CLOCK_CHANGES)
def test_quiet_hours_end_by_the_clocks(day: datetime) -> None:
    gate = Gate(NotifyRules(quiet=(22 * 60, 7 * 60 + 30)))
    for hour in (0, 1, 4, 7):
        at_ms = round(day.replace(hour=hour, second=7, microsecond=5000).timestamp() * 1000)
        end_ms = at_ms + gate.holds_back("high", at_ms, PARIS)
        assert f"{datetime.fromtimestamp(end_ms / 1000, PARIS):%d %H:%M:%S.%f}" == f"{day:%d} 07:30:00.000000"
    twice = Gate(NotifyRules(quiet=(22 * 60, 2 * 60 + 30)))
    second_ms = round(datetime(2026, 10, 25, 2, 15, fold=1, tzinfo=PARIS).timestamp() * 1000)
    assert twice.holds_back("high", second_ms, PARIS) == 0, "the hour that comes twice: it was over at the first 02:30"


# -- in virtual time, with kills

WHO = (CARETAKER, ON_CALL, OFFICE, GUARD, RecipientSpec("high", least="high"))
STEP = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 2), st.sampled_from([29.0, 31.0])),
    st.tuples(st.just("pass"), st.sampled_from([1, 70, 900, 1800, 7200, 50_000]), st.just(0.0)),
    st.tuples(st.just("ack"), st.integers(0, 5), st.just(0.0)),
    st.tuples(st.just("kill"), st.integers(0, 40_000), st.just(0.0)),
    st.tuples(st.just("lost"), st.integers(0, 2), st.sampled_from([29.0, 31.0])),
)


class Course:
    """A site that lives through steps, and all that became durable of it."""

    def __init__(self, priority: str) -> None:
        self.rig = site(*WHO, priority=priority)
        self.events: list[Event] = []
        self.values = [29.0, 29.0, 29.0]

    @property
    def now_s(self) -> float:
        return self.rig.engine.now_ms / 1000

    def play(self, steps: list[tuple[str, int, float]]) -> None:
        for what, number, value in steps:
            if what == "read":
                self.values[number] = value
                read(self.rig, self.now_s + 1, *self.values)
            elif what == "pass":
                pass_to(self.rig, self.now_s + number)
            elif what == "ack":
                waiting = self.rig.engine.alarms.waiting()
                if waiting:
                    order(self.rig, "ack", number=waiting[number % len(waiting)], author=WHO[number % 5].id)
            elif what == "lost":  # the power goes before what this reading made is durable
                self.values[number] = value
                t_ns = round((self.now_s + 1) * 1e9)
                samples = [sample(t_ns / 1e9, each, point=f"p{place}") for place, each in enumerate(self.values)]
                self.rig.engine.handle(Cycle("b", t_ns, samples))
                self.rig.engine.take_actions()
                self._restart(1)
            else:
                self._restart(number)

    def _restart(self, after_s: float) -> None:
        self.events += self.rig.events
        self.rig = again(self.rig, *WHO, after_s=after_s)
        read(self.rig, 1, *self.values)

    def settle(self) -> None:
        """Let all end, be acknowledged, and a week pass."""
        self.values = [29.0, 29.0, 29.0]
        read(self.rig, self.now_s + 1, *self.values)
        pass_to(self.rig, self.now_s + 120)
        order(self.rig, "ack")
        pass_to(self.rig, self.now_s + 8 * 86_400)
        self.events += self.rig.events


def check_course(steps: list[tuple[str, int, float]], priority: str) -> None:
    """Hold what a course has told against the rules."""
    course = Course(priority)
    course.play(steps)
    course.settle()
    begun: list[tuple[str, int]] = []
    ended: list[tuple[str, int]] = []
    for event in of(course.events):
        values = event.values
        if values["what"] not in {"begin", "end", "merged"}:
            continue
        over = [values["id"]] if values["what"] == "end" else numbers_of(values.get("ended"))
        begins = [values["id"]] if values["what"] == "begin" else numbers_of(values.get("ids"))
        begun += [(values["to"], number) for number in begins if number not in over]
        ended += [(values["to"], number) for number in over]
    assert len(set(begun)) == len(begun), "a begin is told once to each"
    assert len(set(ended)) == len(ended), "and an end"
    assert set(begun) <= set(ended), "who heard of a begin hears of the end"
    taken = {event.values["id"] for event in course.events if event.kind == "alarm_ack"}
    for number in {
        number for event in of(course.events, "alarm_notify") for number in numbers_of(event.values.get("ids"))
    }:
        told = {to for to, one in (*begun, *ended) if one == number}
        if priority == "critical":
            assert {"caretaker", "office", "guard", "high"} <= told
        assert "caretaker" in told, "who is told at once is told of each"
        assert ("high" in told) == (priority != "medium")
        if number not in taken:
            assert {"office", "guard"} <= told, "in their hours, unless somebody took it before"
    assert course.rig.event_registers.get("paging", {}).get("alarms", {}) == {}, "nothing is kept of what is over"


@settings(max_examples=25, deadline=None)
@given(st.lists(STEP, max_size=15), st.sampled_from(["medium", "high", "critical"]))
def test_each_is_told_once_of_begin_and_end_whatever_happens(
    steps: list[tuple[str, int, float]], priority: str
) -> None:
    check_course(steps, priority)


@pytest.mark.campaign("1,500 long courses with kills")
@settings(max_examples=1500, deadline=None)
@given(st.lists(STEP, max_size=60), st.sampled_from(["medium", "high", "critical"]))
def test_each_is_told_once_at_length(steps: list[tuple[str, int, float]], priority: str) -> None:
    check_course(steps, priority)

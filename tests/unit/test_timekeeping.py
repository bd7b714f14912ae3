"""Who is believed about the time: order, agreement, floor, silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.clock import DATED_FROM, TRUST, ClockEntry
from edge.core.timekeeping import KEEPS_WORD_MS, SETTINGS, SILENT_MS, STEP_MS, Floor, Timekeeper, kept_word, rank
from hal.sample import Fix

BUILD_MS = 1_790_000_000_000
NOW_MS = 1_795_166_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
YEAR_MS = 365 * DAY_MS


class Rig:
    """A timekeeper and the true time; `say` gives a source's word at an instant, so far off the true time."""

    def __init__(self, floor: Floor | None = None) -> None:
        self.keeper = Timekeeper(floor or Floor(BUILD_MS))

    def say(self, source: str, at_ms: int, off_ms: int = 0, error_ms: int = 0, witness: str = "w") -> str:
        return self.keeper.offer(Fix(source, at_ms * 1_000_000, NOW_MS + at_ms + off_ms, error_ms), witness)

    @property
    def off_ms(self) -> int | None:
        offset_ms = self.keeper.offset_ms()
        return None if offset_ms is None else offset_ms - NOW_MS


def test_before_anybody_spoke_nothing_is_believed() -> None:
    keeper = Rig().keeper
    assert (keeper.offset_ms(), keeper.source, keeper.age_ms(0), keeper.error_ms(0)) == (None, "none", None, None)
    assert keeper.sources(0) == []


def test_a_better_source_replaces_a_worse_one_and_a_worse_one_never_a_better_one() -> None:
    rig = Rig()
    assert rig.say("person", 0, off_ms=90_000) == "used"
    assert rig.say("ntp", 1000) == "used"
    assert rig.say("person", 2000, off_ms=90_000) == "worse"
    assert rig.say("gsm", 3000, off_ms=-5000) == "worse"
    assert (rig.off_ms, rig.keeper.source) == (0, "ntp")


@given(st.lists(st.tuples(st.sampled_from(TRUST[DATED_FROM:]), st.integers(-600_000, 600_000)), max_size=30))
def test_whoever_speaks_what_is_believed_never_goes_to_a_worse_source_while_the_better_one_is_heard_of(
    words: list[tuple[str, int]],
) -> None:
    rig = Rig()
    best = 0
    for number, (source, off_ms) in enumerate(words):
        rig.say(source, 1000 * number, off_ms)
        assert rank(rig.keeper.source) >= best
        best = rank(rig.keeper.source)


@pytest.mark.parametrize(
    ("utc_ms", "verdict"),
    [
        (0, "too_early"),
        (-(10**15), "too_early"),
        (946_684_800_000, "too_early"),  # a battery clock at 2000-01-01
        (BUILD_MS - 1, "too_early"),
        (BUILD_MS, "used"),
        (2**31 * 1000, "used"),  # 2038-01-19
        (BUILD_MS + 20 * YEAR_MS, "used"),
        (BUILD_MS + 21 * YEAR_MS, "too_late"),
        (10**17, "too_late"),
    ],
)
def test_what_can_not_be_is_never_believed(utc_ms: int, verdict: str) -> None:
    keeper = Timekeeper(Floor(BUILD_MS))
    assert keeper.offer(Fix("ntp", 0, utc_ms), "w") == verdict
    assert (keeper.offset_ms() is None) is (verdict != "used")


def test_below_the_last_time_that_was_kept_only_a_source_as_good_is_believed_and_only_when_it_insists() -> None:
    rig = Rig(Floor(BUILD_MS, NOW_MS + 10 * YEAR_MS, "tic"))
    assert [rig.say(word, 0) for word in ("person", "rtc", "gsm")] == ["too_early"] * 3
    assert [rig.say("tic", 1000 * n) for n in range(3)] == ["unconfirmed", "unconfirmed", "used"]
    mistaken = Rig(Floor(BUILD_MS, NOW_MS + 10 * YEAR_MS, "ntp"))
    assert [mistaken.say("tic", 1000 * n) for n in range(9)] == ["too_early"] * 9
    assert [mistaken.say("ntp", 10_000 * n) for n in range(3)] == ["unconfirmed", "unconfirmed", "used"]


def test_a_persons_minute_may_lie_just_before_the_last_second_kept() -> None:
    rig = Rig(Floor(BUILD_MS, NOW_MS, "ntp"))
    assert rig.say("person", 0, off_ms=-59_000, error_ms=60_000) == "used"
    assert Rig(Floor(BUILD_MS, NOW_MS, "ntp")).say("person", 0, off_ms=-HOUR_MS, error_ms=60_000) == "too_early"


@pytest.mark.parametrize("jump_ms", [-10 * DAY_MS, -HOUR_MS, -2100, 2100, HOUR_MS, 10 * YEAR_MS])
def test_a_source_that_contradicts_itself_must_say_it_three_times(jump_ms: int) -> None:
    rig = Rig()
    rig.say("ntp", 0)
    seen = []
    for n in range(1, 4):
        rig.say("ntp", 10_000 * n, jump_ms)
        seen.append(rig.off_ms)
    assert seen == [0, 0, jump_ms]


def test_a_single_jump_is_forgotten_and_jumps_that_disagree_never_count() -> None:
    rig = Rig()
    rig.say("ntp", 0)
    for n in range(1, 50):
        rig.say("ntp", 10_000 * n, HOUR_MS * n * (-1) ** n)
    assert rig.off_ms == 0
    rig.say("ntp", 600_000)
    assert [rig.say("ntp", 610_000, HOUR_MS), rig.say("ntp", 620_000, HOUR_MS)] == ["unconfirmed"] * 2


def test_what_drifts_within_its_error_is_no_contradiction() -> None:
    rig = Rig()
    rig.say("ntp", 0)
    assert rig.say("ntp", 10_000, 1900) == "used"
    assert rig.off_ms == 1900
    assert rig.say("ntp", 3 * DAY_MS, 1900 + 20_000) == "used", "three days of 100 ppm are 26 s"


def test_a_meter_is_believed_at_the_third_word_and_its_whole_seconds_are_smoothed() -> None:
    rig = Rig()
    assert [rig.say("tic", 1000 * n, 0, 2000) for n in range(3)] == ["unconfirmed", "unconfirmed", "used"]
    for n in range(3, 200):
        rig.say("tic", 1000 * n, 500 if n % 2 else -500, 2000)
    assert rig.off_ms is not None
    assert abs(rig.off_ms) < 60


def test_damage_of_a_digit_that_goes_on_for_two_frames_is_not_believed() -> None:
    rig = Rig()
    for n in range(3):
        rig.say("tic", 1000 * n, 0, 2000)
    assert [rig.say("tic", 3000 + 1000 * n, 9 * HOUR_MS, 2000) for n in range(2)] == ["unconfirmed"] * 2
    assert rig.say("tic", 5000, 0, 2000) == "used"


def test_a_silent_source_keeps_its_word_for_a_week_and_then_gives_way_to_one_that_speaks() -> None:
    rig = Rig()
    rig.say("ntp", 0)
    for n in range(3):
        rig.say("tic", KEEPS_WORD_MS - 5000 + 1000 * n, 4000, 2000)
    assert (rig.keeper.source, rig.off_ms) == ("ntp", 0)
    assert rig.keeper.age_ms(KEEPS_WORD_MS) == KEEPS_WORD_MS
    assert rig.keeper.error_ms(KEEPS_WORD_MS) == 60_480
    rig.say("tic", KEEPS_WORD_MS + 1, 4000, 2000)
    assert (rig.keeper.source, rig.off_ms) == ("tic", 4000)


def test_of_two_meters_the_first_is_followed_until_it_has_been_silent() -> None:
    rig = Rig()
    for n in range(3):
        rig.say("tic", 1000 * n, 0, 2000, "first")
        rig.say("tic", 1000 * n, 3000, 2000, "second")
    assert rig.off_ms == 0
    assert rig.say("tic", 10_000, 3000, 2000, "second") == "worse"
    assert rig.say("tic", SILENT_MS + 10_000, 3000, 2000, "second") == "used"


def test_a_person_corrects_himself_at_once() -> None:
    rig = Rig()
    rig.say("person", 0, HOUR_MS, 60_000)
    assert rig.say("person", 5000, 0, 60_000) == "used"
    assert rig.off_ms == 0


def test_where_the_settings_trust_the_machines_clock_a_person_does_not_set_another() -> None:
    rig = Rig()
    assert rig.say("person", 0, witness=SETTINGS) == "used"
    assert rig.say("person", 5000, HOUR_MS, 60_000, "person") == "worse"
    assert [rig.say("person", 10_000 * n, witness=SETTINGS) for n in range(1, 4)] == ["used"] * 3
    assert rig.off_ms == 0


def test_a_person_whose_correction_is_refused_is_still_believed_in_what_was_said_before() -> None:
    rig = Rig()
    rig.say("person", 0)
    assert rig.say("person", 1000, -20 * YEAR_MS) == "too_early"
    assert [view.verdict for view in rig.keeper.sources(2000)] == ["used"]


def test_what_was_believed_before_a_restart_goes_on_until_a_witness_of_its_kind_speaks() -> None:
    rig = Rig()
    rig.keeper.keep(ClockEntry(3, 1000, NOW_MS + 1000 + 1500, "ntp"))
    assert (rig.off_ms, rig.keeper.source) == (1500, "ntp")
    assert rig.say("gsm", 2000) == "worse"
    assert rig.say("ntp", 3000) == "used"
    assert rig.off_ms == 0


def test_what_was_believed_before_a_restart_is_contradicted_only_by_who_insists() -> None:
    rig = Rig()
    rig.keeper.keep(ClockEntry(3, 0, NOW_MS, "ntp"))
    assert [rig.say("ntp", 10_000 * n, HOUR_MS) for n in range(1, 4)] == ["unconfirmed", "unconfirmed", "used"]


def test_the_views_say_who_is_used_and_how_far_off_the_others_are() -> None:
    rig = Rig()
    rig.say("ntp", 0)
    rig.say("gsm", 1000, -700, 500)
    rig.say("rtc", 2000, -NOW_MS)
    views = rig.keeper.sources(5000)
    assert [(view.source, view.verdict, view.off_ms, view.age_s) for view in views] == [
        ("ntp", "used", 0, 5.0), ("gsm", "worse", -700, 4.0), ("rtc", "too_early", None, 3.0),
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.sampled_from(TRUST[DATED_FROM:]),
            st.integers(0, 10**7),
            st.integers(-(10**14), 10**14),
            st.integers(0, 5000),
            st.sampled_from("ab"),
        ),
        max_size=40,
    )
)
def test_whatever_is_said_the_time_stays_possible(words: list[tuple[str, int, int, int, str]]) -> None:
    floor = Floor(BUILD_MS, NOW_MS, "ntp")
    keeper = Timekeeper(floor)
    at_ms = 0
    for source, after_ms, off_ms, error_ms, witness in words:
        at_ms += after_ms
        keeper.offer(Fix(source, at_ms * 1_000_000, NOW_MS + at_ms + off_ms, error_ms), witness)
        offset_ms = keeper.offset_ms()
        if offset_ms is not None:
            assert BUILD_MS - 2 * STEP_MS <= offset_ms + at_ms <= floor.utc_ms + 21 * YEAR_MS


def test_the_word_kept_is_the_newest_that_somebody_gave() -> None:
    guess = ClockEntry(4, 0, NOW_MS, "floor")
    told = ClockEntry(3, 0, NOW_MS, "person")
    assert kept_word([]) is None
    assert kept_word([guess]) is None
    assert kept_word([ClockEntry(2, 0, NOW_MS, "ntp"), told, guess]) == told

"""Weekly slots against an obvious minute-by-minute computation, over years with both clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.holidays import easter, french
from edge.core.week import Days, Slot, SlotError, Week, dates, overlap, slot

PARIS = ZoneInfo("Europe/Paris")
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def at(text: str, zone: ZoneInfo = PARIS, fold: int = 0) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()) * 1000


def said(utc_ms: int | None, zone: ZoneInfo = PARIS) -> str:
    return "" if utc_ms is None else f"{datetime.fromtimestamp(utc_ms / 1000, zone):%Y-%m-%d %H:%M:%S %z}"


def week(*words: str, exceptions: tuple[str, ...] = (), instead: tuple[str, ...] = (), holidays: str = "") -> Week:
    return Week(
        tuple(slot(word) for word in words),
        tuple(dates(word) for word in exceptions),
        tuple(slot(word, with_days=False) for word in instead),
        holidays,
    )


@pytest.mark.parametrize(
    ("text", "days", "begin", "end"),
    [
        ("mon-fri 06:30-08:00", {0, 1, 2, 3, 4}, 390, 480),
        ("lun-ven 6h30-8h00", {0, 1, 2, 3, 4}, 390, 480),
        ("sat,sun 09:00-22:00", {5, 6}, 540, 1320),
        ("sam,dim 09:00 - 22:00", {5, 6}, 540, 1320),
        ("Lundi,mer,ven 00:00-24:00", {0, 2, 4}, 0, 1440),
        ("fri-mon 00:00-00:01", {4, 5, 6, 0}, 0, 1),
        ("daily 23:59-24:00", set(range(7)), 1439, 1440),
        ("tous 22:00-02:00+1", set(range(7)), 1320, 1560),
        ("sun 12:00-12:00+1", {6}, 720, 2160),
    ],
)
def test_slots_are_read_in_both_languages(text: str, days: set[int], begin: int, end: int) -> None:
    assert slot(text) == Slot(frozenset(days), begin, end)


@pytest.mark.parametrize(
    ("text", "why", "part"),
    [
        ("mon 25:00-26:00", "slot_time", "25:00"),
        ("mon 06:60-08:00", "slot_time", "06:60"),
        ("mon 24:00-24:00", "slot_time", "24:00"),
        ("mon -06:00-08:00", "slot_time", "-06:00"),
        ("mon 6-8", "slot_time", "6"),
        ("mon 08:00-06:30", "slot_backwards", "08:00-06:30+1"),
        ("mon 08:00-08:00", "slot_empty", "mon 08:00-08:00"),
        ("mon 08:00-09:00+1", "slot_long", "mon 08:00-09:00+1"),
        ("moo 08:00-09:00", "slot_day", "moo"),
        ("mon-fry 08:00-09:00", "slot_day", "fry"),
        ("mon,,tue 08:00-09:00", "slot_day", ""),
        ("08:00-09:00", "slot_form", "08:00-09:00"),
        ("mon 08:00", "slot_form", "mon 08:00"),
        ("", "slot_form", ""),
        ("mon ०८:००-09:00", "slot_time", "०८:००"),
    ],
)
def test_impossible_slots_are_refused_with_what_is_wrong(text: str, why: str, part: str) -> None:
    with pytest.raises(SlotError) as caught:
        slot(text)
    assert (caught.value.why, caught.value.at) == (why, part)


@pytest.mark.parametrize(
    "text", ["2026-02-30", "13-01", "02-30", "x", "", "2026", "2026-12-25/01-02", "2026--25", "-1-1-1"]
)
def test_impossible_dates_are_refused(text: str) -> None:
    with pytest.raises(SlotError, match="exception_form"):
        dates(text)


def test_dates_that_end_before_they_begin_are_refused_unless_they_are_of_every_year() -> None:
    with pytest.raises(SlotError, match="exception_backwards"):
        dates("2026-12-25/2026-12-24")
    turn = dates("12-24/01-02")
    assert [turn.holds(date(2026, 12, 23)), turn.holds(date(2026, 12, 31)), turn.holds(date(2031, 1, 2))] == [
        False, True, True,
    ]  # fmt: skip
    assert not turn.holds(date(2027, 1, 3))


def test_the_heating_of_an_office_switches_at_the_minute() -> None:
    heating = week("mon-fri 06:30-08:00")
    friday = at("2026-11-20 06:30")
    assert (heating.at(friday - 1, PARIS), heating.at(friday, PARIS)) == (-1, 0)
    assert (heating.at(friday + 5_399_999, PARIS), heating.at(friday + 5_400_000, PARIS)) == (0, -1)
    assert said(heating.next_ms(friday, PARIS)) == "2026-11-20 08:00:00 +0100"
    assert said(heating.next_ms(friday + 5_400_000, PARIS)) == "2026-11-23 06:30:00 +0100"


def test_a_slot_in_the_hour_that_is_skipped_does_not_come() -> None:
    night = week("daily 02:15-02:45")
    assert said(night.next_ms(at("2026-03-29 00:00"), PARIS)) == "2026-03-30 02:15:00 +0200"


def test_a_slot_that_begins_in_the_hour_that_is_skipped_begins_when_the_clocks_have_jumped() -> None:
    night = week("daily 02:30-04:00")
    begin = night.next_ms(at("2026-03-29 00:00"), PARIS)
    assert said(begin) == "2026-03-29 03:00:00 +0200"
    assert said(night.next_ms(begin or 0, PARIS)) == "2026-03-29 04:00:00 +0200"


def test_a_slot_in_the_hour_that_comes_twice_comes_twice() -> None:
    night = week("daily 02:15-02:45")
    found, now = [], at("2026-10-25 00:00")
    for _ in range(4):
        now = night.next_ms(now, PARIS) or 0
        found.append(said(now)[11:])
    assert found == ["02:15:00 +0200", "02:45:00 +0200", "02:15:00 +0100", "02:45:00 +0100"]


def test_a_slot_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    bar = week("fri 22:00-02:00+1", exceptions=("2026-11-21",))
    assert bar.at(at("2026-11-21 01:59"), PARIS) == 0
    assert bar.at(at("2026-11-21 02:00"), PARIS) == -1
    assert bar.at(at("2026-11-20 01:59"), PARIS) == -1
    assert week("fri 22:00-02:00+1", exceptions=("2026-11-20",)).at(at("2026-11-21 01:59"), PARIS) == -1


def test_on_exceptions_their_own_slots_hold() -> None:
    school = week("mon-fri 07:00-18:00", exceptions=("2026-12-19/2027-01-03",), instead=("09:00-10:00",), holidays="fr")
    assert school.at(at("2026-12-21 08:00"), PARIS) == -1
    assert school.at(at("2026-12-21 09:30"), PARIS) == 1
    assert school.at(at("2026-12-20 09:30"), PARIS) == 1, "a Sunday too"
    assert school.at(at("2027-01-04 08:00"), PARIS) == 0
    assert school.at(at("2027-05-06 08:00"), PARIS) == -1, "Ascension"


def test_a_week_without_slots_never_changes() -> None:
    assert week().next_ms(at("2026-11-20 00:00"), PARIS) is None
    assert week("daily 00:00-24:00").at(at("2026-11-20 00:00"), PARIS) == 0


def test_a_change_after_months_of_exceptions_is_found() -> None:
    closed = week("mon 08:00-09:00", exceptions=("2026-01-01/2026-12-31",))
    assert said(closed.next_ms(at("2026-01-02 00:00"), PARIS)) == "2027-01-04 08:00:00 +0100"


def test_a_change_after_a_week_whose_hour_was_skipped_is_found() -> None:
    night = week("sun 02:15-02:45", exceptions=("2026-05-03",))
    assert said(night.next_ms(at("2026-03-23 00:00"), PARIS)) == "2026-04-05 02:15:00 +0200"
    after = week(
        "mon-sun 00:00-24:00", "sun 00:00-24:00", exceptions=("2026-12-01/2026-12-20",), instead=("00:00-24:00",)
    )
    assert said(after.next_ms(at("2026-12-02 00:00"), PARIS, lambda number: number == 0)) == "2026-12-21 00:00:00 +0100"


def test_the_slots_of_a_day_that_all_say_the_same_cost_a_look_at_two_weeks_and_not_at_a_year() -> None:
    """A value an hour, written out, and each the same: the next change was looked for at every one of 9,600 edges."""
    asked = []

    def value(number: int) -> int:
        asked.append(number)
        return 0

    hourly = week(*(f"daily {hour:02}:00-{hour + 1:02}:00" for hour in range(24)), holidays="")
    assert hourly.next_ms(at("2026-11-20 00:00"), PARIS, value) is None
    assert len(asked) < 17 * 24


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("mon 08:00-10:00 = 20", "mon 09:00-11:00 = 21"), (0, 1)),
        (("mon 08:00-10:00 = 20", "mon 09:00-11:00 = 20"), None),
        (("mon 08:00-10:00 = 20", "mon 10:00-11:00 = 21"), None),
        (("mon 08:00-10:00 = 20", "tue 09:00-11:00 = 21"), None),
        (("sun 22:00-02:00+1 = 20", "mon 01:00-03:00 = 21"), (0, 1)),
        (("mon 00:00-24:00 = 20", "tue 08:00-09:00", "mon 23:59-24:00"), (0, 2)),
        ((), None),
    ],
)
def test_slots_that_quarrel_are_found(words: tuple[str, ...], found: tuple[int, int] | None) -> None:
    assert overlap([slot(word) for word in words]) == found


def test_french_holidays_are_those_of_the_calendar() -> None:
    """Dates as printed in the calendars of 2026 and 2027."""
    assert {f"{day:%m-%d}" for day in french(2026)} == {
        "01-01", "04-06", "05-01", "05-08", "05-14", "05-25", "07-14", "08-15", "11-01", "11-11", "12-25",
    }  # fmt: skip
    assert {f"{day:%m-%d}" for day in french(2027)} >= {"03-29", "05-06", "05-17"}
    assert easter(2008) == date(2008, 3, 23)
    assert easter(2038) == date(2038, 4, 25)


# -- the model: what the clocks show, minute by minute

TIMES = st.integers(0, 1439)


@st.composite
def weeks(draw: st.DrawFn) -> Week:
    slots = []
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.one_of(TIMES, st.integers(100, 200)))  # often about the hour of the clock change
        length = draw(st.one_of(st.integers(1, 1440), st.integers(1, 60)))
        days = draw(st.frozensets(st.integers(0, 6), min_size=1))
        slots.append(Slot(days, begin, begin + length))
    instead = (Slot(frozenset(range(7)), 120, 150),) if draw(st.booleans()) else ()
    first = date(2025, 10, 26) + timedelta(days=draw(st.integers(-3, 200)))
    last = first + timedelta(days=draw(st.integers(0, 10)))
    exceptions = (Days((first.year, first.month, first.day), (last.year, last.month, last.day)),)
    return Week(tuple(slots), exceptions, instead, draw(st.sampled_from(["", "fr"])))


def obvious(one: Week, utc_s: int, zone: ZoneInfo) -> bool:
    """Return whether a slot holds, by looking at each slot of today and yesterday as a person would."""
    shown = datetime.fromtimestamp(utc_s, UTC).astimezone(zone)
    for back in (0, 1):
        day = shown.date() - timedelta(days=back)
        minute = shown.hour * 60 + shown.minute + back * 1440
        closed = (one.holidays and day in french(day.year)) or any(
            date(*days.first) <= day <= date(*days.last) for days in one.exceptions
        )
        for candidate in one.exception_slots if closed else one.slots:
            if (closed or day.weekday() in candidate.days) and candidate.begin <= minute < candidate.end:
                return True
    return False


@settings(max_examples=25, deadline=None)
@given(weeks(), st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "UTC"]), st.integers(0, 3))
def test_the_value_and_each_change_are_those_of_a_look_at_the_clock_each_minute(
    one: Week, name: str, part: int
) -> None:
    """Two years are looked at in parts about the clock changes; the whole of them: the next test."""
    zone = ZoneInfo(name)
    begin_s = at(("2025-10-24", "2026-03-06", "2026-03-27", "2026-10-02")[part], zone) // 1000
    follow(one, zone, begin_s, 4 * 1440)


def follow(one: Week, zone: ZoneInfo, begin_s: int, minutes: int) -> int:
    """Check each minute, and that the changes foretold are those that come; return how many came."""
    changes = 0
    number = one.at(begin_s * 1000, zone)
    assert (number >= 0) == obvious(one, begin_s, zone)
    next_ms = one.next_ms(begin_s * 1000, zone)
    for minute in range(1, minutes):
        utc_s = begin_s + 60 * minute
        found = one.at(utc_s * 1000, zone)
        assert (found >= 0) == obvious(one, utc_s, zone), said(utc_s * 1000, zone)
        if found != number:
            assert next_ms == utc_s * 1000, said(utc_s * 1000, zone)
            number, next_ms, changes = found, one.next_ms(utc_s * 1000, zone), changes + 1
        else:
            assert next_ms is None or next_ms > utc_s * 1000, said(utc_s * 1000, zone)
    return changes


def gym() -> Week:
    return week(
        "mon-fri 06:30-08:00", "mon-fri 16:00-22:30", "sat 09:00-01:30+1", "sun 02:15-02:45", "daily 02:30-02:40",
        exceptions=("2026-07-04/2026-08-31", "2025-12-24/2026-01-02"), instead=("10:00-12:00", "02:00-03:30"),
        holidays="fr",
    )  # fmt: skip


@pytest.mark.campaign("each minute of two years with four clock changes")
def test_two_years_of_a_gym_are_those_of_a_look_at_the_clock_each_minute() -> None:
    assert follow(gym(), PARIS, at("2025-06-01 00:00") // 1000, 730 * 1440) > 2000


@pytest.mark.parametrize("begin", ["2025-10-20", "2025-12-22", "2026-03-23", "2026-06-28", "2026-08-24"])
def test_two_weeks_of_a_gym_are_those_of_a_look_at_the_clock_each_minute(begin: str) -> None:
    """Both changes of the clocks, and where exceptions begin and end."""
    assert follow(gym(), PARIS, at(f"{begin} 00:00") // 1000, 14 * 1440) > 10

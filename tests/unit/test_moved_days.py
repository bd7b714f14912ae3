"""What meters moved by local day: 40 replayed days against a computation of its own, cuts, and a late clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.costs import Costs
from edge.core.meter_days import MeterDays
from edge.core.moved_days import MovedDays
from edge.core.replacing import Site
from edge.core.series import HistoryRecord, PointInfo
from edge.core.tariff import Standing, Tariff
from edge.core.tariff_book import TariffBook
from edge.core.timetable import hours_of
from edge.runtime.past_days import PastDays
from edge.runtime.station import Question
from tests.memory_history import MemoryHistory
from tests.money_rig import PARIS, D, MoneyRig, counter, local, utc_ms
from tests.support import shared_data

STEP_MS = 900_000
NOV_21 = datetime(2026, 11, 21, tzinfo=PARIS)
Price = Callable[[datetime], str]


def simple(name: str, point: str, price: str = "0.2", **changes: Any) -> Tariff:
    return Tariff(
        **{"id": name, "valid_from": date(2026, 1, 1), "currency": "EUR", "unit": "kWh", "prices": {name: D(price)},
           "points": {name: point}, **changes}
    )  # fmt: skip


def tempo_price(at: datetime) -> str:
    """Return the register of a Tempo meter: days begin at 6 h, off-peak from 22 h to 6 h."""
    day = (at - timedelta(hours=6)).date()
    colour = "BWR"[day.toordinal() % 3]
    return f"{'HP' if 6 <= at.hour < 22 else 'HC'}J{colour}"


def ejp_price(at: datetime) -> str:
    return "PM" if at.date().toordinal() % 7 == 0 and at.hour >= 7 else "HN"


def hp_hc(at: datetime) -> str:
    return "HC" if at.hour >= 22 or at.hour < 6 else "HP"


CASES: dict[str, tuple[dict[str, str], Price]] = {
    "hphc": ({"HP": "0.2146", "HC": "0.1696"}, hp_hc),
    "tempo": (
        {"HCJB": "0.1325", "HPJB": "0.1612", "HCJW": "0.1499", "HPJW": "0.1871", "HCJR": "0.1575", "HPJR": "0.7060"},
        tempo_price,
    ),
    "ejp": ({"HN": "0.1546", "PM": "1.2376"}, ejp_price),
    "water": ({"water": "4.2569"}, lambda _at: "water"),
    "gas": ({"gas": "0.10482"}, lambda _at: "gas"),
    "production": ({"EAIT": "0.1269"}, lambda _at: "EAIT"),
    "ten": ({f"EASF{n:02d}": f"0.{n:02d}37" for n in range(1, 11)}, lambda at: f"EASF{at.hour % 10 + 1:02d}"),
}


def expected(prices: dict[str, str], moved: dict[str, Fraction], monthly: Fraction, *, sign: int = 1) -> Decimal:
    """Return what a bill of whole numbers says: fractions, half up, line by line."""

    def cents(amount: Fraction) -> int:
        whole = int(abs(amount) * 100 + Fraction(1, 2))
        return whole if amount >= 0 else -whole

    total = cents(monthly) + sum(cents(sign * moved[name] * Fraction(price)) for name, price in prices.items())
    return D(total) / 100


def filled_in(rig: MoneyRig, history: MemoryHistory, steps: int) -> None:
    """Have the days that the costs miss asked of history, in so many steps."""
    questions: list[Question] = []
    worker = PastDays(questions.append, lambda: history)
    for step in range(steps):
        worker.step(step * 4000.0)
        while questions:
            question = questions.pop()
            question.reply(question.ask(rig.engine))


@pytest.mark.parametrize("begin", ["2026-03-10", "2026-10-05"], ids=["spring", "autumn"])
@pytest.mark.parametrize("case", CASES)
def test_forty_replayed_days_cost_what_an_independent_computation_says(case: str, begin: str) -> None:
    """Both clock changes and a change of price in the month are in it; the power is cut in one midnight."""
    prices, price_of = CASES[case]
    dice = random.Random(f"{case} {begin}")
    first = datetime.fromisoformat(begin)
    dearer = {name: str(D(price) + D("0.0101")) for name, price in prices.items()}
    change = first.date() + timedelta(days=17)
    coefficient = D("11.27") if case == "gas" else None
    versions = [
        Tariff(
            id=case, valid_from=since, currency="EUR", unit="kWh", prices={name: D(p) for name, p in own.items()},
            points={name: f"m.{name}" for name in own}, coefficient=coefficient, is_production=case == "production",
            standing=(Standing("subscription", D("15.74")),), version=number,
        )
        for number, (since, own) in enumerate(((date(2026, 1, 1), prices), (change, dearer)), 1)
    ]  # fmt: skip
    now_ms = utc_ms(first)
    rig = MoneyRig(versions, [counter(f"m.{name}") for name in prices], now_ms)
    index = {name: dice.randrange(10_000_000) for name in prices}
    rig.at(now_ms, {f"m.{name}": value / 1000 for name, value in index.items()})
    by_day: dict[date, dict[str, Fraction]] = {}
    end_ms = utc_ms(first + timedelta(days=40))
    cut_ms = utc_ms(datetime.combine(first.date() + timedelta(days=9), datetime.min.time()))
    while now_ms < end_ms:
        now_ms += STEP_MS
        moment = local(now_ms - 1)
        name, wh = price_of(moment), dice.randrange(0, 2500)
        index[name] += wh
        own = by_day.setdefault(moment.date(), dict.fromkeys(prices, Fraction(0)))
        own[name] += Fraction(wh, 1000) * Fraction(coefficient or 1)
        # a reading in the last second of the period, then the one that closes it
        rig.at(now_ms - 1, {f"m.{register}": value / 1000 for register, value in index.items()})
        rig.at(now_ms, {f"m.{register}": value / 1000 for register, value in index.items()})
        if now_ms == cut_ms:  # whatever was not durable is gone
            rig = rig.again(now_ms)
            rig.at(now_ms, {f"m.{register}": value / 1000 for register, value in index.items()})
    sign = -1 if case == "production" else 1
    months = {3: 31, 4: 30, 10: 31, 11: 30}
    for day, moved in by_day.items():
        own_prices = dearer if day >= change else prices
        wanted = expected(own_prices, moved, Fraction("15.74") / months[day.month], sign=sign)
        found = rig.cost(case, day)
        assert found.amount == wanted, day
        assert found.completeness == 1, day
    hours = {24 if len(quarters) == 96 else len(quarters) / 4 for quarters in _quarters(first).values()}
    assert hours == ({23, 24} if begin.startswith("2026-03") else {24, 25})
    days = [first.date() + timedelta(days=number) for number in range(40)]
    month = [day for day in days if day.month == first.month]
    lines = {
        (version, name): sum((by_day[day][name] for day in month if (day >= change) is (version == 2)), Fraction(0))
        for version in (1, 2)
        for name in prices
    }
    whole = rig.cost(case, *month)
    assert {(line.version, line.name): line.quantity for line in whole.lines if line.kind == "price"} == {
        key: D(amount.numerator) / D(amount.denominator) for key, amount in lines.items()
    }


def _quarters(first: datetime) -> dict[date, list[int]]:
    found: dict[date, list[int]] = {}
    for t in range(utc_ms(first), utc_ms(first + timedelta(days=40)), STEP_MS):
        found.setdefault(local(t).date(), []).append(t)
    return found


def feed(rig: MoneyRig, start: int, values: list[Any], point: str = "m", **others: Any) -> int:
    """Hand over a reading each quarter of an hour; return the instant of the last."""
    now = start
    for value in values:
        rig.at(now, {point: value, **others})
        now += STEP_MS
    return now - STEP_MS


def test_what_is_not_yet_in_a_record_counts_for_today() -> None:
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m")], [counter("m", period_ms=1000, record_ms=900_000)], start)
    rig.at(start, {"m": 100.0})
    rig.at(start + 60_000, {"m": 103.5})
    assert rig.records == []
    assert rig.cost("e", NOV_21.date()).amount == D("0.70")


def test_a_bad_meter_has_no_cost_and_never_zero() -> None:
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m")], [counter("m")], start)
    feed(rig, start, [None] * 8)
    found = rig.cost("e", NOV_21.date())
    assert found.amount is None
    assert [line.quantity for line in found.lines] == [None]
    nothing = MoneyRig([simple("e", "m")], [counter("m")], start)
    assert nothing.cost("e", NOV_21.date()).amount is None, "nothing was ever read"


def test_what_a_meter_catches_up_with_after_a_fault_is_estimated_and_the_day_partial() -> None:
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m")], [counter("m")], start)
    feed(rig, start, [100.0, 101.0, None, None, None, 108.0, 109.0, 110.0])
    found = rig.cost("e", NOV_21.date())
    assert found.amount == D("2.00"), "the meter's own register lost nothing"
    assert found.is_estimated
    assert found.is_partial
    assert 0.5 < found.completeness < 0.7


def test_a_meter_that_went_back_or_was_exchanged_costs_nothing_below_zero() -> None:
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m")], [counter("m", wrap=1_000_000)], start)
    feed(rig, start, [999_999.0, 999_999.5, 0.5, 1.5, 1.5])
    assert rig.cost("e", NOV_21.date()).amount == D("0.50"), "2.5 kWh over the roll-over"
    feed(rig, start + 5 * STEP_MS, [400_000.0, 17.0, 18.0, 18.0])
    assert rig.cost("e", NOV_21.date()).amount == D("80000.40"), "an exchange hides what was used in between, no more"


def test_a_thousand_million_kilowatt_hours_keep_their_last_digit() -> None:
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m", "1")], [counter("m")], start)
    feed(rig, start, [0.0, 1_000_000_000.01, 1_000_000_000.03, 1_000_000_000.03])
    assert rig.cost("e", NOV_21.date()).amount == D("1000000000.03")


def test_quiet_records_that_the_deadband_left_out_do_not_make_the_day_partial() -> None:
    start = utc_ms(NOV_21)
    spec = counter("m", deadband=5.0, heartbeat_ms=7_200_000)
    rig = MoneyRig([simple("e", "m")], [spec], start)
    end = feed(rig, start, [100 + 0.1 * step for step in range(96)])
    assert len(rig.records) < 20
    rig.at(end + STEP_MS - 1, {"m": 110.0})
    found = rig.cost("e", NOV_21.date())
    assert found.amount == D("2.00")
    assert found.completeness > 0.97
    feed(rig, end + STEP_MS, [110.0] * 24)
    assert rig.cost("e", NOV_21.date()).completeness == pytest.approx(1, abs=1e-6), "also what was quiet over midnight"


def test_a_record_is_of_the_day_in_which_it_begins() -> None:
    start = utc_ms(NOV_21 - timedelta(minutes=15))
    rig = MoneyRig([simple("e", "m")], [counter("m")], start)
    rig.at(start, {"m": 10.0})
    rig.at(start + STEP_MS - 1, {"m": 15.0})
    rig.at(start + STEP_MS, {"m": 15.0})
    rig.at(start + 2 * STEP_MS, {"m": 22.0})
    assert rig.cost("e", NOV_21.date() - timedelta(days=1)).lines[0].quantity == 5
    assert rig.cost("e", NOV_21.date()).lines[0].quantity == 7


def test_without_a_trusted_clock_nothing_falls_on_a_day_until_one_comes() -> None:
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m")], [counter("m")], 0, is_dated=False)
    for step in range(9):
        rig.at(step * STEP_MS, {"m": 100.0 + step})
    days = rig.engine.part(MovedDays)
    assert days.undated("m") == 7
    assert rig.cost("e", date(1970, 1, 1)).amount is None
    assert rig.registers["cost/m/undated"][0] == "7.0"
    rig.engine.set_clock(start)
    rig.collect()
    rig.begin = 0  # the rig's own instants stay monotonic
    rig.at(9 * STEP_MS, {"m": 109.0})
    assert rig.cost("e", NOV_21.date()).lines[0].quantity == 9
    assert days.undated("m") == 0
    assert rig.registers["cost/m/undated"][0] == "0.0"


def reload(rig: MoneyRig) -> None:
    """Have the parts made anew from what they had saved, as when the settings are read again."""
    rig.engine.replace_parts(
        [MovedDays(rig.tariffs, rig.engine.parts.saved(in_records=True)), TariffBook(rig.tariffs, {}), Costs()]
    )


def test_what_waits_for_a_date_goes_on_waiting_through_a_reload() -> None:
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m")], [counter("m")], 0, is_dated=False)
    for step in range(9):
        rig.at(step * STEP_MS, {"m": 100.0 + step})
        if step == 4:
            reload(rig)
    assert rig.engine.part(MovedDays).undated("m") == 7
    rig.engine.set_clock(start)
    rig.collect()
    rig.begin = 0
    rig.at(9 * STEP_MS, {"m": 109.0})
    assert rig.cost("e", NOV_21.date()).lines[0].quantity == 9
    assert rig.engine.part(MovedDays).undated("m") == 0


def test_a_reload_costs_no_completeness_and_hides_no_estimate() -> None:
    start = utc_ms(NOV_21)
    spec = counter("m", deadband=5.0, heartbeat_ms=7_200_000)
    found = []
    for reloads in (set(), {20, 43, 70}):
        rig = MoneyRig([simple("e", "m")], [spec], start)
        for step in range(96):
            rig.at(start + step * STEP_MS, {"m": None if 40 <= step < 44 else 100 + 0.1 * step})
            if step in reloads:
                reload(rig)
        found.append(rig.cost("e", NOV_21.date()))
    assert found[0].is_estimated
    assert found[0] == found[1]


def test_what_was_never_dated_before_a_power_cut_stays_told_and_is_in_no_day() -> None:
    rig = MoneyRig([simple("e", "m")], [counter("m")], 0, is_dated=False)
    for step in range(5):
        rig.at(step * STEP_MS, {"m": 100.0 + step})
    after = rig.again(utc_ms(NOV_21))
    feed(after, utc_ms(NOV_21), [104.0, 105.0, 106.0])
    assert after.engine.part(MovedDays).undated("m") == 3
    assert after.cost("e", NOV_21.date()).lines[0].quantity == 3, "two, and one that was in no record yet"


def test_a_kill_at_any_record_loses_and_doubles_nothing() -> None:
    start = utc_ms(NOV_21 - timedelta(hours=3))
    for cut in range(1, 24):
        rig = MoneyRig([simple("e", "m")], [counter("m")], start)
        index, now = 100.0, start
        for step in range(24):
            if step == cut:
                rig = rig.again(now)
            rig.at(now, {"m": index})
            index, now = index + 1, now + STEP_MS
        both = [rig.cost("e", NOV_21.date() - timedelta(days=days)).lines[0].quantity for days in (0, 1)]
        assert sum(amount for amount in both if amount is not None) == 23, cut


def split_tariff(**changes: Any) -> Tariff:
    return Tariff(
        **{"id": "e", "valid_from": date(2026, 1, 1), "currency": "EUR", "unit": "kWh", "meter": "m",
           "prices": {"HP": D("0.2"), "HC": D("0.1")}, **changes}
    )  # fmt: skip


def test_one_register_is_split_by_the_period_that_the_meter_tells() -> None:
    from edge.core.types import PointSpec

    start = utc_ms(NOV_21)
    tariff = split_tariff(split_by="ptec", periods={"HP": ("HP..",), "HC": ("HC..",)})
    ptec = PointSpec(id="ptec", kind="text", period_ms=900_000, record_ms=900_000, stale_ms=3_000_000)
    rig = MoneyRig([tariff], [counter("m"), ptec], start)
    for step in range(96):
        now = start + step * STEP_MS
        word = "HC.." if hp_hc(local(now)) == "HC" else "HP.."
        rig.at(now, {"m": 100.0 + step, "ptec": word})
        rig.at(now + STEP_MS - 1, {"m": 101.0 + step, "ptec": word})
    found = rig.cost("e", NOV_21.date())
    assert [line.quantity for line in found.lines] == [64, 32]
    assert found.unpriced == 0


def test_a_period_that_is_told_only_after_the_start_counts_from_the_start() -> None:
    from edge.core.types import PointSpec

    start = utc_ms(NOV_21)
    tariff = split_tariff(split_by="ptec", periods={"HP": ("HP..",), "HC": ("HC..",)})
    ptec = PointSpec(id="ptec", kind="text", period_ms=900_000, record_ms=900_000, stale_ms=3_000_000)
    rig = MoneyRig([tariff], [counter("m", period_ms=1000), ptec], start)
    rig.at(start, {"m": 100.0})
    for step in range(1, 5):
        rig.at(start + step * STEP_MS - 400_000, {"m": 100.0 + step, "ptec": "HP.."})
        rig.at(start + step * STEP_MS, {"m": 100.0 + step, "ptec": "HP.."})
    found = rig.cost("e", NOV_21.date())
    assert (found.unpriced, found.lines[0].quantity) == (0, 4)


def test_other_settings_keep_the_days_and_lose_no_record() -> None:
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m")], [counter("m"), counter("w")], start)
    feed(rig, start, [100.0, 101.0, 102.0], w=7.0)
    dearer = [simple("e", "m", "0.4"), simple("water", "w", "3")]

    def parts(saved: Any, saved_events: Any) -> list[Any]:
        return [MovedDays(dearer, saved), TariffBook(dearer, saved_events), Costs()]

    site = Site(rig.points, [], parts=parts)
    rig.engine.replace(site, rig.registers, rig.event_registers, rig.engine.now_ms)
    rig.collect()
    feed(rig, start + 3 * STEP_MS, [103.0, 104.0], w=9.0)
    assert rig.cost("e", NOV_21.date()).lines[0].quantity == 4
    assert rig.cost("e", NOV_21.date()).amount == D("1.60")
    assert rig.cost("water", NOV_21.date()).lines[0].quantity == 2
    assert rig.again(start + 6 * STEP_MS, tariffs=dearer).cost("e", NOV_21.date()).lines[0].quantity in {3, 4}


def test_what_moves_while_the_period_is_unknown_has_no_price_and_is_told() -> None:
    from edge.core.types import PointSpec

    start = utc_ms(NOV_21)
    tariff = split_tariff(split_by="ptec", periods={"HP": ("HP..",), "HC": ("HC..",)})
    ptec = PointSpec(id="ptec", kind="text", period_ms=900_000, record_ms=900_000, stale_ms=3_000_000)
    rig = MoneyRig([tariff], [counter("m"), ptec], start)
    for step in range(8):
        rig.at(start + step * STEP_MS, {"m": 100.0 + step, "ptec": "HP.." if step < 4 else None})
    found = rig.cost("e", NOV_21.date())
    assert found.unpriced > 0
    assert found.is_partial
    assert sum(line.quantity or 0 for line in found.lines) + found.unpriced == 7


@pytest.mark.parametrize(("day", "night_h"), [("2026-03-29", 7), ("2026-10-25", 9), ("2026-11-21", 8)])
def test_one_register_is_split_by_weekly_hours_on_the_wall_also_when_the_clocks_change(day: str, night_h: int) -> None:
    start = utc_ms(datetime.fromisoformat(day))
    end = utc_ms(datetime.fromisoformat(day) + timedelta(days=1))
    rig = MoneyRig([split_tariff(hours={"HC": hours_of(["22:00-06:00"])})], [counter("m")], start)
    index = 100.0
    for now in range(start, end, STEP_MS):
        rig.at(now, {"m": index})
        index += 0.25
        rig.at(now + STEP_MS - 1, {"m": index})
    found = rig.cost("e", date.fromisoformat(day))
    assert {line.name: line.quantity for line in found.lines} == {"HP": 16, "HC": night_h}


def test_a_whole_year_is_kept_over_a_restart_and_the_oldest_days_go() -> None:
    tariffs = [simple("e", "m", valid_from=date(2025, 1, 1))]
    start = utc_ms(datetime(2025, 11, 1, tzinfo=PARIS))
    rig = MoneyRig(tariffs, [counter("m", record_ms=86_400_000, period_ms=86_400_000, stale_ms=200_000_000)], start)
    for day in range(420):
        rig.at(utc_ms(datetime(2025, 11, 1, tzinfo=PARIS) + timedelta(days=day)), {"m": float(day)})
    assert len([name for name in rig.registers if name.startswith("cost/m")]) == 13
    after = rig.again(utc_ms(datetime(2026, 12, 26, tzinfo=PARIS)))
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(350)]
    assert after.cost("e", *days).lines[0].quantity == 350
    assert after.cost("e", date(2025, 11, 20)).amount is None, "its month holds another year's now"


def test_the_zone_of_the_rig_is_that_of_the_site() -> None:
    assert local(utc_ms(NOV_21)).tzinfo is PARIS


def test_days_before_there_was_a_tariff_come_from_history_and_known_ones_stay() -> None:
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m")], [counter("m")], start)
    end = feed(rig, start, [100.0 + step for step in range(8)])
    history = MemoryHistory(PARIS)
    past = [
        HistoryRecord(utc_ms(NOV_21 - timedelta(days=days)), 900_000, 90.0, increment=2.5, trust="ntp")
        for days in (400, 3, 2, 0)
    ]
    history.add("m", "counter", "kWh", past)
    filled_in(rig, history, 4)
    rig.at(end + STEP_MS, {"m": 108.0})
    moved = [rig.cost("e", NOV_21.date() - timedelta(days=days)).lines for days in (3, 2, 1, 0)]
    assert [lines[0].quantity for lines in moved] == [D("2.5"), D("2.5"), None, 8]
    assert rig.cost("e", NOV_21.date() - timedelta(days=3)).is_partial, "a quarter of an hour of it is known"
    after = rig.again(end + 2 * STEP_MS)
    assert after.cost("e", NOV_21.date() - timedelta(days=2)).lines[0].quantity == D("2.5")


@pytest.mark.parametrize(("since_days", "quantity"), [(2, [None, None, D("2.5")]), (0, [None, None, None])])
def test_days_that_history_holds_in_another_unit_stay_unknown(since_days: int, quantity: list[Any]) -> None:
    """2,500 Wh of a day before the point was told in kWh are not 2,500 kWh."""
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m")], [counter("m")], start)
    history = MemoryHistory(PARIS)
    changed_ms = utc_ms(NOV_21 - timedelta(days=since_days)) + 7_200_000
    moved = {3: 2500.0, 2: 2502.5, 1: 2.5}
    past = [
        HistoryRecord(utc_ms(NOV_21 - timedelta(days=days)), 900_000, 90.0, increment=much, trust="ntp")
        for days, much in moved.items()
    ]
    history.add("m", "counter", "kWh", past)
    history.split = [PointInfo("m", "counter", "Wh", past[0].t_ms, changed_ms)]
    history.split += [PointInfo("m", "counter", "kWh", changed_ms, start)] if since_days else []
    filled_in(rig, history, 3)
    found = [rig.cost("e", NOV_21.date() - timedelta(days=days)).lines[0].quantity for days in (3, 2, 1)]
    assert found == quantity


def test_without_history_or_a_date_nothing_is_filled() -> None:
    def broken() -> Any:
        raise OSError(5, "gone")

    questions: list[Question] = []
    for rig in (
        MoneyRig([simple("e", "m")], [counter("m")], utc_ms(NOV_21)),
        MoneyRig([simple("e", "m")], [counter("m")], 0, is_dated=False),
    ):
        worker = PastDays(questions.append, broken)
        worker.step(0.0)
        questions[-1].reply(questions[-1].ask(rig.engine))
        assert worker.step(5.0) > 3600
        assert rig.engine.part(MovedDays).saved() == {}


def test_forty_days_of_real_water_meters_with_their_gaps_cost_what_their_readings_say() -> None:
    """Hourly readings of three homes, late and missing ones too; the clocks change within the days."""
    madrid = ZoneInfo("Europe/Madrid")
    rows = [line.split(",") for line in shared_data("traces", "water_meters_hourly.csv").read_text().splitlines()[1:]]
    for user in ("u1", "u2", "u3"):
        own = [(datetime.fromisoformat(row[1]).replace(tzinfo=madrid), int(row[2])) for row in rows if row[0] == user]
        begin = max(own[0][0], datetime(2016, 3, 1, tzinfo=madrid))
        read: list[tuple[datetime, int]] = []
        for when, litres in own:  # a late row brings nothing new: its meter was read since
            if begin <= when < begin + timedelta(days=40) and (not read or when > read[-1][0]):
                read.append((when, litres))
        tariff = simple("water", "m", "4.2569", unit="m3", factors={"m": D("0.001")}, valid_from=date(2016, 1, 1))
        spec = counter("m", unit="l", period_ms=3_600_000, record_ms=3_600_000, stale_ms=9_000_000)
        rig = MoneyRig([tariff], [spec], utc_ms(read[0][0], madrid), zone=madrid)
        expected: dict[date, int] = {}
        for place, (when, litres) in enumerate(read):
            rig.at(utc_ms(when, madrid), {"m": litres})
            if place:
                expected[when.date()] = expected.get(when.date(), 0) + litres - read[place - 1][1]
        rig.close((utc_ms(read[-1][0], madrid) + 1000 - rig.begin) / 1000)
        assert len(expected) > 30
        for day, litres in expected.items():
            found = rig.cost("water", day)
            assert found.lines[0].quantity == D(litres) / 1000, (user, day)
            assert found.amount == (D(litres) * D("0.0042569")).quantize(D("0.01"), ROUND_HALF_UP), (user, day)


@pytest.mark.parametrize(
    "registers",
    [
        {"cost/m": 7},
        {"cost/m": {"day": "soon", "moved": {}}},
        {"cost/m": {"day": "2026-11-21", "moved": {"": ["much", 1]}}},
        {"cost/m/11": {"year": 2026, "days": {"31": {"": ["1", 1]}}}},
        {"cost/m/undated": ["1", 2, 3, 4, 5]},
        {
            "tariffs": {
                "known": {},
                "changes": [{"id": 1}, 7, {"id": "e", "valid_from": "x", "prices": {}, "version": 1}],
            }
        },
    ],
)
def test_registers_of_another_form_stop_no_start(registers: dict[str, Any]) -> None:
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m")], [counter("m")], start, saved=registers, saved_events=registers)
    feed(rig, start, [100.0, 101.0, 102.0])
    assert rig.cost("e", NOV_21.date()).lines[0].quantity == 2


def test_of_two_novembers_that_are_known_the_newer_one_is_kept() -> None:
    for year in range(2024, 2044):
        meter = MeterDays([], {}, "m")
        for day in (date(year, 11, 20), date(year + 1, 11, 20), date(year + 1, 12, 1)):
            meter.of(day.toordinal(), "").moved = D(1)
        assert meter.saved("m", set(meter.days))["cost/m/11"]["year"] == year + 1


def test_days_that_a_wrong_clock_made_are_in_no_day_once_it_is_right_and_cost_no_real_one() -> None:
    start = utc_ms(NOV_21)
    rig = MoneyRig([simple("e", "m")], [counter("m")], start)
    end = feed(rig, start, [100.0 + step for step in range(9)])
    ahead_ms = 9 * 365 * 86_400_000
    rig.engine.set_clock(start + ahead_ms)
    rig.collect()
    for step in range(1, 200):  # two days of a year that is not
        rig.at(end + step * STEP_MS, {"m": 108.0 + step})
    assert rig.cost("e", NOV_21.date()).lines[0].quantity is not None
    rig.engine.set_clock(start)
    rig.collect()
    for step in range(200, 204):
        rig.at(end + step * STEP_MS, {"m": 108.0 + step})
    after = rig.again(end + 205 * STEP_MS)
    days = after.engine.part(MovedDays)
    held = days.saved()
    assert all(found["year"] == 2026 for name, found in held.items() if "year" in found)
    assert days.undated("m") > 150
    real = [after.cost("e", NOV_21.date() + timedelta(days=day)).lines[0].quantity for day in range(4)]
    assert sum(amount for amount in real if amount is not None) + days.undated("m") in {210, 211}
    assert (real[0] or 0) >= 7, "what was counted before stays"


def test_a_small_step_back_over_midnight_takes_nothing_from_the_day() -> None:
    start = utc_ms(NOV_21 - timedelta(minutes=45))
    rig = MoneyRig([simple("e", "m")], [counter("m")], start)
    end = feed(rig, start, [100.0 + step for step in range(6)])
    rig.engine.set_clock(start - 40 * 60_000)
    rig.collect()
    assert rig.engine.part(MovedDays).undated("m") == 0
    rig.at(end + STEP_MS, {"m": 106.0})
    both = [rig.cost("e", NOV_21.date() - timedelta(days=days)).lines[0].quantity for days in (0, 1)]
    assert sum(amount for amount in both if amount is not None) == 6

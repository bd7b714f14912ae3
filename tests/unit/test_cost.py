"""What days cost: to the cent, split at a change of price, and never cheap because something is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.core.cost import Moved, Usage, coins, cost, due
from edge.core.tariff import Standing, Tariff, in_force

DAY_MS = 86_400_000
D = Decimal
NOV_21 = date(2026, 11, 21)


def tariff(**changes: Any) -> Tariff:
    """Return HP/HC with prices as paid and a subscription of 10 a month."""
    return Tariff(
        **{
            "id": "elec", "valid_from": date(2026, 1, 1), "currency": "EUR", "unit": "kWh", "version": 1,
            "prices": {"HP": D("0.20"), "HC": D("0.15")}, "points": {"HP": "hp", "HC": "hc"},
            "standing": (Standing("subscription", D(10)),), **changes,
        }
    )  # fmt: skip


def used(**amounts: str | None) -> Usage:
    """Return a whole day on which each point moved so much; None: no record had a value."""
    return Usage(
        {
            point: Moved({"": None if amount is None else D(amount)}, 0 if amount is None else DAY_MS)
            for point, amount in amounts.items()
        },
        DAY_MS,
    )


def each(usage: Usage) -> Callable[[date], Usage]:
    return lambda _day: usage


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


def cents(amount: Fraction) -> Decimal:
    """Round half up, away from zero, in whole numbers: nothing of ours is in it."""
    scaled = abs(amount) * 100
    whole = int(scaled)
    whole += scaled - whole >= Fraction(1, 2)
    return D(whole if amount >= 0 else -whole) / 100


def test_a_day_of_peak_and_off_peak_costs_its_lines_and_a_thirtieth_of_the_subscription() -> None:
    found = cost([tariff()], [NOV_21], each(used(hp="3", hc="5")))
    assert [(line.name, line.quantity, line.amount) for line in found.lines] == [
        ("subscription", D(1), D("0.33")), ("HP", D(3), D("0.60")), ("HC", D(5), D("0.75")),
    ]  # fmt: skip
    assert found.amount == D("1.68")
    assert not found.is_partial


def test_rounding_of_the_total_alone_rounds_once() -> None:
    by_line = cost([tariff()], [NOV_21], each(used(hp="0.024", hc="0.033")))
    total = cost([tariff(is_rounded_by_line=False)], [NOV_21], each(used(hp="0.024", hc="0.033")))
    assert by_line.amount == D("0.33"), "0.333 -> 0.33, 0.0048 -> 0.00, 0.00495 -> 0.00"
    assert total.amount == D("0.34"), "0.34308"


def test_tax_is_added_to_the_version_whose_prices_are_without_it_and_to_no_other() -> None:
    """A supplier whose prices are told with tax from a day on: 6 EUR hold it, 6 EUR become 7.20 EUR."""
    held = tariff(standing=(), prices={"HP": D("2")}, points={"HP": "hp"}, vat=D(20))
    bare = tariff(standing=(), prices={"HP": D("2")}, points={"HP": "hp"}, vat=D(20), is_with_tax=False)
    later = {"valid_from": NOV_21 + timedelta(days=1), "version": 2}
    for first, second in ((held, bare), (bare, held)):
        found = cost([first, replace(second, **later)], days(NOV_21, 2), each(used(hp="3")))
        assert (found.amount, found.before_tax) == (D("13.20"), None)
        assert [(line.kind, line.amount) for line in found.lines if line.kind == "vat"] == [("vat", D("1.20"))]
    assert cost([bare], [NOV_21], each(used(hp="3"))).before_tax == D("6.00")


@pytest.mark.parametrize("index", ["3.4e38", "9e299"])
def test_a_register_gone_mad_has_an_amount_and_stops_no_view(index: str) -> None:
    found = cost([tariff(standing=())], [NOV_21], each(used(hp=index, hc="0")))
    assert found.amount == D(index) / 5


def test_a_price_that_begins_tomorrow_leaves_today_as_it_is() -> None:
    dearer = tariff(valid_from=NOV_21 + timedelta(days=1), version=2, prices={"HP": D("0.30"), "HC": D("0.15")})
    both = [tariff(), dearer]
    assert cost(both, [NOV_21], each(used(hp="3", hc="5"))) == cost([tariff()], [NOV_21], each(used(hp="3", hc="5")))
    tomorrow = cost(both, [NOV_21 + timedelta(days=1)], each(used(hp="3", hc="5")))
    assert tomorrow.amount == D("1.98")


def test_a_month_with_a_change_of_price_inside_has_lines_for_each_version() -> None:
    changed = tariff(valid_from=date(2026, 11, 16), version=2, prices={"HP": D("0.25"), "HC": D("0.15")},
                     standing=(Standing("subscription", D(12)),))  # fmt: skip
    found = cost([changed, tariff()], days(date(2026, 11, 1), 30), each(used(hp="2", hc="1")))
    assert [(line.name, line.version, line.quantity, line.amount) for line in found.lines] == [
        ("subscription", 1, D(15), D("5.00")), ("HP", 1, D(30), D("6.00")), ("HC", 1, D(15), D("2.25")),
        ("subscription", 2, D(15), D("6.00")), ("HP", 2, D(30), D("7.50")), ("HC", 2, D(15), D("2.25")),
    ]  # fmt: skip
    assert found.amount == D("29.00")


def test_a_subscription_is_split_by_the_days_of_its_month_or_year() -> None:
    monthly, yearly = Standing("s", D(31)), Standing("s", D(366), "year")
    assert due(Standing("s", D(868)), days(date(2026, 1, 31), 2)) == D(28) + D(31)
    assert due(yearly, days(date(2028, 2, 28), 3)) == 3, "2028 is a leap year"
    assert due(Standing("s", D(730), "year"), [date(2026, 2, 28)]) == 2
    assert due(Standing("s", D("0.5"), "day"), days(NOV_21, 7)) == D("3.5")
    assert due(Standing("s", D("1.55"), "month", D(9)), days(date(2026, 12, 1), 31)) == D("13.95"), "by kVA"
    assert due(monthly, []) == 0


def test_a_whole_month_is_the_whole_subscription_to_the_last_digit() -> None:
    for month in range(1, 13):
        first = date(2026, month, 1)
        count = ((first + timedelta(days=31)).replace(day=1) - first).days
        assert due(Standing("s", D("14.29")), days(first, count)) == D("14.29")


def test_without_a_tariff_a_cost_is_missing_and_not_zero() -> None:
    late = tariff(valid_from=NOV_21)
    before = cost([late], [NOV_21 - timedelta(days=1)], each(used(hp="3", hc="5")))
    assert before.amount is None
    assert before.days_without_tariff == 1
    across = cost([late], days(NOV_21 - timedelta(days=1), 2), each(used(hp="3", hc="5")))
    assert across.amount is None, "what was used before has no price"


def test_days_before_the_tariff_on_which_nothing_was_counted_only_make_it_partial() -> None:
    late = tariff(valid_from=NOV_21)
    found = cost(
        [late], days(NOV_21 - timedelta(days=1), 2), lambda day: used(hp="3", hc="5") if day == NOV_21 else used()
    )
    assert found.amount == D("1.68")
    assert found.is_partial


def test_a_register_without_a_value_makes_the_cost_missing_and_says_so() -> None:
    found = cost([tariff()], [NOV_21], each(used(hp="3", hc=None)))
    assert found.amount is None
    assert found.completeness == 0
    assert [line.amount for line in found.lines] == [D("0.33"), D("0.60"), None]
    assert cost([tariff()], [NOV_21], each(used())).amount is None


def test_a_day_with_half_its_data_is_partial_and_says_how_much() -> None:
    half = Usage({"hp": Moved({"": D(1)}, DAY_MS // 2, is_estimated=True), "hc": Moved({"": D(1)}, DAY_MS)}, DAY_MS)
    found = cost([tariff()], [NOV_21], each(half))
    assert found.completeness == 0.5
    assert found.is_partial
    assert found.is_estimated


def test_production_lowers_the_cost_and_may_have_a_price_below_zero() -> None:
    sold = tariff(is_production=True, prices={"EAIT": D("0.04")}, points={"EAIT": "eait"}, standing=())
    assert cost([sold], [NOV_21], each(used(eait="10.5"))).amount == D("-0.42")
    spot = tariff(is_production=True, prices={"EAIT": D("-0.05")}, points={"EAIT": "eait"}, standing=())
    assert cost([spot], [NOV_21], each(used(eait="10"))).amount == D("0.50"), "whoever produces then pays"


def test_taxes_are_shown_as_on_a_bill_one_line_for_each_rate() -> None:
    plain = tariff(is_with_tax=False, vat=D(20), standing_vat=D("5.5"), taxes={"accise": D("0.02998")})
    found = cost([plain], days(date(2026, 11, 1), 30), each(used(hp="3", hc="5")))
    lines = {line.name: line.amount for line in found.lines}
    assert lines == {
        "subscription": D("10.00"), "HP": D("18.00"), "HC": D("22.50"), "accise": D("7.20"),
        "5.5 %": D("0.55"), "20 %": D("9.54"),
    }  # fmt: skip
    assert found.before_tax == D("57.70")
    assert found.amount == D("67.79")
    assert found.is_with_tax


def test_prices_without_tax_and_without_a_rate_stay_without_tax_and_say_so() -> None:
    found = cost([tariff(is_with_tax=False)], [NOV_21], each(used(hp="3", hc="5")))
    assert (found.amount, found.is_with_tax) == (D("1.68"), False)


def test_gas_is_priced_by_the_coefficient_of_its_day() -> None:
    gas = tariff(id="gas", prices={"gas": D("0.10")}, points={"gas": "g"}, standing=(), coefficient=D("11.2"))
    winter = tariff(id="gas", prices={"gas": D("0.10")}, points={"gas": "g"}, standing=(), coefficient=D("11.5"),
                    valid_from=date(2026, 12, 1), version=2)  # fmt: skip
    found = cost([gas, winter], days(date(2026, 11, 30), 2), each(used(g="10")))
    assert [(line.quantity, line.amount) for line in found.lines] == [
        (D("112.0"), D("11.20")),
        (D("115.0"), D("11.50")),
    ]


def test_units_of_the_point_become_those_of_the_price() -> None:
    found = cost(
        [tariff(factors={"hp": D("0.001"), "hc": D("0.001")}, standing=())], [NOV_21], each(used(hp="3000", hc="5"))
    )
    assert [line.quantity for line in found.lines] == [D("3.000"), D("0.005")]


def split(**changes: Any) -> Tariff:
    return tariff(points={}, meter="m", split_by="tic.period", periods={"HP": ("HP..",), "HC": ("HC..",)}, standing=(),
                  **changes)  # fmt: skip


def test_one_register_is_split_by_the_words_that_held() -> None:
    moved = {"HP..": D(3), "HC..": D(5)}
    found = cost([split()], [NOV_21], each(Usage({"m": Moved(moved, DAY_MS)}, DAY_MS)))
    assert found.amount == D("1.35")
    night = cost([split()], [NOV_21], each(Usage({"m": Moved({"HC..": D(5)}, DAY_MS)}, DAY_MS)))
    assert night.amount == D("0.75"), "nothing moved at the other price, and that is known"


def test_what_moved_while_nobody_knew_the_price_is_told_and_makes_it_partial() -> None:
    moved = {"HP..": D(3), "?": D(2), "EJP": D(1)}
    found = cost([split()], [NOV_21], each(Usage({"m": Moved(moved, DAY_MS)}, DAY_MS)))
    assert found.unpriced == 3
    assert found.is_partial
    assert found.amount == D("0.60")


def test_the_newest_of_two_versions_of_a_day_holds_and_an_end_leaves_nothing() -> None:
    first, second = tariff(), tariff(version=2, prices={"HP": D(1), "HC": D(1)})
    assert in_force([second, first], NOV_21) is second
    ended = tariff(valid_until=NOV_21)
    assert in_force([ended], NOV_21) is None
    assert in_force([ended], NOV_21 - timedelta(days=1)) is ended
    assert in_force([], NOV_21) is None


def test_a_thousand_million_kilowatt_hours_lose_no_cent() -> None:
    found = cost([tariff(standing=())], [NOV_21], each(used(hp="1000000000.001", hc="999999999.999")))
    assert found.amount == D("200000000.00") + D("150000000.00")
    assert coins(D("1e20") + D("0.005"), "EUR") == D("100000000000000000000.01")


amounts = st.decimals(0, 10**9, allow_nan=False, places=9)
prices = st.decimals(0, 10, allow_nan=False, places=6)


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=40), prices, prices, prices)
def test_any_span_costs_what_fractions_say(
    moved: list[tuple[Decimal, Decimal]], hp: Decimal, hc: Decimal, monthly: Decimal
) -> None:
    first = date(2026, 2, 10)
    found = cost(
        [tariff(prices={"HP": hp, "HC": hc}, standing=(Standing("s", monthly),))],
        days(first, len(moved)),
        lambda day: used(hp=str(moved[(day - first).days][0]), hc=str(moved[(day - first).days][1])),
    )
    length: Mapping[int, int] = {2: 28, 3: 31}
    standing = sum((Fraction(monthly) / length[day.month] for day in days(first, len(moved))), Fraction(0))
    expected = [
        cents(standing),
        cents(sum((Fraction(one) for one, _ in moved), Fraction(0)) * Fraction(hp)),
        cents(sum((Fraction(two) for _, two in moved), Fraction(0)) * Fraction(hc)),
    ]
    assert [line.amount for line in found.lines] == expected
    assert found.amount == sum(expected)


@pytest.mark.parametrize("amount", ["0.005", "-0.005", "1.115", "2.675", "0"])
def test_half_a_cent_goes_away_from_zero(amount: str) -> None:
    assert coins(D(amount), "EUR") == D(amount).quantize(D("0.01"), ROUND_HALF_UP)

"""Prices changed by an order: from their day on only, numbered, durable, and refused with nothing changed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.commands import Command, Result
from edge.core.tariff import Standing, Tariff, in_force
from edge.core.tariff_book import TariffBook, price_of
from tests.money_rig import PARIS, D, MoneyRig, counter, utc_ms

NOON = datetime(2026, 11, 21, 12, tzinfo=PARIS)
TODAY = NOON.date()


def elec(**changes: Any) -> Tariff:
    return Tariff(
        **{
            "id": "elec", "valid_from": date(2026, 2, 1), "currency": "EUR", "unit": "kWh",
            "prices": {"HP": D("0.2100"), "HC": D("0.1600")}, "points": {"HP": "hp", "HC": "hc"},
            "standing": (Standing("subscription", D("15.74")),), "taxes": {"accise": D("0.02998")}, **changes,
        }
    )  # fmt: skip


SOLD = elec(id="sold", prices={"EAIT": D("0.04")}, points={"EAIT": "eait"}, is_production=True, standing=(), taxes={})


def rig(*tariffs: Tariff, **options: Any) -> MoneyRig:
    specs = [counter(name) for name in ("hp", "hc", "eait")]
    return MoneyRig(tariffs or [elec(), SOLD], specs, utc_ms(NOON), **options)


def order(site: MoneyRig, prices: dict[str, str], begins: date | str = "2027-02-01", **args: Any) -> Result:
    order.count += 1  # type: ignore[attr-defined]
    full = {"id": "elec", "valid_from": str(begins), "prices": prices, **args}
    result = site.engine.command(Command(f"c{order.count}", "tariff", full, "office", "local"), site.engine.now_ms)  # type: ignore[attr-defined]
    site.collect()
    return result


order.count = 0  # type: ignore[attr-defined]


def versions(site: MoneyRig, tariff: str = "elec") -> list[tuple[int, str, Decimal]]:
    return [
        (v.version, str(v.valid_from), v.prices.get("HP", D(0))) for v in site.engine.part(TariffBook).versions[tariff]
    ]


def test_an_order_makes_a_version_that_begins_on_its_day() -> None:
    site = rig()
    result = order(site, {"HP": "0.2146", "HC": "0.1696"})
    assert result.done
    assert (result.text.key, result.text.values["version"], result.text.values["until"]) == ("tariff_done", 2, 1)
    assert result.text.values["prices"] == "HP 0.2146 HC 0.1696 EUR/kWh"
    assert versions(site) == [(1, "2026-02-01", D("0.2100")), (2, "2027-02-01", D("0.2146"))]
    newest = site.engine.part(TariffBook).versions["elec"][1]
    assert newest.taxes == {"accise": D("0.02998")}
    assert newest.standing[0].price == D("15.74"), "what was not named stays"


def test_the_journal_has_before_and_after_who_and_by_which_way() -> None:
    site = rig()
    order(site, {"HP": "0.2146", "subscription": "16.20"})
    found = {event.kind: event.values for event in site.events}
    assert found["tariff_changed"]["before"] == "v1 HP 0.2100 EUR/kWh subscription 15.74 EUR"
    assert found["tariff_changed"]["after"] == "v2 HP 0.2146 EUR/kWh subscription 16.20 EUR"
    assert (found["command"]["author"], found["command"]["done"]) == ("office", True)
    assert found["command"]["after"] == found["tariff_changed"]["after"]


def test_a_change_survives_a_power_cut_right_after_its_answer() -> None:
    site = rig()
    order(site, {"HP": "0.2146"})
    order(site, {"HC": "0.17"}, "2027-03-01")
    after = site.again(utc_ms(NOON + timedelta(days=1)))
    assert versions(after) == versions(site)
    third = after.engine.part(TariffBook).versions["elec"][2]
    assert third.prices == {"HP": D("0.2146"), "HC": D("0.17")}, "it stands on the one before"


def test_the_same_day_changed_twice_holds_as_it_was_last_said() -> None:
    site = rig()
    order(site, {"HP": "0.2146"})
    order(site, {"HP": "0.2150"})
    book = site.engine.part(TariffBook)
    held = in_force(book.versions["elec"], date(2027, 2, 1))
    assert held is not None
    assert (held.version, held.prices["HP"]) == (3, D("0.2150"))


@pytest.mark.parametrize(
    ("args", "key"),
    [
        ({"prices": {"HP": "0.3"}, "begins": TODAY}, "tariff_past"),
        ({"prices": {"HP": "0.3"}, "begins": TODAY - timedelta(days=400)}, "tariff_past"),
        ({"prices": {"HP": "0.3"}, "begins": "2027-02-30"}, "tariff_bad_date"),
        ({"prices": {"HP": "0.3"}, "begins": "01/02/2027"}, "tariff_bad_date"),
        ({"prices": {"HP": "0.3"}, "begins": ""}, "tariff_bad_date"),
        ({"prices": {"HP": "0.3"}, "begins": "9999-12-31"}, "tariff_bad_date"),
        ({"prices": {"HP": "0.3"}, "begins": "2025-01-01", "correct": True}, "tariff_no_base"),
        ({"prices": {"HP": "0,3"}}, "tariff_bad_price"),
        ({"prices": {"HP": ""}}, "tariff_bad_price"),
        ({"prices": {"HP": "NaN"}}, "tariff_bad_price"),
        ({"prices": {"HP": "1e400"}}, "tariff_bad_price"),
        ({"prices": {"HP": "0.00000000001"}}, "tariff_bad_price"),
        ({"prices": {"HP": "-0.3"}}, "tariff_negative"),
        ({"prices": {"subscription": "-1"}}, "tariff_negative"),
        ({"prices": {"HP": "0.3", "hp": "0.3"}}, "tariff_unknown_price"),
        ({"prices": {}}, "tariff_nothing"),
        ({"prices": {"HP": "0.3"}, "id": "gas"}, "tariff_unknown"),
        ({"prices": {"HP": 0.3}}, "command_bad_args"),
        ({"prices": {"HP": "0.3"}, "valid_to": "2028-01-01"}, "command_bad_args"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_and_changes_nothing(args: dict[str, Any], key: str) -> None:
    site = rig()
    before = versions(site), dict(site.event_registers)["tariffs"]
    result = order(site, **args)
    assert not result.done
    assert result.text.key == key
    assert (versions(site), site.event_registers["tariffs"]) == before
    assert "tariff_changed" not in site.kinds()


def test_only_production_may_have_a_price_below_zero() -> None:
    site = rig()
    assert order(site, {"EAIT": "-0.01"}, id="sold").done


def test_a_day_that_has_begun_is_changed_only_as_a_correction() -> None:
    site = rig()
    for step in (0, 1):
        site.at(utc_ms(NOON) + step * 1000, {"hp": 100.0 + 10 * step, "hc": 50.0, "eait": 0.0})
    before = site.cost("elec", TODAY).amount
    result = order(site, {"HP": "0.3100"}, TODAY, correct=True)
    assert result.text.key == "tariff_corrected"
    after = site.cost("elec", TODAY).amount
    assert before is not None
    assert after is not None
    assert after - before == D("1.00")


def test_without_a_trusted_clock_nobody_can_say_which_day_has_begun() -> None:
    site = rig(is_dated=False)
    assert order(site, {"HP": "0.3"}).text.key == "tariff_undated"


def test_a_repeat_of_an_order_makes_no_second_version() -> None:
    site = rig()
    command = Command(
        "same", "tariff", {"id": "elec", "valid_from": "2027-02-01", "prices": {"HP": "0.3"}}, channel="local"
    )
    first, second = (site.engine.command(command, site.engine.now_ms) for _ in range(2))
    assert first == second
    assert len(versions(site)) == 2


def test_who_may_only_operate_changes_no_price() -> None:
    site = rig()
    args = {"id": "elec", "valid_from": "2027-02-01", "prices": {"HP": "0.3"}}
    result = site.engine.command(Command("x", "tariff", args, right="operate"), site.engine.now_ms)
    assert (result.done, result.text.key) == (False, "command_no_right")


def test_a_table_that_was_edited_is_a_new_version_and_numbers_are_given_once() -> None:
    site = rig()
    order(site, {"HP": "0.2146"})
    edited = elec(prices={"HP": D("0.2099"), "HC": D("0.1600")})
    after = site.again(utc_ms(NOON), tariffs=[edited, SOLD])
    assert versions(after) == [(3, "2026-02-01", D("0.2099")), (2, "2027-02-01", D("0.2146"))]
    back = after.again(utc_ms(NOON), tariffs=[elec(), SOLD])
    assert versions(back)[0][0] == 1, "it is what it was"
    renamed = back.again(utc_ms(NOON), tariffs=[elec(name={"en": "Power"}), SOLD])
    assert versions(renamed)[0][0] == 1, "a name is no price"


def test_a_change_whose_tariff_left_the_settings_waits_for_it_to_come_back() -> None:
    site = rig()
    order(site, {"HP": "0.2146"})
    without = site.again(utc_ms(NOON), tariffs=[SOLD])
    assert "elec" not in without.engine.part(TariffBook).versions
    assert len(versions(without.again(utc_ms(NOON), tariffs=[elec(), SOLD]))) == 2


def test_a_proposal_says_what_would_change_and_changes_nothing() -> None:
    site = rig()
    site.engine.commands.random_below = lambda _most: 7
    args = {"id": "elec", "valid_from": "2027-02-01", "prices": {"HP": "0.3"}}
    result = site.engine.command(Command("x", "tariff", args, channel="local", proposes=True), site.engine.now_ms)
    assert result.text.key == "command_proposed"
    assert result.values["what"].key == "tariff_would"
    assert len(versions(site)) == 1


@given(st.text(max_size=12))
def test_a_price_is_read_or_refused_and_never_raises(text: str) -> None:
    found = price_of(text)
    assert found is None or (found.is_finite() and abs(found) <= 10**6)


def test_what_is_kept_is_plain_json() -> None:
    site = rig()
    order(site, {"HP": "0.2146"})
    register = site.engine.part(TariffBook).registers()
    assert msgspec.json.decode(msgspec.json.encode(register)) == register

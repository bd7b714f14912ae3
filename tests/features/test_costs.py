"""Costs and tariffs: the acceptance lines of C4, C5 and of R1's tariff, through orders, records and events."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from edge.core.commands import Command
from edge.core.costs import costs
from edge.core.tariff import Standing, Tariff
from edge.settings import catalogue
from tests.money_rig import PARIS, MoneyRig, counter, utc_ms

D = Decimal
MIDNIGHT = datetime(2026, 11, 21, tzinfo=PARIS)
TODAY = MIDNIGHT.date()


def site(begin: datetime = MIDNIGHT) -> MoneyRig:
    """Return a site with HP/HC at 0.20 and 0.15 and 12 a month."""
    elec = Tariff(
        id="elec", valid_from=date(2026, 1, 1), currency="EUR", unit="kWh",
        prices={"HP": D("0.20"), "HC": D("0.15")}, points={"HP": "hp", "HC": "hc"},
        standing=(Standing("subscription", D(12)),),
    )  # fmt: skip
    return MoneyRig([elec], [counter("hp"), counter("hc")], utc_ms(begin))


def a_day(rig: MoneyRig, begin: datetime, hp: float, hc: float) -> None:
    """Let HP move 3 kWh and HC 5 kWh on this day."""
    rig.at(utc_ms(begin), {"hp": hp, "hc": hc})
    rig.at(utc_ms(begin + timedelta(hours=7)), {"hp": hp, "hc": hc + 5})
    rig.at(utc_ms(begin + timedelta(hours=22)), {"hp": hp + 3, "hc": hc + 5})
    rig.at(utc_ms(begin + timedelta(days=1)) - 1, {"hp": hp + 3, "hc": hc + 5})


def test_a_day_of_hp_and_hc_costs_what_the_bill_says_to_the_cent() -> None:
    """C4: HP 3 kWh×0.20 + HC 5×0.15 + subscription 1/30 → expected cent-exact value (Decimal)."""
    rig = site()
    a_day(rig, MIDNIGHT, 1000.0, 2000.0)
    [view] = costs(rig.engine).tariffs
    today = view.spans["today"]
    assert today.amount == D("1.75") == D("0.60") + D("0.75") + D("12") / 30
    assert isinstance(today.amount, Decimal)
    assert today.used == {"HP": D(3), "HC": D(5)}
    assert costs(rig.engine).totals[0].amounts["today"] == D("1.75")


def test_a_tariff_from_tomorrow_leaves_today_and_makes_tomorrow_dearer() -> None:
    """C5: tariff with valid_from tomorrow → today's cost unchanged, tomorrow's uses it."""
    rig = site()
    a_day(rig, MIDNIGHT, 1000.0, 2000.0)
    tomorrow = TODAY + timedelta(days=1)
    args = {"id": "elec", "valid_from": tomorrow.isoformat(), "prices": {"HP": "0.30", "HC": "0.25"}}
    assert rig.engine.command(Command("a1", "tariff", args, channel="local"), rig.engine.now_ms).done
    assert rig.cost("elec", TODAY).amount == D("1.75")
    a_day(rig, MIDNIGHT + timedelta(days=1), 1003.0, 2005.0)
    assert rig.cost("elec", TODAY).amount == D("1.75")
    assert rig.cost("elec", tomorrow).amount == D("0.90") + D("1.25") + D("0.40")
    month = costs(rig.engine).tariffs[0].spans["month"]
    assert month.amount == D("12.30") == D("8.40") + D("0.40") + D("1.35") + D("2.15")
    assert month.partial, "twenty days of the month nobody counted"


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "tariff elec v2 holds from 1 Feb 2027 00:00 (HP 0.2146 HC 0.1696 EUR/kWh). Until then v1."),
        ("fr", "tarif elec v2 actif le 1 févr. 2027 00:00 (HP 0,2146 HC 0,1696 EUR/kWh). Jusque-là, v1."),
    ],
)
def test_a_tariff_from_upstream_is_answered_with_its_version_and_journaled(lang: str, said: str) -> None:
    """R1: signed SMS "tariff" → new version active, ack with version, journal (the order; its channel comes later)."""
    rig = site(MIDNIGHT + timedelta(hours=16))
    args = {"id": "elec", "valid_from": "2027-02-01", "prices": {"HP": "0.2146", "HC": "0.1696"}}
    order = Command("s-17", "tariff", args, "+33600000000", "sms", right="configure")
    result = rig.engine.command(order, rig.engine.now_ms)
    rig.collect()
    assert result.done
    assert catalogue.render(lang, result.text.key, result.text.values) == said
    changed = next(event for event in rig.events if event.kind == "tariff_changed")
    assert (changed.values["before"], changed.values["after"]) == (
        "v1 HP 0.20 HC 0.15 EUR/kWh",
        "v2 HP 0.2146 HC 0.1696 EUR/kWh",
    )
    ordered = next(event for event in rig.events if event.kind == "command")
    assert (ordered.values["channel"], ordered.values["done"]) == ("sms", True)
    again = rig.engine.command(order, rig.engine.now_ms)
    assert again == result, "the same SMS twice is one change"
    after = rig.again(utc_ms(datetime(2027, 2, 1, tzinfo=PARIS)))
    a_day(after, datetime(2027, 2, 1, tzinfo=PARIS), 1000.0, 2000.0)
    assert after.cost("elec", date(2027, 2, 1)).amount == D("0.64") + D("0.85") + D("0.43")

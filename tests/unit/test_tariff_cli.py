"""`vigie tariff` and the costs on screens, over the real local API, in both languages."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from edge.cli import costs as shown
from edge.cli.words import Words
from edge.core.commands import Command, Result
from edge.core.costs import cost_lines, costs, tariffs
from tests.fake_desk import FakeDesk
from tests.money_rig import MoneyRig, priced_site


class PricedDesk(FakeDesk):
    """Answers about costs and takes orders as a running box with tariffs does."""

    def __init__(self) -> None:
        super().__init__()
        self.rig: MoneyRig = priced_site()

    def view(self, name: str) -> Any:
        """Ask the engine."""
        asked = {"costs": costs, "tariffs": tariffs, "cost_lines": cost_lines}.get(name)
        return super().view(name) if asked is None else asked(self.rig.engine)

    def order(self, command: Command) -> Result:
        """Give it to the engine, as one of the box's own people."""
        return self.rig.engine.command(msgspec.structs.replace(command, channel="local"), self.rig.engine.now_ms)


@pytest.fixture
def desk() -> FakeDesk:
    return PricedDesk()


def test_the_list_has_a_line_a_tariff_and_all_together(vigie: Any) -> None:
    code, out, _err = vigie("tariff")
    assert code == 0
    assert out.splitlines() == [
        "tariff    version  used today       today       month          year",
        "elec      v1         8.00 kWh  ≥ 1.75 EUR  ≥ 9.75 EUR  ≥ 129.75 EUR",
        "water     v1                -           -           -             -",
        "together                                -           -             -",
        "elec: data for 2.3 % of today, 0.1 % of the month, 0.0 % of the year",
        "elec: partly estimated: a meter caught up after a fault or a power cut, or was not sure",
        "water: data for 0.0 % of today, 0.0 % of the month, 0.0 % of the year",
    ]


def test_one_tariff_shows_its_versions_and_how_its_cost_comes_about(vigie: Any) -> None:
    code, out, _err = vigie("tariff", "show", "elec")
    assert code == 0
    assert out.splitlines()[:7] == [
        "   version  from        prices                                                 by",
        "*  v1       1 Jan 2026  HP 0.20 HC 0.15 EUR/kWh, subscription 12.00 EUR/month  settings",
        "  today",
        "  subscription  v1     1 day  × 12.00 EUR/month    0.40 EUR",
        "  HP            v1  3.00 kWh  × 0.20 EUR/kWh       0.60 EUR",
        "  HC            v1  5.00 kWh  × 0.15 EUR/kWh       0.75 EUR",
        "  sum                                            ≥ 1.75 EUR",
    ]


def test_new_prices_are_answered_with_version_and_day(vigie: Any, desk: PricedDesk) -> None:
    code, out, _err = vigie("tariff", "set", "elec", "--from", "2027-02-01", "HP=0.2146", "HC=0.1696")
    assert (code, out) == (
        0, "tariff elec v2 holds from 1 Feb 2027 00:00 (HP 0.2146 HC 0.1696 EUR/kWh). Until then v1.\n",
    )  # fmt: skip
    desk.lang = "fr"
    code, out, _err = vigie("tariff", "set", "elec", "--from", "2027-03-01", "subscription=16.20")
    assert out == "tarif elec v3 actif le 1 mars 2027 00:00 (subscription 16,20 EUR). Jusque-là, v2.\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ("set", "elec", "--from", "2026-11-21", "HP=0.3"),
            1,
            "21 Nov 2026 has begun: the earliest day is 22",
        ),
        (("set", "elec", "--from", "2027-02-01", "HP=0,3"), 1, "HP = 0,3 is no price: a number with a point"),
        (
            ("set", "elec", "--from", "2027-02-01", "HX=0.3"),
            1,
            "elec has no price HX; it has: HP, HC, subscription.",
        ),
        (("set", "elec", "--from", "soon", "HP=0.3"), 1, "soon is no day within ten years; write it as 2026-11-22."),
        (("set", "elec", "--from", "2027-02-01", "HP"), 2, "HP is no NAME=PRICE"),
        (("set", "elec", "--from", "2027-02-01", "HP=1", "HP=2"), 2, "HP=2 is no NAME=PRICE"),
        (("set", "gas", "--from", "2027-02-01", "HP=0.3"), 2, "There is no tariff gas; there are: elec, water."),
        (("show", "gaz"), 2, "There is no tariff gaz"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(
    vigie: Any, desk: PricedDesk, words: Any, code: int, said: str
) -> None:
    found, out, err = vigie("tariff", *words)
    assert found == code
    assert said in out + err
    assert len(tariffs(desk.rig.engine)["tariffs"]["elec"]) == 1


def test_a_day_that_has_begun_is_corrected_on_request(vigie: Any) -> None:
    code, out, _err = vigie("tariff", "set", "elec", "--from", "2026-11-21", "HP=0.3", "--correct")
    assert code == 0
    assert "costs since then are worked out anew" in out


def test_a_program_gets_what_the_box_says(vigie: Any) -> None:
    _code, out, _err = vigie("tariff", "--json")
    answer = json.loads(out)
    assert [view["spans"]["today"]["amount"] for view in answer["tariffs"]] == ["1.75", None]
    _code, out, _err = vigie("tariff", "show", "elec", "--json")
    assert [line["amount"] for line in json.loads(out)["lines"]["today"]] == ["0.40", "0.60", "0.75"]
    _code, out, _err = vigie("status", "--json")
    assert json.loads(out)["costs"]["totals"][0]["amounts"]["today"] is None


def test_a_site_without_tariffs_says_how_to_write_one(vigie: Any, desk: PricedDesk) -> None:
    from edge.core.engine import Engine

    desk.rig.engine = Engine([], [], boot=1, now_ms=0)
    assert vigie("tariff")[1] == "This site has no tariff: write a [[tariff]] table.\n"
    assert "cost" not in vigie("status")[1]


def test_status_has_a_line_of_costs(vigie: Any) -> None:
    assert "cost: today -, month -, year -\n" in vigie("status")[1]


def told(desk: PricedDesk) -> Any:
    return msgspec.json.decode(msgspec.json.encode(costs(desk.rig.engine)))


@pytest.mark.parametrize(
    ("width", "lang", "line"),
    [
        (78, "en", "today 8.00 kWh ≥ 1.75 EUR   Water -   month -   year -"),
        (50, "en", "today 8.00 kWh ≥ 1.75 EUR   Water -   month -"),
        (40, "en", "today 8.00 kWh ≥ 1.75 EUR   month -"),
        (24, "en", "today 8.00 kWh ≥ 1.75 EUR"),
        (78, "fr", "auj. 8,00 kWh ≥ 1,75 EUR   Eau -   mois -   année -"),
    ],
)
def test_the_live_tables_line_keeps_what_fits(desk: PricedDesk, width: int, lang: str, line: str) -> None:
    assert shown.line(told(desk), width, Words(lang)) == line


def test_without_a_date_the_live_table_says_so_and_shows_no_amount(desk: PricedDesk) -> None:
    desk.rig = priced_site(is_dated=False)
    assert shown.line(told(desk), 78, Words("en")).startswith("Costs: nobody vouches for the date")
    assert shown.line([], 78, Words("en")) == ""


def test_two_currencies_are_never_added_up() -> None:
    from datetime import date

    from edge.core.tariff import Tariff
    from tests.money_rig import D, counter, utc_ms
    from tests.unit.test_tariff_book import NOON

    def priced(name: str, currency: str) -> Tariff:
        return Tariff(id=name, valid_from=date(2026, 1, 1), currency=currency, unit="kWh", prices={name: D("2.5")},
                      points={name: name})  # fmt: skip

    rig = MoneyRig([priced("a", "EUR"), priced("b", "XPF")], [counter("a"), counter("b")], utc_ms(NOON))
    for second, index in ((0, 10.0), (60, 13.0)):
        rig.at(utc_ms(NOON) + second * 1000, {"a": index, "b": index})
    told = msgspec.json.decode(msgspec.json.encode(costs(rig.engine)))
    assert [total["amounts"]["today"] for total in told["totals"]] == ["7.50", "8"], "a franc has no hundredths"
    assert shown.total_of(told["totals"], "today", Words("fr")) == "≥ 7,50 EUR + ≥ 8 XPF"

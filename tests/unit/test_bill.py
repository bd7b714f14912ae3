"""An invoice worked out anew: three real-shaped ones to the cent, what differs, and what can't be worked out."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.bill import BillError, Difference, bill, changes
from edge.core.cost import cost
from edge.core.costs import tariffs
from edge.core.series import HistoryRecord
from edge.core.tariff import Tariff
from edge.settings.load import loads
from edge.settings.tariffs import versions
from tests.fake_desk import FakeDesk
from tests.invoices import site
from tests.money_rig import MoneyRig, utc_ms
from tests.unit.test_cost import used

D = Decimal
PARIS = ZoneInfo("Europe/Paris")
INVOICES = {
    "base": (site.BASE, "2025-07-01", "2025-08-31", site.BASE_READ, site.BASE_BILLED),
    "hphc": (site.HPHC, "2025-07-12", "2025-09-11", site.HPHC_READ, site.HPHC_BILLED),
    "tempo": (site.TEMPO, "2026-01-01", "2026-02-28", site.TEMPO_READ, site.TEMPO_BILLED),
}


def dated(text: str) -> list[Tariff]:
    return versions(loads(text))


@pytest.mark.parametrize("name", INVOICES)
def test_the_invoice_comes_out_to_the_cent_line_by_line(name: str) -> None:
    text, begin, last, read, billed = INVOICES[name]
    made = bill(dated(text), date.fromisoformat(begin), date.fromisoformat(last), site.readings(read))
    assert {line: str(amount) for line, amount in made.sums().items()} == billed
    assert all(each.more == 0 for each in made.differences({line: D(amount) for line, amount in billed.items()}))


def test_each_difference_is_told_with_how_much_more_was_billed() -> None:
    text, begin, last, read, _billed = INVOICES["base"]
    made = bill(dated(text), date.fromisoformat(begin), date.fromisoformat(last), site.readings(read))
    found = made.differences({"BASE": D("50.00"), "total": D("90.00"), "TCFE": D("3.10")})
    assert found == [
        Difference("BASE", D("50.00"), D("45.66")),
        Difference("total", D("90.00"), D("97.05")),
        Difference("TCFE", D("3.10"), None),
    ]
    assert [each.more for each in found] == [D("4.34"), D("-7.05"), None]


def test_what_was_used_across_a_change_of_price_is_split_by_days_the_last_having_the_rest() -> None:
    known = dated(site.BASE)
    made = bill(known, date(2025, 7, 25), date(2025, 8, 4), {"BASE": [D(0), D(100)]})
    assert [line.quantity for line in made.lines if line.name == "BASE"] == [64, 36], "7 and 4 of 11 days"
    finer = bill(known, date(2025, 7, 25), date(2025, 8, 4), {"BASE": [D("0.5"), D("100.7")]})
    assert [line.quantity for line in finer.lines if line.name == "BASE"] == [D("63.764"), D("36.436")]


def test_the_days_on_which_prices_change_are_those_of_the_versions() -> None:
    known = dated(site.BASE)
    assert changes(known, date(2025, 7, 1), date(2025, 8, 31)) == [date(2025, 8, 1)]
    assert changes(known, date(2025, 8, 1), date(2025, 8, 31)) == []


def test_a_bill_and_the_cost_of_the_same_days_are_the_same() -> None:
    known = dated(site.HPHC)
    days = [date(2025, 7, 12) + timedelta(days=number) for number in range(62)]
    paid = cost(known, days, lambda _day: used(**{"tic.hp": "5", "tic.hc": "3"}))
    asked = {"HP": [D(0), D(100), D(310)], "HC": [D(0), D(60), D(186)]}
    made = bill(known, days[0], days[-1], asked)
    assert made.total == paid.amount
    assert made.before_tax == paid.before_tax


def test_gas_is_billed_by_its_coefficient() -> None:
    text = site.HEAD + site.register("gas", "BASE") + (
        '[[tariff]]\nid = "gas"\nvalid_from = 2026-01-01\ncurrency = "EUR"\nunit = "m3"\nprices = { gas = 0.1 }\n'
        'meter = "gas"\ncoefficient = 11.27\n'
    )  # fmt: skip
    made = bill(dated(text), date(2026, 1, 1), date(2026, 1, 31), {"gas": [D(100), D(200)]})
    assert made.total == D("112.70")


@pytest.mark.parametrize(
    ("begin", "last", "indexes", "key"),
    [
        ("2025-08-31", "2025-07-01", {"BASE": [D(1), D(2)]}, "bill_days"),
        ("2024-08-31", "2025-07-01", {"BASE": [D(1), D(2)]}, "bill_no_tariff"),
        ("2025-07-01", "2025-08-31", {}, "bill_no_index"),
        ("2025-07-01", "2025-08-31", {"BASE": [D(1), D(2)], "HP": [D(1), D(2)]}, "bill_no_price"),
        ("2025-07-01", "2025-08-31", {"BASE": [D(2), D(1)]}, "bill_index_back"),
        ("2025-07-01", "2025-08-31", {"BASE": [D(2)]}, "bill_readings"),
        ("2025-07-01", "2025-08-31", {"BASE": []}, "bill_readings"),
        ("2025-07-01", "2025-08-31", {"BASE": [D(1), D(2), D(3), D(4)]}, "bill_readings"),
    ],
)
def test_what_can_not_be_worked_out_is_said_and_no_amount_is_given(
    begin: str, last: str, indexes: Any, key: str
) -> None:
    with pytest.raises(BillError) as caught:
        bill(dated(site.BASE), date.fromisoformat(begin), date.fromisoformat(last), indexes)
    assert caught.value.key == key


def test_a_thousand_million_kilowatt_hours_are_billed_to_the_cent() -> None:
    made = bill(dated(site.BASE), date(2025, 9, 1), date(2025, 9, 30), {"BASE": [D(0), D(10**9)]})
    assert made.sums()["BASE"] == D("132700000.00")


# -- the command


class BilledDesk(FakeDesk):
    """A box with the invoice's tariff and a past in which its meter was read."""

    def __init__(self) -> None:
        super().__init__()
        text, self.zone = site.BASE, PARIS
        self.rig = MoneyRig(dated(text), [], utc_ms(datetime(2025, 9, 2, tzinfo=PARIS)))
        for day, index in ((date(2025, 6, 30), 20_100.2), (date(2025, 7, 31), 20_270.0), (date(2025, 8, 31), 20_441.9)):
            t_ms = utc_ms(datetime(day.year, day.month, day.day, 23, 59, tzinfo=PARIS))
            self.past.add(
                "tic.base", "counter", "kWh", [HistoryRecord(t_ms, 60_000, index, increment=0.1, trust="ntp")]
            )

    def view(self, name: str) -> Any:
        return tariffs(self.rig.engine) if name == "tariffs" else super().view(name)


@pytest.fixture
def desk() -> FakeDesk:
    return BilledDesk()


BILL = ("report", "--bill", "2025-07-01", "2025-08-31")


def test_the_command_prints_each_line_each_difference_and_the_boxs_own_readings(vigie: Any) -> None:
    code, out, _err = vigie(
        *BILL, "BASE=20100:20442", "--billed", "97,05", "--line", "BASE=50", "--line", "vat 20=13.89"
    )
    assert code == 1, "something differs"
    assert out.splitlines() == [
        "tariff elec, 1 Jul 2025 to 31 Aug 2025",
        "subscription  1 Jul 2025 - 31 Jul 2025    31 days  × 11.49 EUR/month  11.49 EUR",
        "CTA           1 Jul 2025 - 31 Jul 2025    31 days  × 1.51 EUR/month    1.51 EUR",
        "BASE          1 Jul 2025 - 31 Jul 2025    171 kWh  × 0.1343 EUR/kWh   22.97 EUR",
        "accise        1 Jul 2025 - 31 Jul 2025    171 kWh  × 0.0337 EUR/kWh    5.76 EUR",
        "subscription  1 Aug 2025 - 31 Aug 2025    31 days  × 11.40 EUR/month  11.40 EUR",
        "CTA           1 Aug 2025 - 31 Aug 2025    31 days  × 1.49 EUR/month    1.49 EUR",
        "BASE          1 Aug 2025 - 31 Aug 2025    171 kWh  × 0.1327 EUR/kWh   22.69 EUR",
        "accise        1 Aug 2025 - 31 Aug 2025    171 kWh  × 0.02998 EUR/kWh   5.13 EUR",
        "without VAT                                                           82.44 EUR",
        "VAT 5.5 %                               13.00 EUR                      0.72 EUR",
        "VAT 20 %                                69.44 EUR                     13.89 EUR",
        "total                                                                 97.05 EUR",
        "",
        "line       billed       here  more billed",
        "BASE    50.00 EUR  45.66 EUR    +4.34 EUR",
        "vat 20  13.89 EUR  13.89 EUR     the same",
        "total   97.05 EUR  97.05 EUR     the same",
        "",
        "reading              billed  the box  more billed",
        "BASE     1 Jul 2025   20100  20100.2         -0.2",
        "BASE     1 Sep 2025   20442  20441.9          0.1",
    ]


def test_an_invoice_that_agrees_exits_with_0(vigie: Any) -> None:
    code, out, _err = vigie(*BILL, "BASE=20100:20442", "--billed", "97.05")
    assert code == 0
    assert "the same" in out


def test_without_readings_the_boxs_own_are_taken(vigie: Any) -> None:
    code, out, _err = vigie(*BILL, "--json")
    assert code == 0
    told = json.loads(out)
    assert [line["quantity"] for line in told["bill"]["lines"] if line["name"] == "BASE"] == ["169.8", "171.9"]
    assert [each["box"] for each in told["readings"]] == ["20100.2", "20441.9"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "--bill", "2025-07-02", "2025-08-31"), "no index of BASE at the beginning of 2 Jul 2025"),
        (("report", "--bill", "july", "2025-08-31"), "july is no day"),
        ((*BILL, "BASE"), "NAME=VALUE is expected"),
        (("report", "BASE=1:2"), "which invoice? --bill FROM TO"),
        (("report", "--billed", "97.05"), "which invoice? --bill FROM TO"),
        ((*BILL, "BASE=1:2", "BASE=1:2"), "each name once"),
        ((*BILL, "BASE=1:two"), "BASE: two is no number"),
        ((*BILL, "BASE=1:2", "--billed", "NaN"), "NaN is no number"),
        (("report", "--bill", "2025-07-01", "9999-12-31", "BASE=1:2"), "9999-12-31 is no day"),
        (("report", "--bill", "0001-01-01", "2025-08-31", "BASE=1:2"), "0001-01-01 is no day"),
        ((*BILL, "BASE=-5:2"), "BASE: an index is never below 0, as -5"),
        ((*BILL, "BASE=2:1"), "BASE: the index goes back, from 2 to 1"),
        ((*BILL, "HP=1:2"), "the readings of BASE are missing"),
        ((*BILL, "--tariff", "gas"), "There is no tariff gas; there are: elec."),
    ],
)
def test_no_sense_in_what_is_asked_is_said(vigie: Any, words: Any, said: str) -> None:
    code, out, err = vigie(*words)
    assert (code, out) == (2, "")
    assert said in err


def test_the_invoice_reads_in_french(vigie: Any, desk: FakeDesk) -> None:
    desk.lang = "fr"
    _code, out, _err = vigie(*BILL, "BASE=20100:20442", "--billed", "97,05")
    assert "abonnement" in out
    assert "97,05 EUR" in out
    assert "identique" in out

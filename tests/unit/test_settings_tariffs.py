"""[[tariff]] tables: what can't say what something costs is refused with its place and reason, in both languages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from edge.core.moved_days import MovedDays
from edge.core.tariff_book import TariffBook
from edge.settings.load import loads
from edge.settings.report import report
from edge.settings.site_parts import site_parts
from edge.settings.tariffs import versions
from tests.unit.settings_good import GOOD, MARK, refused

D = Decimal
SPLIT_BY = '"water.cold"\nsplit_by = "door"\n'
WATER = """\
[[tariff]]
id = "water"
valid_from = 2026-02-01
currency = "EUR"
unit = "m3"
prices = { water = 4.26 }
points = { water = "water.cold" }
"""
SPLIT = """\
[[tariff]]
id = "water"
valid_from = 2026-02-01
currency = "EUR"
unit = "m3"
prices = { day = 4.26, night = 3 }
meter = "water.cold"
"""
NEXT = WATER.replace("2026-02-01", "2027-02-01")
OTHER = WATER.replace('"water"\nvalid', '"more"\nvalid')


FAULTS = [
    (WATER, "4.26", "‸-4.26", "a price below 0"),
    (WATER, "4.26", '‸"4,26"', "write 4.26 without quotes"),
    (WATER, "4.26", "‸1e9", "to 1000000"),
    (WATER, "4.26", "‸nan", "a finite number"),
    (WATER, '"water.cold"', '‸"water.colt"', 'the nearest is "water.cold"'),
    (WATER, '"water.cold"', '‸"lab.t"', "only a counter can be priced; this point is a gauge"),
    (WATER, 'unit = "m3"\n', "", "this counter is in m3, the price is for one kWh"),
    (WATER, 'unit = "m3"', 'unit = ‸"m³"', 'write "m3"'),
    (WATER, 'unit = "m3"', 'unit = "m3"\n‸coefficient = 11.2', "which measure the same"),
    (WATER, 'currency = "EUR"\n', "", "the key currency is missing: a currency of three capital letters"),
    (WATER, '"EUR"', '‸"euro"', "a currency of three capital letters"),
    (WATER, "2026-02-01", '‸"soon"', "a day such as 2026-02-01"),
    (WATER, 'points = { water = "water.cold" }\n', "", "what counts?"),
    (WATER, "{ water = 4.26 }", "‸{}", "a table with at least one entry is expected"),
    (WATER, "{ water = 4.26 }", "{ water = 4.26, ‸hot = 9 }", "this price has no counter"),
    (
        WATER,
        '{ water = "water.cold" }',
        '{ water = "water.cold", ‸hot = "water.cold" }',
        "no such price; there are: water",
    ),
    (WATER, '{ water = "water.cold" }', '{ water = "water.cold" }\n‸meter = "water.cold"', "leave one of both out"),
    (WATER, "4.26 }", "4.26 }\ntaxes = { ‸water = 0.1 }", "already stands for another amount"),
    (WATER, "4.26 }", "4.26 }\ncharges = { ‸subscription = 1 }", "keys of their own"),
    (WATER, "4.26 }", "4.26 }\n‸subscription_kva = 9", "needs subscription as well"),
    (WATER, "4.26 }", "4.26 }\n‸subscription_vat = 5.5", "needs vat as well"),
    (WATER, "4.26 }", "4.26 }\nvalid_until = ‸2026-02-01", "must be after valid_from"),
    (WATER + NEXT, "2027-02-01", "‸2026-02-01", "another version begins on the same day"),
    (WATER + NEXT, "2026-02-01", "2026-02-01\nvalid_until = 2026-12-01", "gap: the version before ends on 2026-12-01"),
    (
        WATER + NEXT,
        "2026-02-01",
        "2026-02-01\nvalid_until = 2027-03-01",
        "overlap: the version before holds until 2027-03-01",
    ),
    (WATER + NEXT.replace("EUR", "CHF"), "2026-02-01", "2026-02-01", "another currency than in line"),
    (WATER + OTHER, "2026-02-01", "2026-02-01", 'already priced by the tariff "water"'),
    (SPLIT, "meter", "‸meter", "one counter with several prices needs split_by or hours"),
    (
        SPLIT,
        '"water.cold"',
        '"water.cold"\nsplit_by = ‸"lab.t"\nperiods = { day = ["a"], night = ["b"] }',
        "this point is a gauge",
    ),
    (
        SPLIT,
        '"water.cold"',
        SPLIT_BY + 'periods = { day = ["open"], night = ["closed", ‸"shut"] }',
        "the point has no such word",
    ),
    (SPLIT, '"water.cold"', SPLIT_BY + 'periods = { day = ["open"], night = [‸"open"] }', "this word already belongs"),
    (SPLIT, '"water.cold"', SPLIT_BY + '‸periods = { day = ["open"] }', "the price night has no words"),
    (SPLIT, '"water.cold"', '"water.cold"\nhours = { night = [‸"22:00-25:00"] }', "no hours; such as"),
    (
        SPLIT,
        '"water.cold"',
        '"water.cold"\n‸hours = { night = ["22:00-06:00"], day = ["06:00-22:00"] }',
        "here 0 have none",
    ),
    (SPLIT, '"water.cold"', '"water.cold"\n‸hours = { }', "here 2 have none"),
    (
        SPLIT,
        '"water.cold"',
        '"water.cold"\nhours = { night = ["22:00-06:00"], ‸day = ["05:00-07:00"] }',
        "reach into those",
    ),
    (
        SPLIT,
        '"water.cold"',
        '"water.cold"\n‸periods = { day = ["open"], night = ["closed"] }',
        "needs split_by as well",
    ),
]


@pytest.mark.parametrize(("tables", "old", "new", "message"), FAULTS)
def test_a_tariff_that_can_not_be_right_is_refused_where_it_stands(
    tables: str, old: str, new: str, message: str
) -> None:
    assert old in tables
    text = f"{GOOD}\n{tables.replace(old, new, 1) if MARK in new or old != new else tables}"
    caught = refused(text.replace(MARK, ""))
    assert caught is not None
    told = [(fault, report("f.toml", [fault], "en")) for fault in caught.faults]
    about = [fault for fault, said in told if message in said]
    assert about, "\n".join(said for _fault, said in told)
    if MARK in text:
        before = text[: text.index(MARK)]
        places = [(fault.line, fault.column) for fault in about]
        assert (before.count("\n") + 1, len(before) - before.rfind("\n")) in places, places
    french = report("f.toml", about, "fr")
    assert "fault." not in french
    assert french != report("f.toml", about, "en")


def test_versions_become_decimals_as_written() -> None:
    text = GOOD + WATER.replace("4.26 }", '4.26 }\nsubscription = 36\nsubscription_per = "year"\nvat = 5.5') + NEXT
    [first, second] = versions(loads(text))
    assert first.prices == {"water": D("4.26")}
    assert (first.standing[0].price, first.standing[0].per, first.vat) == (D(36), "year", D("5.5"))
    assert (first.valid_from, second.valid_from) == (date(2026, 2, 1), date(2027, 2, 1))
    assert first.factors == {}


def test_a_counter_in_litres_has_its_factor_and_gas_its_coefficient() -> None:
    litres = GOOD.replace('weight = 0.001\nweight_unit = "m3"', 'weight = 1\nweight_unit = "l"')
    [water] = versions(loads(litres + WATER))
    assert water.factors == {"water.cold": D("0.001")}
    gas = WATER.replace('unit = "m3"', 'unit = "kWh"\ncoefficient = 11.27')
    [priced] = versions(loads(GOOD + gas))
    assert priced.quantities({"water.cold": {"": D(10)}}) == {"water": D("112.70")}


def test_a_site_with_tariffs_has_the_parts_and_one_without_has_none() -> None:
    kinds = {type(part) for part in site_parts(loads(GOOD + WATER), {}, {})}
    assert {MovedDays, TariffBook} <= kinds
    assert not {MovedDays, TariffBook} & {type(part) for part in site_parts(loads(GOOD), {}, {})}


def test_until_the_next_version_without_a_gap_is_right() -> None:
    text = WATER.replace("2026-02-01", "2026-02-01\nvalid_until = 2027-02-01") + NEXT
    assert len(versions(loads(GOOD + text))) == 2

"""Units: the registered ones, how people read them, and what a misspelt one was meant to be."""

from __future__ import annotations

import doctest

import pytest

from edge.core import units
from edge.core.units import FIELD, KNOWN, PRIMARY, SECONDARY, Secondary, is_known, meant, shown


def test_the_registered_units_are_those_of_the_two_rfcs() -> None:
    assert len(PRIMARY) == len(set(PRIMARY))
    assert {"Cel", "%RH", "m3", "m3/s", "VA", "var", "VAs", "vars", "count", "lx", "Pa", "J", "kg/m3"} <= set(PRIMARY)
    assert set(SECONDARY) & set(PRIMARY) == set()
    assert set(FIELD) & (set(PRIMARY) | set(SECONDARY)) == set()


@pytest.mark.parametrize("name", sorted({**SECONDARY, **FIELD}))
def test_every_other_unit_leads_to_a_primary_one(name: str) -> None:
    unit = {**SECONDARY, **FIELD}[name]
    assert unit.unit in PRIMARY
    assert unit.factor > 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kWh", Secondary("J", 3_600_000)),
        ("kvarh", Secondary("vars", 3_600_000)),
        ("hPa", Secondary("Pa", 100)),
        ("dBm", Secondary("dBW", 1, -30)),
        ("Wh/km", Secondary("J/m", 3.6)),
    ],
)
def test_factors_are_those_of_rfc_8798(name: str, expected: Secondary) -> None:
    assert SECONDARY[name] == expected


@pytest.mark.parametrize("name", ["", "Cel", "kWh", "l/min", "bar", "/100"])
def test_a_unit_of_the_list_or_none_is_known(name: str) -> None:
    assert is_known(name)


@pytest.mark.parametrize("name", ["°C", "C°", "kwh", " Cel", "furlong", "None", "m³", "%rh"])
def test_any_other_spelling_is_not(name: str) -> None:
    assert not is_known(name)


@pytest.mark.parametrize(
    ("written", "unit", "factor"),
    [
        ("°C", "Cel", 1),
        ("m³", "m3", 1),
        ("KWH", "kWh", 1),
        ("kpa", "hPa", 10),
        ("%HR", "%RH", 1),
        ("k W h", "kWh", 1),
        ("μg/m³", "ug/m3", 1),
    ],
)
def test_what_was_meant_is_found_with_its_factor(written: str, unit: str, factor: float) -> None:
    found = meant(written)
    assert found is not None
    assert (found.unit, found.factor) == (unit, factor)


@pytest.mark.parametrize("written", ["", " ", "furlong", "mWh", "°", "\x00", "Mv"])
def test_nothing_is_guessed_where_it_could_be_wrong_by_a_factor(written: str) -> None:
    found = meant(written)
    assert found is None or found.unit == "deg"


def test_screens_show_what_people_read() -> None:
    assert shown("Cel").name == "°C"
    assert shown("m3/s").factor * FIELD["l/min"].factor == pytest.approx(1)
    assert shown("kWh") == ("kWh", 1.0)
    assert shown("of tomorrow").name == "of tomorrow"
    assert {name for name in KNOWN if not shown(name).name} == {"count"}


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(units).failed == 0

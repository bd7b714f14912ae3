"""The algebra of units: every unit has a dimension, conversions are right, and unlike things don't add up."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import dimension
from edge.core.dimension import UNITS, Dimension, convert, fitting, multiplied, named, raised, root, spelt
from edge.core.units import FIELD, KNOWN, SECONDARY


def product(one: str, other: str, sign: int = 1) -> str | None:
    a, b = UNITS[one], UNITS[other]
    return named(multiplied(a.dimension, b.dimension, sign), a.factor * b.factor**sign)


def test_every_unit_of_the_table_has_a_dimension() -> None:
    assert UNITS.keys() == KNOWN


@pytest.mark.parametrize("unit", sorted({**SECONDARY, **FIELD}))
def test_a_unit_measures_what_the_unit_it_stands_for_measures(unit: str) -> None:
    to = {**SECONDARY, **FIELD}[unit]
    assert UNITS[unit].dimension == UNITS[to.unit].dimension
    assert convert(1.0, unit, to.unit) == pytest.approx(to.factor + to.offset, rel=1e-11)


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (1, "kWh", "Wh", 1000),
        (1, "kWh", "J", 3.6e6),
        (-40, "Cel", "K", 233.15),
        (0, "K", "Cel", -273.15),
        (30, "dBm", "dBW", 0),
        (1.01325, "bar", "hPa", 1013.25),
        (60, "l/min", "m3/h", 3.6),
        (2, "min", "s", 120),
        (0.5, "/", "/100", 50),
        (90, "km/h", "m/s", 25),
        (1, "MWh", "kWh", 1000),
        (1, "KiB", "bit", 8192),
    ],
)
def test_conversions_between_units_of_one_dimension(value: float, unit: str, to: str, expected: float) -> None:
    assert convert(value, unit, to) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    ("unit", "to"),
    [("kWh", "kVAh"), ("W", "VA"), ("W", "J"), ("Cel", "/"), ("%RH", "/100"), ("m3", "m2"), ("", "W"), ("W", "furlong"),
     ("Gy", "Sv"), ("lx", "cd/m2"), ("lat", "lon"), ("count", "beats")],
)  # fmt: skip
def test_units_of_unlike_quantities_have_no_conversion(unit: str, to: str) -> None:
    with pytest.raises(ValueError, match="can't be told"):
        convert(1.0, unit, to)


@given(st.sampled_from(sorted(KNOWN)), st.sampled_from(sorted(KNOWN)), st.floats(-1e6, 1e6))
def test_a_conversion_there_and_back_gives_the_value(unit: str, to: str, value: float) -> None:
    if UNITS[unit].dimension != UNITS[to].dimension:
        with pytest.raises(ValueError, match="can't be told"):
            convert(value, unit, to)
        return
    scale = max(abs(value), abs(UNITS[unit].offset - UNITS[to].offset) / UNITS[unit].factor)
    assert convert(convert(value, unit, to), to, unit) == pytest.approx(value, rel=1e-9, abs=1e-9 * max(scale, 1e-30))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("V", "A", "VA"), ("W", "h", "Wh"), ("kW", "h", "kWh"), ("m3/h", "h", "m3"), ("l/min", "min", "l"),
     ("Ohm", "A", "V"), ("W/m2", "m2", "W"), ("m/s", "s", "m"), ("VA", "s", "VAs")],
)  # fmt: skip
def test_products_are_units_of_the_table(one: str, other: str, expected: str) -> None:
    assert product(one, other) == product(other, one) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("kWh", "h", "kW"), ("Wh", "h", "W"), ("VAs", "s", "VA"), ("m3", "h", "m3/h"), ("l", "min", "l/min"),
     ("W", "V", "A"), ("W", "VA", "/"), ("J", "m", "J/m"), ("kWh", "kWh", "/"), ("mV", "V", "/1000")],
)  # fmt: skip
def test_quotients_are_units_of_the_table(one: str, other: str, expected: str) -> None:
    found = product(one, other, -1)
    assert found is not None
    assert UNITS[found].dimension.fits(UNITS[expected].dimension)
    assert UNITS[found].factor == pytest.approx(UNITS[expected].factor)


def test_a_product_that_has_no_unit_has_none() -> None:
    assert product("m3/h", "K") is None
    assert product("kWh", "min", -1) is None  # 60 kW has no name of its own


def test_apparent_power_by_volts_is_just_amperes() -> None:
    assert multiplied(UNITS["VA"].dimension, UNITS["V"].dimension, -1) == UNITS["A"].dimension


def test_powers_and_roots() -> None:
    assert raised(UNITS["m"].dimension, 2) == UNITS["m2"].dimension
    assert root(UNITS["m2"].dimension) == UNITS["m"].dimension
    assert root(UNITS["m3"].dimension) is None


def test_a_dimension_without_a_unit_is_spelt() -> None:
    assert spelt(multiplied(UNITS["m3/s"].dimension, UNITS["K"].dimension)) == "m3·K/s"
    assert spelt(Dimension()) == "1"
    assert fitting(multiplied(UNITS["m3/s"].dimension, UNITS["K"].dimension)) == []


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(dimension).failed == 0

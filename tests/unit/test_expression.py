"""Expressions over points: what is computed, in which unit, and that nothing else can be said in them."""

from __future__ import annotations

import doctest
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import expression, expression_units
from edge.core.expression import Expression, ExpressionError, UndefinedError, parse
from edge.settings.catalogue import render
from tests.unit.test_walls import loaded_by

UNITS = {
    "a": "W", "b": "kW", "boiler.flow": "Cel", "boiler.return": "Cel", "t": "Cel", "t-1": "Cel", "2.floor": "Cel",
    "door.north": "", "e.heat": "kWh", "e.el": "Wh", "flow": "m3/h", "u": "V", "i": "A", "x": "", "s": "VA",
}  # fmt: skip
NAMES = {name: ("closed", "open") if name == "door.north" else () for name in UNITS}
VALUES = {
    "a": 1500.0, "b": 2.0, "boiler.flow": 45.5, "boiler.return": 38.0, "t": -5.0, "t-1": 20.0, "2.floor": 19.0,
    "door.north": 1.0, "e.heat": 9.0, "e.el": 3000.0, "flow": 2.0, "u": 230.0, "i": 4.0, "x": 7.0, "s": 2000.0,
}  # fmt: skip


def told(text: str, unit: str | None = None) -> tuple[float, str]:
    """Return the value and the unit of an expression over the points above."""
    found = parse(text, NAMES)
    return found.within(UNITS, unit).evaluate(VALUES), unit or found.unit(UNITS)


def refused(text: str, names: Any = NAMES, **options: Any) -> str:
    """Return why an expression is refused, in English."""
    with pytest.raises(ExpressionError) as caught:
        parse(text, names, **options).within(UNITS)
    key = caught.value.text.key
    sentence = render("en", key, caught.value.text.values)
    assert not sentence.startswith(key), sentence
    assert not render("fr", key, caught.value.text.values).startswith(key)
    return sentence


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("boiler.flow - boiler.return", 7.5, "K"),
        ("{t-1} - t", 25.0, "K"),
        ("{2.floor} + 1 [K]", 20.0, "Cel"),
        ("avg(boiler.flow, boiler.return)", 41.75, "Cel"),
        ("mean(boiler.flow, boiler.return)", 41.75, "Cel"),
        ("20 [Cel] + 1.5 * (20 [Cel] - t)", 57.5, "Cel"),
        ("a + b", 3500.0, "W"),
        ("b + a", 3.5, "kW"),
        ("max(a - b, 0)", 0.0, "W"),
        ("max(a)", 1500.0, "W"),
        ("min(t)", -5.0, "Cel"),
        ("x and b", 1.0, ""),
        ("x or b", 1.0, ""),
        ("x > 9 or b > 9 [kW]", 0.0, ""),
        ("(x and s) + 1", 2.0, ""),
        ("u * i", 920.0, "VA"),
        ("a / s", 0.75, "/"),
        ("e.heat / e.el", 3.0, "/"),
        ("e.heat / 3 [h]", 3.0, "kW"),
        ("flow * (boiler.flow - boiler.return) * 1.2 [kWh/m3/K]", 18.0, "kW"),
        ("-a", -1500.0, "W"),
        ("abs(a - b)", 500.0, "W"),
        ("round(a / 7, 1)", 214.3, "W"),
        ("clamp(a, 0, 1000)", 1000.0, "W"),
        ("sqrt(x * 7)", 7.0, ""),
        ("x ** 2 + 1", 50.0, ""),
        ("a if a > b else b", 2000.0, "W"),
        ("if(a > b, a, b)", 2000.0, "W"),
        ("if((a < b) * 2, 0, 1) + 1", 1.0, ""),
        ("a > 1.4 [kW]", 1.0, ""),
        ('door.north == "open"', 1.0, ""),
        ("'open' != door.north", 0.0, ""),
        ("not (a > b) and x >= 7 or false", 1.0, ""),
        ("1 < x <= 7", 1.0, ""),
        ("x*1e3+.5", 7000.5, ""),
        ("true + x", 8.0, ""),
    ],
)
def test_what_an_expression_gives_and_in_which_unit(text: str, value: float, unit: str) -> None:
    found = told(text)
    assert found == (pytest.approx(value), unit)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [("a + b", "kW", 3.5), ("u * i", "W", 920.0), ("u * i", "kVA", 0.92), ("a / b", "/100", 75.0), ("a / b", "", 0.75),
     ("e.heat + e.el", "MWh", 0.012), ("7 * x", "W", 49.0)],
)  # fmt: skip
def test_a_result_is_told_in_the_wanted_unit(text: str, unit: str, value: float) -> None:
    assert told(text, unit)[0] == pytest.approx(value)


def test_without_a_conversion_no_figure_is_touched() -> None:
    assert parse("a * 3", NAMES).within(UNITS, "W").evaluate({"a": 0.1}) == 0.1 * 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('__import__("os")', "no function __import__"),
        ('__import__("os").system("x")', "no function __import__"),
        ("a.__class__", "no such point: a.__class__"),
        ("().__class__.__bases__", "can't"),
        ("eval('1')", "no function eval"),
        ("open(a)", "no function open"),
        ("lambda: a", "no such point: lambda"),
        ("[x for x in a]", "is a unit"),
        ("a[0]", "is a unit"),
        ("{x: 1}", "no such point: x: 1"),
        ("a; b", "can't stand"),
        ("a, b", "can't stand"),
        ("a = 3", "write =="),
        ("a ^ 2", "write **"),
        ("a && b", "write and"),
        ("a ? b : x", "write if("),
        ("if a > b then a else b", "write if("),
        ("a // 2", "can't be read"),
        ("a % 2", "can't stand"),
        ("f'{a}'", "no such point: f"),
        ("*a", "can't"),
        ("min(*a)", "can't"),
        ("max(key=a)", "no such point: key"),
        ("a if b", "can't be read"),
        ("(a", "can't be read"),
        ("a b", "can't be read"),
        ("3 a", "can't be read"),
        ("", "an expression is expected"),
        ("   ", "an expression is expected"),
        ("\x00", "can't"),
        ("42", "at least one point"),
        ("none", "at least one point"),
        ('"open"', "can only be compared"),
        ('door.north + "open"', "can only be compared"),
        ('door.north < "open"', "can only be compared"),
        ('"a" == "a"', "can only be compared"),
        ('door.north == "opne"', 'no state "opne"; it has: closed, open'),
        ('a == "on"', 'no state "on"'),
        ("boiler.fow", "the nearest is boiler.flow"),
        ("t-1", "write {t-1}"),
        ("2.floor", "write {2.floor}"),
        ("{boiler}", "no such point: boiler"),
        ("sqrt()", "takes 1 to 1"),
        ("clamp(a, 1)", "takes 3 to 3"),
        ("round(a, x)", "plain number of digits"),
        ("9" * 400 + " * a", "finite number"),
        ("rate(e.heat)", "only stand in a calculated point"),
        ("a + boiler.flow", "W and Cel can't be added"),
        ("a > u", "W and V can't be"),
        ("max(a, s)", "W and VA can't be"),
        ("boiler.flow + boiler.return", "avg("),
        ("boiler.flow - 5", "20 [Cel] or 5 [K]"),
        ("boiler.flow * 2", "can't stand beside *"),
        ("flow * (boiler.flow - t)", "no unit"),
        ("flow * (boiler.flow - t) > 3", "write the unit of the number"),
        ("a ** x", "power of W"),
        ("a ** 0.5", "power of W"),
        ("x ** a", "power of W"),
        ("sqrt(a)", "no square root"),
        ("3 [furlong] * x", "unknown unit furlong"),
        ("3 [kWh/] * x", "unknown unit kWh/"),
        ("3 [] * x", "unknown unit"),
    ],
)
def test_what_cannot_be_said_is_refused_and_why(text: str, why: str) -> None:
    assert why in refused(text)


def test_a_sum_of_many_meters_is_one_level_deep() -> None:
    names = [f"flat{number:02}" for number in range(1, 51)]
    total = parse(" + ".join(names), names).within(dict.fromkeys(names, "kWh"), "Wh")
    assert total.evaluate(dict.fromkeys(names, 0.25)) == 12_500
    assert total.is_sum_of(names)


def test_size_and_depth_are_bounded() -> None:
    assert "at most 500 characters" in refused("a" + " + a" * 125)
    assert "too large" in refused("x" + "+x" * 120)
    assert refused("(" * 240 + "a" + ")" * 240)
    assert "too large" in refused("-" * 400 + "a")
    assert "too large" in refused("not " * 100 + "x")
    assert parse("x" + "+x" * 20, NAMES).evaluate(VALUES) == 7.0 * 21


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a / (b - 2)", "division_by_zero"),
        ("0 ** (0 - x)", "undefined"),
        ("9 ** 9 ** 9 + x", "out_of_range"),
        ("1e300 * x", "out_of_range"),
        ("min(1e300 * x, 5)", "out_of_range"),
        ("sqrt(-x)", "undefined"),
        ("(-x) ** 0.5", "undefined"),
        ("x if x < 0 else none", "undefined"),
        ("none + x", "undefined"),
    ],
)
def test_what_has_no_finite_result_has_none_and_a_reason(text: str, reason: str) -> None:
    with pytest.raises(UndefinedError) as caught:
        parse(text, NAMES).evaluate(VALUES)
    assert caught.value.reason == reason


def test_a_branch_that_is_not_taken_is_not_computed() -> None:
    assert parse("if(x == 0, 0, a / x)", NAMES).evaluate({"a": 3.0, "x": 0.0}) == 0.0


def test_names_are_the_points_in_their_order_each_once() -> None:
    assert parse("b + a * b + {t-1} - {t-1}", NAMES).names == ("b", "a", "t-1")


def test_a_missing_value_is_never_taken_for_zero() -> None:
    with pytest.raises(KeyError):
        parse("a + b", NAMES).evaluate({"a": 1.0})


def test_two_readings_of_t_1_are_refused_where_both_could_be_meant() -> None:
    assert "{t-1}" in refused("t-1 + t")
    assert parse("t - 1", ["t", "t-1"]).evaluate({"t": 3}) == 2.0
    assert parse("t-1", ["t"]).evaluate({"t": 3}) == 2.0


def test_a_point_may_be_called_like_a_function() -> None:
    assert parse("max(max, min)", ["max", "min"]).evaluate({"max": 1, "min": 2}) == 2.0


def test_what_is_remembered_is_a_part_of_its_own() -> None:
    found = parse("rate(e.heat) / rate(e.el) + 0 * rate(e.heat) / rate(e.el)", NAMES, remembers=True)
    assert [(memory.kind, memory.of.names) for memory in found.memories] == [
        ("rate", ("e.heat",)), ("rate", ("e.el",)),
    ]  # fmt: skip
    assert (found.names, found.own_names) == (("e.heat", "e.el"), ())
    within = found.within(UNITS)
    assert [memory.factor for memory in within.memories] == [3600.0, 3600.0]  # kWh/s -> kW, Wh/s -> W
    assert within.evaluate({}, [3.0, 1000.0]) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("text", "unit", "factor"),
    [("rate(e.el)", "W", 3600.0), ("rate(e.heat)", "kW", 3600.0), ("integral(a)", "Wh", 1 / 3600),
     ("integral(flow)", "m3", 1 / 3600), ("integral(u)", "Wb", 1.0), ("integral(door.north == 1)", "s", 1.0),
     ("rate(boiler.flow)", None, 1.0), ("integral(a - b)", "Wh", 1 / 3600)],
)  # fmt: skip
def test_rates_and_integrals_are_in_the_units_that_people_read(text: str, unit: str | None, factor: float) -> None:
    found = parse(text, NAMES, remembers=True)
    if unit is None:
        with pytest.raises(ExpressionError, match="unit_none"):
            found.unit(UNITS)
        return
    assert found.unit(UNITS) == unit
    assert found.within(UNITS).memories[0].factor == pytest.approx(factor)


def test_memory_within_memory_is_refused() -> None:
    assert "within rate" in refused("rate(integral(a))", remembers=True)
    assert "at least one point" in refused("integral(3) + a", remembers=True)


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    try:
        found = parse(text, NAMES, remembers=True)
        found.unit(UNITS)
    except ExpressionError:
        return
    assert isinstance(found, Expression)


SIGNS = st.sampled_from(["+", "-", "*", "/", "<", "and", "(", ")", ",", "x", "a", "max(", "if(", "2", '"open"', "**"])


@given(st.lists(SIGNS, max_size=14).map(" ".join))
def test_any_sentence_of_its_words_gives_a_finite_number_or_says_why(text: str) -> None:
    try:
        value = parse(text, NAMES).evaluate(VALUES)
    except (ExpressionError, UndefinedError):
        return
    assert math.isfinite(value)


def test_a_site_without_expressions_does_not_load_the_library() -> None:
    assert "simpleeval" not in loaded_by("import edge.core.expression, edge.settings.load, edge.core.engine")
    assert "simpleeval" in sys.modules or parse("x", ["x"])


@pytest.mark.parametrize("module", [expression, expression_units])
def test_the_examples_in_the_docstrings_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0

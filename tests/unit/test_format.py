"""Values, ages, trends and cells as text: missing is never 0, digits before the point are never lost."""

from __future__ import annotations

import doctest
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cli import cells, format, printed, screen  # noqa: A004 - our module of that name
from edge.cli.cells import Piece, both_ends, clip, filled, padded, plain
from edge.cli.format import age, amount, bound, decimals_of, fitted, number, sparkline, value_text, with_unit
from edge.cli.trend import SLOT_S, Trends

NAN = float("nan")


def view(value: Any, unit: str = "Cel", quality: str = "good", word: str = "", point: str = "p") -> dict[str, Any]:
    return {"point": point, "kind": "gauge", "value": value, "unit": unit, "quality": quality, "word": word}


@pytest.mark.parametrize("module", [cells, format, printed, screen])
def test_the_examples_in_the_docstrings_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# -- values


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (92.5, "Cel", "92.5"),
        (-25.0, "Cel", "-25.0"),
        (-0.04, "Cel", "-0.04"),
        (0.0, "Cel", "0.0"),
        (-0.0, "Cel", "0.0"),
        (14253.681, "kWh", "14 253.681"),
        (482.137, "m3", "482.137"),
        (1780, "VA", "1 780"),
        (1780.4, "VA", "1 780"),
        (10 / 60_000, "m3/s", "10.0"),
        (0.02 / 60_000, "m3/s", "0.02"),
        (0.455, "/", "45.5"),
        (230.42, "V", "230.4"),
        (0.51234, "V", "0.512"),
        (12.345, "mA", "12.35"),
        (0, "count", "0"),
        (10**12, "Wh", "1 000 000 000 000"),
    ],
)
def test_a_number_is_scaled_grouped_and_rounded_for_people(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


@pytest.mark.parametrize("value", [None, NAN, math.inf, -math.inf])
def test_a_missing_value_is_a_dash_never_zero(value: float | None) -> None:
    assert value_text(view(value)) == "-"


def test_a_bad_point_shows_a_dash_even_when_a_last_value_came_along() -> None:
    assert value_text(view(21.5, quality="bad")) == "-"
    assert with_unit(value_text(view(None, quality="bad")), "Cel") == "-"


def test_an_uncertain_value_is_shown() -> None:
    assert value_text(view(21.5, quality="uncertain")) == "21.5"


def test_a_state_shows_its_word_and_a_text_itself_made_harmless() -> None:
    assert value_text(view(0, "", word="open")) == "open"
    assert value_text(view("HC..", "")) == "HC.."
    assert value_text(view("\x1b[2J\x00", "")) == "?[2J?"
    assert value_text(view("", "")) == ""


def test_french_has_a_decimal_comma() -> None:
    assert value_text(view(14253.681, "kWh"), point=",") == "14 253,681"
    assert bound(2.5, "bar", ",") == "2,5"


@given(st.floats(-1e300, 1e300), st.sampled_from(["Cel", "kWh", "VA", "m3/s", "V"]))
def test_a_value_that_is_not_zero_never_reads_as_zero(value: float, unit: str) -> None:
    text = amount(value, unit).replace(" ", "")
    if abs(value) >= 0.001:
        assert float(text) != 0
    assert not text.startswith("-0") or float(text) < 0


@given(st.floats(-1e308, 1e308), st.integers(0, 3), st.integers(7, 14))
def test_a_number_that_must_fit_keeps_its_size(value: float, decimals: int, width: int) -> None:
    text = fitted(value, decimals, width)
    assert len(text) <= width
    if "#" not in text:
        assert float(text.replace(" ", "")) == pytest.approx(value, rel=0.5, abs=0.51)


def test_a_number_without_any_room_is_no_number() -> None:
    assert fitted(-1.5e300, 1, 4) == "####"


@given(st.floats(-1e11, 1e11), st.integers(0, 3))
def test_what_is_printed_can_be_read_back(value: float, decimals: int) -> None:
    assert float(number(value, decimals).replace(" ", "")) == pytest.approx(value, abs=0.51 * 10.0**-decimals)


def test_decimals_follow_the_unit_and_a_whole_number_has_none() -> None:
    assert [decimals_of(1.0, unit) for unit in ("°C", "kWh", "V", "bar")] == [1, 3, 3, 2]
    assert decimals_of(1, "°C") == 0


# -- ages


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (59.99, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 00"),
        (86_399, "23 h 59"),
        (86_400, "1 d 0 h"),
        (9.99 * 86_400, "9 d 23 h"),
        (10 * 86_400, "10 d"),
        (1e9, "11574 d"),
        (None, "-"),
        (NAN, "-"),
        (math.inf, "-"),
    ],
)
def test_an_age_has_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert age(seconds) == text


# -- trends


def test_a_stretch_without_a_value_is_a_dot_and_takes_no_part_in_the_scale() -> None:
    assert sparkline([10.0, None, None, 20.0], 4) == "▁··█"
    assert sparkline([None, None], 4) == "  ··"


def test_an_empty_trend_is_blank() -> None:
    assert sparkline([], 3) == "   "


def test_a_flat_line_and_noise_of_the_last_digit_stay_in_the_middle() -> None:
    assert sparkline([20.0, 20.0], 2) == "▄▄"
    assert set(sparkline([20.0, 20.1, 20.0, 20.1], 4, least_span=1.0)) <= set("▃▄▅")


def test_a_trend_keeps_its_newest_columns() -> None:
    assert sparkline([0.0, 1.0, 2.0], 2) == "▄█"


@given(st.lists(st.none() | st.floats(-1e300, 1e300), max_size=30), st.integers(1, 20))
def test_a_trend_has_its_width_and_a_dot_exactly_where_there_is_no_value(
    values: list[float | None], width: int
) -> None:
    text = sparkline(values, width)
    assert len(text) == width
    assert text.count("·") == values[-width:].count(None)


def test_trends_begin_short_and_grow_to_ten_minutes() -> None:
    trends = Trends()
    spans = set()
    for t_s in range(0, 3000, 2):
        trends.take([view(float(t_s))], t_s)
        spans.add(trends.span_s)
        columns = trends.columns("p")
        assert 1 <= len(columns) <= 10
        assert columns == sorted(value for value in columns if value is not None)
    assert spans == {60, 120, 300, 600}
    assert trends.columns("p")[0] == pytest.approx(3000 - 600 + 30 - 1, abs=60)


def test_a_trend_is_none_where_a_point_was_bad_or_the_box_silent_and_never_zero() -> None:
    trends = Trends()
    trends.take([view(20.0)], 0)
    trends.take([view(None, quality="bad")], SLOT_S)
    trends.take([view(21.0)], 3 * SLOT_S)
    assert trends.columns("p") == [20.0, None, None, 21.0]


def test_a_column_with_one_good_value_among_bad_ones_shows_it() -> None:
    trends = Trends()
    for t_s, value in ((0, None), (1, 20.0), (2, None)):
        trends.take([view(value, quality="bad" if value is None else "good")], t_s)
    assert trends.columns("p") == [20.0]


def test_texts_and_unknown_points_have_no_trend() -> None:
    trends = Trends()
    trends.take([view("HC..", "")], 0)
    assert trends.columns("p") == []
    assert trends.columns("nobody") == []
    assert Trends().span_s == 60


# -- cells


def test_wide_and_combining_characters_are_counted_as_they_stand() -> None:
    assert cells.cells("Gymnase") == 7
    assert cells.cells("体育館") == 6
    assert cells.cells("e\u0301te\u0301") == 3
    assert padded("体育館", 8) == "体育館  "
    assert clip("体育館", 4) == "体…"


def test_what_a_terminal_would_obey_is_not_passed_on() -> None:
    assert clip("a\x1b[31mb\tc\u00a0d\x07", 40) == "a?[31mb c d?"


@given(st.text(max_size=40), st.integers(0, 30))
def test_padded_text_has_exactly_its_width(text: str, width: int) -> None:
    assert cells.cells(padded(text, width)) == width
    assert cells.cells(padded(text, width, right=True)) == width


@given(st.lists(st.text(max_size=20), max_size=5), st.text(max_size=30), st.integers(1, 60))
def test_lines_have_exactly_their_width(left: list[str], right: str, width: int) -> None:
    pieces = [Piece(text) for text in left]
    assert cells.cells(plain(filled(pieces, width))) == width
    assert cells.cells(plain(both_ends(pieces, [Piece(cells.printable(right))], width))) == width


def test_nothing_follows_a_cut() -> None:
    assert plain(filled([Piece("boiler.flow"), Piece(" 92.5")], 8)) == "boiler.…"

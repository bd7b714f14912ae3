"""What a limit compares, as the live table, `vigie alarms` and `vigie explain` say it, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from edge.cli.banner import alarm_text
from edge.cli.compared import compared
from edge.cli.explained import _limit
from edge.cli.rows import _limit as column
from edge.cli.words import Words


@pytest.mark.parametrize(
    ("kind", "value", "at", "unit", "details", "en", "fr"),
    [
        ("high", 92.5, 85.0, "Cel", {}, "92.5 °C > 85", "92,5 °C > 85"),
        ("high", 30.0, 30.0, "Cel", {"or_equal": True}, "30.0 °C ≥ 30", "30,0 °C ≥ 30"),
        ("low_low", -21.0, -20.0, "Cel", {}, "-21.0 °C < -20", "-21,0 °C < -20"),
        ("high", 50.0, 45.0, "Cel", {"of": "set", "of_v": 45}, "50.0 °C > 45 (set)", "50,0 °C > 45 (set)"),
        ("high", 50.0, None, "Cel", {"of": "set"}, "50.0 °C", "50,0 °C"),
        ("rate", 0.6, 0.5, "bar", {"per": "hour"}, "0.60 bar an hour > 0.5", "0,60 bar par heure > 0,5"),
        ("consumption", 0.501, 0.5, "m3", {"per": "day"}, "0.501 m³ today > 0.5", "0,501 m³ aujourd'hui > 0,5"),
        ("never_zero", 90000.0, 86400.0, "s", {"for_ms": 90_000_000}, "for 1 d 1 h", "depuis 1 j 1 h"),
        ("subscribed", 92.2, 90.0, "/100", {"of": "isousc"}, "92.2 % > 90 (isousc)", "92,2 % > 90 (isousc)"),
        ("expression", None, None, "", {"expression": "a > 1"}, "a > 1", "a > 1"),
        ("equal", 1, 1.0, "", {}, "", ""),
        ("fault", None, None, "", {}, "", ""),
        ("high", None, 85.0, "Cel", {}, "", ""),
    ],
)
def test_a_comparison_is_said_in_both_languages(
    kind: str, value: Any, at: Any, unit: str, details: dict[str, Any], en: str, fr: str
) -> None:
    assert compared(kind, value, at, unit, details, Words("en")) == en
    assert compared(kind, value, at, unit, details, Words("fr")).replace("\u00a0", " ") == fr


def test_an_alarm_says_what_was_compared() -> None:
    alarm = {
        "number": 3, "active": True, "point": "pipe.p", "kind": "rate", "diagnosis": "", "value": 0.6, "peak": 0.7,
        "unit": "bar", "at": 0.5, "details": {"per": "hour", "or_equal": True},
    }  # fmt: skip
    assert alarm_text(alarm, Words("en")).endswith("pipe.p 0.60 bar an hour ≥ 0.5")
    assert "0.70 bar" in alarm_text({**alarm, "active": False}, Words("en"))


def test_a_points_limits_say_how_they_stand() -> None:
    near = {"id": "near", "kind": "subscribed", "at": 90.0, "now": 48.0, "unit": "/100", "details": {"of": "isousc"}}
    assert _limit(near, "VA", Words("en")).startswith("near: contract 48.0 % against 90 (isousc)")
    assert _limit({"id": "hot", "kind": "high", "at": 85.0}, "Cel", Words("en")).startswith("hot: high 85 °C")


def test_the_column_shows_the_stage_that_stands_for_the_point() -> None:
    warm = {"id": "warm", "kind": "high", "at": 30.0, "active": True, "under": True}
    hot = {"id": "hot", "kind": "high_high", "at": 40.0, "active": True}
    view = {"limits": [warm, hot], "unit": "Cel", "quality": "good"}
    assert column(view, 14, Words("en")) == ("HIGH HIGH > 40", "alarm")
    assert column({**view, "limits": [{**warm, "active": False, "under": False}]}, 14, Words("en"))[0] == "ok < 30"
    usage = {"id": "day", "kind": "consumption", "at": 0.5}
    assert column({**view, "limits": [usage]}, 14, Words("en"))[0] == "ok"

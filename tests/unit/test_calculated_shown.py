"""What people see of a calculated point, and what other settings do to it while the box runs."""

from __future__ import annotations

import msgspec
import pytest

from edge.cli.explained import explained
from edge.cli.words import Words
from edge.core import view
from edge.core.calculated import Calculated
from edge.core.doctor_devices import remedy_of_bus
from edge.core.replacing import Site as Other
from edge.settings.catalogue import word
from tests.unit.calculated_rig import Site, made, point

COLD, OTHER = point("cold", "counter", "kWh"), point("other", "counter", "kWh")
SUM = made("sum", "cold + other", "counter", "kWh")


def way(site: Site, name: str, lang: str) -> list[str]:
    engine = site.rig.engine
    found = engine.part(Calculated).explained(name)
    inputs = [view.value_view(engine.points[of], engine.now_ms) for of in found["inputs"]]
    value = view.value_view(engine.points[name], engine.now_ms)
    return explained(
        {"value": msgspec.to_builtins(value), "calculation": {**found, "inputs": msgspec.to_builtins(inputs)}},
        Words(lang),
    )


@pytest.mark.parametrize(
    ("lang", "lines"),
    [
        ("en", ["  formula   cold + other", "  from      cold   - kWh  bad no_answer"]),
        ("fr", ["  formule   cold + other", "  de        cold   -  incorrect no_answer"]),
    ],
)
def test_explain_tells_the_formula_and_each_point_in_it(lang: str, lines: list[str]) -> None:
    site = Site(COLD, OTHER, SUM)
    site.run(0, 20, cold=None, other=4)
    told = way(site, "sum", lang)
    assert lines[0] in told
    assert any(line.startswith(lines[1].split(" kWh")[0][:18]) and "no_answer" in line for line in told)
    assert any("input_bad:cold" in line for line in told)
    assert site.rig.engine.part(Calculated).explained("cold") == {}


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [("en", "boiler.flow: no value to calculate with"), ("fr", "boiler.flow\u00a0: pas de valeur pour le calcul")],
)
def test_a_reason_names_the_point_that_is_meant(lang: str, sentence: str) -> None:
    assert word(lang, "reason", "input_bad:boiler.flow") == sentence
    assert remedy_of_bus("gpio", "input_bad:boiler.flow").key == "remedy_gpio.input_bad"


def test_a_virtual_meter_goes_on_through_a_reload_and_with_another_formula() -> None:
    site = Site(COLD, OTHER, SUM)
    site.run(0, 90, cold=lambda t_s: 100 + t_s // 10, other=50)
    before = site.value("sum")[0]
    engine = site.rig.engine
    double = made("sum", "cold * 2 + other", "counter", "kWh")

    def parts(saved: object, _saved_events: object) -> list[Calculated]:
        return [Calculated([double], msgspec.convert(saved, dict[str, object]))]

    specs = [COLD, OTHER, double.point]
    engine.replace(Other(specs, [], parts=parts), site.rig.registers, {}, 90_000)
    site.run(90, 190, cold=lambda t_s: 100 + t_s // 10, other=50)
    assert before == 8
    # what was counted before is not valued anew by the new factor, whether or not a record holds it
    assert site.value("sum")[0] == 8 + 2 * 10
    assert "meter_changed" not in site.rig.kinds()
    assert sum(record.increment or 0 for record in site.records("sum")) == site.records("sum")[-1].value

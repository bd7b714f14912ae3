"""[[meter]]: what it becomes for the engine, and what is refused, with place and reason."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from edge.settings.load import loads
from edge.settings.specs import meter_specs, specs
from tests.unit.settings_good import GOOD, refusal

PULSES = """
[bus.pins]
kind = "gpio"

[[point]]
id = "gas"
bus = "pins"
driver = "pulse"
pin = 5
weight = 0.01
weight_unit = "m3"

[[point]]
id = "heat"
bus = "pins"
driver = "pulse"
pin = 6
weight = 10
weight_unit = "Wh"

[bus.tic]
kind = "serial"
port = "/dev/ttyS0"

[[point]]
id = "elec"
bus = "tic"
driver = "teleinfo"
label = "BASE"
"""


def meter(point: str, *lines: str, energy: str = "gas") -> str:
    return f'\n[[meter]]\npoint = "{point}"\nenergy = "{energy}"\n' + "\n".join(lines) + "\n"


def test_a_meter_says_energy_role_unit_and_what_a_unit_is_worth_since_when() -> None:
    settings = loads(
        GOOD
        + PULSES
        + meter(
            "gas",
            'to_unit = "kWh"',
            "coefficients = [{ from = 2026-11-01, factor = 11.27 }, { from = 2026-12-01, factor = 11.31 }]",
        )
        + meter("heat", 'to_unit = "kWh"', energy="heat")
        + meter("elec", "max_per_h = 12000", 'role = "injection"', energy="electricity")
    )
    gas, heat, elec = meter_specs(settings)
    assert gas.coefficients == ((date(2026, 11, 1), Decimal("11.27")), (date(2026, 12, 1), Decimal("11.31")))
    assert (gas.energy, gas.role, gas.to_unit) == ("gas", "consumption", "kWh")
    assert (heat.to_unit, heat.coefficients) == ("kWh", ())
    assert elec.role == "injection"
    bounds = {point.id: point.max_per_h for point in specs(settings)[0]}
    assert (bounds["elec"], bounds["gas"]) == (12000, float("inf"))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (meter("gaz"), 'the nearest is "gas"'),
        (meter("lab.t"), "kind gauge"),
        (meter("gas") + meter("gas"), "has a [[meter]] table already"),
        (meter("gas", energy="petrol"), '"water.cold"'),
        (meter("gas", 'to_unit = "KWH"'), 'write "kWh"'),
        (meter("gas", 'to_unit = "furlong"'), "unknown unit"),
        (meter("gas", 'to_unit = "kWh"'), "needs coefficients"),
        (meter("gas", "coefficients = [{ from = 2026-11-01, factor = 11.27 }]"), "to_unit"),
        (meter("gas", 'to_unit = "kWh"', "coefficients = [{ from = 2026-11-01, factor = 0 }]"), "above 0"),
        (meter("gas", 'to_unit = "kWh"', 'coefficients = [{ from = "soon", factor = 1 }]'), "a day such as"),
        (
            meter(
                "gas", 'to_unit = "kWh"',
                "coefficients = [{ from = 2026-12-01, factor = 11 }, { from = 2026-11-01, factor = 12 }]",
            ),
            "in the order of their days",
        ),
        (
            meter(
                "gas", 'to_unit = "kWh"',
                "coefficients = [{ from = 2026-11-01, factor = 11 }, { from = 2026-11-01, factor = 12 }]",
            ),
            "the same day, 2026-11-01",
        ),
        (meter("gas", "max_per_h = 5"), "no meaning for pulses"),
        (meter("elec", "max_per_h = -5"), "above 0"),
    ],
)  # fmt: skip
def test_what_could_never_count_is_refused_with_its_place(lines: str, said: str) -> None:
    text = refusal(GOOD + PULSES + lines)
    assert said in text

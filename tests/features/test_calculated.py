"""Calculated points: the acceptance lines, through a site's file, and the worked examples of docs/calculated.md."""

from __future__ import annotations

import re
from itertools import chain
from typing import Any, Final

import pytest

from edge.core.calculated import Calculated
from edge.core.types import PointSpec
from edge.settings.load import loads
from edge.settings.model import Settings
from edge.settings.model_calculated import Calculated as Table
from edge.settings.site_parts import site_parts
from edge.settings.specs import specs
from edge.settings.specs_calculated import calculated_spec
from hal.sample import BAD
from tests.support import ROOT
from tests.unit.calculated_rig import Site, point
from tests.unit.settings_good import GOOD, refusal

PAGE: Final = (ROOT / "docs" / "calculated.md").read_text(encoding="utf-8")
HOUR_S: Final = 3600
POWER = """
[[point]]
id = "a"
bus = "air"
driver = "ads1115"
address = 72
input = "AIN0"
unit = "W"
[[point]]
id = "b"
bus = "air"
driver = "ads1115"
address = 72
input = "AIN1"
unit = "W"
"""
PULSES = '[[point]]\nid = "e"\nbus = "gpio"\ndriver = "pulse"\npin = 5\nweight = 10\nweight_unit = "Wh"\n'


def calculated(expression: str, **keys: Any) -> str:
    """Return a [[calculated]] table."""
    lines = {"id": "x", "expression": expression, "unit": "W", **keys}
    body = "".join(f"{name} = {value!r}\n" for name, value in lines.items())
    return f"{GOOD}{POWER}{PULSES}[[calculated]]\n{body}"


def site_of(settings: Settings, *inputs: PointSpec) -> Site:
    """Return the site whose calculated points are those of the settings, with inputs read each 10 s."""
    return Site(*inputs, *(calculated_spec(row) for row in settings.of(Table)))


def test_a_difference_of_a_silent_point_is_no_value_and_says_why() -> None:
    """C1: `a-b` with b stale → null + quality."""
    site = site_of(loads(calculated("a - b")), point("a", unit="W"), point("b", unit="W"))
    site.run(0, 60, a=500, b=200)
    assert site.value("x") == (300, "")
    site.run(60, 190, a=500)
    assert site.value("x") == (None, "input_bad:b")
    record = site.records("x")[-1]
    assert (record.value, record.mean, record.quality, record.reason) == (None, None, BAD, "input_bad:b")


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("__import__('os').system('reboot')", "there is no function __import__"),
        ("a.__class__", "no such point: a.__class__"),
        ("open('/etc/shadow')", "there is no function open"),
        ("a - c", "no such point: c; there are: a, b, door, e, lab.t, lamp, water.cold"),
        ("a - watr.cold", "the nearest is water.cold"),
        ("a + lab.t", "W and Cel can't be added"),
        ("a + x", "these points need each other: x → x"),
        ("9 ** 9 ** 9 ** 9", "at least one point"),
    ],
)
def test_an_expression_that_is_none_is_refused_with_its_place(expression: str, why: str) -> None:
    """C1: `__import__` in an expression → config refused."""
    text = calculated(expression)
    line = next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith("expression"))
    said = refusal(text)
    assert f'f.toml:{line}:14  calculated "x".expression' in said
    assert why in said


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"unit": "kWh"}, "the expression gives W, kW, not kWh"),
        ({"unit": "watts"}, "unknown unit"),
        ({"kind": "counter"}, "a counter is a sum of counters"),
        ({"kind": "state"}, "a state needs words"),
        ({"record_s": 7}, "not a whole number of readings"),
        ({"min": 5, "max": 5}, "not above min"),
        ({"id": "a"}, "this id is already used"),
        ({"colour": "red"}, "unknown key"),
    ],
)
def test_a_wrong_key_of_a_calculated_point_is_refused(keys: dict[str, Any], why: str) -> None:
    """C1: what the table says is checked against the expression."""
    assert why in refusal(calculated("a - b", **keys))


def test_a_ring_is_told_with_its_path() -> None:
    """C1: points that need each other are refused, by name."""
    more = "".join(
        f'[[calculated]]\nid = "{name}"\nexpression = "{of}"\nunit = "W"\n' for name, of in (("y", "z * 2"), ("z", "x"))
    )
    assert "these points need each other: x → y → z → x" in refusal(calculated("a + y") + more)


def test_ten_watt_hours_in_a_minute_are_six_hundred_watts() -> None:
    """C7: index +10 Wh in 60 s → 600 W."""
    settings = loads(calculated("rate(e)", period_s=60))
    site = site_of(settings, point("e", "counter", "Wh"))
    site.run(0, 190, e=lambda t_s: 5000 + t_s // 60 * 10)
    assert site.value("x") == (600, "")
    site.run(190, 330, e=None)
    assert site.value("x") == (None, "input_bad:e")  # not 0, and not the last one


def test_six_hundred_watts_for_a_minute_are_ten_watt_hours() -> None:
    """C7: integration power→energy, over the time with readings only."""
    settings = loads(calculated("integral(a)", unit="Wh", kind="counter", period_s=10))
    site = site_of(settings, point("a", unit="W"))
    site.run(0, 70, a=600)
    assert site.value("x")[0] == pytest.approx(10)
    site.run(70, 670, a=None)
    site.run(670, 730, a=600)
    assert site.value("x")[0] == pytest.approx(10 + 10 - 10 / 6, abs=0.01)  # two ends of the hole have no area


def test_a_site_with_calculated_points_has_the_part_and_its_points() -> None:
    """C1: what the file says is what the engine runs."""
    settings = loads(calculated("a - b"))
    (part,) = [part for part in site_parts(settings, {}, {}) if isinstance(part, Calculated)]
    assert part.in_records
    assert specs(settings)[0][-1].id == "x"
    assert not [part for part in site_parts(loads(GOOD), {}, {}) if isinstance(part, Calculated)]


# -- the page


def rows_of(heading: str) -> list[list[str]]:
    """Return the cells of the page's table that begins with this head."""
    lines = PAGE.split(heading, 1)[1].splitlines()[2:]
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


INPUTS = {row[0].strip("`"): (row[2], row[3]) for row in rows_of("| Point | What | Kind | Unit |")}
EXAMPLES = rows_of("| In | Out |")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def page_site() -> Settings:
    """Return a site with the page's inputs and all its examples; loading it is `vigie check`."""
    points = []
    for number, (name, (kind, unit)) in enumerate(INPUTS.items()):
        if kind == "counter":
            device = f'bus = "gpio"\ndriver = "pulse"\npin = {number}\nweight = 1\nweight_unit = "{unit}"\n'
        else:
            device = f'bus = "air"\ndriver = "ads1115"\naddress = {72 + number // 4}\ninput = "AIN{number % 4}"\n'
            device += f'unit = "{unit}"\n'
        points.append(f'[[point]]\nid = "{name}"\n{device}')
    return loads("".join([GOOD, *points, *BLOCKS[1:]]))


def told(cell: str) -> dict[str, str]:
    return dict(re.findall(r"`([\w.]+)` ([^,\s|]+)", cell))


def course(figure: str) -> Any:
    """Return what a point reads: a value, or an index that moves so far in an hour."""
    if not figure.startswith("+"):
        return float(figure)
    return lambda t_s: 1000 + float(figure) * t_s / HOUR_S


@pytest.mark.parametrize(("given", "expected"), EXAMPLES, ids=[row[1].replace("`", "") for row in EXAMPLES])
def test_the_examples_of_the_page_give_what_it_says(given: str, expected: str) -> None:
    """C1: sums, ΔT, power balance, efficiency, self-consumption, as docs/calculated.md tells them."""
    rows = page_site().of(Table)
    wanted = " ".join([*told(expected), *(row.expression for row in rows if row.id in told(expected))])
    figures = told(given)
    made = [calculated_spec(row) for row in rows if row.id in wanted]
    site = Site(*(point(name, *INPUTS[name]) for name in figures), *made)
    values = {name.replace(".", "_"): course(figure) for name, figure in figures.items()}
    site.run(0, HOUR_S, **values)
    before = {name: site.value(name)[0] for name in told(expected)}
    site.run(HOUR_S, 2 * HOUR_S, **values)
    assert told(expected)
    for name, figure in told(expected).items():
        value, reason = site.value(name)
        if figure.startswith("+"):
            assert value - before[name] == pytest.approx(float(figure), rel=1e-3, abs=1e-6), name
        elif figure[0].isdigit() or figure[0] == "-":
            assert value == pytest.approx(float(figure), rel=1e-6), name
        else:
            assert (value, reason) == (None, figure), name


def test_the_page_has_an_example_of_each_of_its_points() -> None:
    """C1: every table on the page is calculated in at least one row."""
    made = {row.id for row in page_site().of(Table)}
    assert made == set(chain.from_iterable(told(row[1]) for row in EXAMPLES))
    assert set(INPUTS) == set(chain.from_iterable(told(row[0]) for row in EXAMPLES))

"""[[limit]]: what each kind becomes for the engine, and what is refused, with place and reason."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from edge.core.types import LimitKind, LimitSpec
from edge.settings.facts import point_facts
from edge.settings.load import loads
from edge.settings.model_limits import KEYS
from edge.settings.specs import specs
from tests.unit.settings_good import GOOD, MARK, refusal

METER = """
[bus.tic]
kind = "serial"
port = "/dev/ttyS0"

[[point]]
id = "tic.papp"
bus = "tic"
driver = "teleinfo"
label = "PAPP"

[[point]]
id = "tic.isousc"
bus = "tic"
driver = "teleinfo"
label = "ISOUSC"
"""
ROOM = """
[[point]]
id = "lab.rh"
bus = "air"
driver = "sht3x"
channel = "humidity"
"""
RANGED = GOOD.replace('channel = "temperature"', 'channel = "temperature"\nmin = -40\nmax = 80')


def limit(kind: str, point: str = "lab.t", *lines: str) -> str:
    head = f'\n[[limit]]\nid = "x"\npoint = "{point}"\nkind = "{kind}"\n'
    return head + "\n".join(lines) + "\n"


def spec_of(kind: str, point: str = "lab.t", *lines: str, more: str = "", file: str = GOOD) -> LimitSpec:
    return specs(loads(file + more + limit(kind, point, *lines)))[1][-1]


def changed(spec: LimitSpec) -> dict[str, Any]:
    """Return what a spec has besides its id, point and kind."""
    plain = LimitSpec(spec.id, spec.point, spec.kind)
    return {
        name: getattr(spec, name) for name in LimitSpec.__struct_fields__ if getattr(spec, name) != getattr(plain, name)
    }


@pytest.mark.parametrize(
    ("kind", "point", "lines", "found"),
    [
        ("high_high", "lab.t", ["value = 40"], {"value": 40.0, "diagnosis": "overheating"}),
        ("low_low", "lab.t", ["value = -20.5", "or_equal = true"],
         {"value": -20.5, "or_equal": True, "diagnosis": "low_temperature"}),
        ("high", "water.cold", ["value = 500", 'unit = "l"'], {"value": 0.5}),
        ("high", "water.cold", ["value = 500", 'unit = "l"', "deadband = 10"], {"value": 0.5, "deadband": 0.01}),
        ("rate", "lab.t", ["value = 5", "over_s = 600"], {"value": 5.0, "over_ms": 600_000, "per": "hour"}),
        (
            "rate", "water.cold", ["value = 2", 'unit = "l"', 'per = "minute"', "over_s = 60", 'direction = "up"'],
            {"value": 0.002, "over_ms": 60_000, "per": "minute", "direction": "up", "is_index": True},
        ),
        ("consumption", "water.cold", ["value = 500", 'unit = "l"'], {"value": 0.5, "per": "day"}),
        ("consumption", "water.cold", ["value = 20", 'per = "month"', "latch = true"],
         {"value": 20.0, "per": "month", "latch": True}),
        ("never_zero", "water.cold", ["rest_s = 3600"],
         {"over_ms": 86_400_000, "rest_ms": 3_600_000, "is_index": True, "diagnosis": "leak"}),
        ("never_zero", "lab.t", ["over_s = 7200", "value = 0.1"], {"over_ms": 7_200_000, "value": 0.1}),
        ("rate", "lab.t", ["value = 5", "over_s = 60", 'unit = "K"'], {"value": 5.0, "over_ms": 60_000, "per": "hour"}),
        ("fault", "door", [], {}),
    ],
)  # fmt: skip
def test_a_kind_becomes_what_the_engine_takes(kind: str, point: str, lines: list[str], found: dict[str, Any]) -> None:
    assert changed(spec_of(kind, point, *lines)) == found


def test_another_point_is_named_with_the_factor_to_the_own_unit() -> None:
    second = (
        ROOM.replace("lab.rh", "lab.t2").replace("humidity", "temperature").replace('"air"', '"air"\naddress = 0x45')
    )
    assert changed(spec_of("deviation", "lab.t", 'of = "lab.t2"', "value = 5", more=second)) == {
        "value": 5.0, "other": "lab.t2",
    }  # fmt: skip
    watts = METER.replace('label = "ISOUSC"', 'label = "PREF"')
    assert changed(spec_of("high", "tic.papp", 'at = "tic.isousc"', more=watts)) == {
        "other": "tic.isousc", "factor": 1000.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("own", "tells", "phases", "factor"),
    [
        ("PAPP", "ISOUSC", "", 200.0),
        ("PAPP", "ISOUSC", "phases = 3", 600.0),
        ("IINST", "ISOUSC", "", 1.0),
        ("IINST1", "ISOUSC", "phases = 3", 1.0),
        ("SINSTS", "PREF", "", 1000.0),
        ("SINSTS2", "PREF", "", 1000.0 / 3),
        ("IRMS1", "PREF", "", 5.0),
        ("IRMS1", "PREF", "phases = 3", 5.0 / 3),
    ],
)
def test_the_subscribed_power_is_counted_as_enedis_does(own: str, tells: str, phases: str, factor: float) -> None:
    """200 V a phase: 9 kVA are 45 A on one phase and 15 A on each of three (Enedis-NOI-CPT_54E)."""
    meter = METER.replace("PAPP", own).replace('label = "ISOUSC"', f'label = "{tells}"')
    spec = spec_of("subscribed", "tic.papp", "value = 90", phases, more=meter)
    assert (spec.other, spec.value) == ("tic.isousc", 90.0)
    assert spec.factor == pytest.approx(factor)


def test_a_meter_with_a_second_phase_has_three() -> None:
    third = '\n[[point]]\nid = "i2"\nbus = "tic"\ndriver = "teleinfo"\nlabel = "IINST2"\n'
    assert spec_of("subscribed", "tic.papp", "value = 90", more=METER + third).factor == 600.0


REFUSED = [
    # keys of the kind
    ("rate", "lab.t", ["value = 5"], "", "the key over_s is missing"),
    ("rate", "lab.t", ["over_s = 60"], "", "the key value is missing"),
    ("rate", "lab.t", ["value = 5", "over_s = 60", "‸rest_s = 5"], "", 'no meaning with kind = "rate"'),
    ("rate", "lab.t", ["value = 5", "over_s = 60", 'per = ‸"month"'], "", "one of second, minute, hour, day"),
    ("rate", "lab.t", ["value = ‸-5", "over_s = 60"], "", "can't be below 0"),
    ("rate", "door", ["value = 5", "over_s = 60"], "", "the point is a state"),
    ("rate", "lab.t", ["value = 5", "over_s = ‸0.5"], "", "shorter than the point's period_s (1)"),
    ("rate", "lab.t", ["value = 5", "over_s = ‸0"], "", "above 0 is expected"),
    ("deviation", "lab.t", ["value = 5"], "", "the key of is missing"),
    ("deviation", "lab.t", ["value = 5", 'of = ‸"lab.x"'], "", 'the nearest is "lab.t"'),
    ("deviation", "lab.t", ["value = 5", 'of = ‸"lab.t"'], "", "the limit's own point"),
    ("deviation", "lab.t", ["value = 5", 'of = ‸"door"'], "", "this point is a state: one with numbers"),
    ("deviation", "lab.t", ["value = 5", 'of = ‸"lab.rh"'], ROOM, "is in %RH and the limit's own in Cel"),
    ("deviation", "lab.t", ["value = 5", 'of = "lab.rh"', "deadband = ‸6"], ROOM, "could never end: it would at -1"),
    ("high", "lab.t", ['at = ‸"lab.t2"'], "", 'no such point; the nearest is "lab.t"'),
    ("high", "lab.t", ["‸value = 5", 'at = "water.cold"'], "", "no meaning beside at"),
    ("high", "lab.t", ['at = ‸"water.cold"'], "", "is in m3 and the limit's own in Cel"),
    ("high", "lab.t", ["value = 5", 'unit = ‸"l"'], "", "measures something else than the point, which is in Cel"),
    ("high", "water.cold", ["value = 5", 'unit = ‸"kWh"'], "", "which is in m3"),
    ("high", "water.cold", ["value = 5", 'unit = ‸"litre"'], "", 'write "l"'),
    ("high", "water.cold", ["value = 5", 'unit = ‸"furlong"'], "", "unknown unit; SenML names"),
    ("high", "lab.t", ["value = 300", 'unit = ‸"K"'], "", "which is in Cel"),
    ("high", "lab.t", ["value = 50", "‸over_s = 5"], "", 'no meaning with kind = "high"'),
    ("consumption", "lab.t", ["value = 5"], "", "only a counter consumes"),
    ("consumption", "water.cold", ["value = 5", 'per = ‸"minute"'], "", "one of hour, day, week, month"),
    ("consumption", "water.cold", ["value = 5", "‸deadband = 1"], "", "no meaning with kind"),
    ("consumption", "water.cold", ["value = 5", "‸on_delay_s = 1"], "", "no meaning with kind"),
    ("consumption", "water.cold", ["value = ‸-5"], "", "can't be below 0"),
    ("never_zero", "water.cold", [], "", "the key rest_s is missing"),
    ("never_zero", "water.cold", ["over_s = 60", "rest_s = ‸60"], "", "does not fit into over_s = 60"),
    ("never_zero", "water.cold", ["rest_s = 60", "‸on_delay_s = 1"], "", "no meaning with kind"),
    ("subscribed", "lab.t", ["value = 90"], "", "no point tells this meter's subscribed power"),
    ("subscribed", "tic.papp", ["value = 90", 'of = ‸"lab.t"'], METER, "this point is in Cel"),
    ("subscribed", "tic.papp", ["value = 90", '‸unit = "VA"'], METER, "no meaning with kind"),
    ("subscribed", "tic.papp", ["value = ‸0.9"], METER, "a share in percent is expected, such as 90"),
    ("subscribed", "tic.papp", ["value = ‸9000"], METER, "a share in percent is expected, such as 90"),
    ("subscribed", "tic.papp", ["value = ‸-90"], METER, "a share in percent is expected, such as 90"),
    ("subscribed", "tic.papp", [], METER, "the key value is missing"),
    ("subscribed", "water.cold", ["value = 90"], "", "the point is a counter"),
    ("subscribed", "tic.papp", ["value = 90", "phases = ‸2"], METER, "1, 3"),
    ("high_high", "lab.t", ["value = ‸30"], "", "high_high must be above high, which is 30 (line 41)"),
    ("high_high", "lab.t", ["value = ‸29"], "", "high_high must be above high, which is 30 (line 41)"),
    ("low", "lab.t", ["value = 30"], "", "high must be above low, which is 30"),
    ("low", "lab.t", ["value = 5", "deadband = ‸26"], "", "would end at 31 only: beyond the opposite limit (line 41)"),
    ("high", "lab.t", ['value = ‸"hot"'], "", "a number is expected"),
    ("stale", "lab.t", ["‸value = 5"], "", 'no meaning with kind = "stale"'),
    ("expression", "lab.t", [], "", "the key expression is missing"),
    ("expression", "lab.t", ['expression = ‸"lab.t"'], "", "a condition is expected"),
    ("expression", "lab.t", ['expression = ‸"lab.x > 1"'], "", "lab.t"),
    ("expression", "lab.t", ['expression = ‸"lab.t > water.cold"'], "", "m3"),
    ("expression", "lab.t", ["expression = ‸'door == \"ajar\"'"], "", "ajar"),
    ("expression", "lab.t", ["expression = ‸'__import__(\"os\") == 1'"], "", "__import__"),
    ("expression", "lab.t", ['expression = ‸"1 > 2"'], "", "at least one point"),
    ("expression", "lab.t", ['expression = ‸""'], "", "expression"),
    ("expression", "lab.t", ['expression = "lab.t > 1"', "‸value = 2"], "", 'no meaning with kind = "expression"'),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "point", "lines", "more", "message"), REFUSED)
def test_what_contradicts_is_refused_with_place_and_reason(
    kind: str, point: str, lines: list[str], more: str, message: str
) -> None:
    text = GOOD + more + limit(kind, point, *lines)
    report = refusal(text.replace(MARK, ""))
    shown = [number for number, line in enumerate(report.splitlines()) if message in line]
    assert shown, report
    if MARK in text:
        before = text[: text.index(MARK)]
        place = f"f.toml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        assert any(report.splitlines()[number - 1].startswith(place) for number in shown), report


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["value = 75", "deadband = 116"], "could never end: it would at -41, which is never read"),
        (["value = 80"], "can never be exceeded"),
        (["value = 90"], "can never be exceeded"),
    ],
)
def test_an_alarm_that_could_never_begin_or_end_is_refused(lines: list[str], message: str) -> None:
    assert message in refusal(RANGED + limit("high_high", "lab.t", *lines))


def test_a_limit_at_the_end_of_the_range_can_be_reached_when_it_is_included() -> None:
    assert spec_of("high_high", "lab.t", "value = 80", "or_equal = true", file=RANGED).or_equal


def test_a_limit_without_a_point_is_refused() -> None:
    assert "the key point is missing" in refusal(GOOD + '\n[[limit]]\nid = "x"\nkind = "high"\nvalue = 1\n')


def test_an_expression_is_of_its_first_point_where_none_is_named() -> None:
    text = '\n[[limit]]\nid = "x"\nkind = "expression"\nexpression = \'door == "open" and lab.t > 8\'\n'
    spec = specs(loads(GOOD + text))[1][-1]
    assert (spec.point, list(spec.inputs)) == ("door", ["door", "lab.t"])
    assert spec.inputs["door"].words == ("open", "closed")


def test_readers_of_figures_are_told_what_a_limit_compares() -> None:
    settings = loads(GOOD + METER + limit("subscribed", "tic.papp", "value = 90"))
    told = next(facts for facts in point_facts(settings) if facts.point == "tic.papp").limits[0]
    assert (told.value, told.unit, told.of) == (90.0, "/100", "tic.isousc")
    settings = loads(GOOD + METER + limit("high", "tic.papp", 'at = "tic.isousc"').replace("tic.isousc", "tic.pref")
                     + METER[METER.index("[[point]]"):METER.index('id = "tic.papp"')] + 'id = "tic.pref"\nbus = "tic"\n'
                     'driver = "teleinfo"\nlabel = "PREF"\n')  # fmt: skip
    told = next(facts for facts in point_facts(settings) if facts.point == "tic.papp").limits[0]
    assert (told.value, told.of) == (None, "tic.pref")


def test_every_kind_says_which_keys_it_has() -> None:
    assert set(get_args(LimitKind)) == set(KEYS)

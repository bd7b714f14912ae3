"""Templates: twelve apartments from one definition, and every fault at its place in the file."""

from __future__ import annotations

import pytest

from edge.settings.load import loads
from edge.settings.model import Settings
from edge.settings.specs import specs
from tests.unit.settings_good import GOOD, refusal

HEAD = """\
[box]
id = "b0042"

[site]
name = "Residence"

[bus.gpio]
kind = "gpio"

"""
APARTMENT = """\
[[template]]
id = "apartment"

[[template.point]]
id = "apt{n:02}.water"
name = { en = "Apartment {n} water", fr = "Eau appartement {n}" }
place = "apartment {n}"
bus = "gpio"
driver = "pulse"
pin = "{pin}"
weight = 0.01
weight_unit = "m3"

[[template.point]]
id = "apt{n:02}.flow"
bus = "gpio"
driver = "pulse"
channel = "flow"
pin = "{pin}"
weight = 0.01
weight_unit = "m3"

[[template.limit]]
id = "apt{n:02}.burst"
point = "apt{n:02}.flow"
kind = "high"
value = "{most}"
on_delay_s = 60

"""
USES = "".join(
    f'[[use]]\ntemplate = "apartment"\nvalues = {{ n = {n}, pin = {4 + n}, most = 2.5 }}\n' for n in range(1, 13)
)
LIST = (
    '[[use]]\ntemplate = "apartment"\nvalues = [\n'
    + "".join(f"  {{ n = {n}, pin = {4 + n}, most = 2.5 }},\n" for n in range(1, 13))
    + "]\n"
)
ONE = '[[use]]\ntemplate = "apartment"\nvalues = { n = 3, pin = 16, most = 2.5 }\n'


def ids(settings: Settings) -> list[str]:
    return [entry.point.id for entry in settings.points]


@pytest.mark.parametrize("uses", [USES, LIST], ids=["a use each", "one use, a list of values"])
def test_twelve_apartments_from_one_template_are_twelve_times_its_points_and_limits(uses: str) -> None:
    settings = loads(HEAD + APARTMENT + uses)
    assert ids(settings) == [f"apt{n:02}.{what}" for n in range(1, 13) for what in ("water", "flow")]
    assert [limit.id for limit in settings.limits] == [f"apt{n:02}.burst" for n in range(1, 13)]
    points, limits = specs(settings)
    assert len(points) == 24
    assert points[4].name == {"en": "Apartment 3 water", "fr": "Eau appartement 3"}
    assert [(limit.point, limit.value) for limit in limits[:2]] == [("apt01.flow", 2.5), ("apt02.flow", 2.5)]
    assert [entry.options.pin for entry in settings.points[::2]] == list(range(5, 17))


def test_a_value_alone_keeps_its_type_and_within_a_text_becomes_text() -> None:
    text = HEAD + (
        '[[template]]\nid = "door"\n[[template.point]]\nid = "{name}"\nplace = "floor {floor} {{west}}"\nbus = "gpio"\n'
        'driver = "contact"\npin = "{pin}"\nactive_low = "{low}"\nperiod_s = "{each}"\nwords = "{words}"\n'
        '[[use]]\ntemplate = "door"\n'
        'values = { name = "a.b", floor = -1, pin = 0x11, low = false, each = 0.5, words = ["shut", "open"] }\n'
    )
    (entry,) = loads(text).points
    assert (entry.point.id, entry.point.place, entry.point.period_s) == ("a.b", "floor -1 {west}", 0.5)
    assert (entry.options.pin, entry.options.active_low, entry.point.words) == (17, False, ["shut", "open"])


def test_rows_of_a_use_stand_after_those_of_the_file_and_may_name_them() -> None:
    settings = loads(GOOD + APARTMENT.replace('point = "apt{n:02}.flow"', 'point = "lab.t"') + ONE)
    assert ids(settings) == ["water.cold", "door", "lab.t", "apt03.water", "apt03.flow"]
    assert settings.limits[-1].point == "lab.t"


def test_a_template_that_nobody_uses_makes_nothing_and_is_no_fault() -> None:
    assert loads(HEAD + APARTMENT).points == []


def test_a_file_without_templates_is_read_as_before() -> None:
    assert ids(loads(GOOD)) == ["water.cold", "door", "lab.t"]


def report_of(old: str, new: str, uses: str = LIST) -> list[str]:
    text = HEAD + APARTMENT + uses
    assert text.count(old) >= 1
    return refusal(text.replace(old, new, 1)).splitlines()


def line_of(text: str, what: str) -> int:
    return text[: text.index(what)].count("\n") + 1


def test_a_fault_in_a_template_is_told_once_with_its_line_and_the_uses_that_have_it() -> None:
    lines = report_of("place =", "plaice =")
    at = line_of(HEAD + APARTMENT, "place =")
    assert lines[0] == f'f.toml:{at}:1  point "apt01.water".plaice'
    assert lines[1] == "   unknown key; did you mean place?"
    first = line_of(HEAD + APARTMENT + LIST, "{ n = 1,")
    assert lines[3] == f'   made by the use of "apartment" in line {first}: n = 1, pin = 5, most = 2.5, and by 11 more'
    assert lines[4:] == ["1 fault."]


def test_a_value_that_is_wrong_in_one_use_alone_names_that_use() -> None:
    lines = report_of("{ n = 7, pin = 11,", "{ n = 7, pin = 99,")
    at = line_of(HEAD + APARTMENT, "pin =")
    assert lines[0] == f'f.toml:{at}:7  point "apt07.water".pin = 99'
    assert lines[1] == "   a whole number from 0 to 27 is expected"
    use = line_of(HEAD + APARTMENT + LIST, "{ n = 7,")
    assert lines[2] == f'   made by the use of "apartment" in line {use}: n = 7, pin = 99, most = 2.5'


def test_two_uses_that_make_the_same_id_are_told_with_the_line_of_the_other_use() -> None:
    text = HEAD + APARTMENT + LIST
    lines = report_of("{ n = 2, pin = 6,", "{ n = 1, pin = 6,")
    first, second = line_of(text, "{ n = 1,"), line_of(text, "{ n = 2,")
    assert f"   this id is already used (line {first}); each needs its own" in lines
    assert sum(f"in line {second}: n = 1, pin = 6" in line for line in lines) >= 2  # both points, and the limit


def test_two_uses_of_one_pin_are_told_with_the_line_of_the_other_use() -> None:
    text = HEAD + APARTMENT + LIST
    lines = report_of("{ n = 2, pin = 6,", "{ n = 2, pin = 5,")
    first = line_of(text, "{ n = 1,")
    assert any("GPIO5" in line and f"(line {first})" in line for line in lines), lines


REFUSED = [
    ("values = { n = 3, pin = 16, most = 2.5 }", "values = { n = 3, most = 2.5 }", "the value pin is missing"),
    ("values = { n = 3, pin = 16, most = 2.5 }\n", "", "the value n is missing"),
    ("most = 2.5 }", "most = 2.5, mots = 1 }", "the template does not have this placeholder; did you mean most?"),
    ("most = 2.5 }", "most = 2.5, zzzz = 1 }", "the template does not have this placeholder; it has: most, n, pin"),
    ('template = "apartment"', 'template = "apartement"', 'no such template; the nearest is "apartment" (line 11)'),
    ('template = "apartment"\n', "", "the key template is missing"),
    ('template = "apartment"', "template = 3", "a text in quotes"),
    ("[[use]]", "[use]", "write [[use]] before each"),
    ("{ n = 3, pin = 16, most = 2.5 }", "[]", "without a set of values nothing is made"),
    ("{ n = 3, pin = 16, most = 2.5 }", "[3]", "is expected"),
    ("{ n = 3, pin = 16, most = 2.5 }", '"n = 3"', "is expected"),
    ("n = 3,", 'n = "three",', "such a value can't be written into a text"),
    ("n = 3,", "n = [3],", "such a value can't be written into a text"),
    ('place = "apartment {n}"', 'place = "apartment {N}"', "a placeholder is written {n}"),
    ('place = "apartment {n}"', 'place = "apartment {n"', "a brace itself is written twice"),
    ('place = "apartment {n}"', 'place = "{n + 1}"', "a placeholder is written {n}"),
    ('place = "apartment {n}"', 'place = "{n.__class__}"', "a placeholder is written {n}"),
    ('id = "apartment"\n', 'id = "apartment"\nplace = "x"\n', "a template has an id and tables"),
    ('id = "apartment"\n', "", "the key id is missing"),
    ("[[template]]", '[[template]]\nid = "apartment"\n[[template.point]]\n[[template]]', "this id is already used"),
    ("[[template.limit]]", '[[template.use]]\ntemplate = "apartment"\n[[template.limit]]', "holds no template"),
    ("[[template.limit]]", "[template.box]\n[[template.limit]]", "this table stands once and can't be repeated"),
    ("[[template.limit]]", "[[template.limits]]", "did you mean [[template.limit]]?"),
    ("[[template.limit]]", "[template.limit]", "write [[template.limit]] before each"),
    ("[[template]]", '[[template]]\nid = "empty"\n[[template]]', "this template holds nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), REFUSED, ids=[new[:32] for _, new, _ in REFUSED])
def test_a_template_or_use_that_is_wrong_is_refused_with_the_reason(old: str, new: str, message: str) -> None:
    lines = report_of(old, new, ONE)
    assert any(message in line for line in lines), lines


def test_a_value_is_taken_as_it_is_and_never_expanded_again() -> None:
    lines = report_of("n = 3,", "n = 3,", ONE.replace("pin = 16", 'pin = "{n}"'))
    assert any("a whole number from 0 to 27 is expected" in line for line in lines), lines


def test_a_secret_value_of_a_use_is_not_shown() -> None:
    text = HEAD + APARTMENT.replace('place = "apartment {n}"', 'place = 3\nrole = "{token}"') + ONE.replace(
        "n = 3,", 'n = 3, token = "hunter2",'
    )  # fmt: skip
    report = refusal(text)
    assert "token = …" in report
    assert "hunter2" not in report

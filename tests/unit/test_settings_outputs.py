"""Rules of outputs: what could never work is refused with its place, and what is written is what the engine gets."""

from __future__ import annotations

import pytest

from edge.settings.facts import point_facts
from edge.settings.load import loads
from edge.settings.model import Settings
from edge.settings.specs import output_spec, specs
from tests.unit.settings_good import GOOD, assert_fault

LAMP = 'pin = 22\nlimit = "lab.hot"'
NO_LIMIT = "pin = 22"
LINK = '[link.mqtt]\nhost = "broker.example.org"\n'

FAULTS = [
    (LAMP, f"{NO_LIMIT}\n‸by_command = false", 'output "lamp".by_command', "nothing could ever switch it"),
    (LAMP, 'pin = 22\nlimit = ‸""', 'output "lamp".limit', "no such limit"),
    ('id = "lamp"', 'id = ‸"door"', 'output "door".id = "door"', "this id is already used (line 24)"),
    (LAMP, f"{LAMP}\nmin_on_s = 60\nmax_on_s = ‸30", 'output "lamp".max_on_s', "at least min_on_s = 60"),
    (LAMP, f'{LAMP}\nsafe = "on"\n‸max_on_s = 30', 'output "lamp".max_on_s', "on is its safe state"),
    (LAMP, f'{LAMP}\nsafe = "on"\n‸min_off_s = 30', 'output "lamp".min_off_s', "switched on at once at each start"),
    (LAMP, f'{LAMP}\nsafe = ‸"closed"', 'output "lamp".safe', 'one of "off", "on" is expected'),
    (LAMP, f"{LAMP}\nsafe = ‸false", 'output "lamp".safe', 'one of "off", "on" is expected'),
    (LAMP, f"{LAMP}\nmin_on_s = ‸-1", 'output "lamp".min_on_s', "a number from 0"),
    (LAMP, f"{LAMP}\nmax_on_s = ‸0", 'output "lamp".max_on_s', "above 0 is expected"),
    (
        LAMP,
        f'{LAMP}\ndrive = "open_collector"\n‸active_high = true',
        'output "lamp".active_high',
        "on is 0 V there",
    ),
    (LAMP, f"{LAMP}\n‸readback_s = 5", 'output "lamp".readback_s', "needs readback_pin as well"),
    (LAMP, f"{LAMP}\nreadback_pin = ‸22", 'output "lamp".readback_pin = 22', 'already used by "lamp"'),
    (LAMP, f"{LAMP}\nreadback_pin = ‸27", 'output "lamp".readback_pin = 27', 'already used by "door" (line 28)'),
    (LAMP, f"{LAMP}\nreadback_pin = ‸28", 'output "lamp".readback_pin = 28', "from 0 to 27"),
    (
        LAMP,
        f'{LAMP}\nreadback_pin = 5\n[[output]]\nid = "b"\nbus = "gpio"\npin = ‸5',
        'output "b".pin = 5',
        'already used by "lamp"',
    ),
    (
        "number = 3",
        'number = 1\n[[output]]\nid = "b"\nbus = "gpio"\npin = 5\nreadback_pin = ‸3',
        'output "b".readback_pin = 3',
        'carries the bus "air"',
    ),
]


STUCK = '[[limit]]\nid = "lamp.stuck"\npoint = "lamp"\n'
FAULTS += [
    (
        LAMP,
        f'pin = 22\nlimit = ‸"lamp.stuck"\n{STUCK}kind = "fault"',
        'output "lamp".limit',
        "an output can't follow another",
    ),
    (LAMP, f'{LAMP}\n{STUCK}kind = "equal"\nvalue = ‸"running"', 'limit "lamp.stuck".value', "there are: off, on"),
    (LAMP, f'{LAMP}\n{STUCK}kind = ‸"high"\nvalue = 1', 'limit "lamp.stuck".kind', "the point is a state"),
]


@pytest.mark.parametrize(("old", "new", "head", "message"), FAULTS)
def test_an_output_that_could_never_work_is_refused(old: str, new: str, head: str, message: str) -> None:
    assert_fault(old, new, head, message)


def test_limits_may_watch_an_output() -> None:
    on = STUCK.replace("stuck", "on")
    settings = loads(GOOD.replace(LAMP, f'{LAMP}\n{STUCK}kind = "fault"\n{on}kind = "equal"\nvalue = "on"'))
    _points, limits = specs(settings)
    assert [(limit.id, limit.kind, limit.value) for limit in limits if limit.point == "lamp"] == [
        ("lamp.stuck", "fault", 0.0),
        ("lamp.on", "equal", 1.0),
    ]


def test_a_link_that_a_site_does_not_have_can_not_be_lost() -> None:
    assert_fault(f"{LAMP}\n\n{LINK}", f"{LAMP}\n‸link_lost_s = 60\n", 'output "lamp".link_lost_s', "no [link.mqtt]")


def lamp(more: str) -> Settings:
    return loads(GOOD.replace(LAMP, more))


def test_an_output_needs_neither_limit_nor_more_than_its_pin() -> None:
    (made,) = lamp(NO_LIMIT).outputs
    spec = output_spec(made)
    assert (spec.id, spec.limit, spec.safe, spec.by_command) == ("lamp", "", False, True)
    assert (spec.min_on_ms, spec.min_off_ms, spec.max_on_ms, spec.link_lost_ms, spec.feedback_ms) == (0, 0, 0, 0, 0)


def test_the_engine_gets_what_is_written_in_milliseconds() -> None:
    (made,) = lamp(
        f'{LAMP}\nsafe = "off"\nmin_on_s = 0.5\nmin_off_s = 180\nmax_on_s = 7200\nlink_lost_s = 900\n'
        'readback_pin = 5\nreadback_s = 0.2\nname = "Lamp"\nplace = "hall"'
    ).outputs
    spec = output_spec(made)
    assert (spec.min_on_ms, spec.min_off_ms, spec.max_on_ms, spec.link_lost_ms) == (500, 180_000, 7_200_000, 900_000)
    assert spec.feedback_ms == 200
    assert (spec.point.name["fr"], spec.point.place, spec.point.words) == ("Lamp", "hall", ("off", "on"))


def test_an_output_stands_among_the_points_that_exports_know() -> None:
    facts = point_facts(loads(GOOD))[-1]
    assert (facts.point, facts.kind, facts.words, facts.device) == ("lamp", "state", ("off", "on"), "GPIO22")
    assert facts.held_ms == 3_600_000, "a record that is an hour old still stands"

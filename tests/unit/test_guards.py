"""Inputs that guard something, tamper and mains: their words, their own alarm, a cut wire, French."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.cli.format import value_text
from edge.cli.words import Words
from edge.settings import event_text
from edge.settings.load import loads
from edge.settings.specs import specs
from hal.drivers.contact import Contact
from hal.fake.gpio import FakeGpio
from hal.fake.gpiochip import ChipGpio
from hal.sample import Sample
from tests.unit.rig import Rig
from tests.unit.settings_good import GOOD, assert_fault

S = 1_000_000_000
DOOR = 'id = "door"\nname = "Door"\nbus = "gpio"\ndriver = "contact"\npin = 27\nperiod_s = 90\n'
MAINS = f'{DOOR}[[point]]\nid = "power"\nbus = "gpio"\ndriver = "contact"\nuse = "mains"\npin = 5\n'
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture(params=[FakeGpio, ChipGpio], ids=["mock", "gpiod"])
def gpio(request: pytest.FixtureRequest) -> Iterator[FakeGpio]:
    board: FakeGpio = request.param()
    yield board
    board.close()


def opened(gpio: FakeGpio, use: str, **keys: Any) -> tuple[Contact, tuple[str, ...]]:
    options = msgspec.convert({"pin": 17, "use": use, **keys}, Contact.Options)
    driver = Contact(gpio.factory, {"p": options})
    driver.open()
    return driver, Contact.channel(options).words


def word_now(driver: Contact, words: tuple[str, ...], now_s: int) -> str:
    value = driver.read(["p"], now_s * S)[-1].value
    assert isinstance(value, int)
    return words[value]


@pytest.mark.parametrize(("use", "well", "trouble"), [("tamper", "intact", "tampered"), ("mains", "present", "lost")])
@pytest.mark.parametrize("pull", ["up", "down"])
def test_closed_is_well_and_a_cut_wire_is_the_trouble(
    gpio: FakeGpio, use: str, well: str, trouble: str, pull: str
) -> None:
    closed = pull == "down"
    gpio.drive(17, 0, level=closed)
    driver, words = opened(gpio, use, pull=pull)
    assert word_now(driver, words, 1) == well
    gpio.drive(17, 2 * S, level=not closed)  # what the resistor makes of a wire that is cut, or of an open contact
    assert word_now(driver, words, 3) == trouble
    driver.close()


@pytest.mark.parametrize("use", ["tamper", "mains"])
def test_an_input_that_nothing_is_wired_to_is_in_trouble_from_the_start(gpio: FakeGpio, use: str) -> None:
    driver, words = opened(gpio, use)
    assert word_now(driver, words, 1) in {"tampered", "lost"}
    driver.close()


def test_a_plain_contact_has_no_alarm_of_its_own() -> None:
    assert Contact.guard(msgspec.convert({"pin": 17}, Contact.Options)) is None
    assert [limit.id for limit in loads(GOOD).limits] == ["lab.hot", "door.open"]


def test_a_use_that_is_none_is_refused() -> None:
    assert_fault(DOOR, f'{DOOR}use = ‸"mians"\n', 'point "door".use = "mians"', 'did you mean "mains"?')


def limits_with(changed: str) -> dict[str, Any]:
    return {limit.id: limit for limit in loads(changed).limits}


def test_mains_bring_their_alarm_along_and_an_output_can_follow_it() -> None:
    lamp = GOOD.replace(DOOR, MAINS).replace('limit = "lab.hot"', 'limit = "power"')
    own = limits_with(lamp)["power"]
    assert (own.point, own.kind, own.value, own.priority, own.diagnosis) == ("power", "equal", 0, "high", "mains_lost")
    assert (own.on_delay_s, own.off_delay_s) == (5, 10)


def test_the_files_own_limit_replaces_it_but_one_on_the_quality_does_not() -> None:
    ruled = GOOD.replace(DOOR, MAINS) + '[[limit]]\nid = "cut"\npoint = "power"\nkind = "equal"\nvalue = "lost"\n'
    assert "power" not in limits_with(ruled)
    watched = GOOD.replace(DOOR, MAINS) + '[[limit]]\nid = "cut"\npoint = "power"\nkind = "fault"\n'
    assert {"power", "cut"} <= limits_with(watched).keys()


def test_a_limit_of_another_point_with_this_id_is_a_fault_and_not_an_alarm_less() -> None:
    changed = GOOD.replace(DOOR, MAINS).replace('id = "lab.hot"\npoint', 'id = "power"\npoint')
    with pytest.raises(ValueError, match="this id is already used"):
        loads(changed.replace('limit = "lab.hot"', 'limit = "power"'))


def test_other_words_keep_the_alarm_on_the_open_contact() -> None:
    changed = GOOD.replace(DOOR, f'{MAINS}words = ["secteur coupe", "secteur la"]\n')
    points, limits = specs(loads(changed))
    assert next(point for point in points if point.id == "power").words == ("secteur coupe", "secteur la")
    assert next(limit for limit in limits if limit.id == "power").value == 0


def mains_rig() -> Rig:
    points, limits = specs(loads(GOOD.replace(DOOR, MAINS)))
    power = msgspec.structs.replace(next(point for point in points if point.id == "power"), id="p")
    return Rig(power, msgspec.structs.replace(next(limit for limit in limits if limit.id == "power"), point="p"))


def edge(rig: Rig, t_s: float, value: int) -> None:
    rig.cycle(int(t_s) + 1, Sample("p", round(t_s * S), value))
    rig.tick(int(t_s) + 1)


def test_mains_lost_is_said_after_five_seconds_and_their_return_after_ten() -> None:
    rig = mains_rig()
    edge(rig, 0.5, 1)
    edge(rig, 10.25, 0)
    rig.each_second(12, *[0] * 20)
    edge(rig, 40.5, 1)
    rig.each_second(42, *[1] * 20)
    told = [(event.kind, event.at_ms) for event in rig.events]  # a delay ends with the first look after it
    assert told == [("state", 10_250), ("alarm_begin", 16_000), ("state", 40_500), ("alarm_end", 51_000)]


def test_a_dip_is_two_events_and_no_alarm() -> None:
    rig = mains_rig()
    edge(rig, 0.5, 1)
    edge(rig, 10.25, 0)
    edge(rig, 13.0, 1)
    rig.each_second(15, *[1] * 10)
    assert [event.kind for event in rig.events] == ["state", "state"]
    rig.tick(121)
    (record,) = [record for record in rig.records if record.changes == 2]
    assert (record.value, record.duration_ms) == (1, 60_000 - 2750 - 500)


def test_what_happened_reads_in_both_languages() -> None:
    rig = mains_rig()
    edge(rig, 0.5, 1)
    edge(rig, 10.25, 0)
    rig.each_second(12, *[0] * 8)
    state, begin = rig.events
    said = {
        lang: [event_text.sentence(lang, PARIS, e.kind, "p", e.values) for e in (state, begin)] for lang in ("en", "fr")
    }
    assert said["en"] == ["p: changed: present -> lost (1 -> 0)", "p: alarm 1 STATE lost (mains lost)"]
    assert said["fr"][0].endswith("présent -> coupé (1 -> 0)")
    assert said["fr"][1].endswith("coupé (coupure secteur)")


def test_a_states_word_is_translated_and_a_sites_own_is_not() -> None:
    view = {"value": 0, "quality": "good", "word": "tampered", "unit": ""}
    assert value_text(view, word=Words("fr").state) == "autoprotection ouverte"
    assert value_text({**view, "word": "en marche"}, word=Words("fr").state) == "en marche"
    assert value_text({**view, "quality": "bad"}, word=Words("fr").state) == "-"

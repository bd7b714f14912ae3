"""The status lamp: the table, how the box is, what the kernel is told, what is heard, and lamps that are not there."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from edge.cli.doctor import LEDS, has_lamp
from edge.cli.update_usb import show
from edge.core.health import BAD_FOR_MS, DOWN_FOR_MS, health
from edge.runtime.card_start import tell
from edge.runtime.lamp import HEARD_S, LASTS_S, LOOK_S, RENEW_S, RETRY_S, Ears, StatusLamp
from edge.runtime.signals import heard_as, lamp_opener, show_refused
from edge.settings.card_verdict import Verdict
from edge.settings.lamp import lamp_page, lamp_table
from edge.settings.load import loads
from edge.settings.model import Led
from hal.fake.gpio import FakeGpio
from hal.fake.lamp import FakeLamp
from hal.lamp import BoardLamp, LampError, PinLamp, board_lamp
from hal.sample import BAD, GOOD, UNCERTAIN, Cycle, Notice, Sample
from tests.support import ROOT
from tests.unit.rig import Rig, gauge
from tests.unit.settings_good import GOOD as SITE
from tests.unit.settings_good import assert_fault

S = 1_000_000_000
TABLE = lamp_table()
UP = {"state": "up", "since_utc_ms": 0, "problems": []}


# -- the table


def test_the_table_has_a_pattern_for_every_state_and_they_can_be_told_apart() -> None:
    patterns = {row.name: row.pattern_ms for row in TABLE.state}
    assert list(patterns) == ["failed", "no_link", "look", "well", "off"]
    assert len(set(patterns.values())) == len(patterns)
    assert all(len(pattern) % 2 == 0 and min(pattern, default=1) > 0 for pattern in patterns.values())
    assert sum(patterns["well"]) == 5000
    assert patterns["off"] == TABLE.pattern_ms("no such state") == ()


def test_the_page_says_what_the_table_says() -> None:
    assert lamp_page() in (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    assert all(set(row.means) == {"en", "fr"} for row in (*TABLE.state, *TABLE.heard))


# -- how the box is


def state_of(rig: Rig, now_s: float = 100.0, links: Any = (), *, is_kept: bool = True, is_sound: bool = True) -> str:
    points = rig.engine.points.values()
    return health(points, links, round(now_s * 1000), round(now_s * 1000), is_kept=is_kept, is_sound=is_sound)


def read(*values: Any) -> Rig:
    rig = Rig(gauge())
    rig.each_second(90, *values)
    return rig


def test_all_well_is_said_of_a_box_whose_points_have_values() -> None:
    assert state_of(read(20.0, 21.0)) == "well"
    assert state_of(Rig()) == "well"


def test_a_point_without_a_value_is_looked_at_once_it_lasted() -> None:
    rig = read(20.0, None)
    assert state_of(rig, 91 + BAD_FOR_MS / 1000 - 0.001) == "well"
    assert state_of(rig, 91 + BAD_FOR_MS / 1000) == "look"


def test_a_meter_whose_flow_is_not_known_yet_is_no_trouble() -> None:
    rig = Rig(gauge())
    rig.cycle(1, Sample("p", S, None, BAD, "no_pulse"))
    assert state_of(rig, 1000) == "well"


def test_the_most_pressing_state_is_shown() -> None:
    rig = read(None)
    down = {"state": "down", "since_utc_ms": 0, "problems": ["store_degraded"]}
    assert state_of(rig, 500, [down], is_kept=False) == "failed"
    assert state_of(rig, 500, [down]) == "no_link"
    assert state_of(rig, 500, [UP]) == "look"
    assert state_of(read(20.0), 100, [UP], is_sound=False) == "look"


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ({"state": "down", "since_utc_ms": 100_000 - DOWN_FOR_MS + 1, "problems": []}, "well"),
        ({"state": "opening", "since_utc_ms": 100_000 - DOWN_FOR_MS, "problems": []}, "no_link"),
        ({**UP, "problems": ["unacknowledged"]}, "no_link"),
        ({**UP, "problems": ["duplicate_id"]}, "look"),
        (UP, "well"),
    ],
)
def test_a_link_is_missed_after_a_minute_or_when_nobody_acknowledges(link: dict[str, Any], shown: str) -> None:
    assert state_of(read(20.0), 100, [link]) == shown


# -- the worker


class Front:
    """A status lamp in virtual time."""

    def __init__(self, *answers: Any, wiring: Any = None) -> None:
        self.lamp = FakeLamp(answers or ("never",))
        self.state = "well"
        self.now_s = 5000.0 if wiring is None else 10.0
        self.steps = 0
        self.worker = StatusLamp(lambda: self.lamp, TABLE, lambda: self.state, Ears(wiring or {}))

    def run(self, seconds: float) -> list[tuple[float, bool]]:
        """Let it work for so long; return each change with its time since then."""
        begin_s, changes = self.now_s, []
        due_s = self.worker.step(self.now_s)
        while True:
            self.steps += 1
            changes += [(round(self.now_s - begin_s, 3), on) for on in self.lamp.lit]
            self.lamp.lit.clear()
            if due_s >= begin_s + seconds:
                break
            self.now_s = due_s
            due_s = self.worker.step(due_s)
        self.now_s = begin_s + seconds
        return changes


def test_all_well_is_a_tenth_of_a_second_each_five_and_two_steps() -> None:
    front = Front()
    assert front.run(12) == [(0, True), (0.1, False), (5.0, True), (5.1, False), (10.0, True), (10.1, False)]
    assert front.steps == 6


def test_no_link_is_three_blinks_and_a_pause() -> None:
    front = Front()
    front.state = "no_link"
    lit = [time_s for time_s, on in front.run(2.9) if on]
    assert lit == pytest.approx([0, 0.4, 0.8])


def test_a_new_state_is_shown_when_the_pattern_has_come_round() -> None:
    front = Front()
    front.run(4)
    front.state = "failed"
    assert [time_s for time_s, on in front.run(1.5) if on] == pytest.approx([1.0, 1.2, 1.4])


def test_where_the_kernel_blinks_nobody_wakes_but_to_look() -> None:
    front = Front("playing")
    front.run(120)
    assert front.steps <= 120 / LOOK_S + 1
    assert {pattern for pattern, _ in front.lamp.played} == {(100, 4900)}
    assert 120 / RENEW_S <= len(front.lamp.played) <= 120 / RENEW_S + 1
    assert LASTS_S > RENEW_S + LOOK_S  # it never goes dark between two looks
    front.state = "look"
    front.run(LOOK_S)
    assert front.lamp.played[-1] == ((1000, 1000), LASTS_S)


def test_a_kernel_that_is_not_ready_is_asked_again_in_a_second() -> None:
    front = Front("soon", "soon", "playing")
    front.run(2.5)
    assert len(front.lamp.played) == 1
    assert front.steps == 3


def test_a_lamp_that_may_not_be_switched_is_said_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    front = Front()
    front.lamp.fault = PermissionError(errno.EACCES, "no right")
    with caplog.at_level(logging.WARNING):
        front.run(3 * RETRY_S)
    assert len(caplog.records) == 1
    front.lamp.fault = None
    assert [on for _, on in front.run(RETRY_S + 1)][:2] == [True, False]


def test_it_is_dark_at_the_end() -> None:
    front = Front()
    front.run(1)
    front.worker.close()
    assert front.lamp.is_closed


# -- what is heard

WIRING = {
    "water": ("gpio/GPIO17", "pulse"),
    "papp": ("linky/meter", "frame"),
    "hchp": ("linky/meter", "frame"),
    "t": ("w1/28-1", "probe"),
    "door": ("", ""),
}


def cycle(t_s: float, *samples: tuple[str, Any, int]) -> Cycle:
    return Cycle(
        "b", round(t_s * S), [Sample(point, round(t_s * S), value, quality) for point, value, quality in samples]
    )


def test_a_pulse_is_one_flash_a_frame_two_a_new_probe_three() -> None:
    ears = Ears(WIRING)
    assert ears.flashes(cycle(1, ("water", 0, GOOD))) == []
    assert ears.flashes(cycle(2, ("water", 2, GOOD))) == [1, 1]
    assert ears.flashes(cycle(3, ("papp", 500, GOOD), ("hchp", 1, GOOD))) == [2]
    assert ears.flashes(cycle(4, ("t", 20.0, GOOD))) == [3]
    assert ears.flashes(cycle(5, ("t", 20.5, GOOD), ("door", 1, GOOD), ("nobody", 1, GOOD))) == []


def test_nothing_is_heard_of_bad_readings_old_frames_and_counts_begun_anew() -> None:
    ears = Ears(WIRING)
    assert ears.flashes(cycle(1, ("t", None, BAD), ("papp", None, BAD), ("water", 7, GOOD))) == []
    assert ears.flashes(cycle(2, ("papp", 1, UNCERTAIN))) == []
    assert ears.flashes(cycle(3, ("papp", 1, GOOD))) == [2]
    assert ears.flashes(cycle(3, ("papp", 1, GOOD))) == []
    assert ears.flashes(cycle(4, ("water", 0, GOOD))) == []
    assert ears.flashes(cycle(5, ("water", 100, GOOD))) == [1, 1, 1]
    assert ears.flashes(Cycle("b", 6 * S, [])) == []


def test_what_is_heard_flashes_over_the_state_and_the_state_comes_back() -> None:
    front = Front(wiring=WIRING)
    woken: list[bool] = []
    front.worker.wake = lambda: woken.append(True)
    front.run(2)
    front.worker.hear(cycle(front.now_s, ("papp", 500, GOOD)))
    assert woken
    flashed = front.run(6)
    assert [time_s for time_s, on in flashed if on][:3] == pytest.approx([0, 0.25, 1.0])  # two, a pause, and all well


def test_after_half_an_hour_nothing_is_heard_any_more() -> None:
    front = Front(wiring=WIRING)
    woken: list[bool] = []
    front.worker.wake = lambda: woken.append(True)
    front.worker.hear(cycle(HEARD_S + 1, ("t", 20.0, GOOD)))
    front.worker.hear(cycle(10, ("t", 20.0, GOOD)))
    assert woken == []


def test_each_point_of_a_site_is_heard_as_what_it_is() -> None:
    found = {entry.point.id: heard_as(entry) for entry in loads(SITE).points}
    assert found == {"water.cold": ("gpio/GPIO17", "pulse"), "door": ("", ""), "lab.t": ("air/0x44", "probe")}


# -- lamps


@pytest.fixture
def leds(tmp_path: Path) -> Path:
    """Return a folder as /sys/class/leds, with the board's own LED on the card's trigger."""
    led = tmp_path / "leds" / "ACT"
    led.mkdir(parents=True)
    facts = {"max_brightness": "255\n", "brightness": "0", "trigger": "none [mmc0] timer pattern oneshot\n"}
    for name, text in {**facts, "pattern": "", "repeat": "-1"}.items():
        (led / name).write_text(text, encoding="ascii")
    return tmp_path / "leds"


def written(led: Path, name: str) -> str:
    """Return what was written last; a file of /sys takes each write as a whole, this one keeps what is longer."""
    return (led / name).read_text("ascii")


def test_the_boards_led_is_taken_from_its_trigger_and_lit(leds: Path) -> None:
    lamp = board_lamp(leds)
    assert written(leds / "ACT", "trigger").startswith("none")
    lamp.light(on=True)
    assert written(leds / "ACT", "brightness") == "255"
    lamp.close()
    assert written(leds / "ACT", "brightness").startswith("0")


def test_the_kernel_gets_steps_that_do_not_dim_and_an_end(leds: Path) -> None:
    lamp = board_lamp(leds)
    assert lamp.play((100, 4900), 60) == "playing"
    assert written(leds / "ACT", "trigger").startswith("pattern")
    assert written(leds / "ACT", "pattern") == "255 100 255 0 0 4900 0 0"
    assert written(leds / "ACT", "repeat") == "12"


def test_a_kernel_without_patterns_and_the_dark_are_left_to_us(leds: Path) -> None:
    assert board_lamp(leds).play((), 60) == "never"
    (leds / "ACT" / "trigger").write_text("[none] timer", encoding="ascii")
    assert board_lamp(leds).play((100, 100), 60) == "never"


def test_files_that_never_come_end_the_tries(leds: Path) -> None:
    (leds / "ACT" / "pattern").unlink()
    lamp = board_lamp(leds)
    assert [lamp.play((100, 100), 60) for _ in range(4)] == ["soon", "soon", "never", "never"]


def test_a_board_without_its_led_and_a_name_that_is_none_are_said_with_what_there_is(
    tmp_path: Path, leds: Path
) -> None:
    with pytest.raises(LampError, match=r"no LED of its own \(ACT\); there are: none"):
        board_lamp(tmp_path / "nothing")
    with pytest.raises(LampError, match='no LED is named "red"; there are: ACT'):
        board_lamp(leds, "red")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_a_led_that_may_not_be_written_names_the_group(leds: Path) -> None:
    (leds / "ACT" / "trigger").chmod(0o444)
    with pytest.raises(LampError, match="group gpio"):
        board_lamp(leds)


def test_a_led_that_has_gone_is_named(leds: Path) -> None:
    (leds / "ACT" / "max_brightness").unlink()
    with pytest.raises(LampError, match=r"status LED .*ACT: No such file"):
        BoardLamp(leds / "ACT")


def test_a_lamp_on_a_pin_is_dark_at_first_and_lit_by_its_polarity() -> None:
    gpio = FakeGpio()
    lamp = PinLamp(26, gpio.factory, active_high=False)
    pin = gpio.factory.pin(26)
    assert pin.state
    lamp.light(on=True)
    assert not pin.state
    assert lamp.play((100, 100), 60) == "never"
    with pytest.raises(LampError, match="GPIO26"):
        PinLamp(26, gpio.factory, active_high=True)
    lamp.close()
    gpio.close()


def test_a_box_has_the_lamp_of_its_settings(leds: Path) -> None:
    gpio = FakeGpio()
    assert lamp_opener(Led(enabled=False), leds, {}, {}) is None
    assert lamp_opener(Led(), None, {}, {}) is None
    own = lamp_opener(Led(), leds, {}, {})
    assert own is not None
    assert isinstance(own(), BoardLamp)
    pinned = lamp_opener(Led(pin=26, bus="gpio"), None, {}, {"gpio": gpio.factory})
    assert pinned is not None
    lamp = pinned()
    assert isinstance(lamp, PinLamp)
    lamp.close()
    gpio.close()


@pytest.mark.parametrize("names", [[], ["PWR"], ["PWR", "mmc0::"], None])
def test_a_board_without_its_led_runs_without_a_lamp_and_only_doctor_says_it(
    tmp_path: Path, names: list[str] | None
) -> None:
    """As a Pi 400, whose one LED is the supply's, and a CM3, which has none."""
    leds = tmp_path / LEDS
    for name in names or ():
        (leds / name).mkdir(parents=True)
    assert lamp_opener(Led(), leds, {}, {}) is None
    show_refused(leds)
    show("look", leds)
    assert has_lamp(Led(), tmp_path), "no machine of a card: nothing is said"
    tell(tmp_path, Verdict(state="unchanged"))
    assert not has_lamp(Led(), tmp_path)
    assert has_lamp(Led(enabled=False), tmp_path)
    assert has_lamp(Led(pin=26, bus="gpio"), tmp_path)
    assert has_lamp(Led(name="PWR"), tmp_path) == ("PWR" in (names or ()))


def test_a_board_with_its_led_has_a_lamp(leds: Path, tmp_path: Path) -> None:
    (tmp_path / "sys/class").mkdir(parents=True)
    leds.rename(tmp_path / LEDS)
    tell(tmp_path, Verdict(state="unchanged"))
    assert has_lamp(Led(), tmp_path)


def test_refused_settings_show_on_the_boards_led(leds: Path, tmp_path: Path) -> None:
    show_refused(leds)
    assert written(leds / "ACT", "pattern") == "255 1000 255 0 0 1000 0 0"
    show_refused(tmp_path / "nothing")


# -- settings


@pytest.mark.parametrize(
    ("led", "head", "message"),
    [
        ("‸[led]\npin = 26\n", "[led]", "the key bus is missing"),
        ('[led]\n‸bus = "gpio"\n', "led.bus", "has no meaning without pin"),
        ('[led]\npin = ‸17\nbus = "gpio"\n', "led.pin = 17", "is already used by"),
        ('[led]\npin = ‸28\nbus = "gpio"\n', "led.pin = 28", "from 0 to 27"),
        ('[led]\npin = 26\nbus = ‸"air"\n', 'led.bus = "air"', "needs a bus of kind gpio"),
        ('[led]\npin = 26\nbus = "gpio"\n‸name = "x"\n', "led.name", "either on a pin"),
        ("[led]\n‸color = 3\n", "led.color", "unknown key"),
    ],
)
def test_a_lamp_that_can_not_be_is_a_fault(led: str, head: str, message: str) -> None:
    assert_fault("[bus.gpio]", f"{led}\n[bus.gpio]", head, message)


def test_a_lamp_on_a_pin_is_taken_as_written() -> None:
    settings = loads(SITE.replace("[bus.gpio]", '[led]\npin = 26\nbus = "gpio"\n[bus.gpio]'))
    assert (settings.led.pin, settings.led.bus, settings.led.active_high) == (26, "gpio", True)
    assert loads(SITE).led == Led()


def test_a_probe_that_no_point_names_flashes_as_a_device_does() -> None:
    ears = Ears(WIRING)
    for kind, flashes in (("probe_new", [3]), ("probe_swapped", [3]), ("probe_copy", []), ("device_lost", [])):
        assert ears.flashes(Cycle("w1", 1, [], [Notice(kind, 1, {"device": "28-3c01f0950002"})])) == flashes

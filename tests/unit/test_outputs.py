"""The pins of outputs: safe before and after, driven and read back, and never a reason to stop."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge.core.read_back import MISMATCH, ReadBack
from edge.runtime.outputs import RETRY_MS, Outputs
from edge.settings.model import Output
from hal.buses import Gpio
from hal.fake.gpio import FakeGpio
from hal.fake.gpiochip import ChipGpio


def output(name: str = "pump", pin: int = 5, **more: Any) -> Output:
    return Output(id=name, bus="gpio", pin=pin, **more)


def opened(factory: Any, *outputs: Output) -> Outputs:
    made = Outputs(outputs)
    made.open({"gpio": factory})
    return made


def levels(factory: Any, pin: int) -> list[bool]:
    """Return the levels that a pin was driven to, in order."""
    return [state.state for state in factory.pin(pin).states]


@pytest.fixture
def factory() -> Any:
    return MockFactory()


Boards = Callable[[], FakeGpio]


@pytest.fixture(params=[FakeGpio, ChipGpio], ids=["gpiozero's mock", "gpiod"])
def board(request: pytest.FixtureRequest) -> Any:
    made = request.param()
    yield made
    made.close()


def test_an_output_is_off_at_the_start_and_at_the_end(factory: Any) -> None:
    outputs = opened(factory, output("lamp", 5), output("horn", 6))
    assert (factory.pin(5).function, factory.pin(5).state) == ("output", False)
    outputs.drive("lamp", on=True)
    assert (factory.pin(5).state, factory.pin(6).state) == (True, False)
    outputs.close()
    assert levels(factory, 5)[-2:] == [True, False]
    assert factory.pin(5).function == "input", "the pin is given back"
    outputs.close()
    outputs.drive("lamp", on=True)
    assert levels(factory, 5)[-1] is False


def test_a_board_that_switches_on_at_0_v_is_never_on_by_mistake(factory: Any) -> None:
    outputs = opened(factory, output(pin=7, active_high=False))
    assert factory.pin(7).state, "high is off"
    outputs.drive("pump", on=True)
    assert not factory.pin(7).state
    assert outputs.read("pump", 0) == ReadBack(level=True)
    outputs.close()
    assert levels(factory, 7)[-2:] == [False, True]


def test_one_whose_safe_state_is_on_begins_on_and_goes_back_to_it(factory: Any) -> None:
    outputs = opened(factory, output(safe="on"))
    assert factory.pin(5).state
    outputs.drive("pump", on=False)
    outputs.rest()
    assert factory.pin(5).state


def test_what_is_driven_after_the_rest_moves_nothing_and_nothing_is_read(factory: Any) -> None:
    with closing(opened(factory, output())) as outputs:
        outputs.drive("pump", on=True)
        outputs.rest()
        outputs.drive("pump", on=True)
        assert not factory.pin(5).state
        assert outputs.read("pump", 0) is None


def test_what_was_driven_is_read_back_from_the_pin_itself(board: FakeGpio) -> None:
    with closing(opened(board.factory, output())) as outputs:
        assert outputs.read("pump", 0) == ReadBack(level=False)
        outputs.drive("pump", on=True)
        assert outputs.read("pump", 0) == ReadBack(level=True)
        board.hold(5, level=False)
        assert outputs.read("pump", 0) == ReadBack(level=False), "short circuit to ground"
        board.hold(5, level=None)
        assert outputs.read("pump", 0) == ReadBack(level=True)
        outputs.drive("pump", on=False)
        board.hold(5, level=True)
        assert outputs.read("pump", 0) == ReadBack(level=True)


def test_an_open_collector_pulls_to_0_v_or_lets_go(board: FakeGpio) -> None:
    board.drive(5, 0, level=True)  # what is wired to it pulls up
    pin = board.factory.pin(5)
    with closing(opened(board.factory, output(drive="open_collector"))) as outputs:
        assert (pin.function, outputs.read("pump", 0)) == ("input", ReadBack(level=False))
        outputs.drive("pump", on=True)
        assert (pin.function, pin.state, outputs.read("pump", 0)) == ("output", False, ReadBack(level=True))
        outputs.drive("pump", on=False)
        assert (pin.function, outputs.read("pump", 0)) == ("input", ReadBack(level=False))
        outputs.drive("pump", on=True)
    assert pin.function == "input"


def test_a_feedback_contact_tells_the_real_state_and_the_pin_must_agree_too(board: FakeGpio) -> None:
    board.contact(6, 0, closed=False)
    with closing(opened(board.factory, output(readback_pin=6))) as outputs:
        assert outputs.read("pump", 0) == ReadBack(level=False)
        outputs.drive("pump", on=True)
        assert outputs.read("pump", 0) == ReadBack(level=False), "the relay sticks"
        board.contact(6, 1, closed=True)
        assert outputs.read("pump", 0) == ReadBack(level=True)
        board.hold(5, level=False)
        assert outputs.read("pump", 0) == ReadBack(level=True, reason=MISMATCH)


@pytest.mark.parametrize(("pull", "active_low", "level"), [("down", False, True), ("floating", True, False)])
def test_a_feedback_contact_is_wired_in_any_way(board: FakeGpio, pull: Any, active_low: bool, level: bool) -> None:
    board.drive(6, 0, level=level)
    wired = output(readback_pin=6, readback_pull=pull, readback_active_low=active_low)
    with closing(opened(board.factory, wired)) as outputs:
        assert outputs.read("pump", 0) == ReadBack(level=True, reason="")


def test_an_output_that_does_not_open_is_logged_and_tried_again_and_the_others_work(
    factory: Any, caplog: pytest.LogCaptureFixture
) -> None:
    first = opened(factory, output("lamp", 5))
    with closing(opened(factory, output("twin", 5), output("horn", 6))) as second:
        assert "output twin on GPIO5 does not open" in caplog.text
        second.drive("horn", on=True)
        second.drive("twin", on=True)
        assert factory.pin(6).state
        assert not factory.pin(5).state
        back = second.read("twin", 1)
        assert back is not None
        assert (back.level, back.reason) == (None, "not_open")
        assert "5" in back.text
        first.close()
        assert second.read("twin", RETRY_MS) == back, "not yet tried again"
        assert second.read("twin", RETRY_MS + 1) == ReadBack(level=True), "it takes up what it was driven to"
        assert caplog.text.count("does not open") == 1
        assert factory.pin(5).state


@pytest.mark.parametrize("safe", ["off", "on"])
def test_an_output_is_driven_also_while_its_feedback_contact_is_held_by_another(
    safe: Any, caplog: pytest.LogCaptureFixture
) -> None:
    board = ChipGpio()
    board.chip.lines[6].held_by = "picocom"
    with closing(opened(board.factory, output(readback_pin=6, safe=safe))) as outputs:
        pin = board.chip.lines[5]
        assert pin.outputs[-1] == (safe == "on"), "in its safe state, and not let go"
        for now_ms in (0, 5000):
            back = outputs.read("pump", now_ms)
            assert back is not None
            assert back.level is None
            assert "held by picocom" in back.text
        assert caplog.text.count("can't be read back") == 1
        outputs.drive("pump", on=safe == "off")
        assert pin.outputs[-1] == (safe == "off")
        board.chip.lines[6].held_by = ""
        back = outputs.read("pump", 10_000)
        assert back is not None
        assert back.level is not None, "heard as soon as it can be"
    board.close()


def test_a_chip_that_goes_away_is_bad_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    board = ChipGpio()
    outputs = opened(board.factory, output())
    board.chip.is_gone = True
    for now_ms in (0, 5000):
        back = outputs.read("pump", now_ms)
        assert back is not None
        assert (back.level, back.reason) == (None, "bus_error")
        assert f"errno {errno.ENODEV}" in back.text
    assert caplog.text.count("can't be read back") == 1
    outputs.drive("pump", on=True)
    board.chip.is_gone = False
    assert outputs.read("pump", 9000) == ReadBack(level=True), "driven again before it is believed"
    outputs.close()
    board.close()


def test_a_line_is_left_as_it_is_driven_only_where_on_is_the_safe_state() -> None:
    board = ChipGpio()
    opened(board.factory, output("off", 5), output("on", 6, safe="on")).close()
    lines = board.chip.lines
    assert (lines[5].directions[-1], lines[5].outputs[-1]) == ("INPUT", False)
    assert (lines[6].directions[-1], lines[6].outputs[-1]) == ("OUTPUT", True)
    assert lines[6].request is None, "given back all the same"
    board.close()


def test_an_output_is_explained_from_its_pins(board: FakeGpio) -> None:
    board.contact(6, 0, closed=False)
    with closing(opened(board.factory, output(readback_pin=6, min_off_s=60.0))) as outputs:
        outputs.drive("pump", on=True)
        assert outputs.explain("pump")["sample"] is None
        outputs.read("pump", 7)
        known = outputs.explain("pump")
        assert (known["sample"]["value"], known["sample"]["t_ns"]) == (0, 7_000_000), "the contact's word"
        assert (known["bus"], known["device"], known["is_open"], known["fault"]) == ("gpio", "GPIO5", True, "")
        assert known["raw"] == "GPIO5 high, GPIO6 high"
        assert known["options"] == {"pin": 5, "min_off_s": 60.0, "readback_pin": 6}
        assert outputs.explain("pomp") == {}


def test_an_output_of_a_real_bus_asks_for_the_chip_of_its_bus_and_never_for_gpiozeros_own_choice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outputs = Outputs([output()], {"gpio": ("gpio", Gpio(chip="no-such-chip"))})
    with closing(outputs):
        outputs.open({})
        outputs.drive("pump", on=True)
    assert 'no GPIO chip is named "no-such-chip"' in caplog.text
    assert Device.pin_factory is None


def test_no_outputs_need_no_pin_library() -> None:
    with closing(Outputs([])) as outputs:
        outputs.open({})
        outputs.drive("pump", on=True)
        assert outputs.read("pump", 0) is None

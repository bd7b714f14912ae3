"""Outputs on simulated pins: on while their alarm lasts, off before and after, and never a reason to stop."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge.runtime.outputs import Outputs
from edge.settings.model import Output
from hal.buses import Gpio


def output(name: str, pin: int, limit: str = "hot", **more: Any) -> Output:
    return Output(id=name, bus="gpio", pin=pin, limit=limit, **more)


def levels(factory: Any, pin: int) -> list[bool]:
    """Return the levels that a pin was driven to, in order."""
    return [state.state for state in factory.pin(pin).states]


@pytest.fixture
def factory() -> Any:
    return MockFactory()


def test_an_output_follows_its_limit_and_is_off_at_the_end(factory: Any) -> None:
    outputs = Outputs([output("lamp", 5), output("horn", 6, "other")], {"gpio": factory})
    assert (factory.pin(5).function, factory.pin(5).state) == ("output", False)
    outputs.follow("hot", True)
    assert (factory.pin(5).state, factory.pin(6).state) == (True, False)
    outputs.follow("hot", True)
    outputs.follow("hot", False)
    assert not factory.pin(5).state
    outputs.follow("hot", True)
    outputs.close()
    assert levels(factory, 5)[-2:] == [True, False]
    assert factory.pin(5).function == "input", "the pin is given back"
    outputs.close()
    outputs.follow("hot", True)
    assert levels(factory, 5)[-1] is False


def test_a_board_that_switches_on_at_0_v_is_never_on_by_mistake(factory: Any) -> None:
    outputs = Outputs([output("relay", 7, active_high=False)], {"gpio": factory})
    assert factory.pin(7).state, "high is off"
    outputs.follow("hot", True)
    assert not factory.pin(7).state
    outputs.close()
    assert levels(factory, 7)[-2:] == [False, True]


def test_several_outputs_may_follow_one_limit_and_an_unknown_limit_moves_none(factory: Any) -> None:
    with closing(Outputs([output("lamp", 5), output("horn", 6)], {"gpio": factory})) as outputs:
        outputs.follow("unknown", True)
        assert not factory.pin(5).state
        outputs.follow("hot", True)
        assert factory.pin(5).state
        assert factory.pin(6).state


def test_an_output_that_does_not_open_is_logged_and_the_others_work(
    factory: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Outputs([output("lamp", 5)], {"gpio": factory})) as first:
        with closing(Outputs([output("twin", 5), output("horn", 6)], {"gpio": factory})) as second:
            assert "output twin on GPIO5 does not open" in caplog.text
            second.follow("hot", True)
            assert factory.pin(6).state
            assert not factory.pin(5).state
        first.follow("hot", True)
        assert factory.pin(5).state


def test_an_output_of_a_real_bus_asks_for_the_chip_of_its_bus_and_never_for_gpiozeros_own_choice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    buses = {"gpio": ("gpio", Gpio(chip="no-such-chip"))}
    with closing(Outputs([output("lamp", 5)], {}, buses)) as outputs:
        outputs.follow("hot", True)
    assert 'no GPIO chip is named "no-such-chip"' in caplog.text
    assert Device.pin_factory is None


def test_no_outputs_need_no_pin_library() -> None:
    with closing(Outputs([], {})) as outputs:
        outputs.follow("hot", True)

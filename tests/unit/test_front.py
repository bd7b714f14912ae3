"""A box and its front, lamp and display, while it runs: what they show, and that they go dark with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.fake.gpio import FakeGpio
from hal.fake.i2c import FakeI2c, Sht3xChip
from hal.fake.i2c_oled import Ssd1306Chip
from tests.box_rig import Bench, box_here, point, write_site
from tests.support import eventually

pytest.importorskip("luma.oled.device", reason="the extra display is not installed")  # its threads start here


def test_a_running_box_shows_itself_and_is_dark_when_it_has_stopped(tmp_path: Path) -> None:
    chip, board = Ssd1306Chip(), FakeGpio()
    wires = FakeI2c({0x44: Sht3xChip(21.0), 0x3C: chip})
    points = [
        point("t", "air", "sht3x", channel="temperature"),
        point("water", "gpio", "pulse", pin=17, weight=1, weight_unit="l"),
        point("power", "gpio", "contact", pin=5, use="mains"),
    ]
    config = write_site(
        tmp_path,
        bus={"air": {"kind": "i2c"}, "gpio": {"kind": "gpio"}},
        point=points,
        led={"bus": "gpio", "pin": 26},
        display={"bus": "air", "turn_s": 2, "points": ["t"]},
    )
    lit: list[bool] = []
    lamp = board.factory.pin(26)
    with box_here(config, tmp_path / "state", hardware=lambda _: Bench(air=wires, gpio=board.factory)) as box:
        eventually(lambda: lit.append(bool(lamp.state)) or True in lit, 5, "the lamp blinks")  # type: ignore[func-returns-value]
        eventually(lambda: len(chip.lit()) > 100, 10, "a page stands on the display")
        assert box.lamp is not None
        assert box.lamp.state in {"well", "look"}
        assert {view.point: view.value for view in box.desk.view("values")}["t"] == pytest.approx(21.0, abs=0.01)
        kinds = {line.kind for line in box.events.read(1, 100).entries}
        assert "device_lost" not in kinds
    assert not chip.lit()
    assert not lamp.state
    board.close()


def test_a_box_whose_display_is_missing_runs_and_says_so_once(tmp_path: Path) -> None:
    wires = FakeI2c({0x44: Sht3xChip(21.0)})
    config = write_site(
        tmp_path,
        bus={"air": {"kind": "i2c"}},
        point=[point("t", "air", "sht3x", channel="temperature")],
        display={"bus": "air", "turn_s": 2},
    )
    with box_here(config, tmp_path / "state", hardware=lambda _: Bench(air=wires)) as box:
        eventually(
            lambda: any(line.kind == "device_lost" for line in box.events.read(1, 100).entries), 15, "it is said"
        )
        assert {view.point: view.value for view in box.desk.view("values")} == {"t": pytest.approx(21.0, abs=0.01)}
        lost = [line.values for line in box.events.read(1, 100).entries if line.kind == "device_lost"]
        assert [(values["device"], values["why"]) for values in lost] == [("0x3c", "no_answer")]

"""The installed unit behind its walls: 1-Wire, I2C, pins and the lamp work, and nothing else may be touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hil.guest import Guest
from tests.hil.inside import walls
from tests.hil.inside.chips import probe_name
from tests.hil.inside.hardened import NINE_BITS, PERIOD_S, PROBES, TURNS
from tests.hil.modules.build import build
from tests.hil.results import Results
from tests.hil.site import HEAD

pytestmark = pytest.mark.hil

SITE = f"""{HEAD}[bus.w1]
kind = "onewire"
[bus.i2c]
kind = "i2c"
number = 1
[bus.gpio]
kind = "gpio"
chip = "pinctrl-bcm2711"
[[point]]
id = "air"
bus = "i2c"
driver = "sht3x"
channel = "temperature"
period_s = 1
[[point]]
id = "door"
bus = "gpio"
driver = "contact"
pin = 17
""" + "".join(
    f"""
[[point]]
id = "t.{n}"
bus = "w1"
driver = "ds18b20"
probe = "{probe_name(n)}"
period_s = {PERIOD_S}
{"resolution = 9" if n == NINE_BITS else ""}
"""
    for n in range(PROBES)
)


@pytest.fixture(scope="module")
def steps(guest_folder: Path, *, is_full: bool) -> Iterator[dict[str, Any]]:
    if not is_full:
        pytest.skip("takes two minutes: make hil FULL=1")
    files = {file.name: file for file in build(Guest.release())}
    options = [
        "-device",
        "i6300esb",
        "-chardev",
        "null,id=usb0",
        "-device",
        "usb-serial,chardev=usb0,always-plugged=on",
    ]
    modules = [files["pulse_gen.ko"], files["i2c_sim.ko"], files["uleds.ko"], "i6300esb", "w1_therm", "virtio_rng"]
    guest = Guest(guest_folder, init="systemd", modules=modules, options=options)
    (guest.share / "site.toml").write_text(SITE, "utf-8")
    (guest.share / "w1_sim.ko").write_bytes(files["w1_sim.ko"].read_bytes())
    try:
        guest.boot()
        does = "cd /opt/vigie/tree; exec /opt/vigie/bin/python -m tests.hil.inside.hardened /hil/w1_sim.ko"
        yield {step["step"]: step for step in map(json.loads, guest.run(does, 600).lines)}
    finally:
        guest.close()


def test_a_master_plugged_in_later_is_read_and_written_after_the_next_start(
    steps: dict[str, Any], results: Results
) -> None:
    rows = {what: steps[what] for what in ("master plugged in later", "started again", "a probe removed", "put back")}
    for what, step in rows.items():
        results.add(
            "1-Wire under the installed unit", what=what, ticks=TURNS, probes=PROBES, conversions=step["conversions"],
            of_them_together=step["together"], condition=", ".join(step["condition"].values()),
        )  # fmt: skip
    later, again, removed, back = rows.values()
    assert later["condition"] == {"w1_bus_master1": "no_right"}
    assert later["together"] == 0
    assert later["conversions"] >= PROBES * (TURNS - 1)
    assert later["resolution"] == "12"
    assert any("keeps its resolution of 12 bits: Read-only file system" in line for line in later["said"])
    for step in (again, back):
        assert step["condition"] == {}
        assert step["together"] == step["conversions"] >= PROBES * (TURNS - 1)
    assert again["resolution"] == "9"
    assert again["values"]["t.0"] == [0, ""]
    assert removed["values"].pop(f"t.{PROBES - 1}") == [None, "no_answer"]
    assert all(value is not None for value, _ in removed["values"].values())
    assert removed["condition"] == {}
    assert removed["together"] >= (PROBES - 1) * (TURNS - 1)
    assert back["back_s"] <= 60


def test_the_unit_may_touch_what_it_needs_and_nothing_else(steps: dict[str, Any], results: Results) -> None:
    said = {what: word for what, word in steps["walls"].items() if what != "step"}
    for what, word in said.items():
        results.add("What the unit may touch", what=what, tried="may" if word == "done" else word)
    assert {what: said[what] for what in walls.MAY} == dict.fromkeys(walls.MAY, "done")
    assert [what for what in walls.MAY_NOT if said[what] == "done"] == []
    assert steps["stop"]["result"] == "success"


def test_the_lamp_of_the_board_blinks_by_the_kernel(steps: dict[str, Any]) -> None:
    lamp = steps["lamp"]
    assert {0, 1} <= set(lamp["shown"])
    assert "[pattern]" in lamp["trigger"]
    assert lamp["said"] == []

"""The demonstration's devices: behind every bus something that lives, and goes on where it stood."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from edge.runtime.demo import Demo
from edge.settings.load import load
from hal.decode.teleinfo.frames import Decoder
from hal.decode.teleinfo.groups import Group
from hal.drivers.ds18b20 import Ds18b20
from hal.drivers.pulse import Pulse
from sms.mailbox import Outgoing
from tests.support import ROOT

SETTINGS = load(ROOT / "config" / "sites" / "demo.toml")


def demo(folder: Path, now_s: float = 100.0) -> Demo:
    return Demo(SETTINGS, folder, now_s)


def indexes(made: Demo, at_s: float) -> dict[str, int]:
    """Return the registers that the meter shows then, relative to its start."""
    meter = next(stepper.meter for stepper in made._steppers if hasattr(stepper, "meter"))
    events = Decoder().feed(meter.frame(at_s * 1000), 0)
    return {e.label: int(e.value) for e in events if isinstance(e, Group) and e.label in {"HCHC", "HCHP"}}


def test_every_bus_of_the_site_has_its_devices(tmp_path: Path) -> None:
    with closing(demo(tmp_path)) as made:
        assert set(made.handles) == set(SETTINGS.buses)
        assert Path(made.handles["meter1"]).is_symlink()
        assert set(made.handles["i2c1"].chips) == {0x44, 0x48}
        assert len(list(made.handles["w1"].folder.glob("28-*"))) == 3


def test_it_moves_with_the_time_it_is_given(tmp_path: Path) -> None:
    with closing(demo(tmp_path)) as made:
        flow = Ds18b20(made.handles["w1"], {"p": Ds18b20.Options(probe="28-3c01f0950a21")})
        flow.open()
        due_s = made.step(100.0)
        assert 100.0 < due_s <= 101.0
        cold = flow.read(["p"], 0)[0].value
        made.step(130.0)
        assert (cold, flow.read(["p"], 0)[0].value) == (78.0, 92.5)


def test_a_probe_that_someone_unplugs_stays_unplugged(tmp_path: Path) -> None:
    with closing(demo(tmp_path)) as made:
        probe = made.handles["w1"].folder / "28-3c01f0950a21"
        probe.rename(probe.with_name(".away"))
        made.step(101.5)
        made.step(103.0)
        assert not probe.exists()


def test_the_meter_goes_on_where_it_stood_however_the_box_ended(tmp_path: Path) -> None:
    with closing(demo(tmp_path)) as made:
        for second in range(200):
            made.step(100.0 + second)
            shown = indexes(made, float(second))
        first = indexes(made, 0.0)
    with closing(demo(tmp_path, 5000.0)) as again:
        later = indexes(again, 0.0)
        assert all(shown[label] <= later[label] <= shown[label] + 10 for label in shown)
        assert later["HCHP"] > first["HCHP"] - 10


@pytest.mark.parametrize("text", ["", "1", "x y", "1 2 3", "\x00"])
def test_a_register_file_that_says_nothing_is_a_first_start(tmp_path: Path, text: str) -> None:
    with closing(demo(tmp_path / "new")) as fresh:
        expected = indexes(fresh, 0.0)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "meter1.wh").write_text(text, encoding="ascii")
    with closing(demo(tmp_path / "old")) as made:
        assert indexes(made, 0.0) == expected


def test_every_meter_that_turns_is_counted(tmp_path: Path) -> None:
    points = {
        e.point.id: e.options for e in SETTINGS.points if e.point.driver == "pulse" and e.options.channel == "index"
    }
    with closing(demo(tmp_path)) as made:
        drivers = {name: Pulse(made.handles["gpio"], {name: options}) for name, options in points.items()}
        for driver in drivers.values():
            driver.open()
        counted: dict[str, object] = {}
        for second in range(60):
            made.step(100.0 + second)
            for name, driver in drivers.items():
                counted[name] = driver.read([name], (100 + second) * 10**9)[-1].value
        for driver in drivers.values():
            driver.close()
    assert len(counted) == 16
    assert [name for name, pulses in counted.items() if not pulses] == []


def test_a_text_leaves_its_mailbox_at_once_and_once(tmp_path: Path) -> None:
    with closing(demo(tmp_path)) as made:
        texting = SETTINGS.links.sms
        assert texting is not None
        mailbox = made.open_mailbox(texting)
        text = Outgoing("p1.1", "+33600000001", "ALARM 1", priority=7)
        mailbox.enqueue(text)
        mailbox.enqueue(text)
        (outcome,) = mailbox.outcomes()
        assert (outcome.key, outcome.fate) == ("p1.1", "sent")
        mailbox.noted([outcome])
        assert mailbox.outcomes() == []
        assert mailbox.health().waiting == 0
        assert mailbox.received() == []


def test_it_may_be_closed_twice(tmp_path: Path) -> None:
    made = demo(tmp_path)
    made.step(100.0)
    made.close()
    made.close()

"""A box whose hardware is wrong in five places, in a process of its own, so that root can be without its rights there.

python -m tests.fault.bad_hardware_box FOLDER LANG    a line on its standard input unplugs the dongle, its end ends it
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from edge.runtime.box import Box
from edge.settings.load import load
from hal.fake.i2c import FakeI2c, Sht3xChip
from hal.fake.i2c_air import Bme280Chip
from hal.fake.meter import Meter, PtyMeter
from hal.fake.onewire import FakeOneWire
from tests.box_rig import point, write_site

PROBE, STRANGER = "28-3c01f0950a21", "28-3c01f0950a77"
HEALTHY = ("boiler.flow", "lab.t", "tic.i")
SOCKET, STATE, UNPLUG = "api.sock", "state", b"unplug\n"
NO_BUS = 97  # an adapter that no machine has


class Bench:
    """What hangs on the simulated buses: two meters on ports, chips on one I2C bus. Everything moves on one thread."""

    name = "bench"

    def __init__(self, folder: Path) -> None:
        self.meters = {
            name: PtyMeter(Meter("standard"), folder / f"{name}.tty") for name in ("meter", "dongle", "shut")
        }
        chips = {0x44: Sht3xChip(20.6, 47.0), 0x76: Bme280Chip(number=0x61)}
        self.handles: dict[str, Any] = {"i2c1": FakeI2c(chips, "i2c-1")}
        self.is_unplugged = False

    def step(self, now_s: float) -> float:
        """Let the lines carry what they would have until now."""
        if self.is_unplugged and self.meters["dongle"].port.exists():
            self.meters["dongle"].unplug()
        return min(meter.step(now_s) for meter in self.meters.values())

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        for meter in self.meters.values():
            meter.close()


def site(folder: Path, lang: str) -> Path:
    """Write the settings: three devices that are well, five that are not."""
    tic = {"driver": "teleinfo", "mode": "standard", "label": "IRMS1"}
    return write_site(
        folder,
        site={"name": "Gymnase Sud", "tz": "Europe/Paris", "lang": lang},
        bus={
            "w1": {"kind": "onewire", "path": str(folder / "w1")},
            "i2c1": {"kind": "i2c", "number": 1},
            "i2c97": {"kind": "i2c", "number": NO_BUS},
            **{name: {"kind": "serial", "port": str(folder / f"{name}.tty")} for name in ("meter", "dongle", "shut")},
        },
        point=[
            point("boiler.flow", "w1", "ds18b20", probe=PROBE),
            point("lab.t", "i2c1", "sht3x", address=0x44, channel="temperature"),
            {
                **point("hall.t", "i2c1", "sht3x", address=0x45, channel="temperature"),
                "name": {"en": "Hall", "fr": "Salle"},
            },
            point("hall.rh", "i2c1", "sht3x", address=0x45, channel="humidity"),
            point("roof.p", "i2c1", "bme280", address=0x76, channel="pressure"),
            point("pump.a", f"i2c{NO_BUS}", "ads1115", address=0x48, input="AIN0"),
            point("tic.i", "meter", **tic),
            point("shop.i", "dongle", **tic),
            point("solar.i", "shut", **tic),
        ],
    )


def main(folder: Path, lang: str) -> None:
    """Run the box until standard input ends."""
    config = site(folder, lang)
    probes = FakeOneWire(folder / "w1")
    for probe, celsius in ((PROBE, 55.5), (STRANGER, 21.25)):
        probes.set(probe, celsius)
    bench = Bench(folder)
    bench.meters["shut"].port.resolve().chmod(0)
    box = Box(load(config), folder / STATE, socket=folder / SOCKET, hardware=lambda _folder: bench, config=config)
    box.start()
    for line in sys.stdin.buffer:
        bench.is_unplugged = line == UNPLUG
    box.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

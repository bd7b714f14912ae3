"""Who may read what: the station's own words when its user is in no group, and when it is in the right ones.

Runs in the guest as root; the stations run as the user `vigie`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from grp import getgrnam
from pathlib import Path

from tests.hil.inside.chips import DEVICES, I2cSim, probe_name, wait_for_probes
from tests.hil.inside.field import HEAD, point, tell

USER = "vigie"
SITE = (
    '[bus.w1]\nkind = "onewire"\n[bus.gpio]\nkind = "gpio"\n[bus.i2c]\nkind = "i2c"\nnumber = {number}\n'
    + point("w1", "w1", "ds18b20", 5.0, probe=probe_name(0), resolution=9)
    + point("w2", "w1", "ds18b20", 5.0, probe=probe_name(1))
    + point("sht", "i2c", "sht3x", channel="temperature")
    + point("door", "gpio", "contact", pin=17)
)


def station(groups: list[str], number: int) -> list[str]:
    """Return what the station logs in 20 s with these supplementary groups."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        (folder / "site.toml").write_text(HEAD + SITE.format(number=number), "utf-8")
        shutil.chown(folder, USER, USER)
        words = ["vigie", "run", "--for", "20", "--config", folder / "site.toml",
                 "--state", folder / "state", "--socket", folder / "api.sock"]  # fmt: skip
        done = subprocess.run(
            words, user=USER, group=USER, extra_groups=groups, cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "HOME": name},
        )  # fmt: skip
        return [*done.stderr.splitlines(), f"code {done.returncode}"]


def main() -> int:
    """Run it with and without rights."""
    number = I2cSim().get("number")[0]
    wait_for_probes(2)
    for device, group in ((f"/dev/i2c-{number}", "i2c"), ("/dev/gpiochip0", "gpio")):
        os.chown(device, 0, getgrnam(group).gr_gid)
        Path(device).chmod(0o660)
    tell(groups=[], log=station([], number))
    for file in (DEVICES / probe_name(0) / "resolution", DEVICES / "w1_bus_master1" / "therm_bulk_read"):
        os.chown(file, 0, getgrnam("gpio").gr_gid)  # what 60-vigie.rules does where udev runs
        file.chmod(0o664)
    tell(groups=["i2c", "gpio"], log=station(["i2c", "gpio"], number))
    return 0


if __name__ == "__main__":
    sys.exit(main())

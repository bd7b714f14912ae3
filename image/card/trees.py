"""The device trees of the boards, from Debian's kernel, with what this box needs switched on in them.

Debian's firmware package brings none of the overlays that `dtoverlay=` would name, so the trees are changed here, once,
when the card is made.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

BOARDS: Final = {
    "bcm2837-rpi-zero-2-w.dtb": "bcm2710-rpi-zero-2-w.dtb",
    "bcm2837-rpi-3-b.dtb": "bcm2710-rpi-3-b.dtb",
    "bcm2837-rpi-3-b-plus.dtb": "bcm2710-rpi-3-b-plus.dtb",
    "bcm2837-rpi-3-a-plus.dtb": "bcm2710-rpi-3-a-plus.dtb",
    "bcm2837-rpi-cm3-io3.dtb": "bcm2710-rpi-cm3.dtb",
    "bcm2711-rpi-4-b.dtb": "",
    "bcm2711-rpi-400.dtb": "",
    "bcm2711-rpi-cm4-io.dtb": "bcm2711-rpi-cm4.dtb",
}
"""The kernel's name, and the firmware's own where it is another: whichever it asks for is there."""


def lay(source: Path, folder: Path) -> None:
    """Write the trees of all boards into folder."""
    for name, firmware_name in BOARDS.items():
        for target in filter(None, (name, firmware_name)):
            shutil.copyfile(source / name, folder / target)

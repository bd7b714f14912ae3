"""A GPIO chip that the kernel simulates (gpio-sim, admin-guide/gpio/gpio-sim.rst): lines to pull and to look at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CONFIG = Path("/sys/kernel/config/gpio-sim")
DEVICES = Path("/sys/devices/platform")
LINES = 54  # as the header's controller has


def absent_because() -> str:
    """Return why no chip can be simulated here; empty when one can."""
    if os.geteuid() != 0:
        return "simulated GPIO lines need root"
    if not CONFIG.is_dir():
        return "this kernel offers no gpio-sim (modprobe configfs gpio-sim; mount -t configfs none /sys/kernel/config)"
    return ""


class SimChip:
    """One chip with the label `label`, alive until `close`."""

    def __init__(self, label: str) -> None:
        reason = absent_because()
        if reason:
            pytest.skip(reason)
        self.label = label
        self._folder = CONFIG / f"vigie-{os.getpid()}"
        self._bank = self._folder / "bank0"
        self._bank.mkdir(parents=True)
        (self._bank / "num_lines").write_text(str(LINES), "ascii")
        (self._bank / "label").write_text(label, "ascii")
        (self._folder / "live").write_text("1", "ascii")
        self.name = (self._bank / "chip_name").read_text("ascii").strip()
        self._lines = DEVICES / (self._folder / "dev_name").read_text("ascii").strip() / self.name

    def drive(self, line: int, *, level: bool) -> None:
        """Pull a line to this level from outside."""
        (self._lines / f"sim_gpio{line}" / "pull").write_text("pull-up" if level else "pull-down", "ascii")

    def level(self, line: int) -> bool:
        """Return the level of a line."""
        return (self._lines / f"sim_gpio{line}" / "value").read_text("ascii").strip() == "1"

    def unplug(self) -> None:
        """Take the chip away from under its users."""
        (self._folder / "live").write_text("0", "ascii")

    def close(self) -> None:
        """Remove the chip."""
        if (self._folder / "live").read_text("ascii").strip() == "1":
            self.unplug()
        self._bank.rmdir()
        self._folder.rmdir()

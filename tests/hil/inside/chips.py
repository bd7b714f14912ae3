"""The simulated chips of the guest's kernel, set by their parameters (tests/hil/modules). Runs in the guest."""

from __future__ import annotations

import time
from pathlib import Path

PARAMETERS = Path("/sys/module")
PROBES_A_MASTER = 32
DEVICES = Path("/sys/bus/w1/devices")
WELL, ABSENT, POWER_ON, BAD_CRC, SILENT, WEAK_SUPPLY, FLAKY, CLONE = range(8)
FREE, HELD_LOW, HELD_HIGH = range(3)


class Chip:
    """The parameters of one module."""

    def __init__(self, module: str) -> None:
        self._folder = PARAMETERS / module / "parameters"

    def set(self, **values: object) -> None:
        """Set parameters by name."""
        for name, value in values.items():
            (self._folder / name).write_text(str(value), "ascii")

    def get(self, name: str) -> list[int]:
        """Return the numbers of a parameter."""
        return [int(number) for number in (self._folder / name).read_text("ascii").split(",") if number.strip()]

    def set_one(self, name: str, index: int, value: int) -> None:
        """Set one number of an array."""
        numbers = self.get(name)
        numbers[index] = value
        self.set(**{name: ",".join(map(str, numbers))})


class W1Sim(Chip):
    """The 1-Wire masters; probe i of master m stands at 32 * m + i."""

    def __init__(self) -> None:
        super().__init__("w1_sim")

    def fault(self, index: int, fault: int) -> None:
        """Give a probe one of the faults above."""
        self.set_one("fault", index, fault)

    def line(self, level: int, master: int = 0) -> None:
        """Hold a master's line low or high, or leave it."""
        self.set_one("line", master, level)


class I2cSim(Chip):
    """The I2C adapters; faults befall the first."""

    def __init__(self) -> None:
        super().__init__("i2c_sim")

    def heal(self) -> None:
        """Take every fault back."""
        self.set(fault_ms=0, fault_addr=-1, fault_times=-1, ads_stuck=0, sht_bad_crc=0, short_read=0, nack_errno=121)


def probe_name(index: int, family: str = "28") -> str:
    """Return the folder name of a probe."""
    master, place = divmod(index, PROBES_A_MASTER)
    return f"{family}-00000051{master + 1:02x}{place + 1:02x}"


def wait_for_probes(count: int, within_s: float = 120.0) -> list[str]:
    """Return the probes that the kernel's search has found, when there are so many."""
    end_s = time.monotonic() + within_s
    while len(names := sorted(path.name for path in DEVICES.glob("??-*"))) < count:
        if time.monotonic() > end_s:
            raise SystemExit(f"only {names} after {within_s} s")
        time.sleep(1)
    return names

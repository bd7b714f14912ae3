"""A machine without one: the files of /proc and /sys that the driver `box` reads, in a folder, to heat and to fill."""

from __future__ import annotations

from pathlib import Path

from hal.drivers.box import FIRMWARE


class FakeMachine:
    """A Raspberry Pi with an eMMC, cool, well supplied and idle."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.put("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
        self.put("sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
        self.put("sys/class/hwmon/hwmon1/name", "rpi_volt\n")
        self.put("sys/block/mmcblk0/device/life_time", "0x02 0x01\n")
        self.put("proc/uptime", "123456.78 400000.00\n")
        self.put("proc/loadavg", "0.60 0.40 0.30 1/200 999\n")
        self.memory(1000, 600)
        self.heat(48.312)
        self.supply(0, 0)

    def put(self, name: str, text: str) -> None:
        """Write one file."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="ascii")

    def remove(self, name: str) -> None:
        """Take one file away."""
        (self.root / name).unlink()

    def heat(self, celsius: float) -> None:
        """Set the processor's temperature."""
        self.put("sys/class/thermal/thermal_zone0/temp", f"{round(celsius * 1000)}\n")

    def memory(self, total_kb: int, available_kb: int) -> None:
        """Set the memory and how much of it is to be had."""
        self.put("proc/meminfo", f"MemTotal: {total_kb:15} kB\nMemFree: 1 kB\nMemAvailable: {available_kb:10} kB\n")

    def supply(self, undervoltage: int, throttled: int) -> None:
        """Set the alarm of the supply and the firmware's bits."""
        self.put("sys/class/hwmon/hwmon1/in0_lcrit_alarm", f"{undervoltage}\n")
        self.put(FIRMWARE, f"{throttled:x}\n")

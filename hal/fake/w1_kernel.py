"""The 1-Wire side of a Linux kernel: masters, and probes that convert, answer, fall silent and remember as real ones.

What `drivers/w1/slaves/w1_therm.c` does with each file, counted and with the time that it takes: one conversion a read,
or one a master by `therm_bulk_read`, which marks every probe as converted whether it was or not.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hal.decode.ds18b20 import DS18S20, crc8, scratchpad_from_celsius, text_from_scratchpad
from hal.fake.onewire import FAULTS
from hal.onewire import BULK, PROBE, OneWireBus

TRANSFER_S: Final = 0.0125  # reset, 72 bits of address, a command, 72 bits of answer at 70 µs
RESET_S: Final = 0.001
WAIT_S: Final = {9: 0.095, 10: 0.19, 11: 0.375, 12: 0.75}
TRIES: Final = 5


class FakeProbe:
    """One probe on its line."""

    def __init__(self, name: str, celsius: float) -> None:
        self.name = name
        self.family = name[:2]
        self.celsius = celsius
        self.bits = 12
        self.is_powered = True
        self.fault = ""
        """A key of FAULTS, or "raise:EIO" and the like."""
        self.faults_left = -1
        """How many more readings fail; -1: until told otherwise."""
        self.takes_bits = True
        self.copy = b""
        """In place of bytes 5 to 7, for a copy of the chip."""
        self.mark = 0
        """As the kernel's: 0 nothing pending, -1 converting, 1 to be read."""
        self.register_c = 85.0
        self.has_converted = False
        self.conversions = 0
        self.driver_bits = 12
        """The resolution that the kernel believes in, and waits for."""

    def convert(self, wait_s: float) -> None:
        """Measure, if there is time for it."""
        self.conversions += 1
        if wait_s >= WAIT_S[12 if self.family == DS18S20 else self.bits]:
            self.register_c, self.has_converted = self.celsius, True

    def brown_out(self) -> None:
        """Let the supply fail for a moment: the register and the resolution are those of power-on."""
        self.register_c, self.has_converted, self.bits = 85.0, False, 12

    def scratchpad(self) -> bytes | None:
        """Return the nine bytes that stand in its memory, with the fault that it has; None: it is silent."""
        if self.fault and self.faults_left:
            self.faults_left -= 1
            return FAULTS[self.fault]
        octets = scratchpad_from_celsius(self.register_c, self.family, self.bits)
        if not self.has_converted:
            octets = _sealed(octets[:6] + b"\x0c" + octets[7:8])
        if self.copy:
            octets = _sealed(octets[:5] + self.copy)
        return octets


class FakeW1Kernel:
    """Masters and probes below `folder`, which looks like /sys: `folder/bus` is /sys/bus/w1/devices.

    It is the `Files` of a OneWireBus. Time passes by `sleep`; `now_s` and `conversions` count what the lines cost.
    """

    def __init__(self, folder: Path, sleep: Callable[[float], None] | None = None) -> None:
        self.path = folder / "bus"
        self._devices = folder / "devices"
        self.path.mkdir(parents=True)
        self.probes: dict[str, FakeProbe] = {}
        self._masters: dict[str, list[str]] = {}
        self._sleep = sleep or (lambda _seconds: None)
        self._released = threading.Event()
        self._released.set()
        self.now_s = 0.0
        self.conversions = 0
        """How often a conversion was waited for, of one probe or of all of a master."""
        self.may_write = True
        self.has_bulk = True
        self.has_foreigner = False
        """Another kind of device hangs on the line: triggers do nothing."""
        self.is_dead = False
        """No probe answers a reset: the line is cut."""
        self.interrupts = 0
        """How many of the next triggers a signal ends early."""

    def bus(self, master: str = "") -> OneWireBus:
        """Return the bus as a driver gets it."""
        return OneWireBus(self.path / master, self, lambda: self.now_s)

    # -- the line

    def plug(self, name: str, celsius: float = 20.0, master: str = "w1_bus_master1") -> FakeProbe:
        """Plug a probe in."""
        names = self._masters.setdefault(master, [])
        names.append(name)
        folder = self._devices / master / name
        folder.mkdir(parents=True)
        (folder / "w1_slave").touch()
        if not (self.path / master).exists():
            (self.path / master).symlink_to(self._devices / master)
        (self.path / name).symlink_to(folder)
        self.probes[name] = FakeProbe(name, celsius)
        return self.probes[name]

    def unplug(self, name: str) -> None:
        """Take a probe away; the kernel forgets all about it."""
        folder = (self.path / name).resolve()
        self._masters[folder.parent.name].remove(name)
        (self.path / name).unlink()
        (folder / "w1_slave").unlink()
        folder.rmdir()
        del self.probes[name]

    def block(self) -> None:
        """Let each call on the line hang until `release`."""
        self._released.clear()

    def release(self) -> None:
        """Let calls return again."""
        self._released.set()

    # -- the kernel's files

    def names(self, folder: Path) -> list[str]:
        """Return what lies in a folder."""
        return os.listdir(folder)  # noqa: PTH208 - names are what is wanted

    def read(self, file: Path) -> str:
        """Return what the kernel says in this file."""
        if file.name == "therm_bulk_read":
            self._check_bulk(file)
            marks = [self.probes[name].mark for name in self._masters[file.parent.name]]
            return f"{-1 if -1 in marks else max(marks, default=0)}\n"
        probe = self._probe(file)
        match file.name:
            case "w1_slave":
                return self._w1_slave(probe)
            case "conv_time":
                return f"{round(1000 * self._wait_s(probe))}\n"
            case "ext_power":
                self._wait(RESET_S)
                return f"{int(probe.is_powered)}\n"
            case "resolution":
                probe.driver_bits = self._resolution(probe)
                return f"{probe.driver_bits}\n"
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(file))

    def write(self, file: Path, text: str) -> None:
        """Take what is written; the kernel answers "done" to everything that it lets in."""
        if not self.may_write:
            raise PermissionError(errno.EACCES, "Permission denied", str(file))
        if file.name == "therm_bulk_read":
            self._check_bulk(file)
            if text == "trigger\n":
                self._trigger(file.parent.name)
            return
        probe = self._probe(file)
        if probe.takes_bits:
            probe.bits = int(text)
        probe.driver_bits = int(text)
        self._wait(2 * TRANSFER_S)

    def _probe(self, file: Path) -> FakeProbe:
        name = file.parent.name
        if not PROBE.fullmatch(name) or name not in self.probes:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(file))
        return self.probes[name]

    def _check_bulk(self, file: Path) -> None:
        if not self.has_bulk or file.parent.name != next(iter(self._masters)):  # only the first master has it
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(file))

    def _trigger(self, master: str) -> None:
        probes = [self.probes[name] for name in self._masters[master] if name[:2] in BULK]
        if self.has_foreigner or not probes:
            return
        wait_s = max(map(self._wait_s, probes))
        if self.is_dead:
            self._wait(TRIES * RESET_S)
        elif self.interrupts:
            self.interrupts -= 1
            self._wait(wait_s / 10)
        else:
            self.conversions += 1
            self._wait(wait_s)
            for name in self._masters[master]:
                self.probes[name].convert(wait_s)
        for probe in probes:
            probe.mark = 1

    def _w1_slave(self, probe: FakeProbe) -> str:
        if probe.fault.startswith("raise:"):
            number = getattr(errno, probe.fault.removeprefix("raise:"))
            raise OSError(number, os.strerror(number))
        if self.is_dead:
            probe.mark = 0
            self._wait(TRIES * RESET_S)
            return ""
        if probe.mark:
            probe.mark = 0
        else:
            self.conversions += 1
            wait_s = self._wait_s(probe)
            self._wait(wait_s)
            probe.convert(wait_s)
        self._wait(TRANSFER_S)
        octets = probe.scratchpad()
        return "" if octets is None else text_from_scratchpad(octets)

    def _resolution(self, probe: FakeProbe) -> int:
        """Return the probe's bits, or the error that the kernel then takes for them."""
        if self.is_dead:
            self._wait(TRIES * RESET_S)
            return -errno.ENODEV
        octets = probe.scratchpad()
        if octets is None or crc8(octets[:-1]) != octets[-1]:
            self._wait(TRIES * TRANSFER_S)
            return -errno.EIO
        self._wait(TRANSFER_S)
        return probe.bits

    def _wait_s(self, probe: FakeProbe) -> float:
        return WAIT_S[probe.driver_bits if probe.family != DS18S20 and probe.driver_bits in WAIT_S else 12]

    def _wait(self, seconds: float) -> None:
        self._released.wait()
        self.now_s += seconds
        self._sleep(seconds)


def _sealed(octets: bytes) -> bytes:
    return octets + bytes((crc8(octets),))

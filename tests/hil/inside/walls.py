"""What the service may touch and what not, tried from inside its own walls: ExecStartPre= of the installed unit.

walls.py FILE     writes a JSON object there: what was tried, and "done" or the name of the error
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

READ, WRITE = os.O_RDONLY, os.O_WRONLY
BOTH = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK
NEW = os.O_WRONLY | os.O_CREAT
NEWUSER = 0x10000000


def opened(pattern: str, flags: int) -> Callable[[], None]:
    """Return what opens each file of this pattern, and complains where there is none."""

    def does() -> None:
        paths = [*Path("/").glob(pattern[1:])] or [pattern]
        for path in paths:
            os.close(os.open(path, flags, 0o600))

    return does


def a_socket(family: int, kind: int) -> Callable[[], None]:
    return lambda: socket.socket(family, kind).close()


def memory_to_run() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def a_namespace() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")


MAY: dict[str, Callable[[], None]] = {
    "a GPIO chip": opened("/dev/gpiochip*", BOTH),
    "an I2C bus": opened("/dev/i2c-*", BOTH),
    "a serial port": opened("/dev/ttyS1", BOTH),
    "a USB serial port": opened("/dev/ttyUSB*", BOTH),
    "the LED of the board": opened("/sys/class/leds/ACT/brightness", WRITE),
    "all probes at once": opened("/sys/devices/w1_bus_master1/therm_bulk_read", WRITE),
    "a probe's resolution": opened("/sys/devices/w1_bus_master1/28-*/resolution", WRITE),
    "its own data": opened("/var/lib/vigie/.walls", NEW),
    "its runtime folder": opened("/run/vigie/.walls", NEW),
    "the network": a_socket(socket.AF_INET, socket.SOCK_STREAM),
}
MAY_NOT: dict[str, Callable[[], None]] = {
    "the disk": opened("/dev/vda", READ),
    "the machine's memory": opened("/dev/mem", READ),
    "the kernel's messages": opened("/dev/kmsg", READ),
    "random numbers' source": opened("/dev/hwrng", READ),
    "the machine's watchdog": opened("/dev/watchdog0", WRITE),
    "passwords": opened("/etc/shadow", READ),
    "its settings": opened("/etc/vigie/vigie.toml", WRITE),
    "its program": opened("/opt/vigie/bin/.walls", NEW),
    "a unit of its own": opened("/etc/systemd/system/walls.service", NEW),
    "a file of everybody": opened("/var/tmp/../lib/.walls", NEW),
    "the kernel's settings": opened("/proc/sys/kernel/panic", WRITE),
    "a USB port": opened("/sys/bus/usb/devices/usb1/authorized", WRITE),
    "another LED": opened("/sys/class/leds/other/brightness", WRITE),
    "others' processes": opened("/proc/1/cmdline", READ),
    "raw packets": a_socket(socket.AF_PACKET, socket.SOCK_RAW),
    "the kernel's routes": a_socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "memory that is written and run": memory_to_run,
    "a namespace": a_namespace,
    "the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
    "a reboot": lambda: os.kill(1, 10),
}


def tried(does: Callable[[], None]) -> str:
    try:
        does()
    except OSError as exc:
        return errno.errorcode.get(exc.errno or 0, str(exc))
    return "done"


def main() -> None:
    """Try everything."""
    found = {what: tried(does) for what, does in {**MAY, **MAY_NOT}.items()}
    Path(sys.argv[1]).write_text(json.dumps(found), "ascii")


if __name__ == "__main__":
    main()

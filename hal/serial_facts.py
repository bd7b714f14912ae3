"""What the system says of a serial port: who has it, whether it is the console, and what UART is behind it.

`proc` and `sys` are /proc and /sys, given so that tests can bring their own. Nothing here opens the port, and nothing
raises: what can't be read is not known.
"""

from __future__ import annotations

import errno
import grp
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hal.driver import DriverError

KNOWN: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EAGAIN, errno.EBUSY, errno.ENOENT, errno.ENXIO, errno.ENODEV}
)
"""Error numbers of which `fault` says more than the system does."""
PROC: Final = Path("/proc")
SYS: Final = Path("/sys")
MINI_UART: Final = b"brcm,bcm2835-aux-uart"  # device tree; the PL011 is "arm,pl011"
CONSOLE_CURE: Final = (
    "the serial console uses it; switch that off (raspi-config nonint do_serial_cons 1, which takes "
    "console=serial0,115200 from /boot/firmware/cmdline.txt) and reboot"
)


def node(port: str) -> str:
    """Return the name of the device behind a port's name, such as ttyUSB0 for /dev/serial/by-id/….

    >>> node("/dev/does-not-exist")
    'does-not-exist'
    """
    real = Path(os.path.realpath(port))
    return "/".join(real.parts[2:]) if real.parts[:2] == ("/", "dev") else real.name


def is_mini_uart(port: str, sys: Path = SYS) -> bool:
    """Return whether this is a Raspberry Pi's mini UART, which knows no parity."""
    try:
        return MINI_UART in (sys / "class/tty" / node(port) / "device/of_node/compatible").read_bytes()
    except OSError:
        return False


def is_console(port: str, proc: Path = PROC, sys: Path = SYS) -> bool:
    """Return whether the kernel writes its messages there, or a login waits on it (getty)."""
    name = node(port)
    try:
        if name in (sys / "class/tty/console/active").read_text(encoding="ascii", errors="replace").split():
            return True
    except OSError:
        pass
    word = re.compile(rb"(?:^|\0)(?:/dev/)?" + re.escape(name.encode()) + rb"(?:\0|$)")
    return any(
        b"getty" in command.partition(b"\0")[0] and word.search(command) is not None for _, command in _commands(proc)
    )


def holder(port: str, proc: Path = PROC) -> str:
    """Return which other process has the port open, such as "picocom (process 812)"; "" when nobody can be seen.

    Only root sees the open files of other users' processes.
    """
    real, own = os.path.realpath(port), str(os.getpid())
    for folder, command in _commands(proc):
        if folder.name == own:
            continue
        try:
            if any(os.path.realpath(each) == real for each in (folder / "fd").iterdir()):
                name = Path(os.fsdecode(command.partition(b"\0")[0])).name
                return f"{name or 'a process'} (process {folder.name})"
        except OSError:  # another user's, or it has ended
            continue
    return ""


def _commands(proc: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield folder and command line of each process."""
    try:
        folders = [folder for folder in proc.iterdir() if folder.name.isdigit()]
    except OSError:
        return
    for folder in folders:
        try:
            yield folder, (folder / "cmdline").read_bytes()
        except OSError:
            continue


def group_of(port: str) -> str:
    """Return the group that may use the port, "dialout" where it can't be told."""
    try:
        found = grp.getgrgid(Path(port).stat().st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"
    return "dialout" if found == "root" else found


def fault(who: str, port: str, exc: BaseException, proc: Path = PROC, sys: Path = SYS) -> DriverError:
    """Return what to tell of a port that can't be opened or read; `who` is the device, such as "Téléinfo".

    `exc` is an OSError, or a termios.error whose first argument is the error number.
    """
    number = getattr(exc, "errno", None) or (exc.args[0] if exc.args and isinstance(exc.args[0], int) else None)
    head = f"{who} on {port}"
    if number in (errno.EACCES, errno.EPERM):
        group = group_of(port)
        cure = f"add the user of the service to group {group} (usermod -aG {group} vigie) and restart it"
        return DriverError(f"{head}: no permission; {cure}", "not_open")
    if number in (errno.EAGAIN, errno.EBUSY):
        if is_console(port, proc, sys):
            return DriverError(f"{head}: {CONSOLE_CURE}", "not_open")
        by = holder(port, proc)
        cure = f"end {by}" if by else f"find it with `sudo fuser -v {port}`"
        return DriverError(f"{head}: another program holds it; {cure}", "not_open")
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        if re.fullmatch(r"(?:/dev/)?(?:ttyAMA|ttyS|serial)[0-9]+", port):
            cure = "switch it on in /boot/firmware/config.txt (enable_uart=1, on a Pi 5 dtparam=uart0=on)"
            return DriverError(f"{head}: there is no such port; {cure}; check its name", "not_open")
        cure = "check the plug, and the name under /dev/serial/by-id"
        return DriverError(f"{head}: there is no such port; {cure}", "unplugged")
    if number in (None, errno.EIO):  # so says pyserial, so the kernel, of a port whose adapter was pulled out
        exc = OSError("it has gone, or another program reads it too")
    return DriverError(f"{head}: {exc}; check the plug, and the name under /dev/serial/by-id", "unplugged")

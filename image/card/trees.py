"""The device trees of the boards, from Debian's kernel, with what this box needs switched on in them.

Debian's firmware package brings none of the overlays that `dtoverlay=` would name, so the trees are changed here, once,
when the card is made.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from image.card.host import StepError, run

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


PINS: Final = "/soc/gpio@7e200000"
PL011: Final = "/soc/serial@7e201000"
MINI_UART: Final = "/soc/serial@7e215040"
I2C1: Final = "/soc/i2c@7e804000"
WATCHDOG: Final = "/soc/watchdog@7e100000"
ONE_WIRE: Final = "/onewire"
ONE_WIRE_GPIO: Final = 4
OPEN_DRAIN: Final = 6  # dt-bindings/gpio/gpio.h: GPIO_OPEN_DRAIN
OUR_PHANDLE: Final = "7601"
"""Hexadecimal, of the pins of the PL011; far above those that the kernel's trees count."""


def nodes(tree: Path, node: str) -> list[str]:
    """Return the names below a node, none where it is missing."""
    try:
        return run("fdtget", "-l", tree, node).split()
    except StepError:
        return []


def properties(tree: Path, node: str) -> list[str]:
    """Return the properties of a node, none where it is missing."""
    try:
        return run("fdtget", "-p", tree, node).split()
    except StepError:
        return []


def switch_on(tree: Path) -> None:
    """Change a tree: the PL011 on GPIO14 and 15, the watchdog, I2C on GPIO2 and 3, 1-Wire on GPIO4. Raises StepError.

    The PL011, not the mini UART, since Téléinfo comes at 7E1 and the mini UART has no parity bit. Bluetooth, which has
    the PL011 on these boards, goes; so does the mini UART, which would claim the same pins.
    """
    if "bluetooth" in nodes(tree, PL011):
        run("fdtput", "-r", tree, f"{PL011}/bluetooth")
    pins = f"{PINS}/uart0_gpio14"
    held = properties(tree, pins)
    handle = run("fdtget", "-t", "x", tree, pins, "phandle").strip() if "phandle" in held else OUR_PHANDLE
    run("fdtput", "-t", "x", tree, pins, "phandle", handle)
    run("fdtput", "-t", "x", tree, PL011, "pinctrl-0", handle)
    run("fdtput", "-t", "s", tree, PL011, "pinctrl-names", "default")
    if "uart-has-rtscts" in properties(tree, PL011):
        run("fdtput", "-d", tree, PL011, "uart-has-rtscts")
    for node, status in ((PL011, "okay"), (MINI_UART, "disabled"), (I2C1, "okay"), (WATCHDOG, "okay")):
        run("fdtput", "-t", "s", tree, node, "status", status)
    if "stdout-path" in properties(tree, "/chosen"):
        run("fdtput", "-d", tree, "/chosen", "stdout-path")
    gpio = run("fdtget", "-t", "u", tree, PINS, "phandle").strip()
    run("fdtput", "-p", "-t", "s", tree, ONE_WIRE, "compatible", "w1-gpio")
    run("fdtput", "-t", "u", tree, ONE_WIRE, "gpios", gpio, str(ONE_WIRE_GPIO), str(OPEN_DRAIN))
    for led in nodes(tree, "/leds"):
        path = f"/leds/{led}"
        if led in {"act", "led-act"} and "label" not in properties(tree, path):
            run("fdtput", "-t", "s", tree, path, "label", "ACT")


def lay(source: Path, folder: Path) -> None:
    """Write the trees of all boards into folder, under the kernel's name and the firmware's. Raises StepError."""
    for name, firmware_name in BOARDS.items():
        shutil.copyfile(source / name, folder / name)
        switch_on(folder / name)
        if firmware_name:
            shutil.copyfile(folder / name, folder / firmware_name)

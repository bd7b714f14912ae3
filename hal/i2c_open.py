"""Opening an I2C bus: the adapter with its deadline, the pin that powers its devices, and what a person is told.

Loaded by `hal.buses.open_bus` when a site has such a bus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hal.buses import BusError, I2c, ensure_pin_factory
from hal.i2c_bus import I2cBus
from hal.i2c_power import BusPower, bus_power


def open_i2c(options: I2c, adapter: Callable[[int], Any] | None = None) -> I2cBus:
    """Return the open bus. `adapter` opens one by its number: smbus2's SMBus where absent.

    Raises BusError with what to look at when it is not there, or may not be opened.
    """
    name = f"i2c-{options.number}"
    power = _power(name, options)
    from smbus2 import SMBus

    try:
        found = (adapter or SMBus)(options.number)
    except FileNotFoundError as exc:
        cure = "switch I2C on (dtparam=i2c_arm=on in /boot/firmware/config.txt, then reboot) and load i2c-dev"
        raise BusError(f"{name}: /dev/{name} does not exist; {cure}") from exc
    except PermissionError as exc:
        raise BusError(f"{name}: no right to /dev/{name}; add the user to group i2c (usermod -aG i2c vigie)") from exc
    except OSError as exc:
        raise BusError(f"{name}: {exc.strerror} (errno {exc.errno}); check the adapter") from exc
    try:
        return I2cBus(name, found, timeout_ms=options.timeout_ms, switch_off=power.switch_off if power else None)
    except OSError as exc:
        found.close()
        raise BusError(f"{name}: it takes no deadline: {exc.strerror}; check that it is an I2C adapter") from exc


def _power(name: str, options: I2c) -> BusPower | None:
    """Return the switch of the bus's devices, switched on; None where no pin powers them."""
    if options.power_pin is None:
        return None
    from gpiozero import GPIOZeroError

    ensure_pin_factory("")
    try:
        power = bus_power(options.power_pin, active_high=options.power_active_high, off_s=options.power_off_s)
    except (GPIOZeroError, OSError) as exc:
        raise BusError(f"{name}: GPIO{options.power_pin}, its power_pin: {exc}; check what else uses it") from exc
    left_s = power.switch_on()
    if left_s > 0:
        raise BusError(
            f"{name}: its devices held the bus; their power is off for {left_s:.1f} s more; wait", "bus_error"
        )
    return power

"""The kinds of bus a site can have: their settings, and how each is opened.

Each bus gets one thread of its own (`edge/runtime/bus.py`); what `open_bus` returns is handed to its drivers.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta


class _BusOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class I2c(_BusOptions, frozen=True):
    """An I2C bus: /dev/i2c-<number>, opened with smbus2."""

    number: Annotated[int, Meta(ge=0, le=99, description="n of /dev/i2c-n")] = 1


class OneWire(_BusOptions, frozen=True):
    """A 1-Wire bus as the kernel shows it: a folder with one sub-folder a probe."""

    path: Annotated[str, Meta(description="folder of the probes")] = "/sys/bus/w1/devices"


class Serial(_BusOptions, frozen=True):
    """A serial port; the driver sets speed and framing."""

    port: Annotated[str, Meta(min_length=1, description="a stable name: /dev/serial/by-id/…")]


class Gpio(_BusOptions, frozen=True):
    """The GPIO pins of the board, by gpiozero."""


class Own(_BusOptions, frozen=True):
    """A thread for drivers that reach their device by themselves."""


KINDS: Final[dict[str, type[_BusOptions]]] = {
    "i2c": I2c,
    "onewire": OneWire,
    "serial": Serial,
    "gpio": Gpio,
    "own": Own,
}


def open_bus(kind: str, options: Any) -> Any:
    """Return the handle that drivers of this kind get: an SMBus, a Path, a port name, None, None.

    Raises OSError with what to look at when the bus is not there.
    """
    raise KeyError(kind)

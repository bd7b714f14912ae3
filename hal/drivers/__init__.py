"""The drivers by name: one line each, imported only when a site uses it.

Others come from installed packages by the entry-point group `vigie.drivers` (name -> class).
"""

from __future__ import annotations

import importlib
import sys
from functools import lru_cache
from typing import Any, Final

from hal.driver import Driver

ENTRY_POINTS: Final = "vigie.drivers"

BUILT_IN: Final[dict[str, str]] = {
    "ads1115": "hal.drivers.ads1115:Ads1115",
    "bh1750": "hal.drivers.bh1750:Bh1750",
    "bme280": "hal.drivers.bme280:Bme280",
    "box": "hal.drivers.box:Box",
    "clamp": "hal.drivers.clamp:Clamp",
    "contact": "hal.drivers.contact:Contact",
    "ds18b20": "hal.drivers.ds18b20:Ds18b20",
    "ds3231": "hal.drivers.ds3231:Ds3231",
    "ina219": "hal.drivers.ina219:Ina219",
    "modbus": "hal.drivers.modbus:Modbus",
    "pulse": "hal.drivers.pulse:Pulse",
    "scd4x": "hal.drivers.scd4x:Scd4x",
    "sht3x": "hal.drivers.sht3x:Sht3x",
    "teleinfo": "hal.drivers.teleinfo:Teleinfo",
    "wes": "hal.drivers.wes:Wes",
}


def names() -> list[str]:
    """Return the names of all drivers, ours and installed ones, sorted."""
    return sorted({*BUILT_IN, *_installed(tuple(sys.path))})


def load(name: str) -> type[Driver]:
    """Return the driver class; raises KeyError when no driver has that name, ImportError when its package is broken.

    Ours win over an installed package of the same name, so that installing one can't change what a site reads.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found: type[Driver] = getattr(importlib.import_module(module), attribute)
        return found
    loaded: type[Driver] = _installed(tuple(sys.path))[name].load()
    return loaded


@lru_cache(maxsize=1)
def _installed(path: tuple[str, ...]) -> dict[str, Any]:  # noqa: ARG001 - what the answer depends on
    """Return the entry points of all packages on this path, by name; every package is looked at once, not once a point.

    Loaded late: a site that uses only our drivers never needs importlib.metadata, which brings email, csv and zipfile.
    """
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}

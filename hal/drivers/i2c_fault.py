"""What an error of an I2C transfer means, in the words of the reason table and of the person at the box."""

from __future__ import annotations

import errno
from typing import Any, Final

from hal.driver import DriverError

# errno -> reason, what happened, what to look at
_MEANINGS: Final[dict[int, tuple[str, str, str]]] = {
    errno.EREMOTEIO: ("no_answer", "no answer", "check wiring and pull-ups"),
    errno.ENXIO: ("no_answer", "no answer", "check wiring and pull-ups"),
    errno.ETIMEDOUT: ("bus_stuck", "the bus times out", "a device holds SDA or SCL low: switch its power off and on"),
    errno.EIO: ("bus_error", "the transfer failed", "check wiring, pull-ups and cable length"),
    errno.EAGAIN: ("arbitration", "arbitration lost", "check for a second master and for noise"),
    errno.ENODEV: ("unplugged", "the adapter has gone", "check its USB cable"),
    errno.EBUSY: (
        "not_open",
        "a driver of the kernel holds this address",
        "take its dtoverlay line out of config.txt, or this point out of the site",
    ),
    errno.EOPNOTSUPP: ("not_open", "the adapter can't do such a transfer", "use an adapter that speaks plain I2C"),
}


def i2c_fault(device: str, bus: Any, exc: OSError) -> DriverError:
    """Return the DriverError that names device, bus, cause and what to look at; the caller raises it `from exc`."""
    number = exc.errno or 0
    reason, cause, cure = _MEANINGS.get(number, ("bus_error", exc.strerror or str(exc), "check the bus"))
    return DriverError(f"{device} on {getattr(bus, 'name', 'i2c')}: {cause} (errno {number}); {cure}", reason)

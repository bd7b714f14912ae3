"""Outputs: a lamp, horn or relay that is on while its limit's alarm is active, and off when the box stops."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from edge.settings.model import Output
from hal.buses import Gpio, open_bus

log = logging.getLogger(__name__)


class Outputs:
    """All outputs of a site, by gpiozero. One that can't be opened is logged and left; it never stops the station."""

    def __init__(
        self,
        outputs: Sequence[Output],
        factories: Mapping[str, Any],
        buses: Mapping[str, tuple[str, Any]] | None = None,
    ) -> None:
        """Open each output, off. `factories` are the pin factories of simulated buses by name, `buses` the settings."""
        self._devices: dict[str, list[Any]] = {}
        for output in outputs:
            try:
                if output.bus not in factories:  # never gpiozero's own choice, which may end at /dev/mem
                    open_bus("gpio", (buses or {}).get(output.bus, ("gpio", Gpio()))[1])
                device = self._open(output, factories.get(output.bus))
            except Exception:  # a missing pin library or a pin in use; the site's readings matter more
                log.exception("output %s on GPIO%d does not open", output.id, output.pin)
                continue
            self._devices.setdefault(output.limit, []).append(device)

    @staticmethod
    def _open(output: Output, factory: Any) -> Any:
        from gpiozero import DigitalOutputDevice

        return DigitalOutputDevice(output.pin, active_high=output.active_high, initial_value=False, pin_factory=factory)

    def follow(self, limit: str, active: bool) -> None:  # noqa: FBT001 - a callback of the station
        """Switch what follows this limit."""
        for device in self._devices.get(limit, ()):
            try:
                device.value = active
            except Exception:  # the alarm itself must go its way
                log.exception("an output of limit %s does not switch", limit)

    def close(self) -> None:
        """Switch all off and give the pins back. Never raises; may be called twice."""
        for devices in self._devices.values():
            for device in devices:
                try:
                    device.off()
                    device.close()
                except Exception:  # the others must go off all the same
                    log.exception("an output does not close")
        self._devices.clear()

"""The buses of a box that gets other settings: only the devices that changed are closed and opened."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from edge.runtime.bus import BusWorker
from edge.runtime.device import DeviceSpec, device_specs
from edge.runtime.supervisor import Bell, Supervisor
from edge.settings.model import Settings

WITHIN_S: Final = 2.0  # a bus that hangs in a call longer than this changes when it comes back

log = logging.getLogger(__name__)


class ChangingBuses:
    """What of the buses changes, worked out before anything is touched."""

    def __init__(
        self,
        buses: list[BusWorker],
        before: Settings,
        after: Settings,
        guests: Mapping[str, Sequence[DeviceSpec]],
        make: Callable[[str], BusWorker],
    ) -> None:
        """`make` returns the worker of a bus of `after`, not started. Raises whatever that raises."""
        self.guests = guests
        by_name = {bus.bus: bus for bus in buses}
        stays = [name for name in by_name if name in after.buses and before.buses[name] == after.buses[name]]
        self._order = list(after.buses)
        self.ended = [bus for name, bus in by_name.items() if name not in stays]
        self.begun = [make(name) for name in after.buses if name not in stays]
        wanted = {name: [*device_specs(after, name), *guests.get(name, ())] for name in stays}
        self._stays = {name: by_name[name] for name in stays}
        self.changed = {
            name: specs for name, specs in wanted.items() if specs != [each.spec for each in by_name[name].devices]
        }
        kept = {name: [each.spec for each in by_name[name].devices] for name in self.changed}
        self._before = kept
        self._kept = {name: [spec for spec in kept[name] if spec in specs] for name, specs in self.changed.items()}
        self.reopened = {
            point
            for specs in (
                *([spec for spec in specs if spec not in kept[name]] for name, specs in self.changed.items()),
                *([each.spec for each in bus.devices] for bus in self.begun),
            )
            for spec in specs
            for point in spec.options
        }

    def close_old(self, supervisor: Supervisor, bells: Mapping[str, Callable[[], None]]) -> None:
        """Close what is not in the new settings as it was; what it still had to say is with the station then."""
        for bus in self.ended:
            if not supervisor.retire(bus, WITHIN_S):
                bus.silence()
        self._hand_over(self._kept, {}, bells)

    def open_new(
        self, supervisor: Supervisor, bells: dict[str, Callable[[], None]], memory: Callable[[str], Mapping[str, str]]
    ) -> list[BusWorker]:
        """Open what is new; return all buses of the new settings."""
        for bus in self.ended:
            bells.pop(bus.bus, None)
        for bus in self.begun:
            bells[bus.bus] = supervisor.add(bus, Bell(), first=True)
        self._hand_over(self.changed, {name: memory(name) for name in self.changed}, bells)
        buses = {**self._stays, **{bus.bus: bus for bus in self.begun}}
        return [buses[name] for name in self._order]

    def go_back(self, supervisor: Supervisor, bells: dict[str, Callable[[], None]]) -> None:
        """Open again what was closed: the new settings were not taken after all."""
        for bus in self.ended:
            bells[bus.bus] = supervisor.add(bus, Bell(), first=True)
        self._hand_over(self._before, {}, bells)

    def _hand_over(
        self,
        wanted: Mapping[str, Sequence[DeviceSpec]],
        memory: Mapping[str, Mapping[str, str]],
        bells: Mapping[str, Callable[[], None]],
    ) -> None:
        taken = {name: threading.Event() for name in wanted}
        for name, specs in wanted.items():
            self._stays[name].replace(specs, memory.get(name, {}), taken[name].set)
            bells[name]()
        for name, event in taken.items():
            if not event.wait(WITHIN_S):
                log.warning("bus %s hangs; it takes its new settings when it comes back", name)

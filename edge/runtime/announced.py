"""What a start has to tell beside itself: a notebook found damaged, registers from the copy, what changed since."""

from __future__ import annotations

from typing import Any

import msgspec

from edge.core.clock import Clock, Dating
from edge.core.types import Event
from edge.runtime.compared import Compared, compared
from edge.runtime.notebook_keeper import moment
from edge.runtime.stores import Stores
from edge.runtime.undated import last_seen
from edge.settings.model import Settings
from edge.settings.packaged import product_version


class Announced(msgspec.Struct, frozen=True):
    """Events of a start, the registers that become durable with them, and what the notebook is to hold then."""

    events: list[Event]
    registers: dict[str, Any]
    event_registers: dict[str, Any]
    compared: Compared


def announced(stores: Stores, settings: Settings, clock: Clock, dating: Dating, *, was_cut: bool) -> Announced:
    """Return what is to be told at this start: the unclean end before it, itself, then what it found."""
    now, notebook, recalled = moment(clock), stores.notebook, stores.recalled
    events = [Event("start", now.at_ms, "", {"version": product_version(), "boot": clock.boot})]
    if was_cut:
        boot = clock.boot - 1
        seen = last_seen(boot, dating, (stores.records, stores.events))
        events.insert(0, Event("unclean_stop", now.at_ms, "", {"boot": boot, **seen}))
    if notebook.damage:
        values = {"taken": "nothing" if notebook.was_empty else "backup"}
        if notebook.kept_as:
            values["kept_as"] = ", ".join(notebook.kept_as)
        events.append(Event("notebook_damaged", now.at_ms, "", values))
    if notebook.refused:
        events.append(Event("notebook_refused", now.at_ms, "", {"text": notebook.refused}))
    events += recalled.told([entry.point.id for entry in settings.points], now.at_ms)
    found = compared(notebook, settings, now, recalled.records)
    notebook.set_box(settings.box.id, settings.site.name)
    return Announced([*events, *found.events], recalled.copied, recalled.copied_events, found)

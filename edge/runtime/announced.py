"""What a start has to tell beside itself: a notebook found damaged, registers from the copy, what changed since."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from edge.core.clock import Clock, Dating
from edge.core.types import Event, EventBatch, RecordBatch
from edge.runtime.clock_start import PowerUp
from edge.runtime.compared import Compared, compared
from edge.runtime.notebook_keeper import moment
from edge.runtime.stores import Stores
from edge.runtime.undated import last_seen
from edge.settings.card_verdict import Verdict
from edge.settings.model import Settings
from edge.settings.packaged import product_version

if TYPE_CHECKING:
    from edge.runtime.box import Box


class Announced(msgspec.Struct, frozen=True):
    """Events of a start, the registers that become durable with them, and what the notebook is to hold then."""

    events: list[Event]
    registers: dict[str, Any]
    event_registers: dict[str, Any]
    compared: Compared


def announced(
    stores: Stores, settings: Settings, clock: Clock, dating: Dating, *, was_cut: bool, card: Verdict | None = None
) -> Announced:
    """Return what is to be told at this start: the unclean end before it, itself, then what it found."""
    now, notebook, recalled = moment(clock), stores.notebook, stores.recalled
    events = [Event("start", now.at_ms, "", {"version": product_version(), "boot": clock.boot})]
    if was_cut:
        boot = clock.boot - 1
        seen = last_seen(boot, dating, (stores.records, stores.events))
        events.insert(0, Event("unclean_stop", now.at_ms, "", {"boot": boot, **seen}))
    events += _of_card(card, now.at_ms)
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


def _of_card(card: Verdict | None, at_ms: int) -> Iterator[Event]:
    """Yield what was wrong with the installer's card at this start."""
    if card is not None and not card.is_kept:
        yield Event("card_no_data", at_ms, "", {"data": card.data})
    if card is not None and card.faults:
        yield Event("card_refused", at_ms, "", {"faults": card.faults, **({"file": card.file} if card.file else {})})


def announce(box: Box, power_up: PowerUp, *, was_cut: bool) -> None:
    """Put the start, and an unclean end before it, first into the events log."""
    now_ms = box.clock.monotonic_ns() // 1_000_000
    found = announced(box.stores, box.settings, box.clock, box.dating, was_cut=was_cut, card=box.card)
    registers = {**found.event_registers, "running": True, "power_up": msgspec.to_builtins(power_up)}
    box.writer.post(
        EventBatch(box.clock.boot, found.events, registers),
        lambda: box.keeper.accept(found.compared),
    )
    if found.registers:
        box.writer.post(RecordBatch(box.clock.boot, [], found.registers))
    for name, kept in (("records", box.records), ("events", box.events)):
        box.findings.say(name, kept.notes)
        kept.tell_damage_to(box.findings.damage_in(name))
    box.station.clock_keeper.step(now_ms)  # durable together with the start, or a link would find that undated

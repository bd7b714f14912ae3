"""The parts of a site's engine, from its settings and from what the logs kept: for the box and for virtual time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from edge.core.calculated import Calculated
from edge.core.equipment_list import EquipmentList
from edge.core.limit_memory import LimitMemory
from edge.core.meters import Meters
from edge.core.notifier import Notifier
from edge.core.orders import Orders
from edge.core.paging import Paging
from edge.core.part import Part
from edge.core.peaks import Peaks
from edge.core.run_time import RunTime
from edge.core.tag_list import TagList
from edge.core.text import Text
from edge.core.totals import Totals
from edge.core.trials import Trials
from edge.core.try_out import TryOut
from edge.settings import model_calculated
from edge.settings.acting import ACTING
from edge.settings.alarm_rules import notify_rules
from edge.settings.model import Settings
from edge.settings.model_sms import Test
from edge.settings.recipients import recipient_specs
from edge.settings.specs import machine_specs, meter_specs, pulse_points
from edge.settings.specs_calculated import calculated_spec
from edge.settings.tariffs import book_of, costs_of, moved_days_of

Saved: TypeAlias = Mapping[str, Any]
Maker: TypeAlias = Callable[[Settings, Saved, Saved], Part | None]
"""(settings, registers of the records' log, registers of the events' log) -> a part; None where the site has none."""


def _calculated(settings: Settings, saved: Saved) -> Part | None:
    specs = [calculated_spec(row) for row in settings.of(model_calculated.Calculated)]
    return Calculated(specs, saved) if specs else None


def _paging(settings: Settings, _saved: Saved, saved_events: Saved) -> Part | None:
    recipients = recipient_specs(settings)
    return Paging(recipients, saved_events) if recipients else None


def _expected(kind: Any) -> Text:
    """Return what an argument of this type may be."""
    from edge.settings.expect import expected  # read only when there is something to say

    return expected(kind)


MAKERS: Final[tuple[Maker, ...]] = (
    lambda settings, saved, _saved_events: _calculated(settings, saved),
    lambda _settings, saved, _saved_events: Totals(saved),
    lambda _settings, saved, _saved_events: Peaks(saved),
    lambda settings, _saved, saved_events: Meters(meter_specs(settings), saved_events),
    lambda settings, saved, _saved_events: LimitMemory(saved) if settings.limits else None,
    lambda _settings, _saved, _saved_events: Orders(secrets.randbelow, _expected),
    moved_days_of,
    book_of,
    costs_of,
    lambda settings, saved, _saved_events: RunTime(machine_specs(settings), saved),
    lambda settings, _saved, saved_events: EquipmentList(machine_specs(settings), saved_events),
    lambda settings, _saved, saved_events: Notifier(notify_rules(settings), saved_events),
    _paging,
    lambda _settings, _saved, _saved_events: TryOut(),
    *ACTING,
    lambda _settings, _saved, saved_events: TagList(saved_events),
    lambda settings, _saved, saved_events: Trials(
        saved_events,
        pulses=pulse_points(settings),
        on_boot=settings.one(Test).on_boot,
        told=settings.one(Test).recipient,
    ),
)
"""In the order in which the parts hear of what happens."""


def site_parts(settings: Settings, saved: Saved, saved_events: Saved) -> list[Part]:
    """Return the parts of a site, each where its registers say that it was."""
    made = (make(settings, saved, saved_events) for make in MAKERS)
    return [part for part in made if part is not None]

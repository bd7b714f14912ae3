"""What is on a box's buses beside the points' devices: the display, the test button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edge.core.costs import costs
from edge.runtime.device import DeviceSpec
from edge.runtime.showing import Showing, Told, display_device, moved_today
from edge.runtime.station import Question
from edge.runtime.trial_watch import button_of
from edge.settings.model import Settings
from edge.settings.model_sms import Test

if TYPE_CHECKING:
    from edge.runtime.box import Box


def showing_of(box: Box) -> Showing | None:
    """Return what the display is told, None where there is none."""
    if box.settings.display is None:
        return None

    def ask(question: Question) -> None:
        box.station.post(question)  # there is none yet

    return Showing(
        box.settings, box.settings.display, lambda: box.station.engine, box.clock,
        today=Told(ask, moved_today), costs=Told(ask, costs), links=box.links, waiting=box.waiting,
        is_kept=lambda: box.writer.trouble() is None and (box.card is None or box.card.is_kept),
        is_refused=box.card is not None and bool(box.card.faults),
    )  # fmt: skip


def guests_of(settings: Settings, showing: Showing | None) -> dict[str, list[DeviceSpec]]:
    """Return them by bus."""
    guests, shown = button_of(settings.one(Test)), settings.display
    return guests if shown is None or showing is None else guests | {shown.bus: [display_device(shown, showing)]}


def other_guests(
    guests: Mapping[str, Sequence[DeviceSpec]], before: Settings, after: Settings
) -> Mapping[str, Sequence[DeviceSpec]]:
    """Return the guests by other settings: the test button may be another, a display is not (that takes a restart)."""
    was, now = before.one(Test), after.one(Test)
    if (was.bus, was.pin) == (now.bus, now.pin):
        return guests  # the very same: a device that is made anew is opened anew
    button = button_of(was)
    return {bus: devices for bus, devices in guests.items() if bus not in button} | button_of(now)

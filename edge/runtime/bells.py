"""Who wakes whom in a box: each worker's bell, and what it is rung for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edge.core.ports import Worker
from edge.links.mqtt import MqttLink
from edge.runtime.past_days import PastDays
from edge.runtime.sharing import Sharing
from edge.runtime.sms_worker import SmsWorker
from edge.runtime.supervisor import Bell
from edge.runtime.trial_watch import TrialWatch, telling

if TYPE_CHECKING:
    from edge.runtime.box import Box


def give_bells(box: Box, moves: Worker | None) -> None:
    """Give each worker its bell, in the order in which they end: sources first, links last.

    `moves` is the worker of simulated hardware.
    """
    for bus in box.buses:
        box.bus_bells[bus.bus] = box.supervisor.add(bus, Bell())
    box.station.wake_by(box.supervisor.add(box.station, Bell()))
    box.writer.wake = box.supervisor.add(box.writer, Bell())
    box.writer.on_commit.append(box.keeper.look)
    box.link_bells |= {name: box.supervisor.add(link, Bell()) for name, link in box.links.items()}
    box.writer.on_commit.append(box.ring_links)
    past_days = PastDays(box.station.post, lambda: box.history)
    tell = telling(lambda: box.settings, box.clock, box.stores.fs, lambda: signal_of(box.links))
    watch = TrialWatch(box.events, box.links, box.station.post, tell)
    by_the_hour = Sharing("keeping", [box.keeper, box.historian, past_days, watch])
    # after the writer, whose work they copy, and after the links: what those wait for at the end is short
    ring = box.supervisor.add(by_the_hour, Bell())
    box.keeper.wake = by_the_hour.wake(box.keeper, ring)
    watch.wake = by_the_hour.wake(watch, ring)
    watch.follow(box.station.engine)
    if box.lamp is not None:
        box.lamp.wake = box.supervisor.add(box.lamp, Bell())
    if moves is not None:
        box.supervisor.add(moves, Bell())


def signal_of(links: Mapping[str, MqttLink | SmsWorker]) -> str:
    """Return how well the modem hears, such as "GSM 4/5"; "" while nobody knows."""
    link = links.get("sms")
    return "" if link is None else str(link.status().get("signal_text", ""))

"""GSM in a simulation: the site's SMS link over a mailbox in RAM, the air, and a gateway that acknowledges."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec

from edge.core.reply_codes import SECRET_OCTETS
from edge.links.sms_ports import Member
from edge.links.sms_queue import Queue
from edge.links.sms_sync import Sync
from edge.runtime.office import StationOffice
from edge.runtime.reporting import report
from edge.runtime.sms_parts import Upstream, silence_of, sms_link_of
from edge.runtime.texting import life_of, people_of
from edge.settings.sms_pages import LifeFacts
from edge.sim.desk import SimDesk
from edge.sim.simulation import Simulation
from edge.sim.sms_air import Air
from edge.sim.sms_gateway import SimGateway
from edge.sim.upstream import Outage
from hal.sample import Notice
from sms.memory_mailbox import MemoryMailbox

POLL_S = 60.0


class Network(msgspec.Struct, frozen=True):
    """What becomes of messages: the part that is lost, the part that comes twice, and how long they take."""

    loss: float = 0.0
    double: float = 0.0
    transit_s: tuple[float, float] = (2.0, 20.0)
    outages: tuple[Outage, ...] = ()


class Gsm:
    """One modem and what is behind it. The simulation keeps a history, and its settings have [link.sms]."""

    def __init__(self, simulation: Simulation, seed: int, network: Network | None = None) -> None:
        texting = simulation.settings.links.sms
        if texting is None or simulation.history is None:
            raise ValueError("a site that texts has [link.sms], and a history")
        network = network or Network()
        clock, loop = simulation.clock, simulation.loop
        began_s = clock.now_ns / 1e9
        self.gateway = SimGateway()
        self.mailbox = MemoryMailbox(lambda: clock.utc_ms() / 1000)
        self.air = Air(
            clock, self.mailbox, self.gateway, random.Random(seed), loss=network.loss, double=network.double,
            transit_s=network.transit_s, is_up=lambda: _is_up(network.outages, clock.now_ns / 1e9 - began_s),
        )  # fmt: skip
        self.mailbox.news = loop.add(self.air)
        office = StationOffice(simulation.station.post, clock, simulation.dating)
        status = None if simulation.link is None else simulation.link.status
        upstream = Upstream(simulation.feed(), simulation.history, office, lambda: silence_of(status, clock.utc_ms))
        if texting.gateway:
            texting = msgspec.structs.replace(texting, gateway_key=self.gateway.own.text)
        self.link = sms_link_of(
            simulation.settings, texting, upstream, mailbox=self.mailbox, fs=simulation.disk, poll_s=POLL_S,
            others=lambda queue: self._people(simulation, queue),
        )  # fmt: skip
        self.settings = texting
        speaking = self.link.speaking
        self.sync = speaking if isinstance(speaking, Sync) else None
        office.wake = simulation.join(self.link)

    def _people(self, simulation: Simulation, queue: Queue) -> list[Member]:
        """Return who texts the people, with reports of the simulated past."""
        feed = simulation.feed()

        def say(kind: str, **values: Any) -> None:
            feed.post(Notice(kind, feed.clock.monotonic_ns(), values))

        def life(month: date) -> LifeFacts:
            return life_of(simulation.settings, queue.account, month, self.mailbox.signal)

        desk = SimDesk(simulation)
        return [
            people_of(
                simulation.settings, feed, queue, say=say, secret=bytes(SECRET_OCTETS),
                report=lambda length, day: report(desk, length, day), life=life,
            )
        ]  # fmt: skip


def _is_up(outages: Sequence[Outage], t_s: float) -> bool:
    return not any(outage.begin_s <= t_s < outage.end_s for outage in outages)
